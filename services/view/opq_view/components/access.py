"""The store as pages see it: opened once per process, read at most about once a second however many are watching.

Values are cached as resources, not as data: they are frozen and not changed by pages, so no copy per viewer is needed.
"""

import gc
from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from opq.clock import NS
from opq.ids import BoxId, EventId
from opq.model.boxes import Box, BoxStatus
from opq.model.events import Acquisition, Event, EventBox, Extent
from opq.model.incidents import Incident, IncidentClass
from opq.model.measurements import Measurement
from opq.model.waveforms import WaveformInfo
from opq.store import Store, open_store
from opq.store.port import EventFilter, IncidentFilter
from opq_view.components.event_search import EventPage, find_events
from opq_view.settings import ViewSettings

TTL_S = 1.5
"""Less than the period of live pages, so that each sees something new, and many viewers share one read."""
MOST_INCIDENTS = 500
_CACHED_QUERIES = 200


@dataclass(frozen=True, slots=True)
class SiteBoxes:
    """All boxes, by id, and what was last seen of them."""

    boxes: Mapping[BoxId, Box]
    statuses: Mapping[BoxId, BoxStatus]


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Everything the store has about one event but the samples; of incidents no more than `MOST_INCIDENTS`."""

    event: Event
    parts: tuple[EventBox, ...]
    acquisitions: tuple[Acquisition, ...]
    waveforms: tuple[WaveformInfo, ...]
    incidents: tuple[Incident, ...]


@st.cache_resource(show_spinner=False)
def freeze_imports() -> None:
    """Take what was imported out of the garbage collector's sight.

    Streamlit collects fully after every run; looking through all of Plotly and pandas each time costs 70 ms.
    """
    gc.collect()
    gc.freeze()


def store() -> Store:
    """Return the open store of this process.

    Raises
    ------
    Unavailable
        If it does not answer; the next call tries again.
    """
    return _open(ViewSettings().store)


@st.cache_resource(show_spinner=False)
def _open(url: str) -> Store:
    return open_store(url)


@st.cache_resource(ttl=TTL_S, show_spinner=False)
def site_boxes() -> SiteBoxes:
    """Return all boxes and statuses; raises `Unavailable` also if a store that was there has gone."""
    store().ping()
    return SiteBoxes(
        {box.box_id: box for box in store().boxes.list()},
        {status.box_id: status for status in store().boxes.statuses()},
    )


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def history(box_id: BoxId, seconds: int) -> list[Measurement]:
    """Return the measurements of the `seconds` [s] before the newest of a box, oldest first."""
    newest = store().measurements.latest(box_id)
    if newest is None:
        return []
    end = newest.start_unix_ns + 1
    return store().measurements.range(box_id, end - seconds * NS, end, 2 * seconds)


@st.cache_resource(ttl=TTL_S, show_spinner=False)
def latest_incidents(count: int) -> list[Incident]:
    """Return the newest incidents of the site."""
    return store().incidents.list(limit=count)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def event_page(which: EventFilter, extent: Extent | None, before: EventId | None, size: int) -> EventPage:
    """See `find_events`."""
    return find_events(store(), which, extent, before, size)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def classes_of_event(event_id: EventId) -> dict[IncidentClass, int]:
    """Count the incidents of an event per class."""
    return store().incidents.count_by_class(IncidentFilter(event_id=event_id))


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def event_record(event_id: EventId) -> EventRecord | None:
    """Return what is known of an event; None if there is none of that id."""
    event = store().events.get(event_id)
    if event is None:
        return None
    return EventRecord(
        event,
        tuple(store().events.boxes(event_id)),
        tuple(store().acquisitions.of_event(event_id)),
        tuple(store().waveforms.of_event(event_id)),
        tuple(store().incidents.list(IncidentFilter(event_id=event_id), MOST_INCIDENTS)),
    )
