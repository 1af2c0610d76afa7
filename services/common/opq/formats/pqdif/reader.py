"""Opens the waveforms of a PQDIF file as recordings."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opq.clock import NS
from opq.errors import CorruptData, InvalidInput
from opq.formats.axis import Axis, axis_of, resampled
from opq.formats.missing import filled
from opq.formats.pqdif.element import Kind
from opq.formats.pqdif.observations import WAVEFORM, Observation, ObservedChannel, observations
from opq.formats.pqdif.records import RecordFile, read_records
from opq.formats.pqdif.series import Series
from opq.formats.recording import ChannelInfo, Details, SampleArray, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.text import note

_CHUNK = 65_536
_RATE_TOLERANCE = 1e-6
"""A float32 step cannot tell a rate from the whole number that is so near to it."""
_LEAST_RATE_HZ, _MOST_RATE_HZ = 1e-6, 1e12


@dataclass(frozen=True, slots=True, eq=False)
class _Wave:
    """One waveform of an observation: its number among the channels, the series, and when it was sampled."""

    channel: int
    name: str
    phase: str
    series: Series
    axis: Axis
    start_unix_ns: int | None

    @property
    def key(self) -> tuple[float, int, int | None, int]:
        """Waveforms of the same key are channels of one recording."""
        uneven = 0 if self.axis.times_s is None else self.channel + 1
        return self.axis.rate_hz, self.axis.samples, self.start_unix_ns, uneven


def open_pqdif(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open a file: one recording per observation and sample rate; trends are left to `observations`.

    Raises
    ------
    InvalidInput
        If it is no PQDIF, or has no waveforms; says what it has.
    """
    file = read_records(path)
    recordings: list[StoredRecording] = []
    others = 0
    for observation in observations(file):
        groups: dict[tuple[float, int, int | None, int], list[_Wave]] = {}
        for wave in _waves(file, observation, sample_rate_hz):
            groups.setdefault(wave.key, []).append(wave)
        others += not groups
        recordings += [_recording(file, observation, waves) for waves in groups.values()]
    if not recordings:
        detail = "; ".join(file.notes[:3])
        raise InvalidInput(
            f"{path}: holds no waveforms, but {others} observations of other kinds" + (f" ({detail})" if detail else "")
        )
    return RecordingFile(str(path), "pqdif", tuple(recordings), file.notes)


def _waves(file: RecordFile, observation: Observation, sample_rate_hz: float | None) -> Iterator[_Wave]:
    for number, channel in enumerate(observation.channels):
        if channel.quantity_type != WAVEFORM:
            continue
        place = f"observation {observation.number}, channel {channel.name or number + 1!r}"
        try:
            wave = _wave(observation, number, channel, sample_rate_hz, place)
        except InvalidInput as error:
            note(file.notes, f"{str(error).removeprefix(f'{place}: ')} ({place}); left out")
            continue
        if wave.axis.times_s is not None:
            note(file.notes, f"{place}: uneven times, resampled to {wave.axis.rate_hz:.6g} Hz by straight lines")
        yield wave


def _wave(
    observation: Observation, number: int, channel: ObservedChannel, sample_rate_hz: float | None, place: str
) -> _Wave:
    series = channel.of("val") or channel.of("inst") or channel.of("avg")
    if series is None or series.increments or not len(series):
        raise InvalidInput(f"{place}: holds no values")
    start = observation.start_unix_ns
    times = channel.of("time")
    if sample_rate_hz is not None:
        axis = Axis(sample_rate_hz, len(series))
    elif times is None:
        raise InvalidInput(f"{place}: holds no times; give the sample rate")
    else:
        axis = _axis(times, len(series), observation.f_nominal_hz, place)
        start = _start(times, start)
    if not _LEAST_RATE_HZ <= axis.rate_hz <= _MOST_RATE_HZ:
        raise InvalidInput(f"{place}: got a sample rate of {axis.rate_hz:g} Hz")
    return _Wave(number, channel.name or f"channel {number + 1}", channel.phase, series, axis, start)


def _axis(times: Series, values: int, f_nominal_hz: float, place: str) -> Axis:
    if len(times) < values:
        raise InvalidInput(f"{place}: got {values} values and {len(times)} times")
    second = 1.0
    if times.unit == "cycles":
        if not f_nominal_hz > 0:
            raise InvalidInput(f"{place}: times are in cycles, and the nominal frequency is not given")
        second = f_nominal_hz
    step = times.even_step()
    if step is not None and step > 0 and np.isfinite(step):
        rate = second / step
    else:
        axis = axis_of(times.values(0, values) / second, 1e-9, place)
        if axis.times_s is not None:
            return axis
        rate = axis.rate_hz
    if times.stored.kind is Kind.REAL4 and abs(rate - round(rate)) <= _RATE_TOLERANCE * rate:
        rate = float(round(rate))
    return Axis(rate, values)


def _start(times: Series, start_unix_ns: int | None) -> int | None:
    """Return the time of the first sample [ns since the epoch, UTC]."""
    first = 0.0 if times.increments else float(times.values(0, 1)[0])
    if not abs(first) < 1e10:
        return start_unix_ns
    if times.unit == "unix":
        return round(first * NS)
    return None if start_unix_ns is None else start_unix_ns + round(first * NS if times.unit == "s" else 0)


def _recording(file: RecordFile, observation: Observation, waves: list[_Wave]) -> StoredRecording:
    axis = waves[0].axis
    numbers = [wave.channel for wave in waves]
    infos = tuple(_info(wave) for wave in waves)

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        raw = _raw(file, observation.number, [numbers[one] for one in wanted], len(waves[0].series))
        whole = filled(raw, [infos[one].name for one in wanted], file.notes)
        return whole if axis.times_s is None else iter([resampled(np.concatenate(list(whole), axis=1), axis)])

    return StoredRecording(
        source=f"{file.path} #{observation.number} {observation.name}".rstrip() + f" {axis.rate_hz:g} Hz",
        channels=infos,
        sample_rate_hz=axis.rate_hz,
        start_unix_ns=waves[0].start_unix_ns,
        samples=axis.samples,
        chunks=chunks,
        details=Details(
            observation.station, observation.device, observation.f_nominal_hz, observation.triggered_unix_ns
        ),
    )


def _info(wave: _Wave) -> ChannelInfo:
    stepped = wave.series.stored.values.dtype.kind in "iu"
    return ChannelInfo(
        name=wave.name,
        unit=wave.series.unit or "count",
        phase=wave.phase,
        step=abs(wave.series.scale) if stepped else 0.0,
        offset=wave.series.offset if stepped else 0.0,
    )


def _raw(file: RecordFile, number: int, channels: list[int], samples: int) -> Iterator[SampleArray]:
    """Read the record anew, so that a file of many observations is not held in memory, and yield its values."""
    observation = next(observations(file, frozenset({number})), None)
    if observation is None:
        raise CorruptData(f"{file.path}: observation {number} cannot be read any more")
    found = [observation.channels[channel] for channel in channels]
    series = [channel.of("val") or channel.of("inst") or channel.of("avg") for channel in found]
    for at in range(0, samples, _CHUNK):
        yield np.stack([one.values(at, min(at + _CHUNK, samples)) for one in series if one is not None])
