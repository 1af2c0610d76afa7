"""A long recording as records of bounded length, cut where nothing is going on.

Classifiers look at whole records. A cut in a quiet moment cuts no disturbance apart; each record begins with the second
before its cut, which rapid changes and transients are compared with, and ends a little after the next.
"""

from dataclasses import dataclass

import numpy as np

from opq.classifiers import Record
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.meter import HalfCycles
from opq.signal.segments import HalfCycleSeries, TimeArray
from opq.standards.rapid_changes import RapidChangeLimits, last_second

LEAST_S = 10.0
"""A record is at least so long [s]."""
MOST_S = 60.0
"""Where nothing is quiet the cut is made after so long all the same, and the parts are joined [s]."""
AFTER_S = 0.25
"""So much of what follows belongs to a record, for what begins just before the cut [s]."""
QUIET_PU = (0.92, 1.08)
"""Urms(1/2) of a quiet second: inside all thresholds and their hysteresis."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A record of which only what begins in a span counts.

    Attributes
    ----------
    from_unix_ns, to_unix_ns : int
        What begins before or after belongs to the neighbours, unless it was already going on when the record began.
    """

    record: Record
    from_unix_ns: int
    to_unix_ns: int


class PieceCutter:
    """Gather samples and half cycles of one gapless stretch and cut them into pieces, the same for any blocks.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    nominal : Nominal
        Declared supply.
    start_unix_ns : int
        Time of the first sample [ns since the epoch].
    """

    def __init__(self, sample_rate_hz: float, nominal: Nominal, start_unix_ns: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._nominal = nominal
        self._start_unix_ns = start_unix_ns
        self._second = round(2 * nominal.f_hz)
        self._steady_pu = RapidChangeLimits().threshold_pu * (1 - RapidChangeLimits().hysteresis_share)
        self._blocks: list[VoltArray] = []
        self._base = 0
        self._last: HalfCycles | None = None
        self._begin: VoltArray = np.empty(0)
        self._end: VoltArray = np.empty(0)
        self._u_half: VoltArray = np.empty(0)
        self._from_unix_ns = -(2**62)
        self._from = 0.0

    def feed(self, volts: VoltArray, half_cycles: HalfCycles | None) -> list[Piece]:
        """Take samples [V] and the half cycles that became complete, and return the pieces that did."""
        self._blocks.append(volts)
        if half_cycles is None or not len(half_cycles):
            return []
        self._add(half_cycles)
        pieces = []
        while (piece := self._next()) is not None:
            pieces.append(piece)
        return pieces

    def finish(self) -> list[Piece]:
        """Return the last piece; none if the stretch had no two half cycles."""
        if not len(self._end):
            return []
        return [Piece(self._record(len(self._end), None), self._from_unix_ns, 2**62)]

    def _add(self, half_cycles: HalfCycles) -> None:
        """Keep each value with the middle half of its cycle, as `half_cycle_series` does."""
        if self._last is not None:
            half_cycles = HalfCycles.concatenate([self._last, half_cycles])
        self._last = half_cycles[-1:]
        middle = (half_cycles.index + half_cycles.fraction)[:-1]
        self._begin = np.concatenate([self._begin, middle - half_cycles.length[:-1] / 2])
        self._end = np.concatenate([self._end, middle + half_cycles.length[1:] / 2])
        self._u_half = np.concatenate([self._u_half, half_cycles.u_rms_half_v[1:]])

    def _next(self) -> Piece | None:
        """Cut off a piece if there is enough."""
        rate = self._sample_rate_hz
        known = float(self._end[-1]) - AFTER_S * rate if len(self._end) else 0.0
        if known < self._from + LEAST_S * rate:
            return None
        at = self._quiet(known)
        if at is not None:
            return self._cut(at, at - self._second + 1, int(np.searchsorted(self._end, self._end[at] + AFTER_S * rate)))
        forced = int(np.searchsorted(self._end, self._from + MOST_S * rate))
        return self._cut(forced, forced + 1, forced) if forced < len(self._end) - 1 else None

    def _quiet(self, known: float) -> int | None:
        """Return the first row at the end of a quiet second, after the least length and before `known` [sample]."""
        if len(self._u_half) < self._second:
            return None
        u_pu = self._u_half / self._nominal.u_din_v
        mean, deviation = last_second(u_pu, self._second)
        quiet = deviation <= np.minimum(self._steady_pu, np.minimum(mean - QUIET_PU[0], QUIET_PU[1] - mean))
        end = self._end[self._second - 1 :]
        quiet &= (end >= self._from + LEAST_S * self._sample_rate_hz) & (end <= known)
        return self._second - 1 + int(quiet.argmax()) if quiet.any() else None

    def _cut(self, at: int, kept: int, last: int) -> Piece:
        """Give the record up to row `last`, of which counts what begins up to row `at`, and keep the rows from `kept` on."""
        to_unix_ns = self._time(float(self._end[at]))
        piece = Piece(self._record(last + 1, float(self._end[last])), self._from_unix_ns, to_unix_ns)
        self._from, self._from_unix_ns = float(self._end[at]), to_unix_ns
        volts = self._samples()
        begin = max(self._base, int(self._begin[kept]))
        self._blocks, self._base = [volts[begin - self._base :].copy()], begin
        self._begin, self._end, self._u_half = self._begin[kept:], self._end[kept:], self._u_half[kept:]
        return piece

    def _record(self, rows: int, end: float | None) -> Record:
        """Make the record of the first `rows` rows, with the samples up to position `end`, or all there are."""
        series = HalfCycleSeries(self._times(self._begin[:rows]), self._times(self._end[:rows]), self._u_half[:rows])
        volts = self._samples()
        if end is not None:
            volts = volts[: round(end) - self._base]
        segment = VoltageSegment(self._time(self._base), self._sample_rate_hz, volts)
        return Record(segment, self._nominal, series)

    def _samples(self) -> VoltArray:
        if len(self._blocks) > 1:
            self._blocks = [np.concatenate(self._blocks)]
        return self._blocks[0]

    def _time(self, position: float) -> int:
        return self._start_unix_ns + round(position * NS / self._sample_rate_hz)

    def _times(self, position: VoltArray) -> TimeArray:
        return self._start_unix_ns + np.rint(position * (NS / self._sample_rate_hz)).astype(np.int64)
