"""Time axes: whether times are even, and what to do with those that are not."""

from dataclasses import dataclass

import numpy as np

from opq.errors import InvalidInput
from opq.formats.recording import SampleArray

_UNEVEN = 0.01
"""Times are even if no step differs from the mean step by more than this share of it."""
_MOST_GROWTH = 20
"""Resampling must not make more samples than so many times those there were."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Times of samples.

    Attributes
    ----------
    samples : int
        On the even axis.
    times_s : (n,) float64 or None
        Times after the first sample [s] if they are not even; the samples are to be resampled to `rate_hz`.
    """

    rate_hz: float
    samples: int
    times_s: SampleArray | None = None


def axis_of(times_s: SampleArray, tick_s: float, place: str) -> Axis:
    """Find the rate of samples from their times.

    Parameters
    ----------
    times_s : (n,) float64
        Rising [s].
    tick_s : float
        Resolution of the times [s]; steps may differ by two ticks.
    place : str
        Where the times are, for messages.

    Raises
    ------
    InvalidInput
        If the times do not rise, or are too uneven to be resampled.
    """
    if len(times_s) < 2:
        raise InvalidInput(f"{place}: got {len(times_s)} times, expected at least 2 to tell the sample rate")
    steps = np.diff(times_s)
    if not (np.isfinite(steps).all() and steps.min() > 0):
        at = int(np.argmin(np.isfinite(steps) & (steps > 0))) + 2
        raise InvalidInput(f"{place}: the time of sample {at} is not after the one before")
    span = float(times_s[-1] - times_s[0])
    mean = span / len(steps)
    if np.abs(steps - mean).max() <= max(_UNEVEN * mean, 2 * tick_s):
        return Axis(1 / mean, len(times_s))
    step = float(np.median(steps))
    if span / step > _MOST_GROWTH * len(times_s):
        raise InvalidInput(f"{place}: the times are too uneven to be resampled; give the sample rate")
    return Axis(1 / step, int(np.floor(span / step * (1 + 1e-12))) + 1, times_s - times_s[0])


def resampled(samples: SampleArray, axis: Axis) -> SampleArray:
    """Bring (k, n) samples at the uneven times of an axis to its rate by straight lines."""
    if axis.times_s is None:
        return samples
    grid = np.arange(axis.samples) / axis.rate_hz
    return np.stack([np.interp(grid, axis.times_s, row) for row in samples])
