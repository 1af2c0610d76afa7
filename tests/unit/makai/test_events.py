"""How triggers become events: coincidence, neighbours, late comers, parts, splits, completion."""

from dataclasses import replace

import numpy as np
import pytest

from opq.clock import NS
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import AcquisitionState, Event, EventState, Extent, Role, Trigger, TriggerKind
from opq_makai.detectors.detector import Hits
from opq_makai.events import GridEvents
from opq_makai.open_event import EventRules

T0 = 1_760_000_000 * NS
RULES = EventRules()


def hard(box: str, start_s: float, length_s: float = 0.2, metric: str = "u_rms_half_min_v") -> Trigger:
    start = T0 + round(start_s * NS)
    return Trigger(BoxId(box), start, start + round(length_s * NS), TriggerKind.HARD, metric, 90.0, 114.0, "limits")


def soft(box: str, start_s: float, length_s: float = 0.2) -> Trigger:
    return replace(hard(box, start_s, length_s), kind=TriggerKind.SOFT, detector="habit")


class Site:
    """A grid whose changes are kept as a store would keep them; waveforms come when told to."""

    def __init__(self, count: int = 8, rules: EventRules = RULES) -> None:
        boxes = [
            Box(BoxId(f"b{number}"), GridId("g"), Nominal(120, 60), feeder=f"f{(number - 1) // 4}")
            for number in range(1, count + 1)
        ]
        self.grid = GridEvents(GridId("g"), rules)
        self.grid.set_boxes(boxes)
        self.grid.set_streaming({box.box_id for box in boxes})
        for box in boxes:
            self.grid.asking.presence(box.box_id, True)
        self.events: dict[str, Event] = {}
        self.parts: dict[tuple[str, str], object] = {}
        self.acquisitions: dict = {}
        self.requests: list = []
        self.completed: list[Event] = []
        self.now = T0

    def hits(self, trigger: Trigger, score: float = 8.0) -> Hits:
        """A soft trigger as a detector reports it."""
        slot = self.grid.table.slot(trigger.box_id)
        start, end = (np.array([at], np.int64) for at in (trigger.start_unix_ns, trigger.end_unix_ns))
        values = (np.array([value]) for value in (trigger.value, trigger.limit, score))
        return Hits(trigger.metric, -1, trigger.kind, trigger.detector, np.array([slot]), start, end, *values)

    def take(self) -> None:
        changes = self.grid.take_changes()
        self.events.update(changes.events)
        self.parts.update(changes.boxes)
        self.acquisitions.update(changes.acquisitions)
        self.requests += changes.requests.values()
        self.completed += changes.completed.values()
        for acquisition in changes.requests.values():
            self.grid.asking.sent(acquisition.acquisition_id, self.now)

    def feed(self, *triggers: Trigger, at_s: float) -> None:
        self.now = T0 + round(at_s * NS)
        self.grid.feed_hard([each for each in triggers if each.kind is TriggerKind.HARD], self.now)
        for each in triggers:
            if each.kind is TriggerKind.SOFT:
                self.grid.feed_soft(self.hits(each), np.zeros(1, np.int64), self.now)
        self.grid.tick(self.now)
        self.take()

    def pass_time(self, until_s: float, step_s: float = 0.5) -> None:
        while self.now < T0 + until_s * NS:
            self.now += round(step_s * NS)
            self.grid.tick(self.now)
            self.take()

    def answer_all(self) -> None:
        for acquisition in list(self.requests):
            self.grid.asking.stored(acquisition.acquisition_id, 1000, self.now)
        self.requests.clear()
        self.grid.tick(self.now)
        self.take()

    @property
    def event(self) -> Event:
        (event,) = self.events.values()
        return event

    def roles(self) -> dict[str, Role]:
        return {box_id: part.role for (_, box_id), part in self.parts.items()}  # type: ignore[attr-defined]


def test_a_hard_trigger_opens_an_event_that_closes_when_it_is_quiet_and_completes_with_its_waveforms() -> None:
    site = Site()
    site.feed(hard("b1", 10), at_s=11)
    assert site.event.state is EventState.OPEN
    assert site.event.opened_by == "b1: u_rms_half_min_v 90 beyond 114 (hard, limits)"
    assert site.requests == []
    site.pass_time(14)
    assert site.event.state is EventState.CLOSED
    assert site.completed == [], "not before its data are stored"
    site.answer_all()
    assert site.event.state is EventState.COMPLETE
    assert [event.revision for event in site.completed] == [0]


def test_waveform_is_asked_for_with_padding_on_both_sides() -> None:
    site = Site(count=1)
    site.feed(hard("b1", 10, 0.4), at_s=11)
    site.pass_time(14)
    (request,) = site.requests
    assert request.start_unix_ns == T0 + 9 * NS
    assert request.end_unix_ns == T0 + round(11.4 * NS)


def test_one_box_is_local_and_its_electrical_neighbours_are_asked_too() -> None:
    site = Site()
    site.feed(hard("b1", 10), at_s=11)
    site.pass_time(14)
    assert site.roles() == {"b1": Role.HARD, "b2": Role.NEIGHBOUR, "b3": Role.NEIGHBOUR, "b4": Role.NEIGHBOUR}
    assert (site.event.extent, site.event.extent_reason) == (Extent.LOCAL, "1 of 8 streaming boxes triggered")
    assert {request.box_id for request in site.requests} == {"b1", "b2", "b3", "b4"}


def test_boxes_that_trigger_together_are_one_event_whatever_the_order_they_are_heard_in() -> None:
    site = Site()
    site.feed(hard("b3", 10.1), at_s=11)
    site.feed(hard("b1", 9.9), hard("b7", 10.3), at_s=11.5)
    site.pass_time(15)
    assert site.event.start_unix_ns == T0 + round(9.9 * NS)
    assert {box for box, role in site.roles().items() if role is Role.HARD} == {"b1", "b3", "b7"}
    assert site.event.extent is Extent.NEIGHBOURHOOD


def test_half_of_the_streaming_boxes_make_it_grid_wide() -> None:
    site = Site()
    site.feed(*(hard(f"b{number}", 10) for number in range(1, 5)), at_s=11)
    site.pass_time(15)
    assert site.event.extent is Extent.GRID


def test_soft_participants_are_taken_in_whether_they_come_before_or_after_the_hard_one() -> None:
    site = Site()
    site.feed(soft("b8", 10), at_s=10.5)
    site.feed(hard("b1", 10), at_s=11)
    site.feed(soft("b7", 10.1), at_s=11.5)
    site.feed(soft("b6", 13.0), at_s=13.2)
    assert site.roles()["b8"] is Role.SOFT
    assert site.roles()["b7"] is Role.SOFT
    assert "b6" not in site.roles(), "too late to coincide"
    assert len(site.events) == 1


def test_soft_triggers_open_an_event_only_when_enough_boxes_coincide() -> None:
    site = Site()
    site.feed(soft("b1", 10), soft("b2", 10.1), at_s=11)
    assert site.events == {}
    site.feed(soft("b3", 14), at_s=15)
    assert site.events == {}, "not at the same time"
    site.feed(soft("b3", 10.2), soft("b4", 10.1), at_s=15.5)
    assert site.events == {}, "four of eight is within chance while no rates are learned"
    site.feed(soft("b5", 10), soft("b6", 10.1), at_s=15.6)
    assert len(site.events) == 1
    assert site.event.opened_by == "5 boxes at once (5 needed): u_rms_half_min_v below habit"
    assert set(site.roles()) == {"b1", "b2", "b3", "b4", "b5", "b6"}


def test_a_soft_trigger_just_beside_an_event_opens_no_second_one() -> None:
    site = Site()
    site.feed(*(hard(f"b{number}", 10) for number in range(1, 4)), at_s=11)
    site.feed(*(soft(f"b{number}", 11.5) for number in range(4, 9)), at_s=12)
    assert len(site.events) == 1


def test_feeding_the_same_trigger_twice_changes_nothing() -> None:
    site = Site()
    site.feed(hard("b1", 10), soft("b8", 10), at_s=11)
    site.pass_time(14)
    site.answer_all()
    before = (dict(site.events), dict(site.parts), dict(site.acquisitions), len(site.completed))
    site.feed(hard("b1", 10), soft("b8", 10), at_s=20)
    site.pass_time(25)
    assert (dict(site.events), dict(site.parts), dict(site.acquisitions), len(site.completed)) == before


def test_a_box_that_was_cut_off_joins_the_complete_event_of_its_time_and_mauka_looks_again() -> None:
    site = Site()
    site.feed(hard("b1", 10), at_s=11)
    site.pass_time(14)
    site.answer_all()
    site.feed(hard("b8", 10), at_s=600)
    assert {request.box_id for request in site.requests if request.box_id == "b8"} == {"b8"}
    site.answer_all()
    site.pass_time(605)
    assert len(site.events) == 1
    assert site.event.state is EventState.COMPLETE
    assert [event.revision for event in site.completed] == [0, 1]


def test_two_disturbances_further_apart_than_the_quiet_time_are_two_events_with_disjoint_waveforms() -> None:
    site = Site(count=1)
    site.feed(hard("b1", 10), at_s=11)
    site.feed(hard("b1", 13), at_s=14)
    site.pass_time(20)
    assert len(site.events) == 2
    first, second = sorted((item.start_unix_ns, item.end_unix_ns) for item in site.acquisitions.values())
    assert first[1] <= second[0]


def test_a_box_with_a_clock_seconds_off_neither_stretches_nor_closes_the_event_of_others() -> None:
    site = Site()
    site.feed(hard("b1", 10), hard("b2", 10), at_s=11)
    site.feed(hard("b8", 40), at_s=11.2)
    site.pass_time(16)
    others = [event for event in site.events.values() if "b1" in event.box_ids]
    assert [(event.start_unix_ns, event.end_unix_ns) for event in others] == [(T0 + 10 * NS, T0 + round(10.2 * NS))]


def test_of_a_lasting_event_parts_are_asked_for_before_it_ends() -> None:
    site = Site(count=1)
    for second in range(10, 80):
        site.feed(hard("b1", second, 1.0), at_s=second + 1)
    spans = sorted((item.start_unix_ns, item.end_unix_ns) for item in site.acquisitions.values())
    assert [(round((low - T0) / NS), round((high - T0) / NS)) for low, high in spans] == [(9, 39), (39, 69)]
    assert site.event.state is EventState.OPEN


def test_an_event_that_lasts_too_long_is_split_and_the_parts_are_linked() -> None:
    site = Site(count=1, rules=replace(RULES, max_event_ns=60 * NS))
    for second in range(10, 110):
        site.feed(hard("b1", second, 1.0), at_s=second + 1)
    first, second_part = sorted(site.events.values(), key=lambda event: event.start_unix_ns)
    assert second_part.continues == first.event_id
    assert first.end_unix_ns - first.start_unix_ns <= 60 * NS


def test_overlapping_requests_to_a_box_are_coalesced() -> None:
    site = Site(count=1)
    site.feed(hard("b1", 10), hard("b1", 10.1, metric="f_hz"), at_s=11)
    site.pass_time(15)
    assert len(site.requests) == 1
    (part,) = site.parts.values()
    assert len(part.reasons) == 2  # type: ignore[attr-defined]


def test_a_box_that_does_not_answer_is_on_record_as_missing_and_the_event_is_handed_on() -> None:
    site = Site(count=2)
    site.feed(hard("b1", 10), hard("b2", 10), at_s=11)
    site.pass_time(14)
    silent = next(item for item in site.requests if item.box_id == "b2")
    answered = next(item for item in site.requests if item.box_id == "b1")
    site.grid.asking.stored(answered.acquisition_id, 500, site.now)
    site.pass_time(50)
    assert site.event.state is EventState.COMPLETE
    missing = site.acquisitions[silent.acquisition_id]
    assert (missing.state, missing.reason) == (AcquisitionState.MISSING, "no answer within 30 s")
    assert site.acquisitions[answered.acquisition_id].bytes == 500


def test_a_box_that_comes_back_is_asked_again_for_what_it_owes() -> None:
    site = Site(count=2)
    site.feed(hard("b1", 10), hard("b2", 10), at_s=11)
    site.grid.asking.presence(BoxId("b2"), False)
    site.pass_time(14)
    answered = next(item for item in site.requests if item.box_id == "b1")
    site.grid.asking.stored(answered.acquisition_id, 500, site.now)
    site.pass_time(50)
    owed = next(item for item in site.acquisitions.values() if item.box_id == "b2")
    assert (owed.state, owed.reason) == (AcquisitionState.MISSING, "the box is not connected")
    site.requests.clear()
    site.grid.asking.presence(BoxId("b2"), True)
    site.take()
    assert [request.acquisition_id for request in site.requests] == [owed.acquisition_id]
    site.answer_all()
    assert [event.revision for event in site.completed] == [0, 1]


def test_a_connected_box_that_did_not_answer_is_asked_again_every_minute_until_it_does() -> None:
    site = Site(count=1)
    site.feed(hard("b1", 10), at_s=11)
    site.pass_time(50)
    assert site.event.state is EventState.COMPLETE
    site.requests.clear()
    site.pass_time(180)
    assert len(site.requests) == 2
    site.answer_all()
    site.pass_time(400)
    assert site.requests == []
    assert [event.revision for event in site.completed] == [0, 1]


def test_what_a_box_refuses_is_missing_with_its_reason() -> None:
    site = Site(count=1)
    site.feed(hard("b1", 10), at_s=11)
    site.pass_time(14)
    site.grid.asking.missing(site.requests[0].acquisition_id, "gone from the ring buffer", site.now)
    site.pass_time(15)
    assert site.completed
    assert next(iter(site.acquisitions.values())).reason == "gone from the ring buffer"


@pytest.mark.parametrize("cut_s", [11.2, 13.0, 14.0])
def test_a_restart_in_the_middle_of_an_event_changes_nothing_in_the_record(cut_s: float) -> None:
    whole, cut = Site(), Site()
    for site in (whole, cut):
        site.feed(hard("b1", 10), soft("b8", 10), at_s=11)
        site.pass_time(cut_s, 0.1)
    restarted = Site()
    restarted.take()
    for event in cut.events.values():
        parts = [part for (event_id, _), part in cut.parts.items() if event_id == event.event_id]
        restarted.grid.restore(event, parts, cut.acquisitions.values(), cut.now)  # type: ignore[arg-type]
    restarted.events, restarted.parts = dict(cut.events), dict(cut.parts)
    restarted.acquisitions, restarted.now = dict(cut.acquisitions), cut.now
    restarted.requests = list(cut.acquisitions.values())
    for site in (whole, restarted):
        site.pass_time(20)
        site.answer_all()
        site.pass_time(21)
    assert restarted.roles() == whole.roles()
    expected = (whole.event.start_unix_ns, whole.event.end_unix_ns, whole.event.extent, whole.event.state)
    event = restarted.event
    assert (event.start_unix_ns, event.end_unix_ns, event.extent, event.state) == expected
    spans = [
        sorted((a.box_id, a.start_unix_ns, a.end_unix_ns) for a in site.acquisitions.values())
        for site in (whole, restarted)
    ]
    assert spans[0] == spans[1]


def test_an_event_on_request_takes_exactly_the_boxes_and_the_interval_asked_for() -> None:
    site = Site()
    site.grid.manual([BoxId("b2"), BoxId("b5")], T0, T0 + 2 * NS, "asked for by a test", T0)
    site.pass_time(5)
    assert site.roles() == {"b2": Role.MANUAL, "b5": Role.MANUAL}
    site.answer_all()
    assert site.completed[0].opened_by == "asked for by a test"


def test_complete_events_are_forgotten_after_an_hour_so_that_memory_stays_bounded() -> None:
    site = Site(count=1)
    site.feed(hard("b1", 10), at_s=11)
    site.pass_time(14)
    site.answer_all()
    site.pass_time(3700, step_s=60)
    assert site.grid.asking.pending() == []
    site.feed(hard("b1", 10), at_s=3800)
    assert len(site.events) == 2, "what is forgotten cannot be joined"


def test_of_very_many_boxes_within_their_limits_the_most_unusual_are_asked_and_all_are_on_record() -> None:
    site = Site(count=40, rules=replace(RULES, max_bystanders=10))
    site.grid.feed_hard([hard(f"b{number}", 10) for number in (1, 2, 3)], T0 + 11 * NS)
    for number in range(4, 41):
        site.grid.feed_soft(site.hits(soft(f"b{number}", 10), score=4.0 + number), np.zeros(1, np.int64), T0 + 11 * NS)
    site.now = T0 + 11 * NS
    site.pass_time(15)
    assert len(site.event.box_ids) == 40
    asked = {request.box_id for request in site.requests}
    assert asked == {"b1", "b2", "b3", *(f"b{number}" for number in range(31, 41))}
    site.answer_all()
    assert site.event.state is EventState.COMPLETE
