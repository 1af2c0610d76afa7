"""Whose clock is believed: late is not wrong, early is, and a step tells."""

import numpy as np

from opq.clock import NS
from opq_makai.clocks import Clocks

T0 = 1_760_000_000 * NS
COUNT = 9


class Site:
    """Boxes that send a frame a second; one of them is told to be odd."""

    def __init__(self, before_s: int = 20) -> None:
        self.clocks = Clocks()
        self.clocks.grow(COUNT)
        self.second = 0
        for _ in range(before_s):
            self.pass_second()

    def pass_second(
        self, error_s: float = 0.0, late_s: float = 0.0, all_late_s: float = 0.0, sends: bool = True
    ) -> None:
        """All boxes send the frame of a second; box 0 with a clock that is off, or late."""
        self.second += 1
        for slot in range(COUNT):
            if slot == 0 and not sends:
                continue
            self.send(slot, self.second, error_s if slot == 0 else 0.0, all_late_s + (late_s if slot == 0 else 0.0))

    def send(self, slot: int, second: int, error_s: float = 0.0, late_s: float = 0.0) -> None:
        start = T0 + second * NS + round(error_s * NS)
        arrives = T0 + (second + 1) * NS + NS // 5 + round(late_s * NS)
        one = (np.array([value], np.int64) for value in (second, start, start + NS, 20_000_000))
        self.clocks.arrived(np.array([slot]), *one, arrives)

    @property
    def doubted(self) -> list[int]:
        return np.flatnonzero(self.clocks.doubted(np.arange(COUNT))).tolist()


def test_boxes_with_good_clocks_are_believed_from_the_first_frame_on() -> None:
    site = Site(before_s=1)
    assert site.doubted == []


def test_a_clock_that_is_set_wrong_is_doubted_with_its_first_frame_and_believed_when_set_right() -> None:
    for error_s in (-6.0, -2.0, 2.0, 6.0):
        site = Site()
        site.pass_second(error_s)
        assert site.doubted == [0], error_s
        site.pass_second(error_s)
        assert site.doubted == [0]
        site.pass_second(0.0)
        assert site.doubted == []


def test_a_box_that_is_late_is_not_doubted_and_neither_are_all_when_all_are_late() -> None:
    site = Site()
    for late_s in (0.5, 3.0, 3.0, 3.1, 8.0, 7.0, 2.0, 0.1):
        site.pass_second(late_s=late_s)
        assert site.doubted == [], late_s
    for _ in range(100):
        site.pass_second(all_late_s=5.0)
    assert site.doubted == []


def test_frames_that_are_made_up_after_an_hour_without_network_are_believed() -> None:
    site = Site()
    for _ in range(100):
        site.pass_second(sends=False)
    for number in range(100):
        site.send(0, 21 + number, late_s=100 - 0.98 * number)
        assert site.doubted == []


def test_a_clock_that_was_wrong_from_the_beginning_is_found_out_within_seconds() -> None:
    site = Site(before_s=0)
    for _ in range(7):
        site.pass_second(-4.0)
    assert site.doubted == [0]
    ahead = Site(before_s=0)
    ahead.pass_second(3.0)
    ahead.pass_second(3.0)
    assert ahead.doubted == [0]


def test_a_clock_that_drifts_away_is_found_out_in_the_end() -> None:
    site = Site()
    for number in range(200):
        site.pass_second(-0.02 * number)
    assert site.doubted == [0]


def test_of_two_boxes_that_disagree_the_plausible_one_is_believed() -> None:
    clocks = Clocks()
    clocks.grow(2)
    for second in range(1, 10):
        for slot, error in ((0, 0), (1, -5 * NS)):
            start = T0 + second * NS + error
            one = (np.array([value], np.int64) for value in (second, start, start + NS, 1000))
            clocks.arrived(np.array([slot]), *one, T0 + (second + 1) * NS + NS // 5)
    assert clocks.doubted(np.arange(2)).tolist() == [False, True]


def test_a_box_that_says_that_its_time_may_be_wrong_by_seconds_is_taken_at_its_word() -> None:
    site = Site()
    start = T0 + 21 * NS
    one = (np.array([value], np.int64) for value in (21, start, start + NS, 3 * NS))
    site.clocks.arrived(np.array([3]), *one, start + NS + NS // 5)
    assert site.doubted == [3]
