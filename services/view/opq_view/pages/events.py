"""The list of events: filters that live in the address, pages, and a line of time."""

from datetime import UTC, date, datetime, timedelta
from typing import Literal

import streamlit as st

from opq.clock import NS
from opq.errors import NotFound
from opq.ids import BoxId, EventId, GridId
from opq.model.events import Event, EventState, Extent
from opq.store.port import EventFilter
from opq_view.charts.timeline import timeline_chart
from opq_view.components import access
from opq_view.components.event_search import EventPage
from opq_view.components.links import Links, remember_list, restore_list
from opq_view.components.notices import empty
from opq_view.components.show import show_chart
from opq_view.components.wording import (
    CLASS_WORDS,
    EVENT_STATE_WORDS,
    EXTENT_WORDS,
    counted,
    plain,
    reason_text,
    seconds_text,
    utc,
)

PAGE_SIZE = 20
_BEFORE = "before"
_ANY = "any"
_COLOURS: dict[Extent, Literal["blue", "orange", "green"]] = {
    Extent.LOCAL: "blue",
    Extent.NEIGHBOURHOOD: "orange",
    Extent.GRID: "green",
}


def show(links: Links) -> None:
    """Draw the page."""
    restore_list()
    st.title("Events")
    which, extent = _filters()
    remember_list()
    before = st.query_params.get(_BEFORE)
    try:
        page = access.event_page(which, extent, EventId(before) if before else None, PAGE_SIZE)
    except NotFound:
        empty("The place in the list that this address points to is gone. Begin again with the newest events.")
        _page_link(links, "Newest events", None)
        return
    if not page.events:
        _nothing_found(which, extent, page, links)
        return
    show_chart(timeline_chart(page.events), "timeline")
    for event in page.events:
        _row(event, links)
    _paging(links, page, before)


def _filters() -> tuple[EventFilter, Extent | None]:
    """Draw the filters and return what they say; a change begins again at the newest events."""
    boxes = access.site_boxes().boxes
    with st.grid(5, min_column_width=150):
        grid = _choice("Grid", "grid", sorted({box.grid_id for box in boxes.values()}))
        box = _choice("Box", "box", [box.box_id for box in boxes.values() if grid in (None, box.grid_id)])
        extent = _choice("Extent", "extent", [extent.value for extent in Extent])
        first = _day("From (UTC)", "from")
        last = _day("To (UTC)", "to")
    which = EventFilter(
        grid_id=GridId(grid) if grid else None,
        box_id=BoxId(box) if box else None,
        start_unix_ns=_midnight(first) if first else None,
        end_unix_ns=_midnight(last + timedelta(days=1)) if last else None,
    )
    return which, Extent(extent) if extent else None


def _choice(label: str, key: str, options: list[str]) -> str | None:
    chosen = st.selectbox(label, [_ANY, *options], key=key, bind="query-params", on_change=_to_the_newest)
    return None if chosen == _ANY else chosen


def _day(label: str, key: str) -> date | None:
    day: date | None = st.date_input(
        label, None, key=key, bind="query-params", on_change=_to_the_newest, format="YYYY-MM-DD"
    )
    return day


def _to_the_newest() -> None:
    st.query_params.pop(_BEFORE, None)


def _midnight(day: date) -> int:
    """Return the beginning of a day [ns since the epoch, UTC]."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * NS


def _nothing_found(which: EventFilter, extent: Extent | None, page: EventPage, links: Links) -> None:
    if page.older is not None:
        empty("None of the last thousand events is like this. Older ones may be.")
        _page_link(links, "Look further back", page.older)
    elif which != EventFilter() or extent is not None:
        empty("No event is like this. Choose **any** in one of the filters above, or a longer time.")
    else:
        empty(
            "No event so far: the grid has been quiet since recording began. An event appears here when a box sees "
            "voltage, frequency or distortion leave its limits or its habit."
        )


def _row(event: Event, links: Links) -> None:
    with st.container(border=True, gap="xsmall", key=f"event-{event.event_id}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            links.to_event(event.event_id, utc(event.start_unix_ns), ":material/bolt:")
            st.badge(EXTENT_WORDS[event.extent], color=_COLOURS[event.extent])
            if event.state is not EventState.COMPLETE:
                st.badge(EVENT_STATE_WORDS[event.state], color="violet", icon=":material/hourglass_top:")
            duration = seconds_text((event.end_unix_ns - event.start_unix_ns) / NS)
            boxes = counted(len(event.box_ids), "box")
            st.markdown(f"{duration} · {boxes} · grid {event.grid_id}", width="content")
        st.caption(f"**{_found(event)}** — opened by {plain(reason_text(event.opened_by))}")


def _found(event: Event) -> str:
    classes = access.classes_of_event(event.event_id)
    if not classes:
        return "No incident" if event.state is EventState.COMPLETE else "Not judged yet"
    return ", ".join(f"{CLASS_WORDS[name]} × {count}" for name, count in classes.items())


def _paging(links: Links, page: EventPage, before: str | None) -> None:
    with st.container(horizontal=True, gap="medium", key="paging"):
        if before:
            _page_link(links, "Newest events", None)
        if page.older is not None:
            _page_link(links, "Older events", page.older)


def _page_link(links: Links, label: str, before: EventId | None) -> None:
    """Link to another part of the list with the same filters."""
    parameters = {key: value for key, value in st.query_params.items() if key != _BEFORE}
    if before is not None:
        parameters[_BEFORE] = before
    icon = ":material/first_page:" if before is None else ":material/chevron_right:"
    st.page_link(links.events, label=label, icon=icon, query_params=parameters)
