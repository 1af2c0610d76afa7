"""EN 50160, every band and every cell of its tables, at and around the edges."""

import itertools

import numpy as np
import pytest

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.standards.compliance import Check, Compliance
from opq.standards.en50160 import HARMONIC_LIMITS_PCT, WEEK_S, Week, judge
from opq.standards.ieee1159 import Direction, Disturbance

EU = Nominal(230, 50)
LIMITS_PCT = {
    2: 2.0,
    3: 5.0,
    4: 1.0,
    5: 6.0,
    6: 0.5,
    7: 5.0,
    8: 0.5,
    9: 1.5,
    10: 0.5,
    11: 3.5,
    12: 0.5,
    13: 3.0,
    14: 0.5,
    15: 0.5,
    16: 0.5,
    17: 2.0,
    18: 0.5,
    19: 1.5,
    20: 0.5,
    21: 0.5,
    22: 0.5,
    23: 1.5,
    24: 0.5,
    25: 1.5,
}
"""Table 1 of the standard, written down again."""


def spectrum(count: int = 100, **percent: float) -> np.ndarray:
    """(count, 50) subgroups; ``h5=6`` sets order 5 to 6 % of the fundamental."""
    rows = np.zeros((count, 50))
    rows[:, 0] = 200.0
    for name, value in percent.items():
        rows[:, int(name[1:]) - 1] = 2 * value
    return rows


def week(
    *,
    f_hz: np.ndarray | None = None,
    u_pu: np.ndarray | None = None,
    harmonics_v: np.ndarray | None = None,
    plt: np.ndarray | None = None,
    disturbances: list[Disturbance] | None = None,
    duration_s: float = WEEK_S,
) -> Week:
    return Week(
        duration_s,
        np.empty(0) if f_hz is None else f_hz,
        230 * (np.empty(0) if u_pu is None else u_pu),
        np.empty((0, 50)) if harmonics_v is None else harmonics_v,
        np.empty(0) if plt is None else plt,
        disturbances or [],
    )


def one(verdict: Compliance, quantity: str, required_pct: float = 95) -> Check:
    (found,) = (each for each in verdict.checks if each.quantity == quantity and each.required_pct == required_pct)
    return found


def mixed(usual: float, other: float, others: int, count: int = 1000) -> np.ndarray:
    return np.array([usual] * (count - others) + [other] * others)


@pytest.mark.parametrize(
    ("f_hz", "others", "usual_passed", "always_passed"),
    [
        (49.5, 1000, True, True),
        (50.5, 1000, True, True),
        (49.4999, 5, True, True),
        (49.4999, 6, False, True),
        (50.5001, 6, False, True),
        (47.0, 6, False, True),
        (52.0, 5, True, True),
        (46.9999, 1, True, False),
        (52.0001, 1, True, False),
    ],
)
def test_synchronous_frequency_is_within_1_percent_for_99_5_percent_and_within_47_to_52_hz_always(
    f_hz: float, others: int, usual_passed: bool, always_passed: bool
) -> None:
    verdict = judge(week(f_hz=mixed(50.0, f_hz, others)), EU)
    assert one(verdict, "frequency", 99.5).passed is usual_passed
    assert one(verdict, "frequency", 100).passed is always_passed
    assert verdict.passed is (usual_passed and always_passed)


@pytest.mark.parametrize(
    ("f_hz", "others", "usual_passed", "always_passed"),
    [
        (49.0, 1000, True, True),
        (51.0, 1000, True, True),
        (48.9999, 50, True, True),
        (48.9999, 51, False, True),
        (42.5, 50, True, True),
        (57.5, 50, True, True),
        (42.4999, 1, True, False),
        (57.5001, 1, True, False),
    ],
)
def test_on_an_island_the_frequency_is_within_2_percent_for_95_percent_and_within_15_percent_always(
    f_hz: float, others: int, usual_passed: bool, always_passed: bool
) -> None:
    verdict = judge(week(f_hz=mixed(50.0, f_hz, others)), EU, island=True)
    assert one(verdict, "frequency", 95).passed is usual_passed
    assert one(verdict, "frequency", 100).passed is always_passed


@pytest.mark.parametrize(
    ("u_pu", "others", "usual_passed", "always_passed"),
    [
        (0.9, 1000, True, True),
        (1.1, 1000, True, True),
        (0.8999, 50, True, True),
        (0.8999, 51, False, True),
        (0.85, 50, True, True),
        (0.8499, 1, True, False),
        (1.1001, 1, True, False),
        (1.1001, 51, False, False),
    ],
)
def test_voltage_is_within_10_percent_for_95_percent_and_above_85_percent_always(
    u_pu: float, others: int, usual_passed: bool, always_passed: bool
) -> None:
    verdict = judge(week(u_pu=mixed(1.0, u_pu, others)), EU)
    assert one(verdict, "voltage", 95).passed is usual_passed
    assert one(verdict, "voltage", 100).passed is always_passed


@pytest.mark.parametrize(("plt", "passed"), [(1.0, True), (1.0001, False)])
def test_plt_is_no_more_than_1(plt: float, passed: bool) -> None:
    assert one(judge(week(plt=np.full(84, plt)), EU), "Plt").passed is passed


def test_the_limits_of_harmonics_are_those_of_the_table() -> None:
    assert HARMONIC_LIMITS_PCT == LIMITS_PCT


@pytest.mark.parametrize("order", sorted(LIMITS_PCT))
def test_each_harmonic_is_within_its_limit_for_95_percent(order: int) -> None:
    limit = LIMITS_PCT[order]
    name = f"harmonic {order}"
    assert one(judge(week(harmonics_v=spectrum(**{f"h{order}": limit})), EU), name).passed
    above = spectrum(**{f"h{order}": limit + 0.01})
    assert not one(judge(week(harmonics_v=above), EU), name).passed
    few = np.concatenate([spectrum(95), above[:5]])
    assert one(judge(week(harmonics_v=few), EU), name).passed
    many = np.concatenate([spectrum(94), above[:6]])
    verdict = judge(week(harmonics_v=many), EU)
    assert [each.quantity for each in verdict.failed] == [name]


@pytest.mark.parametrize(("last", "passed"), [(40, False), (41, True)])
def test_total_distortion_goes_to_order_40(last: int, passed: bool) -> None:
    verdict = judge(week(harmonics_v=spectrum(**{f"h{last}": 8.1})), EU)
    assert one(verdict, "THD to order 40").passed is passed


def test_total_distortion_is_no_more_than_8_percent() -> None:
    assert one(judge(week(harmonics_v=spectrum(h5=8.0)), EU), "THD to order 40").passed
    assert not one(judge(week(harmonics_v=spectrum(h5=6.0, h7=5.3)), EU), "THD to order 40").passed


@pytest.mark.parametrize(("duration_s", "whole"), [(WEEK_S, True), (WEEK_S - 1, False)])
def test_less_than_a_week_is_indicative(duration_s: float, whole: bool) -> None:
    assert judge(week(duration_s=duration_s), EU).whole is whole


def disturbance(pu: float, duration_s: float, direction: Direction | None = None) -> Disturbance:
    direction = direction or (Direction.LOW if pu < 1 else Direction.HIGH)
    return Disturbance(direction, NS, NS + round(duration_s * NS), pu, NS, None, False, False)


def cells(table: str, pu: float, duration_s: float, nominal: Nominal = EU) -> list[tuple[int, int]]:
    """Return row and column where a disturbance was counted."""
    verdict = judge(week(disturbances=[disturbance(pu, duration_s)]), nominal)
    other = "swells" if table == "dips" else "dips"
    assert not np.any(verdict.tables[other])
    return [(int(row), int(column)) for row, column in np.argwhere(np.array(verdict.tables[table]))]


DIP_ROWS = [(0.8999, 0.8), (0.7999, 0.7), (0.6999, 0.4), (0.3999, 0.05), (0.0499, 0.0)]
"""Highest and lowest residual voltage of each row."""
DIP_COLUMNS = [(0.01, 0.2), (0.2001, 0.5), (0.5001, 1.0), (1.0001, 5.0), (5.0001, 60.0)]
SWELL_ROWS = [(9.0, 1.2), (1.1999, 1.1001)]
SWELL_COLUMNS = [(0.01, 0.5), (0.5001, 5.0), (5.0001, 60.0)]


@pytest.mark.parametrize("cell", list(itertools.product(range(5), range(5))))
def test_each_cell_of_the_dip_table_reaches_from_edge_to_edge(cell: tuple[int, int]) -> None:
    for pu in DIP_ROWS[cell[0]]:
        for duration_s in DIP_COLUMNS[cell[1]]:
            assert cells("dips", pu, duration_s) == [cell]


@pytest.mark.parametrize("cell", list(itertools.product(range(2), range(3))))
def test_each_cell_of_the_swell_table_reaches_from_edge_to_edge(cell: tuple[int, int]) -> None:
    for pu in SWELL_ROWS[cell[0]]:
        for duration_s in SWELL_COLUMNS[cell[1]]:
            assert cells("swells", pu, duration_s) == [cell]


@pytest.mark.parametrize(("table", "pu"), [("dips", 0.5), ("swells", 1.3)])
def test_what_is_longer_than_a_minute_or_shorter_than_half_a_cycle_is_in_no_cell(table: str, pu: float) -> None:
    assert cells(table, pu, 60.001) == []
    assert cells(table, pu, 0.008) == []


def test_half_a_cycle_above_nominal_frequency_is_in_the_first_column() -> None:
    assert cells("dips", 0.85, 0.5 / 50.2) == [(0, 0)]
    assert cells("dips", 0.85, 0.5 / 57.5) == [(0, 0)]
    assert cells("dips", 0.85, 0.5 / 60.05, Nominal(120, 60)) == [(0, 0)]


def test_a_rounded_nanosecond_does_not_move_a_disturbance_to_the_next_column() -> None:
    assert cells("dips", 0.5, 0.2 + 1e-9) == [(2, 0)]
    assert cells("swells", 1.3, 60 + 1e-9) == [(0, 2)]


def test_disturbances_are_counted_each_once() -> None:
    found = [disturbance(0.85, 0.1), disturbance(0.82, 0.15), disturbance(0.5, 0.3), disturbance(1.15, 0.1)]
    tables = judge(week(disturbances=found), EU).tables
    assert tables["dips"][0][0] == 2
    assert tables["dips"][2][1] == 1
    assert np.sum(tables["dips"]) == 3
    assert np.sum(tables["swells"]) == 1
