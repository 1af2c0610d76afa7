"""From findings to incidents: each once, whoever looks how often; what cannot be right is refused by name."""

from functools import partial

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.ids import BoxId, EventId
from opq.model.incidents import Finding, IncidentClass
from opq.store import Store
from opq.store.port import IncidentFilter
from opq.testing.clock import ManualClock
from opq.testing.samples import finding
from opq.testing.waves import START_UNIX_NS
from opq_mauka.hub.findings import MAX_FINDINGS, store_event_findings, store_tick_findings
from opq_mauka.wire import findings_json, parse_findings


def at(start_s: float, box_id: str = "box-1", length_s: float = 0.1, **changes: object) -> Finding:
    start = START_UNIX_NS + round(start_s * NS)
    return finding(box_id, start_unix_ns=start, end_unix_ns=start + round(length_s * NS), **changes)


def test_incidents_of_a_box_are_numbered_by_time_whatever_the_order_of_the_findings(desk) -> None:
    desk.add_event("e", 0, 5)
    found = [at(3), at(1, "box-2"), at(1), at(2)]
    assert store_event_findings(desk.store, desk.clock, "p", "7", EventId("e"), found) == 4
    kept = desk.incidents()
    assert [(item.finding.box_id, item.ordinal, item.finding.start_unix_ns) for item in kept] == [
        ("box-1", "0", at(1).start_unix_ns),
        ("box-1", "1", at(2).start_unix_ns),
        ("box-1", "2", at(3).start_unix_ns),
        ("box-2", "0", at(1).start_unix_ns),
    ]
    assert {(item.plugin, item.plugin_version, item.event_id) for item in kept} == {("p", "7", "e")}
    assert {item.created_unix_ns for item in kept} == {desk.clock.unix_ns()}


def test_a_second_look_replaces_the_first_and_keeps_ids_and_times_of_creation(desk) -> None:
    desk.add_event("e", 0, 5)
    look = lambda version, found: store_event_findings(  # noqa: E731
        desk.store, desk.clock, "p", version, EventId("e"), found
    )
    look("1", [at(1), at(2)])
    first = desk.incidents()[0]
    desk.clock.advance(60)
    look("2", [at(1, extreme=50.0)])
    (again,) = desk.incidents()
    assert (again.incident_id, again.created_unix_ns) == (first.incident_id, first.created_unix_ns)
    assert (again.plugin_version, again.finding.extreme) == ("2", 50.0)
    look("3", [])
    assert desk.incidents() == []


def test_plugins_and_events_do_not_touch_each_others_incidents(desk) -> None:
    desk.add_event("e", 0, 5)
    desk.add_event("f", 10, 15)
    for plugin, event in (("p", "e"), ("q", "e"), ("p", "f")):
        store_event_findings(desk.store, desk.clock, plugin, "1", EventId(event), [at(1)])
    store_event_findings(desk.store, desk.clock, "p", "1", EventId("e"), [])
    assert [(item.plugin, item.event_id) for item in sorted(desk.incidents(), key=lambda item: item.plugin)] == [
        ("p", "f"),
        ("q", "e"),
    ]


def test_what_is_found_at_a_tick_is_one_incident_from_its_beginning_to_its_end(desk) -> None:
    lasting = at(0, incident_class=IncidentClass.OUTAGE, open_end=True)
    for _ in range(2):
        assert store_tick_findings(desk.store, desk.clock, "outage", "1", [lasting]) == 1
    (first,) = desk.incidents()
    assert first.event_id is None
    desk.clock.advance(20)
    store_tick_findings(
        desk.store, desk.clock, "outage", "1", [at(0, length_s=20, incident_class=IncidentClass.OUTAGE)]
    )
    (ended,) = desk.incidents()
    assert ended.incident_id == first.incident_id
    assert (ended.finding.open_end, ended.finding.duration_ns) == (False, 20 * NS)


def test_an_open_incident_may_end_under_another_class(desk) -> None:
    store_tick_findings(desk.store, desk.clock, "p", "1", [at(0, incident_class=IncidentClass.OUTAGE, open_end=True)])
    store_tick_findings(desk.store, desk.clock, "p", "1", [at(0, incident_class=IncidentClass.VOLTAGE_INTERRUPTION)])
    (only,) = desk.incidents()
    assert only.finding.incident_class is IncidentClass.VOLTAGE_INTERRUPTION


def test_two_boxes_silent_since_the_same_moment_are_two_incidents(desk) -> None:
    store_tick_findings(desk.store, desk.clock, "outage", "1", [at(0), at(0, "box-2"), at(5)])
    assert len(desk.incidents()) == 3


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([at(1), at(2, "stranger")], "findings: number 1 is of box 'stranger', which is not enrolled"),
        ([at(1, length_s=-0.1)], "findings: number 0 ends before it starts"),
        ([at(1)] * (MAX_FINDINGS + 1), "findings: got 1001, expected at most 1000 of one task"),
    ],
    ids=["stranger", "backwards", "too many"],
)
@pytest.mark.parametrize("kind", ["event", "tick"])
def test_findings_that_cannot_be_right_are_refused_by_number_and_nothing_is_stored(
    desk, found: list[Finding], message: str, kind: str
) -> None:
    desk.add_event("e", 0, 5)
    put = partial(store_event_findings, event_id=EventId("e")) if kind == "event" else store_tick_findings
    with pytest.raises(InvalidInput) as refusal:
        put(desk.store, desk.clock, "p", "1", findings=found)
    assert str(refusal.value) == message
    assert desk.incidents() == []


@pytest.mark.parametrize("changes", [{"end_unix_ns": 2**70}, {"evidence": {"a.b": 1}}], ids=["time", "dotted key"])
def test_findings_that_no_store_keeps_leave_the_earlier_ones_alone(desk, changes: dict) -> None:
    desk.add_event("e", 0, 5)
    store_event_findings(desk.store, desk.clock, "p", "1", EventId("e"), [at(1)])
    before = desk.incidents()
    with pytest.raises(InvalidInput):
        store_event_findings(desk.store, desk.clock, "p", "1", EventId("e"), [at(2), finding(**changes)])
    assert desk.incidents() == before


def test_findings_survive_the_wire_exactly(store: Store) -> None:
    found = [at(1), at(2, extreme_pu=None, duration_class=None, evidence={"list": [1.5, "x", True], "n": 2**60})]
    assert parse_findings(findings_json(found)) == found


@pytest.mark.parametrize(
    "bad", [{"box_id": "box-1"}, "sag", None, np.float32(1)], ids=["dict", "text", "none", "number"]
)
def test_what_is_no_finding_is_not_sent(bad: object) -> None:
    with pytest.raises(Exception, match=r"Expected `Finding`|float32|findings: at 0: Input should be an object"):
        parse_findings(findings_json([bad]))  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "findings: at the top: Invalid JSON: EOF while parsing a value at line 1 column 0"),
        ("{}", "findings: at the top: Input should be a valid array"),
        ('[{"box_id": "b"}]', "findings: at 0.incident_class: Field required"),
        ("[1]", "findings: at 0: Input should be an object"),
    ],
)
def test_text_that_is_no_list_of_findings_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_findings(text)
    assert str(refusal.value) == message


def test_a_class_that_does_not_exist_is_named(clock: ManualClock) -> None:
    text = findings_json([at(1)]).replace("VOLTAGE_SAG", "VOLTAGE_DIP")
    with pytest.raises(InvalidInput, match=r"findings: at 0\.incident_class: Input should be .*'VOLTAGE_SAG'"):
        parse_findings(text)


def test_findings_of_an_event_that_is_gone_are_kept_all_the_same(desk) -> None:
    store_event_findings(desk.store, desk.clock, "p", "1", EventId("gone"), [at(1, "box-2")])
    (kept,) = desk.store.incidents.list(IncidentFilter(event_id=EventId("gone")))
    assert kept.finding.box_id == BoxId("box-2")
