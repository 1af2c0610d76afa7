"""Headerless little-endian int16 samples of one channel."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from opq.errors import InvalidInput
from opq.formats.counts import count_scale
from opq.formats.recording import ChannelInfo, SampleArray, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.text import note
from opq.formats.writing import WriteOptions, Written, extent, only, replacing, walk

DEFAULT_RATE_HZ = 12_000.0
"""That of an OPQ Box."""
_CHUNK = 1 << 18
_GREATEST = 32_767


def open_raw16(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open counts; `sample_rate_hz` [Hz] is that of an OPQ Box unless given. Half a sample at the end is left out.

    Raises
    ------
    InvalidInput
        If there is no sample.
    """
    size = path.stat().st_size
    samples = size // 2
    if not samples:
        raise InvalidInput(f"{path}: got {size} bytes, expected int16 samples of 2 bytes each, at least one")
    notes: list[str] = []
    if size % 2:
        note(notes, f"byte {size - 1}: got half a sample, left out")

    def chunks(channels: tuple[int, ...]) -> Iterator[SampleArray]:
        with path.open("rb") as file:
            for at in range(0, samples, _CHUNK):
                counts = np.frombuffer(file.read(2 * min(_CHUNK, samples - at)), "<i2")
                yield np.repeat(counts[np.newaxis].astype(np.float64), len(channels), axis=0)

    stored = StoredRecording(
        source=str(path),
        channels=(ChannelInfo("raw", "count", step=1.0),),
        sample_rate_hz=sample_rate_hz or DEFAULT_RATE_HZ,
        start_unix_ns=None,
        samples=samples,
        chunks=chunks,
    )
    return RecordingFile(str(path), "raw16", (stored,), notes)


def write_raw16(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write one channel as counts; what a count is, and the rate, are said in the notes, as the file cannot say it.

    Raises
    ------
    InvalidInput
        If there are several channels, or values do not fit the scale that was asked for.
    """
    stored = only(recordings, path, "raw16")
    if len(stored.channels) != 1:
        raise InvalidInput(f"{path}: raw16 holds one channel, got {len(stored.channels)}: choose one")
    (info,) = stored.channels
    # The file cannot say an offset either, so a step that came with one is of no use.
    known = dataclasses.replace(info, step=0.0) if info.offset else info
    scale = count_scale(known, extent(stored, options), 0, _GREATEST, options.volts_per_count)
    count = 0
    with replacing(path) as temporary, temporary.open("wb") as file:
        for block in walk(stored, options):
            file.write(np.rint(block[0] / scale.step).astype("<i2").tobytes())
            count += block.shape[1]
    notes = [f"raw16 keeps neither rate nor time: read it with a sample rate of {stored.sample_rate_hz:g} Hz"]
    if info.unit != "count":
        notes.append(f"one count is {scale.step!r} {info.unit}")
    return Written("raw16", (path,), 1, 1, count, notes)
