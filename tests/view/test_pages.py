"""The pages as Streamlit runs them, on a store filled with real objects."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from opq.clock import NS
from opq.errors import Unavailable
from opq.ids import BoxId, EventId, GridId
from opq.model.events import AcquisitionState
from opq.store import Store
from opq.testing import samples
from opq.testing.site import BOXES, FREQUENCY, SAG, SWELL, Site, put_waveform, sag_segment
from opq_view import opened
from opq_view.app import script
from opq_view.components import access


def overview_script() -> None:
    import streamlit as st

    from opq_view.app.script import make_links
    from opq_view.components.notices import survives_absence
    from opq_view.pages import overview

    links = make_links()
    st.navigation([links.overview, links.events, links.event])
    survives_absence(lambda: overview.show(links))()


def events_script() -> None:
    import streamlit as st

    from opq_view.app.script import make_links
    from opq_view.components.notices import survives_absence
    from opq_view.pages import events

    links = make_links()
    st.navigation([links.overview, links.events, links.event])
    survives_absence(lambda: events.show(links))()


def event_script() -> None:
    import streamlit as st

    from opq_view.app.script import make_links
    from opq_view.components.notices import survives_absence
    from opq_view.pages import event

    links = make_links()
    st.navigation([links.overview, links.events, links.event])
    survives_absence(lambda: event.show(links))()


_SCRIPTS: dict[str, Callable[[], None]] = {
    "overview": overview_script,
    "events": events_script,
    "event": event_script,
}


def open_page(name: str, **address: str) -> AppTest:
    """Run a page once, with these parameters in its address; it must not fail."""
    page = AppTest.from_function(_SCRIPTS[name], default_timeout=30)
    for key, value in address.items():
        page.query_params[key] = value
    page.run()
    assert not page.exception, page.exception[0].value
    return page


def text_of(page: AppTest) -> str:
    """All that is written on a page, one element per line, without escapes."""
    kinds = ("title", "subheader", "markdown", "caption", "info", "warning", "error", "metric")
    lines = [f"{element.value}" for kind in kinds for element in page.get(kind)]
    lines += [f"{metric.label}: {metric.value} ({metric.delta})" for metric in page.metric]
    lines += [f"link: {element.proto.label}" for element in page.get("page_link")]
    for table in page.table:
        lines.append(" | ".join(table.value.columns))
        lines += [" | ".join(map(str, row)) for row in table.value.itertuples(index=False)]
    return "\n".join(lines).replace("\\", "")


def figures(page: AppTest) -> list[dict[str, Any]]:
    """The Plotly figures of a page, as they are sent."""
    return [json.loads(element.proto.spec) for element in page.get("plotly_chart")]


def links_of(page: AppTest) -> list[tuple[str, str]]:
    """(label, parameters) of all links of a page."""
    return [(element.proto.label, element.proto.query_string) for element in page.get("page_link")]


def test_the_app_itself_starts_on_the_overview(site: Site) -> None:
    page = AppTest.from_file(script.__file__, default_timeout=30).run()
    assert not page.exception
    assert page.title[0].value == "The grid now"


class TestOverview:
    def test_it_shows_the_state_of_the_grid(self, site: Site) -> None:
        text = text_of(open_page("overview"))
        assert "Voltage, grid demo: 100.2 % (99.6 to 100.8 % of nominal)" in text
        assert "Frequency: 59.990 Hz" in text
        assert "Distortion (THD): 1.35 % (highest 1.50 %)" in text
        assert "Boxes on line: 4 of 5" in text

    def test_it_shows_every_box_and_no_old_values_of_one_that_is_off_line(self, site: Site) -> None:
        text = text_of(open_page("overview"))
        assert "**house-1** | House 1 | demo | feeder-1 | :green[● on line]" in text
        assert "119.5 | 59.990 | 1.20" in text
        house_5 = next(line for line in text.splitlines() if line.startswith("**house-5** |"))
        assert ":red[○ off line]" in house_5
        assert house_5.endswith("– | – | –")

    def test_incidents_of_one_disturbance_are_one_line_that_leads_to_its_event(self, site: Site) -> None:
        page = open_page("overview")
        assert links_of(page).count(("Voltage sag", f"event={SAG}")) == 1
        text = text_of(page)
        assert "**4 boxes**, farthest at **house-1** · 0.620 pu (74.4 V)" in text
        assert "**Outage**" in text
        assert "10.0 s, not over then" in text

    def test_it_draws_voltage_and_frequency(self, site: Site) -> None:
        page = open_page("overview")
        titles = [figure["layout"]["yaxis"]["title"]["text"] for figure in figures(page)]
        assert titles == ["Voltage [% of nominal]", "Frequency [Hz]"]
        assert all(element.proto.alt for element in page.get("plotly_chart"))

    def test_with_several_grids_one_can_be_chosen(self, store: Store, site: Site) -> None:
        store.boxes.put(samples.box("west-1", grid_id=GridId("west")))
        page = open_page("overview")
        assert "Voltage, grid west: — (no box on line)" in text_of(page)
        page.selectbox[0].select("west").run()
        assert "grid demo" not in text_of(page)
        assert "Nothing has been measured yet" in text_of(page)

    def test_an_empty_site_says_what_to_do(self, store: Store) -> None:
        assert "Run `opq up` to see a simulated site" in text_of(open_page("overview"))

    def test_a_site_without_incidents_says_so(self, store: Store) -> None:
        store.boxes.put(BOXES[0])
        text = text_of(open_page("overview"))
        assert "No incident so far" in text
        assert "never seen" in text

    def test_many_boxes_come_in_pages(self, store: Store) -> None:
        for number in range(120):
            store.boxes.put(samples.box(f"box-{number:03d}"))
        page = open_page("overview")
        assert len(page.table[0].value) == 50
        assert page.pagination[0].value == 1

    def test_names_are_shown_as_they_are_and_not_as_markdown(self, store: Store) -> None:
        store.boxes.put(samples.box("box-1", name="[click](http://example.com) *me* :red[x] <b>"))
        name = open_page("overview").table[0].value["Name"][0]
        assert name == r"\[click\]\(http\://example.com\) \*me\* \:red\[x\] \<b\>"


class TestEvents:
    def test_it_lists_events_newest_first_with_what_was_found(self, site: Site) -> None:
        page = open_page("events")
        assert [query for _, query in links_of(page)] == [f"event={name}" for name in (SAG, SWELL, FREQUENCY)]
        text = text_of(page)
        assert "**Voltage sag × 4, ITIC no-damage region × 1**" in text
        assert "**Not judged yet** — opened by house-3: frequency 59.7 beyond 59.9" in text
        assert "3 events: 1 local, 2 grid" in text

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            ({"extent": "local"}, [SWELL]),
            ({"extent": "neighbourhood"}, []),
            ({"box": "house-2"}, [SAG, SWELL, FREQUENCY]),
            ({"box": "house-3", "extent": "grid"}, [SAG, FREQUENCY]),
            ({"grid": "demo"}, [SAG, SWELL, FREQUENCY]),
            ({"from": "2020-01-01", "to": "2020-01-02"}, []),
        ],
    )
    def test_filters_are_taken_from_the_address(
        self, site: Site, address: dict[str, str], expected: list[EventId]
    ) -> None:
        page = open_page("events", **address)
        assert [query for _, query in links_of(page)] == [f"event={name}" for name in expected]
        if not expected:
            assert "No event is like this" in text_of(page)

    def test_a_filter_that_is_chosen_narrows_the_list(self, site: Site) -> None:
        page = open_page("events")
        page.selectbox(key="extent").select("local").run()
        assert [query for _, query in links_of(page)] == [f"event={SWELL}"]

    def test_pages_follow_each_other_without_a_gap(self, store: Store) -> None:
        for number in range(45):
            store.events.put(
                samples.event(f"event-{number:02d}", start_unix_ns=number * NS, end_unix_ns=number * NS + 1)
            )
        seen: list[str] = []
        address: dict[str, str] = {}
        for _ in range(3):
            links = links_of(open_page("events", **address))
            seen += [query.removeprefix("event=") for _, query in links if query.startswith("event=")]
            older = [query.removeprefix("before=") for label, query in links if label == "Older events"]
            address = {"before": older[0]} if older else {}
        assert seen == [f"event-{number:02d}" for number in reversed(range(45))]
        assert address == {}

    def test_a_place_in_the_list_that_is_gone_leads_back_to_the_newest(self, site: Site) -> None:
        page = open_page("events", before="gone")
        assert "The place in the list that this address points to is gone" in text_of(page)
        assert links_of(page) == [("Newest events", "")]

    def test_an_empty_list_says_when_an_event_appears(self, store: Store) -> None:
        assert "No event so far" in text_of(open_page("events"))


class TestEvent:
    def test_it_says_what_happened_and_how_far_it_reached(self, site: Site) -> None:
        page = open_page("event", event=SAG)
        assert page.title[0].value == "Voltage sag at 4 boxes"
        text = text_of(page)
        assert "Duration: 0.300 s" in text
        assert "Extent: Grid (4 of 5 streaming boxes triggered)" in text
        assert "Waveforms: 4 of 5" in text
        assert "State: Complete (3.400 s after its end)" in text
        assert "Opened by house-1: lowest half-cycle rms voltage 74.4 beyond 114" in text
        assert " UTC** to " in text

    def test_it_lists_incidents_with_their_standard_and_evidence(self, site: Site) -> None:
        text = text_of(open_page("event", event=SAG))
        assert "**house-3** | Voltage sag | instantaneous | 0.750 pu (90.0 V) | 0.300 s" in text
        assert "IEEE 1159-2019, Table 2" in text
        assert "**ITIC no-damage region**, by plugin itic 1" in text
        assert "level allowed s | 0.02, 0.5" in text

    def test_it_draws_rms_and_waveforms_of_every_box_that_recorded(self, site: Site) -> None:
        rms, waveforms = figures(open_page("event", event=SAG))
        for figure in (rms, waveforms):
            assert [trace["name"] for trace in figure["data"]] == [f"house-{n}" for n in (1, 2, 3, 4)]
        assert rms["layout"]["yaxis"]["title"]["text"] == "Urms(1/2) [pu]"

    def test_it_tells_what_became_of_every_request(self, site: Site) -> None:
        text = text_of(open_page("event", event=SAG))
        assert "**house-1** | " in text
        assert "✓ stored | 0.042 s | 31.0 kB | gps, ± 0.0001 ms" in text
        assert "✗ missing | 10.0 s | – | – | box is not connected" in text
        assert "feeder-2 | asked as a neighbour" in text

    def test_a_narrower_part_of_the_record_is_drawn_when_chosen(self, site: Site) -> None:
        page = open_page("event", event=SAG)
        page.slider(key="part").set_range(0.0, 0.1).run()
        assert figures(page)[1]["layout"]["xaxis"]["range"] == [0.0, 0.1]

    def test_an_event_whose_waveforms_are_awaited_says_so(self, site: Site) -> None:
        text = text_of(open_page("event", event=FREQUENCY))
        assert "Collecting waveforms" in text
        assert "Nothing is judged yet" in text
        assert "Waveforms have been asked for; curves appear here" in text
        assert "… requested" in text
        assert "this page renews itself" in text

    def test_an_event_without_any_request_shows_its_incidents_alone(self, site: Site) -> None:
        page = open_page("event", event=SWELL)
        assert "Voltage swell at 1 box" in text_of(page)
        assert "No waveform was asked for" in text_of(page)
        assert figures(page) == []

    def test_when_no_waveform_could_be_had_the_page_says_where_the_reasons_are(self, store: Store, site: Site) -> None:
        for acquisition in store.acquisitions.of_event(FREQUENCY):
            store.acquisitions.put(replace(acquisition, state=AcquisitionState.MISSING, reason="ring overwritten"))
        text = text_of(open_page("event", event=FREQUENCY))
        assert "None of the waveforms asked for could be had" in text
        assert "ring overwritten" in text

    @pytest.mark.parametrize("event_id", ["nothing-like-it", "[x](y)", "a" * 5000])
    def test_an_unknown_event_is_told_with_a_way_back(self, site: Site, event_id: str) -> None:
        page = open_page("event", event=event_id)
        assert "There is no event" in text_of(page)
        assert links_of(page) == [("All events", "")]

    def test_without_an_event_it_says_where_to_choose_one(self, site: Site) -> None:
        assert "when you choose one from the list" in text_of(open_page("event"))

    def test_a_box_that_is_no_longer_enrolled_keeps_its_waveform(self, store: Store, site: Site) -> None:
        store.boxes.remove(BoxId("house-2"))
        page = open_page("event", event=SAG)
        rms, waveforms = figures(page)
        assert len(rms["data"]) == 3
        assert len(waveforms["data"]) == 4
        assert "No longer enrolled: house-2." in text_of(page)
        assert "**house-2** | no longer enrolled" in text_of(page)

    def test_a_damaged_waveform_is_told_and_the_others_are_drawn(
        self, store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waveforms = access._store().waveforms
        real = type(waveforms).data

        def damaged(self: object, acquisition_id: str) -> bytes:
            data: bytes = real(self, acquisition_id)
            return data[:-1] if acquisition_id == "sag-house-1" else data

        monkeypatch.setattr(type(waveforms), "data", damaged)
        page = open_page("event", event=SAG)
        assert "The stored waveform of house-1 is damaged or gone" in text_of(page)
        assert [len(figure["data"]) for figure in figures(page)] == [3, 3]

    def test_of_many_boxes_eight_are_drawn_and_others_can_be_chosen(self, store: Store, site: Site) -> None:
        for number in range(10):
            made = samples.acquisition(f"more-{number}", event_id=SAG, box_id=BoxId(f"more-{number}"))
            put_waveform(store, made, [sag_segment("house-1", site.sag_unix_ns)])
        page = open_page("event", event=SAG)
        assert len(figures(page)[1]["data"]) == 8
        assert set(page.multiselect(key="drawn").value) >= {"house-1", "house-2", "house-3", "house-4"}

    def test_what_a_frequency_event_is_about_is_drawn(self, store: Store, site: Site) -> None:
        made = samples.acquisition("frequency-1", event_id=FREQUENCY, box_id=BoxId("house-1"))
        put_waveform(store, made, [sag_segment("house-1", site.sag_unix_ns)])
        titles = [figure["layout"]["yaxis"]["title"]["text"] for figure in figures(open_page("event", event=FREQUENCY))]
        assert titles == ["Frequency [Hz]", "Urms(1/2) [pu]", "Voltage [V]"]


class TestStoreAway:
    @pytest.mark.parametrize("name", ["overview", "events", "event"])
    def test_a_store_that_is_away_is_told_and_the_page_recovers(
        self, site: Site, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = opened.open_store

        def away(url: str) -> Store:
            raise Unavailable(f"no answer from {url}")

        monkeypatch.setattr(opened, "open_store", away)
        page = open_page(name, event=SAG)
        assert "The store does not answer just now" in text_of(page)
        assert "no answer from" not in text_of(page), "addresses are for the log"
        monkeypatch.setattr(opened, "open_store", real)
        page.run()
        assert not page.error
        assert page.title

    def test_a_store_that_goes_while_it_is_read_is_told(self, store: Store, site: Site) -> None:
        open_page("overview")
        st.cache_resource.clear()
        access._store().close()
        assert "The store does not answer just now" in text_of(open_page("overview"))
