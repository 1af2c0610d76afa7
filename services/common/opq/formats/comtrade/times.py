"""When the samples of a COMTRADE recording were taken: sections of one rate, or time stamps (7.4.7, 8.4.2)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.comtrade.config import Config
from opq.formats.comtrade.samples import MISSING_STAMP, StoredSamples
from opq.formats.recording import SampleArray
from opq.formats.text import note

_UNEVEN = 0.01
"""Time stamps are even if no step differs from the mean step by more than this share of it, or by two ticks."""
_MOST_UNEVEN_SAMPLES = 20_000_000
_MOST_GROWTH = 20


@dataclass(frozen=True, slots=True)
class Section:
    """Samples from number `first` up to `last` (not with it), at one rate.

    Attributes
    ----------
    start_s : float
        Time of the first of them after the start of the recording [s].
    times_s : (n,) float64 or None
        Times of the samples after the first [s], where they are not even and have to be resampled to `rate_hz`.
    """

    first: int
    last: int
    rate_hz: float
    start_s: float = 0.0
    times_s: SampleArray | None = None

    @property
    def samples(self) -> int:
        """Samples per channel, after resampling."""
        if self.times_s is None:
            return self.last - self.first
        return int(np.floor(self.times_s[-1] * self.rate_hz * (1 + 1e-12))) + 1


def sections(
    config: Config, stored: StoredSamples, source: str, sample_rate_hz: float | None, notes: list[str]
) -> list[Section]:
    """Divide the samples there are into sections of one rate.

    Raises
    ------
    InvalidInput
        If there is neither a rate nor usable time stamps.
    """
    if sample_rate_hz is not None:
        return [Section(0, stored.count, sample_rate_hz)]
    if any(section.rate_hz == 0 for section in config.sections):
        return [_by_stamps(config, stored, source, notes)]
    announced = config.sections[-1].last
    if announced != stored.count:
        verb = "read all" if announced < stored.count else "read what there is"
        note(notes, f"announces {announced} samples, there are {stored.count}: {verb}")
    found: list[Section] = []
    first, start_s = 0, 0.0
    for number, section in enumerate(config.sections, 1):
        last = stored.count if number == len(config.sections) else min(section.last, stored.count)
        if last > first:
            found.append(Section(first, last, section.rate_hz, start_s))
            start_s += (last - first) / section.rate_hz
            first = last
    return found


def _by_stamps(config: Config, stored: StoredSamples, source: str, notes: list[str]) -> Section:
    if stored.count > _MOST_UNEVEN_SAMPLES:
        raise InvalidInput(
            f"{source}: no sample rate, and more than {_MOST_UNEVEN_SAMPLES} samples to look at; give the sample rate"
        )
    ticks = _unwrapped(np.concatenate(list(stored.stamps(0, stored.count))), source)
    times_s = (ticks - ticks[0]) * (config.tick_ns / NS)
    if len(times_s) < 2:
        raise InvalidInput(f"{source}: no sample rate, and one time stamp only; give the sample rate")
    mean = float(times_s[-1]) / (len(times_s) - 1)
    allowed = max(_UNEVEN * mean, 2 * config.tick_ns / NS)
    if np.abs(np.diff(times_s) - mean).max() <= allowed:
        note(notes, f"no sample rate; {1 / mean:.6g} Hz from the time stamps")
        return Section(0, stored.count, 1 / mean)
    step = float(np.median(np.diff(times_s)))
    if times_s[-1] / step > _MOST_GROWTH * len(times_s):
        raise InvalidInput(f"{source}: no sample rate, and the time stamps are not even: give the sample rate")
    note(notes, f"no sample rate, and uneven time stamps: resampled to {1 / step:.6g} Hz by straight lines")
    return Section(0, stored.count, 1 / step, times_s=times_s)


def _unwrapped(stamps: npt.NDArray[np.int64], source: str) -> npt.NDArray[np.int64]:
    """Undo the overflow of 32-bit time stamps; every stamp must be later than the one before."""
    missing = np.flatnonzero(stamps == MISSING_STAMP)
    if len(missing):
        raise InvalidInput(f"{source}: no sample rate, and sample {int(missing[0]) + 1} has no time stamp")
    steps = np.diff(stamps)
    steps = np.where(steps < -(2**31), steps + 2**32, steps)
    if len(steps) and steps.min() <= 0:
        at = int(np.argmax(steps <= 0)) + 2
        raise InvalidInput(f"{source}: no sample rate, and the time stamp of sample {at} is not after the one before")
    return np.concatenate([[0], np.cumsum(steps)])


def resampled(chunks: Iterator[SampleArray], section: Section) -> Iterator[SampleArray]:
    """Bring unevenly spaced samples to the rate of the section by straight lines."""
    if section.times_s is None:
        yield from chunks
        return
    samples = np.concatenate(list(chunks), axis=1)
    grid = np.arange(section.samples) / section.rate_hz
    yield np.stack([np.interp(grid, section.times_s, row) for row in samples])
