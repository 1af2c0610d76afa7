from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from opq.errors import Duplicate, InvalidInput, NotFound
from opq.ids import BoxId, EventId, IncidentId
from opq.model.incidents import Incident, IncidentClass
from opq.store import Store
from opq.store.port import IncidentFilter
from opq.testing import samples
from opq.testing.samples import T0

EVENT = EventId("event-1")
SAG, SWELL, THD, OUTAGE = (
    IncidentClass.VOLTAGE_SAG,
    IncidentClass.VOLTAGE_SWELL,
    IncidentClass.EXCESSIVE_THD,
    IncidentClass.OUTAGE,
)


def incident(incident_id: str, ordinal: str | None = None, **changes: Any) -> Incident:
    """An incident whose finding has the changes that belong to findings."""
    origin = {name: changes.pop(name) for name in ("plugin", "event_id", "created_unix_ns") if name in changes}
    return samples.incident(incident_id, ordinal=ordinal or incident_id, finding=samples.finding(**changes), **origin)


def span(start: int, end: int) -> dict[str, Any]:
    return {"start_unix_ns": T0 + start, "end_unix_ns": T0 + end}


def ids(incidents: list[Incident]) -> list[str]:
    return [each.incident_id for each in incidents]


def test_an_incident_comes_back_as_it_was_put(store: Store) -> None:
    store.incidents.put(samples.incident())
    assert store.incidents.get(IncidentId("incident-1")) == samples.incident()
    assert store.incidents.list() == [samples.incident()]


def test_an_incident_without_event_per_unit_and_duration_class_comes_back(store: Store) -> None:
    outage = incident("1", event_id=None, duration_class=None, extreme_pu=None, evidence={})
    store.incidents.put(outage)
    assert store.incidents.get(IncidentId("1")) == outage


def test_evidence_comes_back_in_python_types(store: Store) -> None:
    evidence = {"samples": [np.float32(0.1), np.int64(3)], "flag": np.bool_(True), "big": 2**62, "pair": (1, 2.0)}
    store.incidents.put(incident("1", evidence=evidence))
    found = store.incidents.get(IncidentId("1"))
    assert found is not None
    kept = found.finding.evidence
    assert kept == {"samples": [float(np.float32(0.1)), 3], "flag": True, "big": 2**62, "pair": [1, 2.0]}
    assert type(kept["flag"]) is bool
    assert type(kept["big"]) is int
    assert type(kept["pair"][1]) is float


@pytest.mark.parametrize("evidence", [{"a.b": 1}, {"$a": 1}, {"a": float("nan")}, {"a": object()}, {"a": b"x"}])
def test_evidence_that_no_store_gives_back_is_refused(store: Store, evidence: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="evidence"):
        store.incidents.put(incident("1", evidence=evidence))
    assert store.incidents.count() == 0


def test_an_incident_that_is_not_there_is_none(store: Store) -> None:
    assert store.incidents.get(IncidentId("1")) is None
    assert store.incidents.list() == []
    assert store.incidents.count() == 0
    assert store.incidents.count_by_class() == {}
    assert store.incidents.remove(IncidentId("1")) is False


def test_putting_the_same_natural_key_keeps_id_and_creation(store: Store) -> None:
    store.incidents.put(samples.incident("first"))
    newer = samples.incident(
        "second",
        plugin_version="2.0",
        created_unix_ns=T0 + 99,
        finding=samples.finding(extreme=80.0, incident_class=SWELL, open_end=True),
    )
    store.incidents.put(newer)
    store.incidents.put(newer)
    expected = replace(newer, incident_id=IncidentId("first"), created_unix_ns=T0 + 5)
    assert store.incidents.list() == [expected]
    assert store.incidents.get(IncidentId("second")) is None


def test_incidents_without_event_have_natural_keys_too(store: Store) -> None:
    store.incidents.put(incident("1", "0", event_id=None))
    store.incidents.put(incident("2", "0", event_id=None))
    store.incidents.put(incident("3", "1", event_id=None))
    assert sorted(ids(store.incidents.list())) == ["1", "3"]


def test_an_id_that_is_taken_by_another_natural_key_is_a_duplicate(store: Store) -> None:
    store.incidents.put(incident("1", "0"))
    with pytest.raises(Duplicate):
        store.incidents.put(incident("1", "1"))
    assert store.incidents.list() == [incident("1", "0")]


def test_replacing_puts_the_new_and_removes_the_others_of_plugin_and_event(store: Store) -> None:
    others = [incident("p", plugin="itic"), incident("q", event_id=EventId("event-2"))]
    for other in others:
        store.incidents.put(other)
    store.incidents.replace("ieee1159", EVENT, [incident("1", "0"), incident("2", "1"), incident("3", "2")])
    changed = incident("9", "1", extreme=1.5, created_unix_ns=T0 + 99)
    added = incident("8", "7")
    store.incidents.replace("ieee1159", EVENT, [changed, added])
    expected = [replace(changed, incident_id=IncidentId("2"), created_unix_ns=T0 + 5), added, *others]
    assert sorted(ids(store.incidents.list())) == ["2", "8", "p", "q"]
    assert [store.incidents.get(each.incident_id) for each in expected] == expected


def test_replacing_again_changes_nothing(store: Store) -> None:
    incidents = [incident("1", "0"), incident("2", "1")]
    for _ in range(2):
        store.incidents.replace("ieee1159", EVENT, incidents)
    assert sorted(store.incidents.list(), key=lambda each: each.ordinal) == incidents


def test_replacing_with_nothing_removes_all_of_plugin_and_event(store: Store) -> None:
    store.incidents.replace("ieee1159", EVENT, [])
    store.incidents.replace("ieee1159", EVENT, [incident("1"), incident("2")])
    store.incidents.replace("ieee1159", EVENT, [])
    assert store.incidents.list() == []


def test_replacing_tells_the_boxes_of_an_event_apart(store: Store) -> None:
    store.incidents.replace("ieee1159", EVENT, [incident("1", "0", box_id="a"), incident("2", "0", box_id="b")])
    store.incidents.replace("ieee1159", EVENT, [incident("3", "0", box_id="b")])
    assert ids(store.incidents.list()) == ["2"]


@pytest.mark.parametrize(
    "strange",
    [
        [incident("1", plugin="itic")],
        [incident("1", event_id=EventId("event-2"))],
        [incident("1", "0"), incident("2", "0")],
    ],
)
def test_what_does_not_belong_to_a_replacement_is_refused(store: Store, strange: list[Incident]) -> None:
    store.incidents.put(incident("0"))
    with pytest.raises(InvalidInput, match="incidents: got"):
        store.incidents.replace("ieee1159", EVENT, strange)
    assert ids(store.incidents.list()) == ["0"]


def test_incidents_come_newest_start_first_and_ties_by_id_descending(store: Store) -> None:
    for incident_id, start in (("b", 5), ("a", 5), ("c", 5), ("z", 1), ("y", 9)):
        store.incidents.put(incident(incident_id, **span(start, 10)))
    assert ids(store.incidents.list()) == ["y", "c", "b", "a", "z"]
    assert ids(store.incidents.list(limit=2)) == ["y", "c"]
    assert store.incidents.list(limit=0) == []


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize(
    "which",
    [
        IncidentFilter(),
        IncidentFilter(classes=(SAG, THD, SAG)),
        IncidentFilter(classes=(SAG, THD), box_id=BoxId("box-1")),
        IncidentFilter(plugin="itic", start_unix_ns=T0 + 2, end_unix_ns=T0 + 6),
        IncidentFilter(open_only=True),
    ],
)
def test_pages_join_to_the_whole_list(store: Store, size: int, which: IncidentFilter) -> None:
    for number in range(14):
        changes: dict[str, Any] = {
            "incident_class": (SAG, SWELL, THD)[number % 3],
            "box_id": f"box-{number % 2}",
            "open_end": number > 5,
        }
        plugin = ("itic", "ieee1159")[number % 4 == 0]
        store.incidents.put(incident(f"{number:02d}", plugin=plugin, **changes, **span(number // 2, number // 2 + 1)))
    whole = store.incidents.list(which)
    pages: list[Incident] = []
    while page := store.incidents.list(which, limit=size, before=pages[-1].incident_id if pages else None):
        assert len(page) <= size
        pages += page
    assert pages == whole
    assert len(whole) == store.incidents.count(which) > 0


def test_a_page_after_an_incident_that_is_gone_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="incident nine"):
        store.incidents.list(before=IncidentId("nine"))


def test_a_time_filter_takes_incidents_whose_span_overlaps(store: Store) -> None:
    store.incidents.put(incident("early", **span(0, 10)))
    store.incidents.put(incident("late", **span(20, 30)))
    store.incidents.put(incident("instant", **span(25, 25)))
    for start, end, expected in (
        (T0, T0 + 20, ["early"]),
        (T0 + 10, T0 + 20, []),
        (T0 + 9, T0 + 21, ["late", "early"]),
        (T0 + 25, T0 + 26, ["instant", "late"]),
        (T0 + 26, None, ["late"]),
        (None, T0 + 25, ["late", "early"]),
    ):
        which = IncidentFilter(start_unix_ns=start, end_unix_ns=end)
        assert ids(store.incidents.list(which)) == expected
        assert store.incidents.count(which) == len(expected)
        assert store.incidents.count_by_class(which) == ({SAG: len(expected)} if expected else {})


def test_all_conditions_of_a_filter_hold_together(store: Store) -> None:
    two = EventId("event-2")
    store.incidents.put(incident("a", box_id="x", incident_class=SAG, **span(0, 10)))
    store.incidents.put(incident("b", box_id="y", incident_class=THD, open_end=True, **span(1, 10)))
    store.incidents.put(incident("c", box_id="x", incident_class=THD, event_id=two, **span(2, 10)))
    store.incidents.put(incident("d", box_id="x", incident_class=OUTAGE, plugin="outage", open_end=True, **span(3, 4)))
    for which, expected in (
        (IncidentFilter(event_id=EVENT), ["d", "b", "a"]),
        (IncidentFilter(box_id=BoxId("x")), ["d", "c", "a"]),
        (IncidentFilter(classes=(THD,)), ["c", "b"]),
        (IncidentFilter(classes=(THD, SAG)), ["c", "b", "a"]),
        (IncidentFilter(plugin="outage"), ["d"]),
        (IncidentFilter(open_only=True), ["d", "b"]),
        (IncidentFilter(open_only=True, plugin="ieee1159"), ["b"]),
        (IncidentFilter(event_id=EVENT, box_id=BoxId("x"), classes=(SAG, OUTAGE)), ["d", "a"]),
        (IncidentFilter(box_id=BoxId("x"), classes=(THD, SAG), start_unix_ns=T0 + 5), ["c", "a"]),
        (IncidentFilter(classes=(THD, SAG), plugin="ieee1159", end_unix_ns=T0 + 2), ["b", "a"]),
        (IncidentFilter(event_id=two, open_only=True), []),
    ):
        assert ids(store.incidents.list(which)) == expected
        assert store.incidents.count(which) == len(expected)
        by_class = store.incidents.count_by_class(which)
        assert sum(by_class.values()) == len(expected)
        assert all(by_class.values())


def test_incidents_are_counted_per_class(store: Store) -> None:
    for number, each in enumerate((SAG, SAG, THD, SAG)):
        store.incidents.put(incident(str(number), incident_class=each))
    assert store.incidents.count_by_class() == {SAG: 3, THD: 1}


def test_a_removed_incident_is_gone(store: Store) -> None:
    store.incidents.put(incident("1"))
    store.incidents.put(incident("2"))
    assert store.incidents.remove(IncidentId("1")) is True
    assert store.incidents.remove(IncidentId("1")) is False
    assert ids(store.incidents.list()) == ["2"]
