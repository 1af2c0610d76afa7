"""The store as pages see it: opened once per process, read at most about once a second however many are watching.

Everything is read through `opq.store.reading` in the name of who looks at the page, so no page can show what he may not see;
what is kept for the next viewer is kept for those with the same rights only. Values are cached as resources, not as data:
they are frozen and not changed by pages, so no copy per viewer is needed.
"""

import gc
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import streamlit as st

from opq.clock import NS, SystemClock
from opq.errors import Forbidden
from opq.ids import AcquisitionId, BoxId, EventId
from opq.model.boxes import Box, BoxStatus
from opq.model.events import Extent
from opq.model.grid_now import GridNow
from opq.model.incidents import Incident, IncidentClass
from opq.model.measurements import Measurement
from opq.store import Store
from opq.store.audited import AuditedStore
from opq.store.port import EventFilter, IncidentFilter
from opq.store.reading import EventRecord, Reader
from opq.store.users import Users
from opq.trust.policy import LOCAL, STRANGER, Principal, Right
from opq.trust.users import User
from opq_view.components.event_search import EventPage, find_events
from opq_view.opened import opened_store
from opq_view.settings import ViewSettings
from opq_view.sign_in.cookies import cookie_name

TTL_S = 1.5
"""Less than the period of live pages, so that each sees something new, and many viewers share one read."""
_CACHED_QUERIES = 200
_CACHED_SESSIONS = 2000
_NOBODY = replace(STRANGER, scopes=frozenset())
"""A stranger where the site is not for the public."""


@dataclass(frozen=True, slots=True)
class SiteBoxes:
    """The boxes that somebody may see, by id, and what was last seen of them."""

    boxes: Mapping[BoxId, Box]
    statuses: Mapping[BoxId, BoxStatus]


@st.cache_resource(show_spinner=False)
def freeze_imports() -> None:
    """Take what was imported out of the garbage collector's sight.

    Streamlit collects fully after every run; looking through all of Plotly and pandas each time costs 70 ms.
    """
    gc.collect()
    gc.freeze()


# --- who looks


@st.cache_resource(show_spinner=False)
def _settings() -> ViewSettings:
    return ViewSettings()


def asks_who_you_are() -> bool:
    """Whether people sign in here."""
    return _settings().asks


def signed_in() -> User | None:
    """Return who is signed in; None for a stranger, or where nobody is asked."""
    settings = _settings()
    text = st.context.cookies.get(cookie_name(settings)) if settings.asks else None
    return _signed_in(text) if text else None


def visitor() -> Principal:
    """Return who looks at the page, as he is at this moment."""
    settings = _settings()
    if not settings.asks:
        return LOCAL
    user = signed_in()
    if user is not None:
        return user.principal()
    return STRANGER if settings.public else _NOBODY


def administration() -> Store:
    """Return the store for somebody who changes the site; what he changes is in the audit log in his name.

    Raises
    ------
    Forbidden
        If he may not.
    """
    who = visitor()
    who.check(Right.ADMINISTER)
    return AuditedStore(_store(), who.name, SystemClock())


def own_account() -> tuple[User, Users]:
    """Return who is signed in, and what he can change of himself.

    Raises
    ------
    Forbidden
        If nobody is.
    """
    user = signed_in()
    if user is None:
        raise Forbidden("nobody is signed in")
    return user, Users(AuditedStore(_store(), user.principal().name, SystemClock()))


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_SESSIONS, show_spinner=False)
def _signed_in(text: str) -> User | None:
    return Users(_store()).signed_in(text, time.time_ns())


def _viewer() -> Principal:
    """Return the rights of who looks: whoever has the same ones sees the same."""
    return replace(visitor(), name="")


# --- what is there


def _store() -> Store:
    return opened_store(_settings().store)


def grids() -> list[GridNow]:
    """Return the state of every grid; raises `Unavailable` also if a store that was there has gone."""
    return _grids(_viewer())


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _grids(who: Principal) -> list[GridNow]:
    _store().ping()
    return Reader(_store(), who).grids(time.time_ns())


def site_boxes() -> SiteBoxes:
    """Return the boxes one may see, and their statuses; raises as `grids`."""
    return _site_boxes(_viewer())


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _site_boxes(who: Principal) -> SiteBoxes:
    _store().ping()
    reader = Reader(_store(), who)
    return SiteBoxes(
        {box.box_id: box for box in reader.boxes()}, {status.box_id: status for status in reader.statuses()}
    )


def history(box_id: BoxId, seconds: int) -> list[Measurement]:
    """Return the measurements of the `seconds` [s] before the newest of a box, oldest first."""
    return _history(_viewer(), box_id, seconds)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _history(who: Principal, box_id: BoxId, seconds: int) -> list[Measurement]:
    reader = Reader(_store(), who)
    newest = reader.newest(box_id)
    if newest is None:
        return []
    end = newest.start_unix_ns + 1
    return reader.measurements(box_id, end - seconds * NS, end, 2 * seconds)


def latest_incidents(count: int) -> list[Incident]:
    """Return the newest incidents of the site."""
    return _latest_incidents(_viewer(), count)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _latest_incidents(who: Principal, count: int) -> list[Incident]:
    return Reader(_store(), who).incidents(IncidentFilter(), count)


def event_page(which: EventFilter, extent: Extent | None, before: EventId | None, size: int) -> EventPage:
    """See `find_events`."""
    return _event_page(_viewer(), which, extent, before, size)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _event_page(
    who: Principal, which: EventFilter, extent: Extent | None, before: EventId | None, size: int
) -> EventPage:
    return find_events(Reader(_store(), who), which, extent, before, size)


def classes_of_event(event_id: EventId) -> dict[IncidentClass, int]:
    """Count the incidents of an event per class."""
    return _classes_of_event(_viewer(), event_id)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _classes_of_event(who: Principal, event_id: EventId) -> dict[IncidentClass, int]:
    return Reader(_store(), who).count_by_class(IncidentFilter(event_id=event_id))


def event_record(event_id: EventId) -> EventRecord | None:
    """Return what is known of an event; None if there is none of that id."""
    return _event_record(_viewer(), event_id)


@st.cache_resource(ttl=TTL_S, max_entries=_CACHED_QUERIES, show_spinner=False)
def _event_record(who: Principal, event_id: EventId) -> EventRecord | None:
    return Reader(_store(), who).event(event_id)


def waveform_data(acquisition_id: AcquisitionId) -> bytes:
    """Return the encoded samples of a waveform; raises as `Reader.waveform`."""
    return Reader(_store(), visitor()).waveform(acquisition_id)[1]
