"""How much one box may send: what is saved up, what is slowed down, what is cut off."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opq_ingest.limits import Allowance, Flow, Kept, Rate, TooMuch

RATE = Rate(10, 20)


def test_what_was_saved_up_is_free_and_more_must_wait() -> None:
    allowance = Allowance(RATE, 0)
    assert [allowance.take(10, 0), allowance.take(10, 0)] == [0, 0]
    assert allowance.take(5, 0) == pytest.approx(0.5)
    assert allowance.take(5, 0.5) == pytest.approx(0.5)
    assert allowance.take(1, 2) == 0


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 100)), max_size=50))
def test_over_any_time_no_more_than_the_rate_and_the_burst_are_taken_by_who_waits(
    takes: list[tuple[float, float]],
) -> None:
    allowance, now, taken = Allowance(RATE, 0), 0.0, 0.0
    for pause, amount in takes:
        now += pause
        now += allowance.take(amount, now)
        taken += amount
        assert taken <= RATE.burst + RATE.per_s * now + 1e-6


def test_a_clock_that_stands_still_or_steps_back_gives_nothing() -> None:
    allowance = Allowance(RATE, 100)
    allowance.take(20, 100)
    assert allowance.take(1, 50) > 0


def test_a_box_that_waits_as_long_as_it_is_told_is_cut_off_only_if_it_never_pauses() -> None:
    flow, now = Flow(RATE, Rate(1e6, 1e6), 5, 0), 0.0
    for _ in range(20 + 50):
        now += flow.take(1, 10, now)
    assert now == pytest.approx(5)
    with pytest.raises(TooMuch, match="all that it may, 10 messages a second, and more, for 5 s without a break"):
        flow.take(1, 10, now + 0.05)
    flow, now = Flow(RATE, Rate(1e6, 1e6), 5, 0), 0.0
    for _ in range(20):
        for _ in range(40):
            now += flow.take(1, 10, now)
        now += 4


def test_bytes_are_limited_too() -> None:
    flow = Flow(Rate(1e6, 1e6), Rate(100, 100), 1, 0)
    assert flow.take(1, 300, 0) == pytest.approx(2)
    with pytest.raises(TooMuch, match="100 bytes a second"):
        flow.take(1, 300, 2)


def test_each_has_its_own_as_long_as_it_is_in_use() -> None:
    kept: Kept[str, Allowance] = Kept(lambda now_s: Allowance(Rate(1, 2), now_s))
    assert [kept.of("a", 0).try_take(1, 0) for _ in range(3)] == [True, True, False]
    assert kept.of("b", 0).try_take(1, 0)
    assert kept.of("a", 1).try_take(1, 1)
    for number in range(10_000):
        kept.of(str(number), 10 + number).try_take(1, 10 + number)
    assert len(kept._known) < 10


def test_a_box_that_comes_back_goes_on_with_what_it_left() -> None:
    kept: Kept[str, Flow] = Kept(lambda now_s: Flow(RATE, Rate(1e6, 1e6), 1e9, now_s))
    taken = now = 0.0
    while now < 100:
        for _ in range(10):
            now += kept.of("a", now).take(1, 10, now)
            taken += 1
    assert taken <= RATE.burst + RATE.per_s * now + 10
