"""What each may read: a stranger, an owner, an expert; nobody learns of a box that he may not see."""

from dataclasses import dataclass

import pytest

from opq.clock import HOUR_NS
from opq.errors import Forbidden, NotFound
from opq.ids import BoxId
from opq.store import Store
from opq.store.port import EventFilter, IncidentFilter
from opq.store.reading import Reader
from opq.testing.site import BOXES, FREQUENCY, SAG, SWELL, fill_site
from opq.trust.policy import LOCAL, STRANGER, Principal, Right, UserRole

NOW = 1_760_000_000 * 1_000_000_000
OWNER = Principal("user owner", UserRole.USER, frozenset({BoxId("house-2")}))
EXPERT = Principal("user expert", UserRole.EXPERT)
MINE, OTHER = BoxId("house-2"), BoxId("house-1")


@dataclass
class Readers:
    store: Store

    def of(self, principal: Principal) -> Reader:
        return Reader(self.store, principal)


@pytest.fixture
def readers(store: Store) -> Readers:
    fill_site(store, NOW)
    return Readers(store)


@pytest.mark.parametrize(("principal", "boxes"), [(STRANGER, 0), (OWNER, 1), (EXPERT, len(BOXES)), (LOCAL, len(BOXES))])
def test_boxes_are_those_one_may_see(readers: Readers, principal: Principal, boxes: int) -> None:
    reader = readers.of(principal)
    assert len(reader.boxes()) == len(reader.statuses()) == boxes
    (grid,) = reader.grids(NOW)
    assert (grid.boxes, grid.on_line > 0) == (len(BOXES), True)


def test_values_of_a_box_are_its_owners(readers: Readers) -> None:
    reader = readers.of(OWNER)
    assert reader.newest(MINE) is not None
    assert len(reader.measurements(MINE, 0, 2**62, 10)) == 10
    assert reader.trends(MINE, 0, 2**62, 10) == []
    for read in (reader.measurements, reader.trends):
        with pytest.raises(Forbidden, match="user owner has no right to boxes of box house-1"):
            read(OTHER, 0, 2**62, 10)
    with pytest.raises(Forbidden):
        reader.newest(BoxId("no-such-box"))


def test_an_answer_is_never_longer_than_the_most(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opq.store.reading.MOST_ROWS", 7)
    monkeypatch.setattr("opq.store.reading.MOST_EVENTS", 2)
    reader = readers.of(EXPERT)
    assert len(reader.measurements(MINE, 0, 2**62, 10**9)) == 7
    assert len(reader.events(EventFilter(), 10**9)) == 2


def test_an_expert_sees_an_event_as_it_is_stored(readers: Readers) -> None:
    record = readers.of(EXPERT).event(SAG)
    assert record is not None
    assert record.event == readers.store.events.get(SAG)
    assert len(record.waveforms) == 4
    assert {incident.finding.box_id for incident in record.incidents} <= {box.box_id for box in BOXES}


def test_a_stranger_sees_what_happened_and_not_where(readers: Readers) -> None:
    reader = readers.of(STRANGER)
    record = reader.event(SAG)
    assert record is not None
    assert record.parts == record.acquisitions == record.waveforms == ()
    stored = readers.store.events.get(SAG)
    assert stored is not None
    assert len(record.event.box_ids) == len(stored.box_ids)
    incidents = [*record.incidents, *reader.incidents(IncidentFilter(), 100)]
    assert "house" not in str([record.event, *reader.events(EventFilter(), 10)])
    assert "house" not in str([(incident.finding, incident.ordinal) for incident in incidents])
    assert record.event.opened_by == "u_rms_half_min_v 74.4 beyond 114 (hard, limits)"
    assert reader.count_by_class(IncidentFilter(event_id=SAG))


def test_an_owner_sees_his_own_box_in_an_event_and_the_others_without_names(readers: Readers) -> None:
    reader = readers.of(OWNER)
    record = reader.event(SAG)
    assert record is not None
    assert [part.box_id for part in record.parts] == [MINE]
    assert [info.box_id for info in record.waveforms] == [MINE]
    named = {incident.finding.box_id for incident in record.incidents}
    assert MINE in named
    assert all(name == MINE or name.startswith("#") for name in named)
    assert set(record.event.box_ids) >= named


def test_names_in_place_of_boxes_are_the_same_within_an_event_and_others_in_the_next(readers: Readers) -> None:
    reader = readers.of(STRANGER)
    sag, frequency = reader.event(SAG), reader.event(FREQUENCY)
    assert sag is not None
    assert frequency is not None
    assert not set(sag.event.box_ids) & set(frequency.event.box_ids)
    assert {incident.finding.box_id for incident in sag.incidents} <= set(sag.event.box_ids)


def test_asking_for_a_box_that_one_may_not_see_is_refused(readers: Readers) -> None:
    for principal in (STRANGER, OWNER):
        reader = readers.of(principal)
        with pytest.raises(Forbidden):
            reader.events(EventFilter(box_id=OTHER), 10)
        with pytest.raises(Forbidden):
            reader.incidents(IncidentFilter(box_id=OTHER), 10)
        with pytest.raises(Forbidden):
            reader.count_by_class(IncidentFilter(box_id=OTHER))
    assert readers.of(OWNER).events(EventFilter(box_id=MINE), 10)


def test_a_waveform_one_may_not_have_is_as_one_that_is_not_there(readers: Readers) -> None:
    infos = {info.box_id: info for info in readers.store.waveforms.of_event(SAG)}
    info, data = readers.of(OWNER).waveform(infos[MINE].acquisition_id)
    assert (info, data) == (infos[MINE], readers.store.waveforms.data(info.acquisition_id))
    for name in (infos[OTHER].acquisition_id, infos[OTHER].acquisition_id[:-1] + "x"):
        with pytest.raises(NotFound, match="is not known"):
            readers.of(OWNER).waveform(name)


def test_a_scope_takes_away_and_never_gives(readers: Readers) -> None:
    only_site = Principal("token", UserRole.ADMIN, scopes=frozenset({Right.SITE}))
    assert readers.of(only_site).boxes() == []
    all_scopes = Principal("token", None, scopes=frozenset(Right))
    assert readers.of(all_scopes).boxes() == []
    nothing = Principal("token", UserRole.EXPERT, scopes=frozenset())
    with pytest.raises(Forbidden):
        readers.of(nothing).grids(NOW)


def test_what_is_not_there_is_none(readers: Readers) -> None:
    assert readers.of(EXPERT).event(SWELL) is not None
    assert readers.of(EXPERT).event(SWELL.__class__("no-such-event")) is None
    with pytest.raises(NotFound):
        readers.of(EXPERT).events(EventFilter(start_unix_ns=HOUR_NS), 10, before=SWELL.__class__("no-such-event"))
