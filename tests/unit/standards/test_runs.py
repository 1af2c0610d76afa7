"""Runs with hysteresis."""

import numpy as np

from opq.standards.runs import runs_beyond


def test_a_run_begins_above_the_first_limit_and_ends_at_the_second() -> None:
    assert runs_beyond(np.array([0.0, 5.0, 5.1, 4.6, 4.5, 4.6]), 5.0, 4.5) == [slice(2, 4)]


def test_a_value_between_the_limits_continues_what_was() -> None:
    assert runs_beyond(np.array([4.7, 5.1, 4.7, 4.7, 0.0, 4.7]), 5.0, 4.5) == [slice(1, 4)]


def test_a_run_may_fill_everything_or_nothing() -> None:
    assert runs_beyond(np.full(3, 9.0), 5.0, 4.5) == [slice(0, 3)]
    assert runs_beyond(np.zeros(3), 5.0, 4.5) == []
    assert runs_beyond(np.empty(0), 5.0, 4.5) == []
