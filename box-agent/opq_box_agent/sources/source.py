"""What every source of samples is."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from opq.model.features import TimeSource
from opq.model.waveforms import CountArray


@dataclass(frozen=True, slots=True, eq=False)
class SampleBlock:
    """Samples without a gap inside, at the source's rate.

    Attributes
    ----------
    start_unix_ns : int
        Time of the first sample. A block that does not follow the one before it within a sample marks a gap.
    counts : (n,) int16
        Converter counts.
    clock_step_ns : int
        By how much the clock was set before the first sample [ns]; 0 if it was not.
    """

    start_unix_ns: int
    counts: CountArray
    time_source: TimeSource
    clock_uncertainty_ns: int
    clock_step_ns: int = 0


class PowerLost(Exception):
    """Raised by a source: the power of the box itself is gone, and the agent has moments left."""


class Source(Protocol):
    """A stream of sample blocks with a fixed rate and calibration."""

    sample_rate_hz: float
    volts_per_count: float
    clip_counts: int
    """Counts of this size or more are clipped."""

    def blocks(self) -> AsyncIterator[SampleBlock]:
        """Yield blocks as they come; ends when the source does.

        Raises
        ------
        PowerLost
            When the box itself loses power.
        """
        ...
