"""Calibrating a box whose device is a FIFO, as its owner does it, and measuring with what was found."""

import asyncio
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from opq.ids import BoxId
from opq.testing.processes import Processes, eventually
from opq_box_agent.calibration import load_calibrations

from .conftest import RunningIngest

BOX = BoxId("b-1")
VOLTS_PER_COUNT = 0.0123
RATE = 12_000


@dataclass
class Device:
    """An OPQ Box at the other end of a FIFO, on a supply of `volts`."""

    path: Path
    volts: float = 120.0
    stop: bool = False

    def run(self) -> None:
        at = np.arange(200) / RATE
        with self.path.open("wb", buffering=0) as file:
            began, number = time.monotonic(), 0
            while not self.stop:
                phase = 2 * np.pi * 60 * (at + number * 200 / RATE)
                counts = np.rint(self.volts * np.sqrt(2) / VOLTS_PER_COUNT * np.sin(phase)).clip(-32768, 32767)
                tail = struct.pack("<HHI", 0, number * 1667 % 65536, 0)
                try:
                    file.write(counts.astype("<i2").tobytes() + tail)
                except BrokenPipeError:
                    return
                number += 1
                time.sleep(max(0.0, began + number / 60 - time.monotonic()))


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """A device that is read anew as often as somebody opens it."""
    os.mkfifo(tmp_path / "opq0")
    device = Device(tmp_path / "opq0")

    def serve() -> None:
        while not device.stop:
            device.run()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield device
    device.stop = True
    # Whoever waits for a reader is let go.
    os.close(os.open(device.path, os.O_RDONLY | os.O_NONBLOCK))
    thread.join(10)


def options(device: Device, data: Path) -> list[str]:
    return [
        "--box-id",
        BOX,
        "--source",
        "opqbox",
        "--input",
        str(device.path),
        "--data-dir",
        str(data),
        "--ring-s",
        "5",
    ]


class Dialogue:
    """``opq box calibrate`` as somebody uses it."""

    def __init__(self, device: Device, data: Path) -> None:
        meter = ["--instrument", "Reference 8846A no. 17", "--accuracy-pct", "0.1", "--by", "owner", "--average-s", "1"]
        command = [sys.executable, "-m", "opq_box_agent.calibrate", *options(device, data), *meter]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.hear().startswith("What does the meter show")

    def say(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate("\n", timeout=30)
        return self.process.returncode, out, err


def test_readings_at_two_voltages_give_what_a_count_is_and_mistakes_are_not_taken(
    device: Device, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    dialogue = Dialogue(device, data)
    for voltage, typed, answer in (
        (120.0, "120.02", "1: 120.02 V at"),
        (120.0, "1200", "not taken: reading: got 1200 V"),
        (120.0, "volts", "not taken: reading: got 'volts'"),
        (110.0, "109.99", "2: 109.99 V at"),
        (400.0, "150", "not taken: reading: samples are at the end of the converter's range"),
    ):
        device.volts = voltage
        time.sleep(0.3)
        dialogue.say(typed)
        assert dialogue.hear().startswith(answer)
    code, out, err = dialogue.end()
    assert (code, err) == (0, "")
    assert out.startswith("kept: 0.0123")
    (kept,) = load_calibrations(data / BOX)
    assert kept.volts_per_count == pytest.approx(VOLTS_PER_COUNT, rel=5e-4)
    assert 0.1 < kept.uncertainty_pct < 0.3
    assert (kept.instrument, kept.by, [one.meter_v for one in kept.readings]) == (
        "Reference 8846A no. 17",
        "owner",
        [120.02, 109.99],
    )
    device.volts = 120.0
    dialogue = Dialogue(device, data)
    for _ in range(2):
        dialogue.say("120.6")
        dialogue.hear()
    _, out, _ = dialogue.end()
    assert "before: 0.0123" in out
    assert "changed by +0.4" in out or "changed by +0.5" in out
    assert len(load_calibrations(data / BOX)) == 2


def test_readings_that_do_not_fit_each_other_change_nothing(device: Device, tmp_path: Path) -> None:
    dialogue = Dialogue(device, tmp_path / "data")
    for typed in ("120", "124"):
        dialogue.say(typed)
        dialogue.hear()
    code, _, err = dialogue.end()
    assert code == 1
    assert "off the middle of all" in err
    assert load_calibrations(tmp_path / "data" / BOX) == []


async def test_the_agent_measures_with_the_calibration_and_holds_the_box_for_itself(
    device: Device, running: RunningIngest, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    dialogue = await asyncio.to_thread(Dialogue, device, data)
    for _ in range(2):
        dialogue.say("120.0")
        await asyncio.to_thread(dialogue.hear)
    assert (await asyncio.to_thread(dialogue.end))[0] == 0
    with Processes(tmp_path) as processes:
        processes.start("box", *options(device, data), "--ingest", running.address)
        await asyncio.to_thread(eventually, lambda: running.store.measurements.count(BOX) > 3, "it measures")
        row = running.store.measurements.latest(BOX)
        assert row is not None
        assert row.values[1, 0] == pytest.approx(120.0, rel=1e-3)
        command = [sys.executable, "-m", "opq_box_agent.calibrate", *options(device, data)]
        command += ["--instrument", "x", "--accuracy-pct", "1"]
        second = await asyncio.to_thread(lambda: subprocess.run(command, capture_output=True, text=True, check=False))
        assert second.returncode == 1
        assert "another agent runs here" in second.stderr
