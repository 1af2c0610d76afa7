"""When the samples of a COMTRADE recording were taken: sections of one rate, or time stamps (7.4.7 and 8.4.2 (M))."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.axis import Axis, axis_of, resampled
from opq.formats.comtrade.config import Config
from opq.formats.comtrade.samples import MISSING_STAMP, StoredSamples
from opq.formats.recording import SampleArray
from opq.formats.text import note

_MOST_UNEVEN_SAMPLES = 20_000_000


@dataclass(frozen=True, slots=True)
class Section:
    """Samples from number `first` up to `last` (not with it), at one rate.

    Attributes
    ----------
    start_s : float
        Time of the first of them after the start of the recording [s].
    axis : Axis or None
        Where the rate is that of the time stamps; they may have to be resampled to it.
    """

    first: int
    last: int
    rate_hz: float
    start_s: float = 0.0
    axis: Axis | None = None

    @property
    def samples(self) -> int:
        """Samples per channel, after resampling."""
        return self.axis.samples if self.axis else self.last - self.first

    @property
    def even(self) -> bool:
        """Whether the samples are as they were stored."""
        return self.axis is None or self.axis.times_s is None


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
    axis = axis_of(times_s, config.tick_ns / NS, source)
    if axis.times_s is None:
        note(notes, f"no sample rate; {axis.rate_hz:.6g} Hz from the time stamps")
    else:
        note(notes, f"no sample rate, and uneven time stamps: resampled to {axis.rate_hz:.6g} Hz by straight lines")
    return Section(0, stored.count, axis.rate_hz, axis=axis)


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


def brought_to_rate(chunks: Iterator[SampleArray], section: Section) -> Iterator[SampleArray]:
    """Bring unevenly spaced samples to the rate of the section by straight lines."""
    if section.axis is None or section.even:
        yield from chunks
        return
    yield resampled(np.concatenate(list(chunks), axis=1), section.axis)
