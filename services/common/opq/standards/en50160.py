"""The week of EN 50160:2010 for low voltage, clause 4.

Limits marked (M) in `HARMONIC_LIMITS_PCT` and for Plt are agreed between secondary sources; the rest was read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.spectrum import share_pct, total_distortion_pct
from opq.standards.compliance import Check, Compliance, check
from opq.standards.ieee1159 import Direction, Disturbance

STANDARD = "EN 50160"
WEEK_S = 7 * 86_400.0
HARMONIC_LIMITS_PCT = {
    3: 5.0,
    5: 6.0,
    7: 5.0,
    9: 1.5,
    11: 3.5,
    13: 3.0,
    15: 0.5,
    17: 2.0,
    19: 1.5,
    21: 0.5,
    23: 1.5,
    25: 1.5,
    2: 2.0,
    4: 1.0,
    **dict.fromkeys(range(6, 25, 2), 0.5),
}
"""95 % of the 10-minute means of each harmonic over the fundamental stay below (table 1, M) [%]."""
THD_ORDER = 40
DIP_ROWS_PU = (0.9, 0.8, 0.7, 0.4, 0.05, 0.0)
"""Edges of the residual voltages of the dip table, over Udin: 90 > u >= 80 and so on, the last 5 > u."""
DIP_COLUMNS_S = (0.01, 0.2, 0.5, 1.0, 5.0, 60.0)
SWELL_ROWS_PU = (1.2, 1.1)
"""u >= 120, 120 > u > 110."""
SWELL_COLUMNS_S = (0.01, 0.5, 5.0, 60.0)
_HIGHEST_SHARE = 1.15
"""The tables begin with half a cycle, 10 ms; at the highest frequency of clause 4.2.1 half a cycle is shorter by so much."""
_EXACT_S = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """What a week's verdict is made of; shorter times give an indicative one.

    Attributes
    ----------
    duration_s : float
        Length of the recording [s].
    f_hz : (n,) float64
        10-second frequencies [Hz].
    u_rms_v : (m,) float64
        Unflagged 10-minute rms voltages [V].
    harmonics_v : (m, 50) float64
        Unflagged 10-minute harmonic subgroups [V].
    plt : (k,) float64
        Long-term severities [1].
    disturbances : sequence of Disturbance
        Dips and swells by Urms(1/2).
    """

    duration_s: float
    f_hz: VoltArray
    u_rms_v: VoltArray
    harmonics_v: VoltArray
    plt: VoltArray
    disturbances: Sequence[Disturbance]


def judge(week: Week, nominal: Nominal, *, island: bool = False) -> Compliance:
    """Judge a week.

    Parameters
    ----------
    island : bool
        No synchronous connection to an interconnected system: wider bands for the frequency.
    """
    checks = [*_frequency(week.f_hz, nominal.f_hz, island), *_voltage(week.u_rms_v / nominal.u_din_v)]
    checks += check("Plt", "1", "4.2.4 (M)", week.plt, (-np.inf, 1.0), 95)
    fundamental = week.harmonics_v[:, :1]
    thd_pct = total_distortion_pct(week.harmonics_v, THD_ORDER)
    checks += check("THD to order 40", "%", "4.2.5", thd_pct, (-np.inf, 8.0), 95)
    for order, limit_pct in sorted(HARMONIC_LIMITS_PCT.items()):
        share = share_pct(week.harmonics_v[:, order - 1], fundamental[:, 0])
        checks += check(f"harmonic {order}", "%", "table 1 (M)", share, (-np.inf, limit_pct), 95)
    tables = {
        "dips": _table(week.disturbances, Direction.LOW, DIP_ROWS_PU, DIP_COLUMNS_S, nominal.f_hz),
        "swells": _table(week.disturbances, Direction.HIGH, (np.inf, *SWELL_ROWS_PU), SWELL_COLUMNS_S, nominal.f_hz),
    }
    return Compliance(STANDARD, tuple(checks), week.duration_s >= WEEK_S, tables)


def _frequency(f_hz: VoltArray, nominal_hz: float, island: bool) -> list[Check]:
    usual, always = ((0.98, 1.02), (0.85, 1.15)) if island else ((0.99, 1.01), (0.94, 1.04))
    share = 95.0 if island else 99.5
    found = []
    for band, required_pct in ((usual, share), (always, 100.0)):
        found += check("frequency", "Hz", "4.2.1", f_hz, (band[0] * nominal_hz, band[1] * nominal_hz), required_pct)
    return found


def _voltage(u_pu: VoltArray) -> list[Check]:
    return [
        *check("voltage", "pu", "4.2.2.2", u_pu, (0.9, 1.1), 95),
        *check("voltage", "pu", "4.2.2.2", u_pu, (0.85, 1.1), 100),
    ]


def _table(
    disturbances: Sequence[Disturbance],
    direction: Direction,
    rows: Sequence[float],
    columns: Sequence[float],
    f_hz: float,
) -> tuple[tuple[int, ...], ...]:
    """Count disturbances by magnitude (rows between edges that fall) and duration (columns between edges that rise)."""
    counts = np.zeros((len(rows) - 1, len(columns) - 1), np.int64)
    shortest_s = min(columns[0], 0.5 / (_HIGHEST_SHARE * f_hz))
    row_edges, column_edges = np.array(rows[1:-1]), np.array(columns[1:-1])
    for each in disturbances:
        if each.direction is direction and shortest_s - _EXACT_S <= each.duration_s <= columns[-1] + _EXACT_S:
            row = int((each.extreme_pu < row_edges).sum())
            counts[row, int(np.searchsorted(column_edges + _EXACT_S, each.duration_s))] += 1
    return tuple(tuple(int(count) for count in row) for row in counts)
