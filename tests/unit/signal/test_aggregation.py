"""Aggregates: 3 s of 15 windows, 10 minutes and 2 hours of the clock, begun anew at ticks, complete or not, flagged or not."""

import numpy as np
import pytest

from opq.clock import NS
from opq.signal.aggregation import LONG_NS, SHORT_WINDOWS, TICK_NS, Aggregator, Intervals

WINDOW_NS = 200_000_000
T0 = 240_000 * LONG_NS
"""A moment in 2024 at which 10 minutes and 2 hours begin."""


def windows(
    count: int, start_unix_ns: int = T0, value: float | np.ndarray = 1.0, flagged: tuple[int, ...] = ()
) -> Intervals:
    """Return consecutive windows of 0.2 s."""
    start = start_unix_ns + WINDOW_NS * np.arange(count)
    flags = np.zeros(count, np.bool_)
    flags[list(flagged)] = True
    values = np.broadcast_to(np.asarray(value, np.float64), count)[:, None].copy()
    return Intervals(start, start + WINDOW_NS, flags, np.ones(count, np.bool_), values)


def aggregate(aggregator: Aggregator, *parts: Intervals) -> Intervals:
    done = [row for part in parts for row in aggregator.feed(part)]
    return Intervals.concatenate([Intervals.none(1), *done, *aggregator.finish()])


def test_three_seconds_are_fifteen_windows() -> None:
    found = aggregate(Aggregator(TICK_NS, SHORT_WINDOWS), windows(45))
    assert ((found.start_unix_ns - T0) / NS).tolist() == [0, 3, 6]
    assert ((found.end_unix_ns - found.start_unix_ns) / NS).tolist() == [3, 3, 3]
    assert found.complete.all()


def test_values_are_the_root_of_the_mean_of_squares() -> None:
    values = np.arange(1.0, 16.0)
    found = aggregate(Aggregator(TICK_NS, SHORT_WINDOWS), windows(15, value=values))
    assert found.values[0, 0] == pytest.approx(np.sqrt(np.mean(values**2)))


def test_what_is_left_of_fifteen_windows_is_there_but_not_complete() -> None:
    found = aggregate(Aggregator(TICK_NS, SHORT_WINDOWS), windows(20))
    assert found.complete.tolist() == [True, False]
    assert found.end_unix_ns[1] == T0 + 4 * NS


def test_three_seconds_begin_anew_at_each_ten_minutes() -> None:
    start = T0 + TICK_NS - 4 * NS
    found = aggregate(Aggregator(TICK_NS, SHORT_WINDOWS), windows(50, start))
    assert ((found.start_unix_ns - T0 - TICK_NS) / NS).tolist() == [-4, -1, 0, 3]
    assert found.complete.tolist() == [True, False, True, True]


def test_a_window_that_overlaps_the_tick_belongs_to_the_interval_in_which_it_begins() -> None:
    before = windows(5, T0 + TICK_NS - 900_000_000)
    after = windows(3000, T0 + TICK_NS + 5_000_000)
    found = aggregate(Aggregator(TICK_NS), before, after)
    assert found.start_unix_ns.tolist() == [T0 + TICK_NS - 900_000_000, T0 + TICK_NS + 5_000_000]
    assert found.end_unix_ns[0] > found.start_unix_ns[1]


def test_ten_minutes_are_all_windows_of_a_slot_of_the_clock() -> None:
    found = aggregate(Aggregator(TICK_NS), windows(9000, T0))
    assert found.start_unix_ns.tolist() == [T0, T0 + TICK_NS, T0 + 2 * TICK_NS]
    assert found.complete.tolist() == [True, True, True]


@pytest.mark.parametrize(("missing_s", "complete"), [(5.8, True), (6.4, False)])
def test_ten_minutes_with_up_to_6_seconds_missing_are_complete(missing_s: float, complete: bool) -> None:
    skip = round(missing_s / 0.2)
    found = aggregate(Aggregator(TICK_NS), windows(3000 - skip, T0 + skip * WINDOW_NS))
    assert found.complete.tolist() == [complete]


def test_two_hours_are_twelve_ten_minutes() -> None:
    ten = Aggregator(TICK_NS)
    rows = [*ten.feed(windows(36_000)), *ten.finish()]
    assert len(rows) == 12
    found = aggregate(Aggregator(LONG_NS), *rows)
    assert found.start_unix_ns.tolist() == [T0]
    assert found.complete.tolist() == [True]


def test_two_hours_of_which_ten_minutes_are_missing_are_not_complete() -> None:
    ten = Aggregator(TICK_NS)
    rows = [*ten.feed(windows(33_000)), *ten.finish()]
    found = aggregate(Aggregator(LONG_NS), *rows)
    assert found.complete.tolist() == [False]


def test_a_flagged_window_flags_every_aggregate_above_it_and_no_other() -> None:
    source = windows(6000, flagged=(20,))
    short = aggregate(Aggregator(TICK_NS, SHORT_WINDOWS), source)
    assert np.flatnonzero(short.flagged).tolist() == [1]
    ten = aggregate(Aggregator(TICK_NS), source)
    assert ten.flagged.tolist() == [True, False]
    long = aggregate(Aggregator(LONG_NS), ten)
    assert long.flagged.tolist() == [True]


def test_a_flagged_window_takes_part_in_the_values_all_the_same() -> None:
    values = np.array([2.0] * 14 + [0.0])
    found = aggregate(Aggregator(TICK_NS, SHORT_WINDOWS), windows(15, value=values, flagged=(14,)))
    assert found.values[0, 0] == pytest.approx(2 * np.sqrt(14 / 15))


def test_a_gap_of_hours_begins_a_new_interval() -> None:
    found = aggregate(Aggregator(TICK_NS), windows(10), windows(10, T0 + 5 * LONG_NS))
    assert found.start_unix_ns.tolist() == [T0, T0 + 5 * LONG_NS]
    assert not found.complete.any()


@pytest.mark.parametrize("most", [0, SHORT_WINDOWS])
@pytest.mark.parametrize("block", [1, 7, 15, 16, 1000])
def test_any_blocks_give_the_same_aggregates(most: int, block: int) -> None:
    source = windows(
        6100, T0 + TICK_NS - 91 * NS, value=np.random.default_rng(3).uniform(0, 2, 6100), flagged=(77, 3000)
    )
    whole = aggregate(Aggregator(TICK_NS, most), source)
    parts = aggregate(Aggregator(TICK_NS, most), *(source[at : at + block] for at in range(0, len(source), block)))
    for name in ("start_unix_ns", "end_unix_ns", "flagged", "complete"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    np.testing.assert_allclose(parts.values, whole.values)


def test_nothing_gives_nothing() -> None:
    aggregator = Aggregator(TICK_NS)
    assert aggregator.feed(Intervals.none(1)) == []
    assert aggregator.finish() == []
