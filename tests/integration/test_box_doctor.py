"""``opq box doctor`` and the service, as processes: what is wrong is said, and the unit is one that systemd takes."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opq.ids import BoxId
from opq.testing.processes import Processes, eventually

from .conftest import RunningIngest

BOX = BoxId("b-1")


def opq(*words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "from opq_cli.main import main; main()", "box", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def doctor(data: Path, ingest: str, *words: str) -> tuple[int, dict[str, Any]]:
    options = ["--box-id", BOX, "--data-dir", str(data), "--ingest", ingest, "--ring-s", "5", "--json", *words]
    done = await asyncio.to_thread(opq, "doctor", *options)
    return done.returncode, {one["what"]: one for one in json.loads(done.stdout)}


async def test_a_box_that_runs_is_found_in_order(running: RunningIngest, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with Processes(tmp_path) as processes:
        options = ["--box-id", BOX, "--ingest", running.address, "--data-dir", str(data), "--ring-s", "5"]
        processes.start("box", *options)
        await asyncio.to_thread(eventually, lambda: running.store.measurements.count(BOX) > 2, "it streams")
        code, found = await doctor(data, running.address)
        assert code == 0, found
        assert {one["state"] for one in found.values()} <= {"good", "warning"}
        assert found["source synthetic"]["text"] == "the agent that runs here has it"
        assert found["network"]["text"] == f"ingest answers at {running.address}"
        assert "slots hold samples" in found["ring buffer"]["text"]


def nonsense(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("{")


def half_an_update(updates: Path) -> None:
    (updates / "a").mkdir(parents=True)
    (updates / "current").symlink_to("a")


BROKEN = {
    "version": (lambda box: half_an_update(box / "updates"), "does not read"),
    "settings": (lambda box: nonsense(box / "local.json"), "local.json: it does not read"),
    "calibration": (lambda box: nonsense(box / "calibration.json"), "expected a calibration"),
    "ring buffer": (lambda box: (box / "ring.dat").write_bytes(b"x" * 5000), "no ring buffer"),
    "spool": (lambda box: (box / "spool" / "9.spool").mkdir(), "Is a directory"),
    "certificate": (lambda box: nonsense(box / "identity.pem"), "identity.pem"),
    "source replay": (lambda box: None, "--input"),
}


async def test_each_thing_that_is_broken_in_the_folder_of_a_box_is_named(
    running: RunningIngest, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with Processes(tmp_path) as processes:
        options = ["--box-id", BOX, "--ingest", running.address, "--data-dir", str(data), "--ring-s", "5"]
        processes.start("box", *options)
        await asyncio.to_thread(eventually, lambda: running.store.measurements.count(BOX) > 2, "it streams")
    code, found = await doctor(data, running.address)
    assert code == 0, found
    for what, (harm, words) in BROKEN.items():
        broken = tmp_path / what
        shutil.copytree(data, broken)
        harm(broken / BOX)
        code, found = await doctor(broken, running.address, *(["--source", "replay"] if "source" in what else []))
        assert code == 1, what
        # Without a certificate that reads it cannot call ingest either.
        failed = {name for name, one in found.items() if one["state"] == "failure"} - {"network"}
        assert failed == {what}, found
        assert words in found[what]["text"]


async def test_what_is_wrong_is_said_with_what_to_do_and_ends_with_one(running: RunningIngest, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "opq0")
    device = ["--source", "opqbox", "--input", str(tmp_path / "opq0"), "--volts-per-count", "0.01"]
    code, found = await doctor(tmp_path / "data", "127.0.0.1:1", *device)
    assert code == 1
    assert found["network"]["state"] == "failure"
    assert "127.0.0.1:1 does not answer" in found["network"]["text"]
    assert found["source opqbox"]["state"] == "failure"
    assert "no samples came within 5 s" in found["source opqbox"]["text"]
    assert found["calibration"]["state"] == "warning"
    assert all(one["advice"] for one in found.values() if one["state"] != "good")
    code, found = await doctor(tmp_path / "data", "site.example:4500")
    assert code == 1
    assert found["certificate"]["text"] == "there is none, and site.example:4500 is not on loopback"
    assert found["source synthetic"]["state"] == "good"
    assert "V over 1.0 s" in found["source synthetic"]["text"]


def test_without_json_each_finding_is_a_line(tmp_path: Path) -> None:
    done = opq("doctor", "--box-id", BOX, "--data-dir", str(tmp_path), "--ingest", "127.0.0.1:1", "--ring-s", "5")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 13
    assert any(line.startswith("FAILURE network: ") and ". Do: " in line for line in lines)


def test_a_word_that_is_none_is_said() -> None:
    done = opq("dance")
    assert done.returncode == 1
    assert done.stderr.startswith("opq: opq box: got 'dance', expected one of calibrate, doctor, ")


def test_the_service_is_written_and_its_secrets_are_only_where_they_belong(tmp_path: Path) -> None:
    options = ["--box-id", BOX, "--ingest", "site.example:4500", "--enrol-token", "opq1.b-1.secret.secret"]
    options += ["--source", "opqbox", "--input", "/dev/opq0"]
    shown = opq("install-service", *options, "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "secret" not in shown.stdout
    assert 'OPQ_ENROL_TOKEN="..."' in shown.stdout
    assert list(tmp_path.iterdir()) == []
    written = opq("install-service", *options, "--output", str(tmp_path))
    assert written.returncode == 0, written.stderr
    environment = tmp_path / "etc/opq/box.env"
    assert environment.stat().st_mode & 0o777 == 0o600
    assert environment.read_text().splitlines() == [
        'OPQ_BOX_ID="b-1"',
        'OPQ_ENROL_TOKEN="opq1.b-1.secret.secret"',
        'OPQ_INGEST="site.example:4500"',
        'OPQ_INPUT="/dev/opq0"',
        'OPQ_SOURCE="opqbox"',
    ]
    unit = (tmp_path / "etc/systemd/system/opq-box.service").read_text()
    assert f"ExecStart={Path(sys.executable).with_name('opq')} box launch" in unit
    assert "secret" not in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    assert opq("install-service", "--box-id", BOX, "--output", str(tmp_path)).returncode == 0
    unit = tmp_path / "etc/systemd/system/opq-box.service"
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    about = [line for line in (done.stdout + done.stderr).splitlines() if "opq-box" in line]
    assert (done.returncode, about) == (0, [])


async def test_the_launcher_tells_systemd_that_it_works(running: RunningIngest, tmp_path: Path) -> None:
    """With the words of sd_notify, on a socket of ours in the place of that of systemd."""
    import socket

    with Processes(tmp_path) as processes, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        command = [sys.executable, "-m", "opq_box_agent.updates.launcher", "--box-id", BOX, "--ring-s", "5"]
        command += ["--ingest", running.address, "--data-dir", str(tmp_path / "data")]
        processes.start_command("box", ["env", f"NOTIFY_SOCKET={tmp_path / 'notify'}", *command])
        heard = [(await asyncio.to_thread(systemd.recv, 4096)).decode() for _ in range(3)]
        assert heard[0] == "READY=1"
        assert all(text.startswith("WATCHDOG=1") for text in heard[1:])
        await asyncio.to_thread(eventually, lambda: running.store.measurements.count(BOX) > 1, "it streams")
