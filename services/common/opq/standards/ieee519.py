"""Voltage distortion limits of IEEE 519-2022, table 1 (M)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.waveforms import VoltArray
from opq.signal.spectrum import HIGHEST_ORDER, share_pct, total_distortion_pct
from opq.standards.compliance import Check, Compliance, check

STANDARD = "IEEE 519-2022"
DAY_NS = 86_400 * NS
WEEK_S = 7 * 86_400.0
DAILY_FACTOR = 1.5
"""The 99th percentile of a day's 3-s values stays below so many times the limit; the 95th of a week's 10-min values below it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a voltage level [% of the fundamental]."""

    up_to_v: float
    single_pct: float
    thd_pct: float


LEVELS = (Limits(1e3, 5.0, 8.0), Limits(69e3, 3.0, 5.0), Limits(161e3, 1.5, 2.5), Limits(np.inf, 1.0, 1.5))


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """What the verdict is made of; flagged intervals left out.

    Attributes
    ----------
    duration_s : float
        Length of the recording [s].
    short_start_unix_ns : (n,) int64
        Start of each 3-s interval [ns since the epoch].
    short_v, long_v : (n, 50) and (m, 50) float64
        Harmonic subgroups of 3 s (15 windows of 12 cycles) and of 10 minutes [V].
    """

    duration_s: float
    short_start_unix_ns: npt.NDArray[np.int64]
    short_v: VoltArray
    long_v: VoltArray


def limits_for(u_din_v: float) -> Limits:
    """Return the limits at a declared voltage [V]."""
    return next(limits for limits in LEVELS if u_din_v <= limits.up_to_v)


def judge(week: Week, u_din_v: float) -> Compliance:
    """Judge the total and every single harmonic, each day and over the week."""
    limits = limits_for(u_din_v)
    checks: list[Check] = []
    day = week.short_start_unix_ns // DAY_NS
    for number in np.unique(day):
        rows = week.short_v[day == number]
        date = str(np.datetime64(int(number), "D"))
        checks += _total_and_worst(rows, limits, DAILY_FACTOR, 99, f"3 s, {date}")
    checks += _total_and_worst(week.long_v, limits, 1.0, 95, "10 min")
    return Compliance(STANDARD, tuple(checks), week.duration_s >= WEEK_S, {})


def _total_and_worst(
    harmonics_v: VoltArray, limits: Limits, factor: float, required_pct: float, what: str
) -> list[Check]:
    """Judge the total and the single harmonics of one set of intervals; of those, the ones beyond, else the nearest to it."""
    if not len(harmonics_v):
        return []
    clause = "table 1 (M)"
    thd = check(
        f"THD, {what}", "%", clause, total_distortion_pct(harmonics_v), (-np.inf, factor * limits.thd_pct), required_pct
    )
    singles = [
        check(
            f"harmonic {order}, {what}",
            "%",
            clause,
            share_pct(harmonics_v[:, order - 1], harmonics_v[:, 0]),
            (-np.inf, factor * limits.single_pct),
            required_pct,
        )[0]
        for order in range(2, HIGHEST_ORDER + 1)
    ]
    beyond = [single for single in singles if not single.passed]
    return [*thd, *(beyond or [max(singles, key=lambda single: single.percentiles[-1])])]
