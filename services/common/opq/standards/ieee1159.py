"""Sags, swells, interruptions, under- and overvoltages from Urms(1/2) (IEEE 1159-2019, table 2; limits as in section 4).

One disturbance is one incident: from where the voltage leaves 0.9 to 1.1 pu until it is back by the hysteresis, whatever
bands it crosses in between.
"""

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.incidents import DurationClass, IncidentClass
from opq.model.waveforms import VoltArray
from opq.signal.segments import HalfCycleSeries
from opq.standards.runs import runs_beyond

STANDARD = "IEEE 1159-2019"
CLAUSE = "Table 2"

INSTANTANEOUS_CYCLES = 30
MOMENTARY_S = 3.0
TEMPORARY_S = 60.0
_EXACT_S = 1e-6
"""Durations this much beyond a limit are on it [s]: times are rounded to nanoseconds, and the limit belongs to the shorter
class."""
_DECIMALS = 9
"""Per-unit values are rounded to this many places, so that a value on a limit is on it."""

_RAMP = 3
"""Half cycles before and after a threshold is passed in which a step shows whole."""

SWELL_HIGHEST_PU = {
    DurationClass.INSTANTANEOUS: 1.8,
    DurationClass.MOMENTARY: 1.4,
    DurationClass.TEMPORARY: 1.2,
    DurationClass.SUSTAINED: 1.2,
}
UNDERVOLTAGE_LOWEST_PU = 0.8


class Direction(Enum):
    """Which way the voltage went."""

    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Where a disturbance begins and ends, over Udin."""

    sag_pu: float = 0.9
    swell_pu: float = 1.1
    interruption_pu: float = 0.1
    hysteresis_pu: float = 0.02
    """A disturbance ends when the voltage is back by this beyond its threshold (IEC 61000-4-30, 5.4; M)."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One excursion of the voltage, and what it is called.

    Attributes
    ----------
    extreme_pu : float
        Lowest or highest Urms(1/2) inside, over Udin.
    extreme_unix_ns : int
        When that was [ns since the epoch].
    interruption_unix_ns : tuple of int, or None
        First and last moment under the interruption threshold (with hysteresis), if there was any.
    open_start, open_end : bool
        It touches the beginning or end of the record.
    """

    direction: Direction
    start_unix_ns: int
    end_unix_ns: int
    extreme_pu: float
    extreme_unix_ns: int
    interruption_unix_ns: tuple[int, int] | None
    open_start: bool
    open_end: bool

    @property
    def duration_s(self) -> float:
        """Duration of the whole excursion [s]."""
        return (self.end_unix_ns - self.start_unix_ns) / NS

    @property
    def interruption_s(self) -> float:
        """Duration of the interruption in it [s]."""
        if self.interruption_unix_ns is None:
            return 0.0
        first, last = self.interruption_unix_ns
        return (last - first) / NS

    @property
    def deciding_s(self) -> float:
        """Duration that decides the class [s]: an interruption is as long as there is no voltage."""
        return self.interruption_s if self.interruption_unix_ns else self.duration_s


@dataclass(frozen=True, slots=True)
class Category:
    """A row of the table.

    Attributes
    ----------
    outside_table : bool
        Duration and direction are those of the row, the magnitude is not (1.3 pu for 10 s).
    lowest_pu, highest_pu : float
        The row's magnitudes.
    """

    incident_class: IncidentClass
    duration_class: DurationClass
    outside_table: bool
    lowest_pu: float
    highest_pu: float


def find_disturbances(
    series: HalfCycleSeries, nominal: Nominal, thresholds: Thresholds | None = None
) -> list[Disturbance]:
    """Find all excursions in a record, oldest first.

    A sag followed by a swell are two, even without a normal value between them; a sag with an interruption in it is one.
    """
    limits = thresholds or Thresholds()
    u_pu = np.round(series.u_rms_half_v / nominal.u_din_v, _DECIMALS)
    low = _runs_below(u_pu, limits.sag_pu, limits.hysteresis_pu)
    high = runs_beyond(u_pu, limits.swell_pu, round(limits.swell_pu - limits.hysteresis_pu, _DECIMALS))
    found = [_low(series, u_pu, run, limits) for run in low]
    found += [_disturbance(series, u_pu, run, Direction.HIGH) for run in high]
    return sorted(found, key=lambda disturbance: disturbance.start_unix_ns)


def join(earlier: Disturbance, later: Disturbance) -> Disturbance:
    """Join the two parts of a disturbance that two records cut apart."""
    worst = min if earlier.direction is Direction.LOW else max
    extreme = worst(earlier, later, key=lambda part: part.extreme_pu)
    spans = [part.interruption_unix_ns for part in (earlier, later) if part.interruption_unix_ns]
    return replace(
        earlier,
        end_unix_ns=later.end_unix_ns,
        extreme_pu=extreme.extreme_pu,
        extreme_unix_ns=extreme.extreme_unix_ns,
        interruption_unix_ns=(spans[0][0], spans[-1][1]) if spans else None,
        open_end=later.open_end,
    )


def categorize(disturbance: Disturbance, nominal: Nominal) -> Category:
    """Name the row of IEEE 1159-2019 table 2 that a disturbance belongs to; every disturbance belongs to one.

    Up to 30 cycles (of nominal frequency) is instantaneous, up to 3 s momentary, up to 60 s temporary, each limit
    included; interruptions have no instantaneous class.
    """
    duration = duration_class(disturbance.deciding_s, nominal.f_hz)
    extreme = disturbance.extreme_pu
    if disturbance.interruption_unix_ns:
        if duration is DurationClass.INSTANTANEOUS:
            duration = DurationClass.MOMENTARY
        return Category(IncidentClass.VOLTAGE_INTERRUPTION, duration, False, 0.0, 0.1)
    sustained = duration is DurationClass.SUSTAINED
    if disturbance.direction is Direction.LOW:
        kind = IncidentClass.UNDERVOLTAGE if sustained else IncidentClass.VOLTAGE_SAG
        lowest = UNDERVOLTAGE_LOWEST_PU if sustained else 0.1
        return Category(kind, duration, extreme < lowest, lowest, 0.9)
    kind = IncidentClass.OVERVOLTAGE if sustained else IncidentClass.VOLTAGE_SWELL
    highest = SWELL_HIGHEST_PU[duration]
    return Category(kind, duration, extreme > highest, 1.1, highest)


def duration_class(duration_s: float, f_hz: float) -> DurationClass:
    """Return the duration class of a sag or swell; exactly on a limit is the shorter class."""
    if duration_s <= INSTANTANEOUS_CYCLES / f_hz + _EXACT_S:
        return DurationClass.INSTANTANEOUS
    if duration_s <= MOMENTARY_S + _EXACT_S:
        return DurationClass.MOMENTARY
    if duration_s <= TEMPORARY_S + _EXACT_S:
        return DurationClass.TEMPORARY
    return DurationClass.SUSTAINED


def _runs_below(u_pu: VoltArray, threshold: float, hysteresis: float) -> list[slice]:
    return runs_beyond(-u_pu, -threshold, -round(threshold + hysteresis, _DECIMALS))


def _low(series: HalfCycleSeries, u_pu: VoltArray, run: slice, limits: Thresholds) -> Disturbance:
    """Make the disturbance of a run of low values, with the interruption in it if there is one."""
    whole = _disturbance(series, u_pu, run, Direction.LOW)
    dead = _runs_below(u_pu[run], limits.interruption_pu, limits.hysteresis_pu)
    if not dead:
        return whole
    first, last = run.start + dead[0].start, run.start + dead[-1].stop - 1
    begin = max(whole.start_unix_ns, _step_unix_ns(series, u_pu, first, 1))
    end = min(whole.end_unix_ns, _step_unix_ns(series, u_pu, last, -1))
    return replace(whole, interruption_unix_ns=(begin, max(begin, end)))


def _disturbance(series: HalfCycleSeries, u_pu: VoltArray, run: slice, direction: Direction) -> Disturbance:
    """Make the disturbance of a run of values."""
    extreme = run.start + int(u_pu[run].argmin() if direction is Direction.LOW else u_pu[run].argmax())
    start_unix_ns = _step_unix_ns(series, u_pu, run.start, 1)
    return Disturbance(
        direction=direction,
        start_unix_ns=start_unix_ns,
        end_unix_ns=max(start_unix_ns + 1, _step_unix_ns(series, u_pu, run.stop - 1, -1)),
        extreme_pu=float(u_pu[extreme]),
        extreme_unix_ns=int((series.start_unix_ns[extreme] + series.end_unix_ns[extreme]) // 2),
        interruption_unix_ns=None,
        open_start=run.start == 0,
        open_end=run.stop == len(u_pu),
    )


def _step_unix_ns(series: HalfCycleSeries, u_pu: VoltArray, edge: int, inward: int) -> int:
    """Return when the voltage stepped, at the first (`inward` 1) or last (-1) value of a run [ns since the epoch].

    The mean square over a cycle takes a cycle to follow a step, and is half way when its middle is at the step. Where the
    threshold is passed depends on the depth, by up to half a cycle; the half way does not.
    """
    cell = int(series.start_unix_ns[edge] if inward > 0 else series.end_unix_ns[edge])
    rows = edge + inward * np.arange(-_RAMP, _RAMP)
    if rows.min() < 0 or rows.max() >= len(u_pu):
        return cell
    square = np.square(u_pu[rows])
    outside, inside = square[0], square[_RAMP:][np.abs(square[_RAMP:] - square[0]).argmax()]
    share = (square - outside) / (inside - outside) if inside != outside else np.zeros(len(rows))
    passed = np.flatnonzero((share[:-1] < 0.5) & (share[1:] >= 0.5))
    if not len(passed):
        return cell
    at = int(passed[0])
    middle = (series.start_unix_ns[rows[at : at + 2]] + series.end_unix_ns[rows[at : at + 2]]) // 2
    place = (0.5 - share[at]) / (share[at + 1] - share[at])
    return int(middle[0]) + round(float(place) * int(middle[1] - middle[0]))
