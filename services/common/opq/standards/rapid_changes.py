"""Rapid voltage changes: from one steady voltage to another without leaving 0.9 to 1.1 pu (IEC 61000-4-30, 5.11; M)."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.segments import HalfCycleSeries
from opq.standards.runs import runs_beyond

STANDARD = "IEC 61000-4-30"
CLAUSE = "5.11 rapid voltage changes"


@dataclass(frozen=True, slots=True)
class RapidChangeLimits:
    """When a change is rapid, and when a dip or swell takes its place; all over Udin."""

    threshold_pu: float = 0.05
    """Deviation from the mean of the last second; 0.01 to 0.06 are usual."""
    hysteresis_share: float = 0.5
    """The voltage is steady again within the threshold less this share of it."""
    sag_pu: float = 0.9
    swell_pu: float = 1.1


@dataclass(frozen=True, slots=True)
class RapidChange:
    """One rapid voltage change.

    Attributes
    ----------
    start_unix_ns, end_unix_ns : int
        From the first value that was not steady to the first of the next steady second [ns since the epoch].
    largest_pu : float
        dUmax: the farthest value between from the mean before, over Udin; negative downward.
    steady_pu : float
        dUss: the steady voltage after less the one before, over Udin.
    before_pu : float
        The steady voltage before, over Udin.
    extreme_unix_ns : int
        Time of the farthest value [ns since the epoch].
    open_end : bool
        The record ended before the voltage was steady again.
    """

    start_unix_ns: int
    end_unix_ns: int
    largest_pu: float
    steady_pu: float
    before_pu: float
    extreme_unix_ns: int
    open_start: bool
    open_end: bool

    @property
    def duration_s(self) -> float:
        """From steady to steady [s]."""
        return (self.end_unix_ns - self.start_unix_ns) / NS


def find_rapid_changes(
    series: HalfCycleSeries, nominal: Nominal, limits: RapidChangeLimits | None = None
) -> list[RapidChange]:
    """Find all rapid voltage changes in a record, oldest first; the record must begin with a steady second to show one.

    Steady is the voltage when all Urms(1/2) of the last second (100 or 120 values) are within the threshold of their mean.
    What contains a sag, swell or interruption is not a rapid change.
    """
    limits = limits or RapidChangeLimits()
    length = round(2 * nominal.f_hz)
    u_pu = series.u_rms_half_v / nominal.u_din_v
    if len(u_pu) <= length:
        return []
    mean, deviation = last_second(u_pu, length)
    ends_at = limits.threshold_pu * (1 - limits.hysteresis_share)
    # A record may begin in the middle of a change: what was before is known only after a second that is surely steady.
    known = int((deviation <= ends_at).argmax()) if (deviation <= ends_at).any() else len(deviation)
    found = []
    for run in runs_beyond(deviation, limits.threshold_pu, ends_at):
        if run.start <= known:
            continue
        # Rows of `deviation` are seconds that end at a value; the steady second after a change is not part of it.
        first, settled = run.start + length - 1, run.stop
        inside = u_pu[first : max(settled, first + 1)]
        if inside.min() < limits.sag_pu or inside.max() > limits.swell_pu:
            continue
        before, is_open = float(mean[run.start - 1]), run.stop == len(deviation)
        after = float(u_pu[-length:].mean() if is_open else mean[run.stop])
        if not limits.sag_pu <= before <= limits.swell_pu or not limits.sag_pu <= after <= limits.swell_pu:
            continue
        farthest = int(np.abs(inside - before).argmax())
        largest = float(inside[farthest] - before)
        found.append(
            RapidChange(
                start_unix_ns=int(series.start_unix_ns[first]),
                end_unix_ns=int(series.end_unix_ns[max(settled, first + 1) - 1]),
                largest_pu=max(largest, after - before, key=abs),
                steady_pu=after - before,
                before_pu=before,
                extreme_unix_ns=int(series.start_unix_ns[first + farthest] + series.end_unix_ns[first + farthest]) // 2,
                open_start=False,
                open_end=is_open,
            )
        )
    return found


def join(earlier: RapidChange, later: RapidChange) -> RapidChange:
    """Join what two records both show of one change."""
    farther = max(earlier, later, key=lambda part: abs(part.largest_pu))
    return replace(
        farther,
        start_unix_ns=earlier.start_unix_ns,
        end_unix_ns=max(earlier.end_unix_ns, later.end_unix_ns),
        before_pu=earlier.before_pu,
        steady_pu=later.before_pu + later.steady_pu - earlier.before_pu,
        open_start=earlier.open_start,
        open_end=later.open_end,
    )


def last_second(u_pu: VoltArray, length: int) -> tuple[VoltArray, VoltArray]:
    """Return mean and largest deviation from it of the `length` values that end at each value from the first full second on."""
    origin = (length - 1) // 2
    whole = slice(length - 1, None)
    total = np.concatenate([[0.0], np.cumsum(u_pu)])
    mean = (total[length:] - total[:-length]) / length
    high = maximum_filter1d(u_pu, length, origin=origin)[whole]
    low = minimum_filter1d(u_pu, length, origin=origin)[whole]
    return mean, np.maximum(high - mean, mean - low)
