"""The judgement whether a voltage stays inside a tolerance envelope, disturbance by disturbance.

An envelope limits for how long the voltage may be beyond each level. A disturbance whose depth changes is therefore judged
level by level: the time spent below 0.7 pu against the time allowed below 0.7 pu, and so on. For a rectangular one
that is the usual point in the duration-magnitude plane. On a line is inside.

What is allowed for 20 ms or less is judged within the cycle, everything longer from Urms(1/2) (M):

- below: from the rms over the half cycle around each sample, where Urms(1/2) says that there is a sag;
- above: from the longest time without a break that the instantaneous voltage is beyond the level's peak, or that the
  half-cycle rms is beyond the level, less the half cycle: what a short impulse does to an rms is not a swell.

Harmonics and noise of a normal voltage reach none of this: they neither bring Urms(1/2) under 0.9 pu nor keep the
instantaneous voltage above 1.2 times its nominal peak for 3 ms.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.segments import HalfCycleSeries, sliding_rms
from opq.standards.envelopes import Envelope, Level
from opq.standards.ieee1159 import Direction, Disturbance, Thresholds, find_disturbances
from opq.standards.runs import runs_beyond

RunArray = npt.NDArray[np.intp]

WITHIN_CYCLE_S = 0.02
"""Up to this allowed duration the voltage within the cycle is judged [s]."""
ON_LINE_PU = 0.0005
"""Values this close to a level are on it; the measurement is no better."""
_ON_LINE_S = 1e-6
_SHORT_CYCLES = 2
"""Above 1 pu, excursions shorter than this have the instantaneous peak as their magnitude: an rms would dilute it."""


@dataclass(frozen=True, slots=True)
class LevelTime:
    """A level of the envelope and the time [s] spent beyond it."""

    level: Level
    measured_s: float

    @property
    def broken(self) -> bool:
        """Whether it was longer than allowed."""
        return self.measured_s > self.level.allowed_s + _ON_LINE_S


@dataclass(frozen=True, slots=True)
class Excursion:
    """One disturbance as an envelope sees it.

    Attributes
    ----------
    extreme_pu : float
        Lowest or highest Urms(1/2) over Udin; above 1 pu and shorter than two cycles the instantaneous peak over the
        nominal one.
    of_peak : bool
        Whether it is that of the peak.
    times : tuple of LevelTime
        Time beyond each level of that side.
    """

    direction: Direction
    start_unix_ns: int
    end_unix_ns: int
    extreme_pu: float
    extreme_unix_ns: int
    of_peak: bool
    times: tuple[LevelTime, ...]
    open_start: bool
    open_end: bool

    @property
    def broken(self) -> tuple[LevelTime, ...]:
        """The levels passed for longer than allowed, farthest from 1 pu first; empty if the excursion is inside."""
        return tuple(time for time in self.times if time.broken)


def find_excursions(
    segment: VoltageSegment, series: HalfCycleSeries, nominal: Nominal, envelope: Envelope
) -> list[Excursion]:
    """Judge every disturbance of a record by an envelope, oldest first; most are inside and have nothing `broken`.

    `series` is Urms(1/2) of the same record.
    """
    if not len(series):
        return []
    outer = Thresholds(
        sag_pu=max([0.9, *(level.pu for level in envelope.lower_levels)]),
        swell_pu=min([1.1, *(level.pu for level in envelope.upper_levels)]),
    )
    disturbances = find_disturbances(series, nominal, outer)
    judge = _Judge(segment, series, nominal, envelope)
    found = []
    if envelope.lower:
        found += [judge.below(each) for each in disturbances if each.direction is Direction.LOW]
    if envelope.upper:
        found += judge.above([each for each in disturbances if each.direction is Direction.HIGH])
    return sorted(found, key=lambda excursion: excursion.start_unix_ns)


def join(earlier: Excursion, later: Excursion) -> Excursion:
    """Join the two parts of an excursion that two records cut apart; times below each level add up."""
    worst = min if earlier.direction is Direction.LOW else max
    extreme = worst(earlier, later, key=lambda part: part.extreme_pu)
    return replace(
        earlier,
        end_unix_ns=later.end_unix_ns,
        extreme_pu=extreme.extreme_pu,
        extreme_unix_ns=extreme.extreme_unix_ns,
        of_peak=extreme.of_peak,
        times=tuple(
            replace(first, measured_s=first.measured_s + second.measured_s)
            for first, second in zip(earlier.times, later.times, strict=True)
        ),
        open_end=later.open_end,
    )


class _Judge:
    """One record and one envelope."""

    def __init__(self, segment: VoltageSegment, series: HalfCycleSeries, nominal: Nominal, envelope: Envelope) -> None:
        self._segment = segment
        self._series = series
        self._envelope = envelope
        self._peak_v = math.sqrt(2) * nominal.u_din_v
        self._u_din_v = nominal.u_din_v
        self._u_pu = series.u_rms_half_v / nominal.u_din_v
        self._cell_s = (series.end_unix_ns - series.start_unix_ns) / NS
        self._half_cycle = float(np.median(self._cell_s)) * segment.sample_rate_hz

    def below(self, disturbance: Disturbance) -> Excursion:
        """Measure the time of a sag below each level of the envelope."""
        levels = self._envelope.lower_levels
        short = min((level.allowed_s for level in levels), default=math.inf) <= WITHIN_CYCLE_S
        within = self._around(disturbance) if short else np.empty(0)
        cells = self._cells(disturbance.start_unix_ns, disturbance.end_unix_ns)
        times = []
        for level in levels:
            limit = level.pu - ON_LINE_PU
            if level.allowed_s <= WITHIN_CYCLE_S:
                measured = int(np.count_nonzero(within < limit)) / self._segment.sample_rate_hz
            else:
                measured = float(self._cell_s[cells][self._u_pu[cells] < limit].sum())
            times.append(LevelTime(level, measured))
        return Excursion(
            direction=disturbance.direction,
            start_unix_ns=disturbance.start_unix_ns,
            end_unix_ns=disturbance.end_unix_ns,
            extreme_pu=disturbance.extreme_pu,
            extreme_unix_ns=disturbance.extreme_unix_ns,
            of_peak=False,
            times=tuple(times),
            open_start=disturbance.open_start,
            open_end=disturbance.open_end,
        )

    def above(self, swells: list[Disturbance]) -> list[Excursion]:
        """Measure the time above each level, of swells and of impulses that no rms shows."""
        short = [level for level in self._envelope.upper_levels if level.allowed_s <= WITHIN_CYCLE_S]
        spans = [self._samples(swell.start_unix_ns, swell.end_unix_ns) for swell in swells]
        beyond = self._beyond(short)
        spans += [(begin, end) for runs in beyond.values() for begin, end in runs.tolist()]
        merged = _merge(spans, round(2 * self._half_cycle))
        return [self._excursion(begin, end, beyond) for begin, end in merged]

    def _beyond(self, levels: list[Level]) -> dict[Level, RunArray]:
        """Find the (r, 2) begins and ends [sample] of times certainly beyond each level within the cycle, sorted."""
        beyond = {level: np.empty((0, 2), np.intp) for level in levels}
        highest = max(self._segment.volts.max(), -self._segment.volts.min()) / self._peak_v
        reached = [level for level in levels if highest > level.pu + ON_LINE_PU]
        if not reached:
            return beyond
        instantaneous = np.abs(self._segment.volts) / self._peak_v
        half_cycle = sliding_rms(instantaneous, self._half_cycle) * math.sqrt(2)
        for level in reached:
            limit = level.pu + ON_LINE_PU
            runs = runs_beyond(instantaneous, limit, limit) + self._narrowed(runs_beyond(half_cycle, limit, limit))
            beyond[level] = np.array(sorted((run.start, run.stop) for run in runs), np.intp).reshape(-1, 2)
        return beyond

    def _narrowed(self, runs: list[slice]) -> list[slice]:
        """Take the half cycle of the rms off runs of it; shorter ones may come from something that took no time."""
        half, rest = divmod(round(self._half_cycle), 2)
        narrowed = (slice(run.start + half, run.stop - half - rest) for run in runs)
        return [run for run in narrowed if run.stop > run.start]

    def _excursion(self, begin: int, end: int, beyond: dict[Level, RunArray]) -> Excursion:
        """Measure the excursion between two samples."""
        rate = self._segment.sample_rate_hz
        start_ns, end_ns = self._time(begin), self._time(end)
        cells = self._cells(start_ns, end_ns)
        times = []
        for level in self._envelope.upper_levels:
            if level in beyond:
                first, last = np.searchsorted(beyond[level][:, 0], [begin, end])
                measured = int(np.diff(beyond[level][first:last]).max(initial=0)) / rate
            else:
                measured = float(self._cell_s[cells][self._u_pu[cells] > level.pu + ON_LINE_PU].sum())
            times.append(LevelTime(level, measured))
        instantaneous = np.abs(self._segment.volts[begin:end]) / self._peak_v
        extreme_pu, extreme_ns = float(instantaneous.max()), self._time(begin + int(instantaneous.argmax()))
        of_peak = end - begin < _SHORT_CYCLES * 2 * self._half_cycle
        if not of_peak:
            cell = cells.start + int(self._u_pu[cells].argmax())
            extreme_pu = float(self._u_pu[cell])
            extreme_ns = int(self._series.start_unix_ns[cell] + self._series.end_unix_ns[cell]) // 2
        return Excursion(
            direction=Direction.HIGH,
            start_unix_ns=start_ns,
            end_unix_ns=end_ns,
            extreme_pu=extreme_pu,
            extreme_unix_ns=extreme_ns,
            of_peak=of_peak,
            times=tuple(times),
            open_start=start_ns <= self._series.start_unix_ns[0],
            open_end=end_ns >= self._series.end_unix_ns[-1],
        )

    def _around(self, disturbance: Disturbance) -> VoltArray:
        """Return the half-cycle rms over Udin at each sample of a disturbance and a cycle on both sides."""
        cycle = round(2 * self._half_cycle)
        begin, end = self._samples(disturbance.start_unix_ns, disturbance.end_unix_ns)
        volts = self._segment.volts[max(0, begin - 2 * cycle) : end + 2 * cycle]
        return sliding_rms(volts, self._half_cycle) / self._u_din_v

    def _cells(self, start_unix_ns: int, end_unix_ns: int) -> slice:
        """Return which half-cycle values have their middle in a span."""
        middle = (self._series.start_unix_ns + self._series.end_unix_ns) // 2
        first, last = np.searchsorted(middle, [start_unix_ns, end_unix_ns])
        return slice(int(first), int(last))

    def _samples(self, start_unix_ns: int, end_unix_ns: int) -> tuple[int, int]:
        """Return first sample and the sample after the last of a span."""
        rate, origin, count = self._segment.sample_rate_hz, self._segment.start_unix_ns, len(self._segment.volts)
        begin, end = (round((time - origin) * rate / NS) for time in (start_unix_ns, end_unix_ns))
        return max(0, min(begin, count - 1)), max(1, min(end, count))

    def _time(self, sample: int) -> int:
        """Return the time of a sample [ns since the epoch]."""
        return self._segment.start_unix_ns + round(sample * NS / self._segment.sample_rate_hz)


def _merge(spans: list[tuple[int, int]], gap: int) -> list[tuple[int, int]]:
    """Join spans [sample] that overlap or have at most `gap` between them."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
