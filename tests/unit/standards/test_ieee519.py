"""IEEE 519-2022, table 1: levels, daily and weekly percentiles, single harmonics and the total."""

import numpy as np
import pytest

from opq.standards.ieee519 import DAY_NS, WEEK_S, Week, judge, limits_for


def spectrum(count: int, **percent: float) -> np.ndarray:
    rows = np.zeros((count, 50))
    rows[:, 0] = 100.0
    for name, value in percent.items():
        rows[:, int(name[1:]) - 1] = value
    return rows


def week(short_v: np.ndarray, long_v: np.ndarray, days: int = 1, duration_s: float = WEEK_S) -> Week:
    day = np.arange(len(short_v)) * days // max(len(short_v), 1)
    return Week(duration_s, 20_000 * DAY_NS + day * DAY_NS, short_v, long_v)


NONE = np.empty((0, 50))


@pytest.mark.parametrize(
    ("u_din_v", "single_pct", "thd_pct"),
    [
        (120, 5.0, 8.0),
        (1000, 5.0, 8.0),
        (1000.1, 3.0, 5.0),
        (69_000, 3.0, 5.0),
        (69_001, 1.5, 2.5),
        (161_000, 1.5, 2.5),
        (161_001, 1.0, 1.5),
        (500_000, 1.0, 1.5),
    ],
)
def test_limits_follow_the_voltage_level_and_an_edge_belongs_to_the_lower_one(
    u_din_v: float, single_pct: float, thd_pct: float
) -> None:
    limits = limits_for(u_din_v)
    assert (limits.single_pct, limits.thd_pct) == (single_pct, thd_pct)


@pytest.mark.parametrize(("percent", "others", "passed"), [(5.0, 100, True), (5.01, 5, True), (5.01, 6, False)])
def test_ten_minute_values_are_within_the_limit_for_95_percent_of_the_week(
    percent: float, others: int, passed: bool
) -> None:
    long_v = np.concatenate([spectrum(100 - others, h7=1), spectrum(others, h7=percent)])
    verdict = judge(week(NONE, long_v), 120)
    assert verdict.passed is passed
    assert [each.quantity for each in verdict.failed] == ([] if passed else ["harmonic 7, 10 min"])


@pytest.mark.parametrize(("percent", "others", "passed"), [(7.5, 1000, True), (7.51, 10, True), (7.51, 11, False)])
def test_three_second_values_are_within_one_and_a_half_times_the_limit_for_99_percent_of_a_day(
    percent: float, others: int, passed: bool
) -> None:
    short_v = np.concatenate([spectrum(1000 - others, h7=1), spectrum(others, h7=percent)])
    verdict = judge(week(short_v, NONE), 120)
    assert verdict.passed is passed
    assert [each.quantity for each in verdict.failed] == ([] if passed else ["harmonic 7, 3 s, 2024-10-04"])


def test_the_total_has_its_own_limits() -> None:
    eleven = {f"h{order}": 2.5 for order in range(2, 13)}  # 2.5 % * sqrt(11) = 8.29 %
    verdict = judge(week(spectrum(100, **eleven), spectrum(100, **eleven)), 120)
    assert [each.quantity for each in verdict.failed] == ["THD, 10 min"]
    more = {f"h{order}": 3.7 for order in range(2, 13)}  # 12.27 %, beyond 12 %
    verdict = judge(week(spectrum(100, **more), NONE), 120)
    assert [each.quantity for each in verdict.failed] == ["THD, 3 s, 2024-10-04"]


@pytest.mark.parametrize(("last", "passed"), [(50, False)])
def test_orders_to_50_count(last: int, passed: bool) -> None:
    assert judge(week(NONE, spectrum(10, **{f"h{last}": 5.1})), 120).passed is passed


def test_each_day_is_judged_by_itself() -> None:
    bad = spectrum(100, h5=9)
    short_v = np.concatenate([spectrum(100), bad, spectrum(100)])
    verdict = judge(week(short_v, NONE, days=3), 120)
    assert [each.quantity for each in verdict.failed] == ["harmonic 5, 3 s, 2024-10-05"]
    assert [each.quantity for each in verdict.checks if each.quantity.startswith("THD")] == [
        f"THD, 3 s, 2024-10-0{day}" for day in (4, 5, 6)
    ]


def test_of_single_harmonics_within_limits_the_nearest_to_its_limit_is_told() -> None:
    verdict = judge(week(NONE, spectrum(100, h3=2, h5=4, h11=1)), 120)
    assert [each.quantity for each in verdict.checks] == ["THD, 10 min", "harmonic 5, 10 min"]


def test_all_single_harmonics_beyond_are_told() -> None:
    verdict = judge(week(NONE, spectrum(100, h3=5.5, h5=5.5)), 120)
    assert [each.quantity for each in verdict.failed] == ["harmonic 3, 10 min", "harmonic 5, 10 min"]


def test_less_than_a_week_is_indicative_and_nothing_gives_no_checks() -> None:
    assert not judge(week(NONE, NONE, duration_s=WEEK_S - 1), 120).whole
    verdict = judge(week(NONE, NONE), 120)
    assert verdict.whole
    assert verdict.checks == ()
