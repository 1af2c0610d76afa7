"""The main job, as a user runs it: everything on one machine, with ground truth, undisturbed and under fire."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from opq.store import open_store


def start_up(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-c",
        "from opq_cli.main import main; main()",
        "up",
        "--report",
        "report.json",
        *arguments,
    ]
    return subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def report_of(directory: Path) -> dict:
    return json.loads((directory / "report.json").read_text())


@pytest.mark.timeout(240)
def test_every_disturbance_of_the_demo_is_found_and_rightly_classed_once_and_nothing_else(tmp_path: Path) -> None:
    up = start_up(tmp_path, "--duration", "90s")
    output, _ = up.communicate(timeout=220)
    report = report_of(tmp_path)
    assert report["errors"] == [], output
    assert up.returncode == 0
    assert [item["kind"] for item in report["injected"]] == [
        "sag", "sag", "interruption", "swell", "distortion", "frequency", "outage",
    ]  # fmt: skip
    assert all(item["found"] for item in report["injected"])
    assert report["incidents"] == {
        "EXCESSIVE_THD": 1,
        "FREQUENCY_SAG": 8,
        "ITIC_NO_DAMAGE": 1,
        "OUTAGE": 1,
        "SEMI_F47_VIOLATION": 1,
        "IEEE_1668_VIOLATION": 1,
        "VOLTAGE_INTERRUPTION": 1,
        "VOLTAGE_SAG": 5,
        "VOLTAGE_SWELL": 1,
    }
    assert report["frames"] == report["measurements"] > 8 * 70
    assert report["waveform_bytes"] > 0
    assert not psutil_children_of(tmp_path), "everything it started has ended"


def psutil_children_of(directory: Path) -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline", "cwd"])
        if process.info["cwd"] == str(directory) and process.info["cmdline"]
    ]


@pytest.mark.timeout(300)
def test_killing_each_program_in_turn_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """SIGKILL at the worst moments: inside a disturbance, or while its waveforms or tasks are under way."""
    up = start_up(tmp_path, "--duration", "95s", "--boxes", "50", "--no-view")
    scenario = tmp_path / "opq-data" / "scenario.json"
    while not scenario.exists():
        time.sleep(0.05)
    begin = json.loads(scenario.read_text())["start_unix_ns"] / 1e9
    # The disturbances begin at 6 (feeder sag), 14, 22 (interruption), 30, 38, 49 (frequency, all boxes) and 60 s (outage).
    plan = [
        (6.1, "opq_ingest"), (15.5, "opq_makai"), (24.6, "opq_mauka.worker"), (25.2, "opq_mauka.hub"),
        (33.0, "opq_ingest"), (39.0, "opq_makai"), (50.0, "opq_ingest"), (55.0, "opq_mauka.hub"),
        (56.0, "opq_mauka.worker"), (57.2, "opq_makai"),
    ]  # fmt: skip
    for at, module in plan:
        time.sleep(max(0.0, begin + at - time.time()))
        kill(up.pid, module)
    output, _ = up.communicate(timeout=250)
    report = report_of(tmp_path)
    deaths = [error for error in report["errors"] if "was killed by signal 9" in error]
    assert len(deaths) == len(plan), output
    assert [error for error in report["errors"] if error not in deaths] == [], output
    assert all(item["found"] for item in report["injected"])
    assert report["frames"] == report["measurements"]
    assert each_sequence_once(tmp_path)


def kill(parent: int, module: str) -> None:
    for process in psutil.Process(parent).children():
        if module in process.cmdline():
            process.send_signal(signal.SIGKILL)
            return
    raise AssertionError(f"{module} is not running under {parent}")


def each_sequence_once(directory: Path) -> bool:
    """Whether the stored measurements of every box carry consecutive sequence numbers, each once."""
    store = open_store(f"sqlite:{directory / 'opq-data' / 'store'}")
    try:
        for box in store.boxes.list():
            sequences = [row.sequence for row in store.measurements.range(box.box_id, 0, 2**62, 100_000)]
            if sorted(sequences) != list(range(1, len(sequences) + 1)):
                return False
        return bool(store.boxes.list())
    finally:
        store.close()
