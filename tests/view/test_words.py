"""What pages make of times, numbers and states."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from opq.clock import HOUR_NS, NS, parse_iso
from opq.ids import BoxId, EventId
from opq.model.events import AcquisitionState, EventState, Extent, Role
from opq.model.grid_now import BoxState, box_state, grids_now
from opq.model.incidents import IncidentClass
from opq.store import Store
from opq.store.port import EventFilter
from opq.store.reading import Reader
from opq.testing import samples
from opq.trust.policy import LOCAL
from opq_view.__main__ import streamlit_arguments
from opq_view.components import wording
from opq_view.components.event_search import find_events
from opq_view.components.incident_groups import group_incidents
from opq_view.components.trend_boxes import trend_boxes
from opq_view.settings import ViewSettings

NOW = parse_iso("2026-11-24T19:30:39.202Z")


def test_times_are_utc_and_say_so() -> None:
    assert wording.utc(NOW) == "2026-11-24 19:30:39.202 UTC"
    assert wording.utc_clock(NOW) == "19:30:39.202"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(-5, "just now"), (0.9, "just now"), (1, "1 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7199, "119 min ago"),
     (7200, "2 h ago"), (172_800, "2 d ago")],
)  # fmt: skip
def test_how_long_ago(seconds: float, expected: str) -> None:
    assert wording.ago(NOW - round(seconds * NS), NOW) == expected
    assert wording.ago(0, NOW) == "never"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0004, "0.000 s"), (0.3082, "0.308 s"), (9.9996, "10.000 s"), (10, "10.0 s"), (119.94, "119.9 s"),
     (119.95, "2 min 0 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)  # fmt: skip
def test_durations(seconds: float, expected: str) -> None:
    assert wording.seconds_text(seconds) == expected


def test_extremes_carry_their_unit() -> None:
    volts = samples.finding(extreme=90.0, extreme_pu=0.75)
    assert wording.extreme_text(volts) == "0.750 pu (90.0 V)"
    assert wording.extreme_text(replace(volts, extreme=59.6538, unit="Hz", extreme_pu=None)) == "59.654 Hz"
    assert wording.extreme_text(replace(volts, extreme=9.4826, unit="%", extreme_pu=None)) == "9.48 %"
    assert wording.extreme_text(replace(volts, unit="s", extreme_pu=None)) == wording.NOTHING


def test_a_duration_says_if_it_is_not_the_whole() -> None:
    finding = samples.finding(open_start=False)
    assert wording.duration_text(finding) == "0.100 s"
    assert wording.duration_text(replace(finding, open_start=True)) == "0.100 s, had begun before"
    assert wording.duration_text(replace(finding, open_end=True)) == "0.100 s, not over then"


def test_every_word_of_the_domain_has_one_for_people() -> None:
    assert set(wording.CLASS_WORDS) == set(wording.CLASS_ICONS) == set(IncidentClass)
    assert set(wording.EXTENT_WORDS) == set(Extent)
    assert set(wording.EVENT_STATE_WORDS) == set(EventState)
    assert set(wording.ROLE_WORDS) == set(Role)
    assert set(wording.ACQUISITION_WORDS) == set(AcquisitionState)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, "yes"), (0.1 + 0.2, "0.3"), (float("nan"), "–"), ([0.02, 0.5], "0.02, 0.5"), (None, "–"), (3, "3")],
)
def test_evidence_is_written_short(value: object, expected: str) -> None:
    assert wording.value_text(value) == expected


def test_reasons_name_features_as_people_do() -> None:
    reason = "box-1: u_rms_half_min_v 84.2 beyond 114 (hard, limits)"
    assert wording.reason_text(reason) == "box-1: lowest half-cycle rms voltage 84.2 beyond 114 (hard, limits)"
    assert wording.reason_text("my_u_rms_v 3") == "my_u_rms_v 3"


def test_a_box_is_judged_by_its_connection_and_its_newest_frame() -> None:
    seen = samples.status(connected_unix_ns=NOW - HOUR_NS, last_frame_unix_ns=NOW - 5 * NS)
    assert box_state(seen, NOW) is BoxState.ON_LINE
    assert box_state(replace(seen, last_frame_unix_ns=NOW - 60 * NS), NOW) is BoxState.LATE
    assert box_state(replace(seen, connected=False), NOW) is BoxState.OFF_LINE
    assert box_state(replace(seen, connected_unix_ns=0), NOW) is BoxState.NEVER_SEEN
    assert box_state(None, NOW) is BoxState.NEVER_SEEN


def test_a_grid_is_averaged_over_boxes_on_line_each_in_percent_of_its_own_voltage() -> None:
    small = samples.box("a", nominal=samples.Nominal(120, 60))
    large = samples.box("b", nominal=samples.Nominal(240, 60))
    off = samples.box("c")
    statuses = {
        box.box_id: samples.status(
            box.box_id, connected_unix_ns=NOW - HOUR_NS, last_frame_unix_ns=NOW, u_rms_v=u_v, f_hz=60.0, thd_pct=thd
        )
        for box, u_v, thd in ((small, 118.8, 1.0), (large, 242.4, 3.0), (off, 1.0, 99.0))
    }
    statuses[off.box_id] = replace(statuses[off.box_id], connected=False)
    (grid,) = grids_now([small, large, off], statuses, NOW)
    assert (grid.boxes, grid.on_line, grid.f_hz) == (3, 2, 60.0)
    assert grid.u_pct == pytest.approx((99.0, 100.0, 101.0))
    assert grid.thd_pct == pytest.approx((2.0, 3.0))


def test_trends_show_one_box_of_each_feeder_before_a_second() -> None:
    boxes = [samples.box(f"b-{n}", feeder="west" if n < 4 else "east") for n in range(6)]
    statuses = {
        box.box_id: samples.status(box.box_id, connected_unix_ns=1, last_frame_unix_ns=NOW, connected=n != 0)
        for n, box in enumerate(boxes)
    }
    assert [box.box_id for box in trend_boxes(boxes, statuses, NOW, 2)] == ["b-1", "b-4"]
    assert [box.box_id for box in trend_boxes(boxes, statuses, NOW, 3)] == ["b-1", "b-2", "b-4"]
    assert len(trend_boxes(boxes, {}, NOW, 9)) == 6


def test_incidents_of_one_event_and_class_are_one_group_with_its_farthest_value() -> None:
    def sag(number: int, pu: float, event_id: str | None = "event-1") -> samples.Incident:
        finding = samples.finding(f"b-{number}", extreme_pu=pu)
        event = EventId(event_id) if event_id else None
        return samples.incident(f"i-{number}", event_id=event, finding=finding)

    together, other, alone = group_incidents([sag(1, 0.8), sag(2, 0.7), sag(3, 0.5, "event-2"), sag(4, 0.6, None)])
    assert together.box_ids == ("b-1", "b-2")
    assert together.worst.box_id == "b-2"
    assert (other.event_id, alone.event_id) == ("event-2", None)


def test_a_rare_extent_is_found_across_many_events_and_the_search_is_bounded(store: Store) -> None:
    for number in range(1300):
        extent = Extent.GRID if number in (0, 250) else Extent.LOCAL
        store.events.put(samples.event(f"e-{number:04d}", start_unix_ns=number, end_unix_ns=number, extent=extent))
    first = find_events(Reader(store, LOCAL), EventFilter(), Extent.GRID, None, 20)
    assert (first.events, first.older) == ((), EventId("e-0300"))
    rest = find_events(Reader(store, LOCAL), EventFilter(), Extent.GRID, first.older, 20)
    assert [event.event_id for event in rest.events] == ["e-0250", "e-0000"]
    assert rest.older is None


def test_a_page_that_ends_with_the_list_has_no_older_one(store: Store) -> None:
    for number in range(4):
        store.events.put(samples.event(f"e-{number}", start_unix_ns=number, end_unix_ns=number, box_ids=(BoxId("b"),)))
    whole = find_events(Reader(store, LOCAL), EventFilter(box_id=BoxId("b")), None, None, 4)
    assert (len(whole.events), whole.older) == (4, None)
    half = find_events(Reader(store, LOCAL), EventFilter(), None, None, 3)
    assert half.older == EventId("e-1")
    assert [
        event.event_id for event in find_events(Reader(store, LOCAL), EventFilter(), None, half.older, 3).events
    ] == ["e-0"]


@pytest.mark.parametrize(
    ("given", "asks", "secure"),
    [
        ({}, False, False),
        ({"sign_in": True}, True, False),
        ({"host": "0.0.0.0", "public_url": "https://grid.example"}, True, True),
        ({"host": "0.0.0.0", "https_cert": "c.pem", "https_key": "k.pem"}, True, True),
        ({"host": "0.0.0.0", "sign_in": False}, False, False),
    ],
)
def test_people_are_asked_who_they_are_wherever_others_can_reach_the_pages(
    given: dict[str, Any], asks: bool, secure: bool
) -> None:
    settings = ViewSettings(**given)
    assert (settings.asks, settings.secure) == (asks, secure)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"host": "0.0.0.0"}, "expected --https-cert and --https-key, or the https --public-url"),
        ({"host": "::", "public_url": "http://grid.example"}, "in clear text"),
        ({"https_cert": "c.pem"}, "one of --https-cert and --https-key"),
        ({"public_url": "grid.example"}, "public_url"),
    ],
)
def test_passwords_never_go_in_clear_text(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        ViewSettings(**given)


def test_the_server_is_told_to_stay_silent_and_private() -> None:
    arguments = streamlit_arguments(ViewSettings(host="0.0.0.0", port=9000, public_url="https://grid.example"))
    assert {"--server.address=0.0.0.0", "--server.port=9000"} <= set(arguments)
    assert {"--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none"} <= set(
        arguments
    )
