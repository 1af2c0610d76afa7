"""A box whose disk is full goes on measuring and sending, drops the oldest, and says so."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from opq.ids import BoxId
from opq.testing.processes import Processes, eventually

from .conftest import RunningIngest

BOX = BoxId("b-1")


def small_disk(path: Path, kilobytes: int, command: list[str]) -> list[str]:
    """A command that sees a file system of its own size at `path`."""
    path.mkdir(parents=True)
    mount = f'mount -t tmpfs -o size={kilobytes}k none {path} && exec "$@"'
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *command]


@pytest.fixture(autouse=True)
def needs_own_file_systems() -> None:
    if subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "true"], check=False).returncode:
        pytest.skip("this system gives no user namespaces (sysctl kernel.unprivileged_userns_clone=1)")


MEASURE = """
import contextlib, json, pathlib, sys
from opq_box_agent.spool import Spool
disk, frames, filled_at = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
spool = Spool(disk / "spool", 1 << 30)
problems = []
for number in range(frames):
    if number == filled_at:
        with contextlib.suppress(OSError):
            (disk / "others").write_bytes(bytes(10_000_000))
    sequence = spool.next_sequence()
    spool.append(sequence, f"{sequence:06d}".encode() * 100)
    problems.append(spool.problem)
held = spool.sequences
print(json.dumps(dict(
    held=held, dropped=spool.dropped, problems=sorted(set(problems)),
    right=all(spool.get(n).startswith(f"{n:06d}".encode()) for n in held),
    on_disk=Spool(disk / "spool", 1 << 30).sequences,
)))
"""
"""Spools frames on a small disk, which others fill up at some moment, and says what became of them."""


def spool_on_small_disk(tmp_path: Path, frames: int, filled_at: int) -> dict[str, object]:
    disk = tmp_path / "disk"
    command = small_disk(disk, 1000, [sys.executable, "-c", MEASURE, str(disk), str(frames), str(filled_at)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_a_spool_that_fills_its_disk_drops_the_oldest_and_loses_nothing_else(tmp_path: Path) -> None:
    answer = spool_on_small_disk(tmp_path, frames=3000, filled_at=-1)
    held = answer["held"]
    assert isinstance(held, list)
    assert held == list(range(held[0], 3001))
    assert answer["dropped"] == held[0] - 1 > 0
    assert answer["right"]
    assert answer["on_disk"] == held
    assert answer["problems"] == [""]


def test_on_a_disk_that_others_filled_the_newest_frames_are_held_in_memory(tmp_path: Path) -> None:
    answer = spool_on_small_disk(tmp_path, frames=1200, filled_at=300)
    held = answer["held"]
    assert isinstance(held, list)
    assert held[-600:] == list(range(601, 1201))
    assert answer["dropped"] == 1200 - len(held) > 0
    assert answer["right"]
    assert answer["problems"] == ["", "No space left on device"]


async def test_an_agent_on_a_full_disk_goes_on_sending(running: RunningIngest, tmp_path: Path) -> None:
    """The ring does not fit at all, and what is left of the disk is taken away."""
    disk = tmp_path / "disk"
    agent = [
        sys.executable,
        "-m",
        "opq_box_agent",
        "--box-id",
        BOX,
        "--ingest",
        running.address,
        "--data-dir",
        str(disk),
    ]
    fill = f"dd if=/dev/zero of={disk}/others bs=1k 2>/dev/null; exec {' '.join(agent)}"
    with Processes(tmp_path) as processes:
        processes.start_command("box", small_disk(disk, 500, ["sh", "-c", fill]))
        await asyncio.to_thread(
            eventually, lambda: running.store.measurements.count(BOX) >= 8, "the box streams from a full disk"
        )
        assert "the disk takes no more; it goes on measuring and sending" in processes.log_text("box")
        assert "No space left on device" in processes.log_text("box")
        assert processes.stop("box") == 0
