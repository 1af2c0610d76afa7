"""Small files of every format, made by the writers, for tests that damage them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from opq.formats import (
    ChannelInfo,
    Details,
    DigitalChannel,
    StoredRecording,
    WriteOptions,
    open_recordings,
    write_recordings,
)
from opq.formats.recording import SampleArray, StateArray

START_NS = 1_767_323_045_000_000_000
RATE_HZ = 4000.0


def recording(samples: int = 40, channels: int = 2, seed: int = 1, digital: int = 0) -> StoredRecording:
    """Return voltages on a grid of 0.5 V, so that 16-bit formats keep them exactly."""
    values = np.random.default_rng(seed).integers(-600, 600, (channels, samples)) * 0.5
    bits = np.random.default_rng(seed + 1).integers(0, 2, (digital, samples)).astype(np.uint8)

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        yield values[list(wanted)].copy()

    def states() -> Iterator[StateArray]:
        yield bits

    return StoredRecording(
        source="made up",
        channels=tuple(
            ChannelInfo(f"U{number + 1}", "V", "ABC"[number % 3], "bus", step=0.5) for number in range(channels)
        ),
        sample_rate_hz=RATE_HZ,
        start_unix_ns=START_NS,
        samples=samples,
        chunks=chunks,
        details=Details("station", "device", 50.0, START_NS + 1_000_000),
        digital=tuple(DigitalChannel(f"D{number + 1}", "A", "relay", number % 2) for number in range(digital)),
        states=states if digital else None,
    )


def values_of(stored: StoredRecording, block: int = 1000) -> SampleArray:
    """Return all samples of all channels."""
    blocks = list(stored.blocks(range(len(stored.channels)), block))
    return np.concatenate(blocks, axis=1) if blocks else np.empty((len(stored.channels), 0))


FILES = {
    "comtrade-binary": ("a.cfg", "comtrade", "binary"),
    "comtrade-ascii": ("a.cfg", "comtrade", "ascii"),
    "comtrade-float32": ("a.cfg", "comtrade", "float32"),
    "comtrade-cff": ("a.cff", "comtrade", "binary32"),
    "comtrade-cff-ascii": ("a.cff", "comtrade", "ascii"),
    "pqdif": ("a.pqd", "pqdif", ""),
    "pqds": ("a.pqds", "pqds", ""),
    "csv": ("a.csv", "csv", ""),
    "wav": ("a.wav", "wav", ""),
    "flac": ("a.flac", "flac", ""),
    "parquet": ("a.parquet", "parquet", ""),
    "raw16": ("a.raw", "raw16", ""),
}


def write_sample(folder: Path, kind: str, stored: StoredRecording | None = None) -> Path:
    """Write a small file of a kind; returns the name to open it by."""
    name, form, variant = FILES[kind]
    if stored is None:
        stored = recording(12, 1 if form == "raw16" else 2, digital=3 if form == "comtrade" else 0)
    write_recordings(folder / name, [replace(stored)], form, WriteOptions(variant))
    return folder / name


def read_all(path: Path, most_values: int = 2_000_000) -> int:
    """Read everything a file holds; returns the number of values, and fails if there are absurdly many."""
    values = 0
    with open_recordings(path) as file:
        assert file.recordings
        for stored in file.recordings:
            assert stored.sample_rate_hz > 0
            assert stored.samples >= 0
            for block in stored.blocks(range(len(stored.channels)), 500):
                assert block.shape[0] == len(stored.channels)
                assert np.isfinite(block).all()
                values += block.size
                assert values < most_values, "more values than the file can hold"
            for states in stored.digital_blocks(500):
                assert states.shape[0] == len(stored.digital)
    return values
