"""The frequency of the grid: one slow process for all boxes, with a closed integral, so that any moment is computed alone."""

import numpy as np

from opq.sim.grid.courses import Course
from opq.sim.grid.network import Float

_SIZES_HZ = (0.012, 0.010, 0.006, 0.004, 0.002)
"""Of the swings, 0.034 Hz together: far inside the limit of 0.1 Hz."""
_KNOT_S = 0.05
"""Swings are so slow that lines between points this far apart are right to a millionth of a turn [s]."""
_PERIODS_S = (1500.0, 640.0, 230.0, 95.0, 41.0)


class GridFrequency:
    """Frequency and phase of the grid over time [s from the start].

    Parameters
    ----------
    f_hz : float
        Nominal [Hz].
    rng : Generator
    excursions : sequence of Course
        With one row each [Hz].
    """

    def __init__(self, f_hz: float, rng: np.random.Generator, excursions: tuple[Course, ...]) -> None:
        self._f_hz = f_hz
        self._turns = 2 * np.pi / (np.array(_PERIODS_S) * rng.uniform(0.8, 1.25, len(_PERIODS_S)))
        self._angles = rng.uniform(0, 2 * np.pi, len(_PERIODS_S))
        self._excursions = excursions

    def deviation_hz(self, times_s: Float) -> Float:
        """Return frequency minus nominal, (n,) [Hz]."""
        sum_hz = self.swing_hz(times_s)
        for course in self._excursions:
            sum_hz += course.at(0, times_s)
        return sum_hz

    def swing_hz(self, times_s: Float) -> Float:
        """Return the deviation without excursions, (n,) [Hz]."""
        swings: Float = np.sin(np.multiply.outer(times_s, self._turns) + self._angles) @ np.array(_SIZES_HZ)
        return swings

    def cycles(self, times_s: Float) -> Float:
        """Return the integral of frequency from the start, (n,) [cycles]."""
        total: Float = self._f_hz * times_s
        if len(times_s):
            knots = np.arange(np.floor(times_s.min() / _KNOT_S), np.floor(times_s.max() / _KNOT_S) + 2) * _KNOT_S
            total += np.interp(times_s, knots, self._swung(knots))
        for course in self._excursions:
            total += _integral(course, times_s)
        return total

    def _swung(self, times_s: Float) -> Float:
        """Return the integral of `swing_hz`, (n,) [cycles]."""
        angles = np.multiply.outer(times_s, self._turns) + self._angles
        swung: Float = (np.cos(self._angles) - np.cos(angles)) @ (np.array(_SIZES_HZ) / self._turns)
        return swung


def _integral(course: Course, times_s: Float) -> Float:
    total = np.zeros_like(times_s)
    values = course.values[0]
    for point in range(len(course.times_s) - 1):
        first, last = course.times_s[point], course.times_s[point + 1]
        since = np.clip(times_s - first, 0, last - first)
        slope = (values[point + 1] - values[point]) / (last - first)
        total += since * (values[point] + slope * since / 2)
    return total
