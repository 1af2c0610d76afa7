"""OPQ Box frames: what they carry arrives unchanged, with the time of the host and what the kernel says of it."""

import asyncio
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS, SystemClock
from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq.model.features import TimeSource, Windows
from opq.signal.extractor import FeatureExtractor
from opq_box_agent.framing import Framer
from opq_box_agent.sources.frame_clock import FRAME_SAMPLES
from opq_box_agent.sources.opqbox import OpqBoxSource, OpqFrame
from opq_box_agent.timekeeping import KernelState

RATE = 12_000
TICKS_PER_FRAME = 1667


def mains(seconds: float) -> np.ndarray:
    at = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * 60.02 * at) + 0.02 * np.sin(2 * np.pi * 5 * 60.02 * at + 1)
    wave[RATE : RATE + 3000] *= 0.7
    return np.rint(17_000 * wave).astype(np.int16)


def frame_bytes(samples: np.ndarray, last_gps: int = 0, current: int = 0, flags: int = 0) -> bytes:
    """Written down from the device's description, independently of the reader."""
    return (
        struct.pack("<200h", *samples.tolist())
        + struct.pack("<H", last_gps)
        + struct.pack("<H", current)
        + struct.pack("<I", flags)
    )


def frames_of(counts: np.ndarray) -> list[bytes]:
    whole = counts[: len(counts) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    return [frame_bytes(row, current=number * TICKS_PER_FRAME % 65536) for number, row in enumerate(whole)]


async def through_fifo(path: Path, data: list[bytes], pace_s: float) -> tuple[list, Windows]:
    """Write frames into a FIFO from another thread at a pace; return blocks and features that come out."""
    os.mkfifo(path)

    def write() -> None:
        import time

        with path.open("wb", buffering=0) as file:
            began = time.monotonic()
            for number, frame in enumerate(data):
                time.sleep(max(0.0, began + number * pace_s - time.monotonic()))
                # In two pieces, as a pipe may deliver them.
                file.write(frame[:100])
                file.write(frame[100:])

    writer = threading.Thread(target=write)
    source = OpqBoxSource(path, 0.01, SystemClock(), lambda: KernelState(True, 7_000_000))
    framer = Framer(source, Nominal(120, 60))
    blocks, windows = [], []
    writer.start()
    async for block in source.blocks():
        blocks.append(block)
        windows += framer.feed(block)
    writer.join()
    return blocks, Windows.concatenate(windows + framer.flush())


async def test_frames_written_to_a_fifo_give_the_features_of_the_samples_they_carry(tmp_path: Path) -> None:
    counts = mains(4)
    blocks, windows = await through_fifo(tmp_path / "opq0", frames_of(counts), 1 / 60)
    assert np.array_equal(np.concatenate([block.counts for block in blocks]), counts)
    extractor = FeatureExtractor(RATE, Nominal(120, 60))
    direct = Windows.concatenate([extractor.feed(counts * 0.01, blocks[0].start_unix_ns), extractor.finish()])
    assert len(windows) == len(direct) > 15
    np.testing.assert_allclose(windows.values, direct.values, rtol=1e-5, atol=1e-5)
    assert windows.flags.tolist() == direct.flags.tolist()
    assert {block.time_source for block in blocks} == {TimeSource.NTP}
    assert all(7_000_000 <= block.clock_uncertainty_ns < 100_000_000 for block in blocks)
    assert np.abs(windows.start_unix_ns - direct.start_unix_ns).max() < 2 * NS // 1000


async def test_a_writer_that_stops_inside_a_frame_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="ended inside a frame, after 77 of 408 bytes"):
        await through_fifo(tmp_path / "opq0", [*frames_of(mains(0.5)), b"x" * 77 + b""], 0)


async def test_what_is_neither_device_nor_fifo_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 408)
    with pytest.raises(InvalidInput, match="a device or FIFO is expected"):
        await anext(aiter(OpqBoxSource(path, 0.01, SystemClock()).blocks()))
    with pytest.raises(InvalidInput, match="No such file"):
        await anext(aiter(OpqBoxSource(tmp_path / "none", 0.01, SystemClock()).blocks()))


async def test_the_agent_can_be_stopped_while_nobody_writes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "opq0")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(aiter(OpqBoxSource(tmp_path / "opq0", 0.01, SystemClock()).blocks())), 0.2)


def test_a_frame_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match="got 407 bytes, expected 408"):
        OpqFrame.parse(b"x" * 407)
