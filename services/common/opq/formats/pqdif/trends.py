"""Trends and rms variations of a PQDIF file as rows of numbers."""

import csv
from collections.abc import Iterator
from typing import TextIO

from opq.clock import NS, iso
from opq.errors import InvalidInput
from opq.formats.pqdif.observations import WAVEFORM, Observation, ObservedChannel, observations
from opq.formats.pqdif.records import RecordFile
from opq.formats.pqdif.series import Series, unix_ns_of
from opq.formats.text import note

TREND_COLUMNS = (
    "time_utc", "unix_ns", "observation", "observation_name", "channel", "phase", "quantity_type", "characteristic",
    "value_type", "unit", "value",
)  # fmt: skip
_TIME_TYPES = ("time", "interval")
TrendRow = tuple[str, int, int, str, str, str, str, str, str, str, float]


def trend_rows(file: RecordFile) -> Iterator[TrendRow]:
    """Yield one row per value of all channels with a time axis that are no waveforms; see `TREND_COLUMNS`.

    What cannot be read is noted in ``file.notes`` and passed over.
    """
    for observation in observations(file):
        for channel in observation.channels:
            if channel.quantity_type == WAVEFORM:
                continue
            try:
                yield from _channel_rows(observation, channel)
            except InvalidInput as error:
                note(file.notes, f"observation {observation.number}, channel {channel.name!r}: {error}; left out")


def _channel_rows(observation: Observation, channel: ObservedChannel) -> Iterator[TrendRow]:
    times = channel.of("time")
    if times is None or times.unit == "cycles":
        raise InvalidInput("holds no times in seconds")
    if observation.start_unix_ns is None and times.unit != "unix":
        raise InvalidInput("the observation has no time")
    at = unix_ns_of(times, observation.start_unix_ns or 0).tolist()
    for series in channel.series:
        if series.value_type not in _TIME_TYPES and len(series) <= len(at):
            for moment, value in zip(at, series.values().tolist(), strict=False):
                yield _row(observation, channel, series, moment, value)


def _row(observation: Observation, channel: ObservedChannel, series: Series, moment: int, value: float) -> TrendRow:
    text = f"{iso(moment)[:-5]}.{moment % NS // 1000:06d}Z"
    return (
        text, moment, observation.number, observation.name, channel.name, channel.phase, channel.quantity_type,
        series.characteristic, series.value_type, series.unit, value,
    )  # fmt: skip


def write_trends_csv(file: RecordFile, out: TextIO) -> int:
    """Write the rows of `trend_rows` as CSV with a header; returns how many there were."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TREND_COLUMNS)
    count = 0
    for row in trend_rows(file):
        writer.writerow(row)
        count += 1
    return count
