"""The store as somebody reads it: what he has no right to is refused, or shown without the names of boxes.

Whoever may see a box sees all of it. Whoever may see the site only sees grids as a whole, and of events and incidents when,
how long and what, but not where: boxes then have names like ``#3fa9c1``, the same within an event and others in the next.
"""

import hmac
import secrets
from dataclasses import dataclass, replace

from opq.errors import NotFound
from opq.ids import AcquisitionId, BoxId, EventId, IncidentId
from opq.model.boxes import Box, BoxStatus
from opq.model.events import Acquisition, Event, EventBox
from opq.model.grid_now import GridNow, grids_now
from opq.model.incidents import Incident, IncidentClass
from opq.model.measurements import Measurement, Trend
from opq.model.waveforms import WaveformInfo
from opq.store.port import EventFilter, IncidentFilter, Store
from opq.trust.policy import Principal, Right

MOST_INCIDENTS = 500
"""Of one event, and of one page."""
MOST_ROWS = 10_000
"""Measurements or trends of one answer."""
MOST_EVENTS = 500
"""Events of one page."""
_MASK_KEY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class EventRecord:
    """Everything somebody may see about one event but the samples; of incidents no more than `MOST_INCIDENTS`."""

    event: Event
    parts: tuple[EventBox, ...]
    acquisitions: tuple[Acquisition, ...]
    waveforms: tuple[WaveformInfo, ...]
    incidents: tuple[Incident, ...]


class Reader:
    """Somebody reads.

    Parameters
    ----------
    store : Store
        An open store.
    principal : Principal
        Who reads.
    """

    def __init__(self, store: Store, principal: Principal) -> None:
        self._store, self._who = store, principal

    # --- boxes

    def boxes(self) -> list[Box]:
        """Return the boxes he may see, by box id."""
        return [box for box in self._store.boxes.list() if self._who.may(Right.BOXES, box.box_id)]

    def statuses(self) -> list[BoxStatus]:
        """Return what was last seen of the boxes he may see, by box id."""
        return [one for one in self._store.boxes.statuses() if self._who.may(Right.BOXES, one.box_id)]

    def grids(self, now_unix_ns: int) -> list[GridNow]:
        """Return the state of every grid, by grid id.

        Raises
        ------
        Forbidden
            If he may not see the site.
        """
        self._who.check(Right.SITE)
        statuses = {status.box_id: status for status in self._store.boxes.statuses()}
        return grids_now(self._store.boxes.list(), statuses, now_unix_ns)

    def newest(self, box_id: BoxId) -> Measurement | None:
        """Return the newest measurement of a box.

        Raises
        ------
        Forbidden
            If he may not see the box.
        """
        self._who.check(Right.BOXES, box_id)
        return self._store.measurements.latest(box_id)

    def measurements(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int) -> list[Measurement]:
        """Return a box's measurements that start in the range, oldest first, at most `MOST_ROWS`; raises as `newest`."""
        self._who.check(Right.BOXES, box_id)
        return self._store.measurements.range(box_id, start_unix_ns, end_unix_ns, min(limit, MOST_ROWS))

    def trends(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int) -> list[Trend]:
        """Return a box's trends that start in the range, oldest first, at most `MOST_ROWS`; raises as `newest`."""
        self._who.check(Right.BOXES, box_id)
        return self._store.trends.range(box_id, start_unix_ns, end_unix_ns, min(limit, MOST_ROWS))

    # --- events

    def events(self, which: EventFilter, limit: int, before: EventId | None = None) -> list[Event]:
        """Return events, newest start first, at most `MOST_EVENTS`; `before` is the last of the page before.

        Raises
        ------
        Forbidden
            If he may not see the site, or asks for a box that he may not see.
        NotFound
            If there is no event `before` (any more).
        """
        self._check_filter(which.box_id)
        found = self._store.events.list(which, min(limit, MOST_EVENTS), before)
        return [self._event(event) for event in found]

    def event(self, event_id: EventId) -> EventRecord | None:
        """Return what is known of an event; None if there is none of that id.

        Raises
        ------
        Forbidden
            If he may not see the site.
        """
        self._who.check(Right.SITE)
        event = self._store.events.get(event_id)
        if event is None:
            return None
        incidents = self._store.incidents.list(IncidentFilter(event_id=event_id), MOST_INCIDENTS)
        return EventRecord(
            self._event(event),
            tuple(part for part in self._store.events.boxes(event_id) if self._sees(part.box_id)),
            tuple(one for one in self._store.acquisitions.of_event(event_id) if self._sees(one.box_id)),
            tuple(
                info for info in self._store.waveforms.of_event(event_id) if self._who.may(Right.WAVEFORMS, info.box_id)
            ),
            tuple(map(self._incident, incidents)),
        )

    def incidents(self, which: IncidentFilter, limit: int, before: IncidentId | None = None) -> list[Incident]:
        """Return incidents, newest start first, at most `MOST_INCIDENTS`; raises as `events`."""
        self._check_filter(which.box_id)
        found = self._store.incidents.list(which, min(limit, MOST_INCIDENTS), before)
        return [self._incident(incident) for incident in found]

    def count_by_class(self, which: IncidentFilter) -> dict[IncidentClass, int]:
        """Count incidents per class; raises as `events`."""
        self._check_filter(which.box_id)
        return self._store.incidents.count_by_class(which)

    def waveform(self, acquisition_id: AcquisitionId) -> tuple[WaveformInfo, bytes]:
        """Return a waveform's description and its encoded samples (`opq.codec`).

        Raises
        ------
        NotFound
            If there is none; also if he may not see waveforms of that box, so that nobody learns what there is.
        CorruptData
            If the stored bytes are damaged.
        """
        info = self._store.waveforms.info(acquisition_id)
        if info is None or not self._who.may(Right.WAVEFORMS, info.box_id):
            raise NotFound(f"waveform {acquisition_id} is not known")
        return info, self._store.waveforms.data(acquisition_id)

    # --- below

    def _sees(self, box_id: BoxId) -> bool:
        return self._who.may(Right.BOXES, box_id)

    def _check_filter(self, box_id: BoxId | None) -> None:
        self._who.check(Right.SITE)
        if box_id is not None:
            self._who.check(Right.BOXES, box_id)

    def _event(self, event: Event) -> Event:
        if self._who.may(Right.BOXES):
            return event
        _, _, reason = event.opened_by.rpartition(": ")  # without the box that opened it, which may be in another part
        names = tuple(self._name(event.event_id, box_id) for box_id in event.box_ids)
        return replace(event, box_ids=names, opened_by=reason)

    def _incident(self, incident: Incident) -> Incident:
        box_id = incident.finding.box_id
        if self._sees(box_id):
            return incident
        named = self._name(incident.event_id or EventId(incident.incident_id), box_id)
        # Evidence may name boxes: whoever was asked beside this one.
        return replace(incident, finding=replace(incident.finding, box_id=named, evidence={}))

    def _name(self, event_id: EventId, box_id: BoxId) -> BoxId:
        if self._sees(box_id):
            return box_id
        return BoxId("#" + hmac.digest(_MASK_KEY, f"{event_id}/{box_id}".encode(), "sha256").hex()[:6])
