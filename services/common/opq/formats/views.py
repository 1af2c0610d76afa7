"""Recordings seen in another way: fewer channels, counts as volts."""

import dataclasses
from collections.abc import Iterator, Sequence

from opq.formats.recording import SampleArray, StoredRecording


def with_channels(stored: StoredRecording, channels: Sequence[int]) -> StoredRecording:
    """Return only some channels, by their numbers from 0; digital channels are left out."""

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        return stored.chunks(tuple(channels[one] for one in wanted))

    return dataclasses.replace(
        stored,
        channels=tuple(stored.channels[number] for number in channels),
        chunks=chunks,
        digital=(),
        states=None,
    )


def in_volts(stored: StoredRecording, volts_per_count: float) -> StoredRecording:
    """Return channels in counts as voltages; others stay."""
    factors = [volts_per_count if info.unit == "count" else 1.0 for info in stored.channels]

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        for chunk in stored.chunks(wanted):
            for row, number in zip(chunk, wanted, strict=True):
                if factors[number] != 1:
                    row *= factors[number]
            yield chunk

    channels = tuple(
        dataclasses.replace(info, unit="V", step=info.step * factor, offset=info.offset * factor)
        if info.unit == "count"
        else info
        for info, factor in zip(stored.channels, factors, strict=True)
    )
    return dataclasses.replace(stored, channels=channels, chunks=chunks)
