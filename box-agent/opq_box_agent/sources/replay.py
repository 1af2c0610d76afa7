"""A recording played as if it were measured now, in real time or faster."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import soxr

from opq.clock import NS, Clock
from opq.errors import InvalidInput
from opq.formats import Channel, Recording, read_recording
from opq.formats.recording import SampleArray
from opq.model.features import TimeSource
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.source import SampleBlock

SAMPLE_RATE_HZ = 12_000
_BLOCK = SAMPLE_RATE_HZ // 5
_HEADROOM = 1.05
"""The largest sample uses the range of int16 up to this margin."""
_REFERENCE_S = 1.0


class ReplaySource:
    """One channel of a recording, resampled to 12 kHz, beginning now.

    Faster than real time the samples are dated back, so that the last of them is dated when it is played.

    Parameters
    ----------
    volts : (n,) float64
        Voltage [V] at `sample_rate_hz`.
    speed : float
        Seconds of recording per second.
    """

    def __init__(self, volts: SampleArray, sample_rate_hz: float, clock: Clock, speed: float = 1.0) -> None:
        if not np.isfinite(volts).all():
            raise InvalidInput(f"recording: sample {int(np.argmin(np.isfinite(volts)))} is not a number")
        if len(volts) < sample_rate_hz / 5:
            raise InvalidInput(f"recording: got {len(volts) / sample_rate_hz:.3f} s, expected at least 0.2 s")
        if sample_rate_hz != SAMPLE_RATE_HZ:
            volts = soxr.resample(volts, sample_rate_hz, SAMPLE_RATE_HZ, quality="VHQ")
        self.sample_rate_hz = float(SAMPLE_RATE_HZ)
        self.clip_counts = 32767
        self.volts_per_count = float(np.abs(volts).max()) * _HEADROOM / 32767 or 1e-6
        self._counts = np.rint(volts / self.volts_per_count).astype(np.int16)
        self._clock, self._speed = clock, speed

    @classmethod
    def open(cls, settings: BoxSettings, path: Path, clock: Clock) -> "ReplaySource":
        """Read the recording that `settings` name and put it in volts.

        Raises
        ------
        InvalidInput
            If it cannot be read, or its counts have no calibration.
        """
        recording = read_recording(path, settings.format, settings.sample_rate_hz)
        volts = _in_volts(recording, recording.channel(settings.channel), settings)
        return cls(volts, recording.sample_rate_hz, clock, settings.speed)

    async def blocks(self) -> AsyncIterator[SampleBlock]:
        """Yield 200-ms blocks, each when its last sample is due; ends with the recording."""
        began = self._clock.monotonic_ns()
        length_ns = len(self._counts) * NS / SAMPLE_RATE_HZ
        start = self._clock.unix_ns() - round(length_ns * (1 - 1 / self._speed))
        for at in range(0, len(self._counts), _BLOCK):
            counts = self._counts[at : at + _BLOCK]
            due = began + (at + len(counts)) * NS / SAMPLE_RATE_HZ / self._speed
            await asyncio.sleep(max(0.0, (due - self._clock.monotonic_ns()) / NS))
            yield SampleBlock(start + round(at * NS / SAMPLE_RATE_HZ), counts, TimeSource.FREE, NS // 10)


def _in_volts(recording: Recording, channel: Channel, settings: BoxSettings) -> SampleArray:
    samples = channel.samples
    if settings.scale_to_nominal:
        return samples * (settings.u_din_v / _undisturbed(recording, channel, settings.f_nominal_hz))
    if settings.volts_per_count is not None:
        return samples * settings.volts_per_count
    if channel.unit == "V":
        return samples
    raise InvalidInput(
        f"{recording.source}: channel {channel.name!r} is in {channel.unit}; give --volts-per-count or --scale-to-nominal"
    )


def _undisturbed(recording: Recording, channel: Channel, f_hz: float) -> float:
    """Rms of the undisturbed voltage: the median of Urms(1/2) over the first second, in the channel's unit."""
    cycle = recording.sample_rate_hz / f_hz
    first = channel.samples[: round(recording.sample_rate_hz * _REFERENCE_S)]
    squares = np.concatenate([[0.0], np.cumsum(first**2)])
    edges = np.rint(np.arange(0, len(first) + 1, cycle / 2)).astype(int)
    level = (
        float(np.sqrt(np.median((squares[edges[2:]] - squares[edges[:-2]]) / (edges[2:] - edges[:-2]))))
        if len(edges) > 2
        else 0.0
    )
    if not level > 0:
        raise InvalidInput(
            f"{recording.source}: no voltage in the first second of channel {channel.name!r} to scale by"
        )
    return level
