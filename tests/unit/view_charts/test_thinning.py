import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opq_view.charts.thinning import MAX_POINTS, break_at_gaps, thin, thin_pieces


@given(st.integers(1, 50_000), st.integers(0, 2**32 - 1), st.integers(4, 2000))
def test_a_thinned_line_is_bounded_and_keeps_its_least_and_greatest_value(count: int, seed: int, points: int) -> None:
    values = np.random.default_rng(seed).standard_normal(count)
    time, kept = thin(np.arange(count, dtype=np.float64), values, points)
    assert len(kept) <= points
    assert (kept.min(), kept.max()) == (values.min(), values.max())
    assert np.all(np.diff(time) > 0)
    assert np.array_equal(values[time.astype(int)], kept)


def test_a_single_deep_sample_among_a_million_survives() -> None:
    values = np.sin(np.arange(1_000_000) / 30)
    values[654_321] = -7.0
    time, kept = thin(np.arange(1_000_000, dtype=np.float64), values)
    assert time[np.argmin(kept)] == 654_321


def test_pieces_are_joined_with_a_break_between_them() -> None:
    pieces = [(np.array([0.0, 1.0]), np.array([5.0, 6.0])), (np.array([9.0, 10.0]), np.array([7.0, 8.0]))]
    time, values = thin_pieces(pieces)
    assert np.array_equal(values, [5, 6, np.nan, 7, 8], equal_nan=True)
    assert list(time) == [0, 1, 1, 9, 10]


@pytest.mark.parametrize("count", [0, 1, 2, 499, 500, 501, 5000])
def test_however_many_pieces_there_are_the_points_stay_bounded(count: int) -> None:
    pieces = [(np.arange(50.0) + 100 * index, np.ones(50)) for index in range(count)]
    time, values = thin_pieces(pieces)
    assert len(time) == len(values) <= MAX_POINTS + min(count, MAX_POINTS // 4)


def test_empty_pieces_leave_no_break_behind() -> None:
    empty = (np.empty(0), np.empty(0))
    _, values = thin_pieces([empty, (np.array([1.0]), np.array([2.0])), empty])
    assert list(values) == [2.0]


def test_a_line_is_cut_where_its_steps_are_too_long() -> None:
    pieces = break_at_gaps(np.array([0.0, 1, 2, 10, 11]), np.arange(5.0), 3.0)
    assert [list(x) for x, _ in pieces] == [[0, 1, 2], [10, 11]]
