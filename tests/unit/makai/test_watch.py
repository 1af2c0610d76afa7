"""The watch over several grids: who goes where, what is learned stays, wrong settings change nothing."""

from dataclasses import replace

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput, NotFound
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Event
from opq.model.features import FrameBatch
from opq.testing.frames import good_frame
from opq_makai.open_event import EventRules
from opq_makai.watch import Watch

T0 = 1_760_000_000 * NS
A, B = (Box(BoxId(name), GridId(grid), Nominal(120, 60)) for name, grid in (("a", "g"), ("b", "h")))


class Site:
    """A watch fed second by second."""

    def __init__(self, *boxes: Box, seconds: int = 60) -> None:
        self.watch = Watch(EventRules())
        self.watch.set_boxes(boxes)
        self.boxes, self.second = boxes, 0
        self.events: dict[str, Event] = {}
        for _ in range(seconds):
            self.pass_second()

    def pass_second(self, **of_box: float) -> None:
        """All send; those named with a lowest half-cycle voltage of their own."""
        self.second += 1
        frames = [
            good_frame(box.box_id, self.second, T0 + self.second * NS, u_rms_half_min_v=of_box.get(box.box_id, 120.0))
            for box in self.boxes
        ]
        now = T0 + (self.second + 1) * NS + NS // 5
        self.watch.feed(FrameBatch.of(frames), now)
        self.watch.tick(now)
        for grid in self.watch.grids:
            self.events.update(grid.take_changes().events)


def test_boxes_of_two_grids_that_are_disturbed_together_make_an_event_in_each() -> None:
    site = Site(A, B)
    site.pass_second(a=80.0, b=80.0)
    assert sorted((event.grid_id, event.box_ids) for event in site.events.values()) == [("g", ("a",)), ("h", ("b",))]


def test_a_box_that_moves_to_another_grid_is_judged_there_only() -> None:
    site = Site(A, B)
    moved = replace(A, grid_id=GridId("h"))
    site.watch.set_boxes([moved, B])
    site.boxes = (moved, B)
    site.pass_second(a=80.0)
    assert [(event.grid_id, event.box_ids) for event in site.events.values()] == [("h", ("a",))]


def test_a_box_nobody_knows_is_left_out_and_the_others_count() -> None:
    site = Site(A)
    stranger = replace(A, box_id=BoxId("stranger"))
    site.boxes = (stranger, A)
    site.pass_second(a=80.0, stranger=80.0)
    assert [event.box_ids for event in site.events.values()] == [("a",)]


def test_several_frames_of_a_box_in_one_batch_are_taken_in_the_order_of_time() -> None:
    site = Site(A, B)
    frames = [good_frame("a", number, T0 + number * NS) for number in (63, 61, 62)]
    site.watch.feed(FrameBatch.of(frames), T0 + 64 * NS)
    detail = site.watch.box_state(BoxId("a"), T0 + 64 * NS)["detectors"]["habit"]
    assert detail["learned_s"] == pytest.approx(62, abs=1)


def test_detectors_keep_what_they_learned_when_they_are_configured_anew() -> None:
    site = Site(A)
    before = site.watch.box_state(A.box_id, T0)["detectors"]["habit"]["learned_s"]
    site.watch.configure({"habit": {"threshold": 5.0}})
    site.pass_second()
    after = site.watch.box_state(A.box_id, T0)["detectors"]["habit"]
    assert after["learned_s"] >= before > 50
    metric = after["metrics"]["u_rms_half_min_v"]
    assert metric["high"] - metric["habit"] == pytest.approx(5 * metric["spread"])


@pytest.mark.parametrize(
    ("configs", "told"),
    [
        ({"habits": {}}, "got 'habits', expected one of habit, limits"),
        ({"habit": {"threshold": 1}}, "detector habit: threshold: Input should be greater than or equal to 2, got 1"),
        ({"habit": {"treshold": 4}}, "detector habit: treshold: Extra inputs are not permitted, got 4"),
        ({"limits": {"metrics": ["u"]}}, "detector limits: metrics"),
    ],
)
def test_a_wrong_configuration_is_told_and_changes_nothing(configs: dict, told: str) -> None:
    site = Site(A)
    with pytest.raises(InvalidInput, match=told):
        site.watch.configure(configs)
    site.pass_second(a=80.0)
    assert len(site.events) == 1


def test_a_detector_that_is_disabled_is_silent() -> None:
    site = Site(A)
    site.watch.configure({"limits": {"enabled": False}})
    site.pass_second(a=80.0)
    assert site.events == {}


def test_all_that_was_learned_goes_through_the_store_and_back() -> None:
    site = Site(A, B)
    again = Watch(EventRules())
    again.set_boxes([A, B])
    again.restore(site.watch.state(), T0)
    for box in (A, B):
        assert again.box_state(box.box_id, T0)["detectors"]["habit"]["learned_s"] == pytest.approx(59, abs=1.1)
    again.restore({GridId("g"): {}}, T0)


def test_what_is_asked_of_a_box_nobody_knows_is_an_error_that_names_it() -> None:
    site = Site(A)
    with pytest.raises(NotFound, match="stranger"):
        site.watch.box_state(BoxId("stranger"), T0)
    with pytest.raises(NotFound, match="stranger"):
        site.watch.trigger([BoxId("stranger")], T0, T0 + NS, "test", T0)
    assert not site.watch.cancel("no-event", "test", T0)
    assert np.isclose(site.watch.box_state(A.box_id, T0)["limits"]["u_low_v"], 114.0)


def test_stamps_from_the_future_read_back_from_the_store_do_not_blind_the_watch_to_what_is_now() -> None:
    boxes = tuple(replace(A, box_id=BoxId(f"b{number}")) for number in range(12))
    site = Site(*boxes, seconds=90)
    ahead = good_frame("b0", 91, T0 + 7200 * NS, u_rms_half_min_v=116.0)
    site.watch.feed(FrameBatch.of([ahead]), T0 + 91 * NS, live=False)
    site.pass_second()
    assert site.events == {}
    site.pass_second(**{box.box_id: 116.0 for box in boxes[1:]})
    (event,) = site.events.values()
    assert event.opened_by.startswith("11 boxes at once")
    assert len(event.box_ids) == 11
