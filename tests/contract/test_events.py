import pytest

from opq.errors import NotFound
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.events import AcquisitionState, Event, EventState, Role
from opq.store import Store
from opq.store.port import EventFilter
from opq.testing import samples
from opq.testing.samples import T0

OPEN, CLOSED, COMPLETE = EventState.OPEN, EventState.CLOSED, EventState.COMPLETE


def ids(events: list[Event]) -> list[str]:
    return [event.event_id for event in events]


def put(store: Store, event_id: str, start: int, end: int, **changes: object) -> None:
    store.events.put(samples.event(event_id, start_unix_ns=T0 + start, end_unix_ns=T0 + end, **changes))


def test_an_event_comes_back_as_it_was_put(store: Store) -> None:
    store.events.put(samples.event())
    assert store.events.get(EventId("event-1")) == samples.event()
    assert store.events.list() == [samples.event()]


def test_an_event_that_continues_none_and_has_no_boxes_comes_back(store: Store) -> None:
    event = samples.event(continues=None, box_ids=())
    store.events.put(event)
    assert store.events.get(event.event_id) == event


def test_an_event_that_is_not_there_is_none(store: Store) -> None:
    assert store.events.get(EventId("event-1")) is None
    assert store.events.boxes(EventId("event-1")) == []
    assert store.events.list() == []
    assert store.events.count() == 0


def test_putting_an_event_again_replaces_it_in_every_list(store: Store) -> None:
    store.events.put(samples.event(state=OPEN))
    grown = samples.event(
        state=COMPLETE, start_unix_ns=T0 - 5, end_unix_ns=T0 + 5, box_ids=(BoxId("box-2"), BoxId("box-3"))
    )
    store.events.put(grown)
    store.events.put(grown)
    assert store.events.list() == [grown]
    assert store.events.list(EventFilter(states=(OPEN,))) == []
    assert store.events.list(EventFilter(box_id=BoxId("box-1"))) == []
    assert store.events.list(EventFilter(box_id=BoxId("box-3"))) == [grown]
    assert store.events.list(EventFilter(start_unix_ns=T0 + 5)) == []


def test_events_come_newest_start_first_and_ties_by_id_descending(store: Store) -> None:
    for event_id, start in (("b", 5), ("a", 5), ("c", 5), ("z", 1), ("y", 9)):
        put(store, event_id, start, 10)
    assert ids(store.events.list()) == ["y", "c", "b", "a", "z"]
    assert ids(store.events.list(limit=2)) == ["y", "c"]
    assert store.events.list(limit=0) == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    "which",
    [
        EventFilter(),
        EventFilter(states=(OPEN, CLOSED)),
        EventFilter(states=(COMPLETE, OPEN, COMPLETE)),
        EventFilter(box_id=BoxId("box-1"), states=(OPEN, CLOSED)),
        EventFilter(grid_id=GridId("grid-1"), start_unix_ns=T0 + 2, end_unix_ns=T0 + 6),
    ],
)
def test_pages_join_to_the_whole_list(store: Store, size: int, which: EventFilter) -> None:
    for number in range(14):
        state = (OPEN, CLOSED, COMPLETE)[number % 3]
        boxes = (BoxId("box-1"),) if number % 2 else (BoxId("box-2"),)
        put(store, f"event-{number:02d}", number // 2, number // 2 + 1, state=state, box_ids=boxes)
    whole = store.events.list(which)
    pages: list[Event] = []
    while page := store.events.list(which, limit=size, before=pages[-1].event_id if pages else None):
        assert len(page) <= size
        pages += page
    assert pages == whole
    assert len(whole) == store.events.count(which) > 0


def test_a_page_after_an_event_that_is_gone_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="event-9"):
        store.events.list(before=EventId("event-9"))


def test_the_event_a_page_begins_after_need_not_match_the_filter(store: Store) -> None:
    put(store, "a", 1, 2, state=CLOSED)
    put(store, "b", 3, 4, state=OPEN)
    assert ids(store.events.list(EventFilter(states=(CLOSED,)), before=EventId("b"))) == ["a"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, ["instant", "long", "late", "early"]),
        (T0 + 0, T0 + 10, ["early"]),
        (T0 + 10, T0 + 20, []),
        (T0 + 19, T0 + 21, ["late"]),
        (T0 + 20, T0 + 30, ["late"]),
        (T0 + 29, T0 + 31, ["long", "late"]),
        (T0 + 30, T0 + 31, ["long"]),
        (T0 + 35, T0 + 36, ["long"]),
        (T0 + 40, T0 + 41, ["instant", "long"]),
        (T0 + 41, T0 + 42, ["long"]),
        (T0 + 30, T0 + 40, ["long"]),
        (T0 + 50, None, []),
        (T0 + 49, None, ["long"]),
        (None, T0 + 20, ["early"]),
        (None, T0, []),
        (T0 + 35, T0 + 35, ["long"]),
    ],
)
def test_a_time_filter_takes_events_whose_span_overlaps(
    store: Store, start: int | None, end: int | None, expected: list[str]
) -> None:
    put(store, "early", 0, 10)
    put(store, "late", 20, 30)
    put(store, "long", 30, 50)
    put(store, "instant", 40, 40)
    which = EventFilter(start_unix_ns=start, end_unix_ns=end)
    assert ids(store.events.list(which)) == expected
    assert store.events.count(which) == len(expected)


def test_all_conditions_of_a_filter_hold_together(store: Store) -> None:
    one, two = GridId("grid-1"), GridId("grid-2")
    put(store, "a", 0, 10, grid_id=one, state=OPEN, box_ids=(BoxId("x"), BoxId("y")))
    put(store, "b", 1, 10, grid_id=one, state=CLOSED, box_ids=(BoxId("x"),))
    put(store, "c", 2, 10, grid_id=two, state=OPEN, box_ids=(BoxId("y"),))
    put(store, "d", 3, 4, grid_id=one, state=OPEN, box_ids=(BoxId("x"),))
    for which, expected in (
        (EventFilter(grid_id=one), ["d", "b", "a"]),
        (EventFilter(box_id=BoxId("y")), ["c", "a"]),
        (EventFilter(states=(OPEN,)), ["d", "c", "a"]),
        (EventFilter(states=(OPEN, CLOSED)), ["d", "c", "b", "a"]),
        (EventFilter(states=(COMPLETE,)), []),
        (EventFilter(grid_id=one, states=(OPEN,)), ["d", "a"]),
        (EventFilter(grid_id=one, box_id=BoxId("y")), ["a"]),
        (EventFilter(grid_id=two, box_id=BoxId("x")), []),
        (EventFilter(grid_id=one, box_id=BoxId("x"), states=(OPEN,), start_unix_ns=T0 + 5), ["a"]),
        (EventFilter(grid_id=one, states=(OPEN, CLOSED), start_unix_ns=T0 + 5, end_unix_ns=T0 + 9), ["b", "a"]),
    ):
        assert ids(store.events.list(which)) == expected
        assert store.events.count(which) == len(expected)


def test_the_parts_of_an_event_come_by_box_id(store: Store) -> None:
    parts = [samples.event_box(box_id=box_id) for box_id in ("c", "a", "b")]
    store.events.put_boxes([*parts, samples.event_box("event-2", "a")])
    assert store.events.boxes(EventId("event-1")) == sorted(parts, key=lambda part: part.box_id)


def test_putting_parts_again_replaces_them(store: Store) -> None:
    store.events.put_boxes([])
    store.events.put_boxes([samples.event_box(), samples.event_box(box_id="box-2")])
    changed = samples.event_box(role=Role.NEIGHBOUR, reasons=())
    store.events.put_boxes([changed])
    store.events.put_boxes([samples.event_box(), changed])
    assert store.events.boxes(EventId("event-1")) == [changed, samples.event_box(box_id="box-2")]


def test_an_acquisition_comes_back_and_is_replaced(store: Store) -> None:
    assert store.acquisitions.get(AcquisitionId("acquisition-1")) is None
    store.acquisitions.put(samples.acquisition())
    assert store.acquisitions.get(AcquisitionId("acquisition-1")) == samples.acquisition()
    stored = samples.acquisition(state=AcquisitionState.STORED, answered_unix_ns=T0 + 9, bytes=2**40, reason="späť")
    store.acquisitions.put(stored)
    store.acquisitions.put(stored)
    assert store.acquisitions.of_event(EventId("event-1")) == [stored]
    assert store.acquisitions.in_state(AcquisitionState.REQUESTED) == []


def test_several_acquisitions_are_put_in_one_go_and_again_without_change(store: Store) -> None:
    several = [samples.acquisition(name, state=AcquisitionState.MISSING) for name in ("x", "y", "z")]
    store.acquisitions.put(samples.acquisition("x"))
    store.acquisitions.put_all(several)
    store.acquisitions.put_all(several)
    store.acquisitions.put_all([])
    assert store.acquisitions.in_state(AcquisitionState.MISSING) == several
    assert store.acquisitions.in_state(AcquisitionState.REQUESTED) == []


def test_acquisitions_of_an_event_come_by_box_and_start(store: Store) -> None:
    for acquisition_id, box_id, start in (("1", "b", 0), ("2", "a", 5), ("3", "a", 1), ("4", "b", -1)):
        store.acquisitions.put(samples.acquisition(acquisition_id, box_id=BoxId(box_id), start_unix_ns=T0 + start))
    store.acquisitions.put(samples.acquisition("5", event_id=EventId("event-2")))
    found = store.acquisitions.of_event(EventId("event-1"))
    assert [each.acquisition_id for each in found] == ["3", "2", "4", "1"]
    assert store.acquisitions.of_event(EventId("event-3")) == []


def test_acquisitions_in_a_state_come_by_id(store: Store) -> None:
    for acquisition_id in ("c", "a", "b"):
        store.acquisitions.put(samples.acquisition(acquisition_id))
    store.acquisitions.put(samples.acquisition("d", state=AcquisitionState.MISSING))
    found = store.acquisitions.in_state(AcquisitionState.REQUESTED)
    assert [each.acquisition_id for each in found] == ["a", "b", "c"]
    assert [each.acquisition_id for each in store.acquisitions.in_state(AcquisitionState.REQUESTED, 2)] == ["a", "b"]
    assert store.acquisitions.in_state(AcquisitionState.REQUESTED, 0) == []
    assert store.acquisitions.in_state(AcquisitionState.STORED) == []
