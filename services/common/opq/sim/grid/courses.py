"""How a quantity goes up and down in the course of a happening: straight lines between points, jumps where two points meet.

One form for everything, because extremes, mean and mean square of it over any window are exact and cheap.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from opq.sim.grid.network import Float, Index


@dataclass(frozen=True, slots=True, eq=False)
class Extremes:
    """A course over windows, each (m, w): lowest, highest, mean and mean square."""

    low: Float
    high: Float
    mean: Float
    square: Float


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Change of a quantity at some boxes; 0 outside.

    Attributes
    ----------
    times_s : (k,) float64
        Points, never falling [s from the start of the simulation].
    boxes : (m,) int
        Where.
    values : (m, k) float64
        Change at each point.
    """

    times_s: Float
    boxes: Index
    values: Float

    def shifted(self, by_s: float) -> "Course":
        """Return the same course, later."""
        return replace(self, times_s=self.times_s + by_s)

    def jumps(self) -> list[tuple[float, Float]]:
        """Return time [s] and size (m,) of each jump, those at begin and end included."""
        found = [(float(self.times_s[0]), self.values[:, 0]), (float(self.times_s[-1]), -self.values[:, -1])]
        for point in np.flatnonzero(np.diff(self.times_s) == 0).tolist():
            found.append((float(self.times_s[point]), self.values[:, point + 1] - self.values[:, point]))
        return found

    def at(self, row: int, times_s: Float) -> Float:
        """Return the change at one of its boxes at any times, as (n,)."""
        return np.asarray(np.interp(times_s, self.times_s, self.values[row], left=0.0, right=0.0))

    def over(self, starts_s: Float, length_s: float) -> Extremes:
        """Return the course over windows that begin at `starts_s` (m, w), one row for each of its boxes."""
        ends_s = starts_s + length_s
        outside = (starts_s < self.times_s[0]) | (ends_s > self.times_s[-1])
        low, high = np.where(outside, 0.0, np.inf), np.where(outside, 0.0, -np.inf)
        mean, square = np.zeros_like(starts_s), np.zeros_like(starts_s)
        for point in range(len(self.times_s) - 1):
            first, last = self.times_s[point], self.times_s[point + 1]
            if last <= first:
                continue
            begin, end = np.maximum(starts_s, first), np.minimum(ends_s, last)
            part = end - begin
            inside = part > 0
            if not inside.any():
                continue
            value = self.values[:, point, None]
            slope = (self.values[:, point + 1, None] - value) / (last - first)
            a, b = value + slope * (begin - first), value + slope * (end - first)
            np.minimum(low, np.minimum(a, b), out=low, where=inside)
            np.maximum(high, np.maximum(a, b), out=high, where=inside)
            part = np.where(inside, part / length_s, 0.0)
            mean += part * (a + b) / 2
            square += part * (a * a + a * b + b * b) / 3
        return Extremes(low, high, mean, square)


@dataclass(frozen=True, slots=True, eq=False)
class Peak:
    """A moment that stands out of the residual at some boxes (m,), by so much (m,) [pu of Udin]."""

    time_s: float
    boxes: Index
    peak_pu: Float


@dataclass(frozen=True, slots=True, eq=False)
class Ring(Peak):
    """A damped oscillation ``peak exp(-t/tau) cos(2 pi f t)`` at some boxes."""

    f_hz: float
    tau_s: float

    def shifted(self, by_s: float) -> "Ring":
        """Return the same, later."""
        return replace(self, time_s=self.time_s + by_s)

    def at(self, row: int, times_s: Float) -> Float:
        """Return the oscillation at one of its boxes, as (n,) [pu of Udin]."""
        since = times_s - self.time_s
        live = (since >= 0) & (since < 12 * self.tau_s)
        wave: Float = self.peak_pu[row] * np.exp(-np.where(live, since, 0) / self.tau_s)
        return np.where(live, wave * np.cos(2 * np.pi * self.f_hz * since), 0.0)


def shaped(depth: Float, times_s: list[float] | Float, shape: list[float] | Float, least: float) -> Course:
    """Make a course of one shape (k,) times a depth (boxes,), without the boxes where it is less than `least`."""
    boxes = np.flatnonzero(np.abs(depth) >= least)
    return Course(np.asarray(times_s, float), boxes, np.multiply.outer(depth[boxes], np.asarray(shape, float)))


def runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first and one past last of each run of true in (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
