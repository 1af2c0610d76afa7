"""Samples of one box for any interval: closed expressions of time and noise by whole seconds, so any cut gives the same."""

from collections import defaultdict
from functools import lru_cache

import numpy as np

from opq.model.features import HARMONIC_ORDERS
from opq.sim.grid.background import Background
from opq.sim.grid.effects import Occurrence
from opq.sim.grid.frequency import GridFrequency
from opq.sim.grid.minutes import step_course
from opq.sim.grid.network import Float

_ADDED = ((5, 0.8), (7, 0.6))
"""Orders of an episode of distortion and their share of it; at right angles to what is there of the same order."""


class WaveformMaker:
    """Makes samples [pu of Udin's amplitude], as the features have them.

    Parameters
    ----------
    background, frequency, occurrences
        What the supply is made of.
    phase, transformer : (boxes,) int
        Phase 0 to 2, and service transformer.
    harmonic_shares, harmonic_angles : (boxes, 7)
        Of the background [1, rad].
    seed : int
    """

    def __init__(
        self, background: Background, frequency: GridFrequency, occurrences: tuple[Occurrence, ...], phase: np.ndarray,
        transformer: np.ndarray, harmonic_shares: np.ndarray, harmonic_angles: np.ndarray, seed: int,
    ) -> None:  # fmt: skip
        self._background, self._frequency = background, frequency
        self._occurrences = occurrences
        # Fuses stay open for long: what ends last is what must be looked at.
        self._starts = np.array([item.start_s for item in occurrences])
        self._ends = np.array([_last_s(item) for item in occurrences])
        self._steps: dict[int, list[Occurrence]] = defaultdict(list)
        for item in occurrences:
            if item.step is not None:
                self._steps[int(item.start_s // 60)].append(item)
        self._phase, self._transformer, self._seed = phase, transformer, seed
        self._shares, self._angles = harmonic_shares, harmonic_angles
        self._noise = lru_cache(16)(self._noise_of)

    def samples(self, box: int, first: int, count: int, rate_hz: float) -> Float:
        """Return samples `first` to ``first + count`` from the start of the simulation, (count,) [pu]."""
        times = (first + np.arange(count)) / rate_hz
        factor, thd = self._level(box, times), self._thd(box, times)
        angle = 2 * np.pi * (self._frequency.cycles(times) - self._phase[box] / 3)
        added, ringing = np.zeros(count), np.zeros(count)
        for item in self._around(times):
            for course in item.voltage:
                if (row := _row(course.boxes, box)) is not None:
                    factor *= 1 + course.at(row, times)
            for course in item.distortion:
                if (row := _row(course.boxes, box)) is not None:
                    added = np.hypot(added, course.at(row, times))
            for ring in item.rings:
                if (row := _row(ring.boxes, box)) is not None:
                    ringing += ring.at(row, times)
        harmonics, fundamental = self._harmonics(box, angle)
        wave = fundamental + thd / 100 * harmonics
        if added.any():
            for order, share in _ADDED:
                turn = self._angles[box][HARMONIC_ORDERS.index(order)]
                wave += added / 100 * share * np.cos(order * angle + turn)
        noise = self._background.floor_pu[box] / 4 * self._noise_at(box, first, count, rate_hz)
        result: Float = np.sqrt(2) * factor * wave + ringing + noise
        return result

    def _harmonics(self, box: int, angle: Float) -> tuple[Float, Float]:
        """Return the background's harmonics of square sum 1, and the fundamental, both (n,).

        Odd powers of one phasor: a fifth of the time of a sine for each order.
        """
        phasor = np.exp(1j * angle)
        power, square = phasor.copy(), phasor * phasor
        total = np.zeros(len(angle), np.complex128)
        for share, turn in zip(self._shares[box], self._angles[box], strict=True):
            power *= square
            total += share * np.exp(1j * turn) * power
        return total.imag, phasor.imag

    def _around(self, times: Float) -> list[Occurrence]:
        if not len(times):
            return []
        return [self._occurrences[at] for at in np.flatnonzero((self._starts <= times[-1]) & (self._ends >= times[0]))]

    def _level(self, box: int, times: Float) -> Float:
        """Return the quiet level with its lasting steps, (n,) [pu]."""
        level = np.empty(len(times))
        if not len(times):
            return level
        minutes = np.floor(times / 60).astype(np.int64)
        for minute in range(int(minutes[0]), int(minutes[-1]) + 1):
            mine = minutes == minute
            first, last = (float(side[box]) for side in self._background.ends(minute))
            level[mine] = 1 + first + (last - first) * (times[mine] / 60 - minute)
            level[mine] += self._small(box, minute, times[mine])
            for item in self._steps.get(minute, ()):
                level[mine] *= 1 + step_course(item).at(box, times[mine])
        return level

    def _small(self, box: int, minute: int, times: Float) -> Float:
        table = self._background.small_in(minute)[self._transformer[box]]
        at = np.floor(times - self._background.step_phase_s[box]).astype(np.int64) - 60 * minute + 1
        result: Float = table[at]
        return result

    def _thd(self, box: int, times: Float) -> Float:
        if not len(times):
            return np.empty(0)
        knots = np.arange(int(times[0] // 60), int(times[-1] // 60) + 2)
        values = [self._background.thd_at_minute(int(minute))[box] for minute in knots]
        return np.asarray(np.interp(times / 60, knots, values))

    def _noise_at(self, box: int, first: int, count: int, rate_hz: float) -> Float:
        per_second = round(rate_hz)
        pieces = [np.empty(0)]
        index = first
        while index < first + count:
            second, offset = divmod(index, per_second)
            take = min(per_second - offset, first + count - index)
            pieces.append(self._noise(box, second, per_second)[offset : offset + take])
            index += take
        return np.concatenate(pieces)

    def _noise_of(self, box: int, second: int, count: int) -> Float:
        draw: Float = np.random.default_rng((self._seed, 9, box, second)).standard_normal(count)
        return draw


def _last_s(item: Occurrence) -> float:
    return max([item.end_s, *(float(course.times_s[-1]) for course in (*item.voltage, *item.distortion))])


def _row(boxes: np.ndarray, box: int) -> int | None:
    at = int(np.searchsorted(boxes, box))
    return at if at < len(boxes) and boxes[at] == box else None
