"""Courses over windows, against numbers computed by hand."""

import numpy as np
import pytest

from opq.sim.grid.courses import Course, shaped

SAG = shaped(np.array([0.0, -0.5]), [1.05, 1.10], [1, 1], 0.001)


def test_boxes_that_feel_nothing_are_left_out() -> None:
    assert SAG.boxes.tolist() == [1]


def test_a_short_sag_is_whole_in_the_window_it_is_in() -> None:
    over = SAG.over(np.array([[0.8, 1.0, 1.2]]), 0.2)
    assert over.low.tolist() == [[0, -0.5, 0]]
    assert over.high.tolist() == [[0, 0, 0]]
    # A quarter of the window at -0.5.
    np.testing.assert_allclose(over.mean, [[0, -0.125, 0]])
    np.testing.assert_allclose(over.square, [[0, 0.0625, 0]])


def test_a_sag_between_two_windows_is_in_both() -> None:
    over = SAG.over(np.array([[0.87, 1.07]]), 0.2)
    assert over.low.tolist() == [[-0.5, -0.5]]
    np.testing.assert_allclose(over.mean, [[-0.05, -0.075]])


def test_a_window_inside_a_ramp_does_not_reach_its_ends() -> None:
    ramp = Course(np.array([0.0, 1.0]), np.arange(1), np.array([[0.0, 1.0]]))
    over = ramp.over(np.array([[0.2]]), 0.2)
    assert (over.low.item(), over.high.item(), over.mean.item()) == pytest.approx((0.2, 0.4, 0.3))
    assert over.square.item() == pytest.approx((0.4**3 - 0.2**3) / 3 / 0.2)


def test_jumps_are_found_with_their_sizes() -> None:
    course = Course(np.array([1.0, 2.0, 2.0, 3.0]), np.arange(1), np.array([[-0.5, -0.5, -1.0, 0.0]]))
    assert [(at, size.tolist()) for at, size in course.jumps()] == [(1.0, [-0.5]), (3.0, [0.0]), (2.0, [-0.5])]


def test_mean_square_agrees_with_fine_sampling_of_any_course() -> None:
    rng = np.random.default_rng(5)
    times = np.sort(rng.uniform(0, 1, 9))
    times[4] = times[3]
    course = Course(times, np.arange(2), rng.normal(size=(2, 9)))
    starts = np.array([[0.0, 0.31, 0.62, 0.9]] * 2)
    over = course.over(starts, 0.2)
    for row, window in np.ndindex(starts.shape):
        fine = course.at(row, starts[row, window] + (np.arange(20_000) + 0.5) / 100_000)
        assert over.square[row, window] == pytest.approx(np.mean(fine**2), abs=1e-3)
        assert over.low[row, window] == pytest.approx(fine.min(), abs=1e-2)
        assert over.high[row, window] == pytest.approx(fine.max(), abs=1e-2)
