"""The port: what any store can do for the rest of the system, in typed methods without a query language.

All methods are synchronous and safe to call from several threads. All raise only `opq.errors`:
`Unavailable` (try again), `Duplicate`, `InvalidInput`, `NotFound` where said. Every write is idempotent by
natural key: writing the same thing twice leaves one. Lists are sorted as said and never longer than `limit`.
Times are ns since the epoch; a range is ``start <= t < end``. A span overlaps ``[start, end)`` if it begins before
`end` and ends after `start`; a span without length is the instant where it lies.
Text is any Unicode; a value no store could give back (NaN, infinity, an integer beyond 64 bits, a map key with a dot
or a leading ``$``) is `InvalidInput`.

Methods called `list` stand last in their class, since after them the name no longer means the type.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from opq.ids import AcquisitionId, BoxId, EventId, GridId, IncidentId, TaskId
from opq.model.boxes import Box, BoxHealth, BoxSeen, BoxStatus
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, EventState
from opq.model.incidents import Incident, IncidentClass
from opq.model.measurements import Measurement, Trend
from opq.model.services import Heartbeat
from opq.model.tasks import Task, TaskState
from opq.model.waveforms import WaveformInfo
from opq.trust.audit import AuditEntry


class Boxes(Protocol):
    """Collections `opq_boxes` and `box_status`."""

    def put(self, box: Box) -> None:
        """Create or replace a box."""
        ...

    def get(self, box_id: BoxId) -> Box | None:
        """Return one box."""
        ...

    def remove(self, box_id: BoxId) -> bool:
        """Forget a box and its status, not its history; whether it was there."""
        ...

    def connected(self, status: BoxStatus) -> None:
        """Store a new session's status; what is already stored of frames is kept.

        That is `last_frame_unix_ns`, `heard_unix_ns`, `u_rms_v`, `f_hz`, `thd_pct` and `last_gasp_unix_ns`.
        """
        ...

    def disconnected(self, box_id: BoxId, session_id: str, unix_ns: int) -> bool:
        """Mark the box disconnected if it is connected and `session_id` still holds it; whether it did."""
        ...

    def seen(self, seen: Sequence[BoxSeen]) -> None:
        """Update the newest values of many boxes; an older `last_frame_unix_ns` than is known changes only `heard_unix_ns`.

        A box without status (never connected, or removed) stays without; so it does for `gasped` and `health`.
        """
        ...

    def gasped(self, box_id: BoxId, unix_ns: int) -> None:
        """Store a last gasp; an older one than stored changes nothing."""
        ...

    def health(self, box_id: BoxId, health: BoxHealth) -> None:
        """Store what a box said of itself."""
        ...

    def configured(
        self, box_id: BoxId, session_id: str, unix_ns: int, window_cycles: int, configuration_problem: str = ""
    ) -> bool:
        """Store a box's answer to a configuration; whether `session_id` still holds the box.

        With a problem the `window_cycles` confirmed before stay. A new session begins without an answer.
        """
        ...

    def status(self, box_id: BoxId) -> BoxStatus | None:
        """Return what was last seen of one box."""
        ...

    def statuses(self) -> list[BoxStatus]:
        """Return what was last seen of all boxes, by box id."""
        ...

    def list(self, grid_id: GridId | None = None) -> list[Box]:
        """Return all boxes (of one grid), by box id."""
        ...


class Measurements(Protocol):
    """Collection `measurements`; key (box_id, start).

    Features that were added after a row was stored are NaN when it is read.
    """

    def add(self, rows: Sequence[Measurement]) -> int:
        """Store what is not there yet and leave the rest as it is; how many were new."""
        ...

    def range(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int = 10_000) -> list[Measurement]:
        """Return one box's measurements that start in the range, oldest first."""
        ...

    def latest(self, box_id: BoxId) -> Measurement | None:
        """Return the newest of a box."""
        ...

    def count(self, box_id: BoxId | None = None, start_unix_ns: int = 0, end_unix_ns: int = 2**63 - 1) -> int:
        """Count measurements that start in the range."""
        ...


class Trends(Protocol):
    """Collection `trends`; key (box_id, start). Features as in :class:`Measurements`."""

    def put(self, rows: Sequence[Trend]) -> None:
        """Create or replace."""
        ...

    def range(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int = 10_000) -> list[Trend]:
        """Return one box's trends that start in the range, oldest first."""
        ...

    def latest(self, box_id: BoxId) -> Trend | None:
        """Return the newest of a box."""
        ...


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; all given conditions hold. The span of an event overlaps ``[start, end)``."""

    grid_id: GridId | None = None
    box_id: BoxId | None = None
    states: tuple[EventState, ...] = ()
    start_unix_ns: int | None = None
    end_unix_ns: int | None = None


class Events(Protocol):
    """Collections `events` and `box_events`; keys event_id and (event_id, box_id)."""

    def put(self, event: Event) -> None:
        """Create or replace an event."""
        ...

    def get(self, event_id: EventId) -> Event | None:
        """Return one event."""
        ...

    def count(self, which: EventFilter = EventFilter()) -> int:
        """Count events."""
        ...

    def put_boxes(self, boxes: Sequence[EventBox]) -> None:
        """Create or replace boxes' parts in events."""
        ...

    def boxes(self, event_id: EventId) -> list[EventBox]:
        """Return the parts of one event, by box id."""
        ...

    def list(self, which: EventFilter = EventFilter(), limit: int = 100, before: EventId | None = None) -> list[Event]:
        """Return events, newest start first (ties by event id, descending); `before` is the last of the page before.

        Raises
        ------
        NotFound
            If there is no event `before` (any more), so that nobody takes the end of a page for the end of the list.
        """
        ...


class Acquisitions(Protocol):
    """Collection `acquisitions`; key acquisition_id."""

    def put(self, acquisition: Acquisition) -> None:
        """Create or replace."""
        ...

    def put_all(self, acquisitions: Sequence[Acquisition]) -> None:
        """Create or replace several: as `put` for each, in one go."""
        ...

    def get(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """Return one."""
        ...

    def of_event(self, event_id: EventId) -> list[Acquisition]:
        """Return those of one event, by (box id, start)."""
        ...

    def in_state(self, state: AcquisitionState, limit: int = 10_000) -> list[Acquisition]:
        """Return those in one state, by acquisition id."""
        ...


class Waveforms(Protocol):
    """Encoded samples and their description; key acquisition_id. The port does not look into the bytes."""

    def append(self, acquisition_id: AcquisitionId, offset: int, data: bytes) -> int:
        """Store `data` at byte `offset` of a waveform not yet committed; how many bytes are now there from 0 on.

        Bytes that are already there are not written again, so two senders of the same waveform do no harm.

        Raises
        ------
        InvalidInput
            If `offset` leaves a gap, or `data` goes beyond a waveform that was committed.
        """
        ...

    def received(self, acquisition_id: AcquisitionId) -> int:
        """Return how many bytes are there from 0 on, also of a committed waveform."""
        ...

    def uncommitted(self, acquisition_id: AcquisitionId) -> bytes:
        """Return the bytes appended so far of a waveform not yet committed; empty if there are none."""
        ...

    def commit(self, info: WaveformInfo) -> None:
        """Declare the appended bytes whole and make them visible; committing again changes nothing.

        Raises
        ------
        InvalidInput
            If the bytes there are not `info.encoded_bytes`, or `info` has no segment.
        """
        ...

    def discard(self, acquisition_id: AcquisitionId) -> None:
        """Throw away bytes that were not committed; a committed waveform is left alone."""
        ...

    def info(self, acquisition_id: AcquisitionId) -> WaveformInfo | None:
        """Return the description of a committed waveform."""
        ...

    def of_event(self, event_id: EventId) -> list[WaveformInfo]:
        """Return the committed waveforms of an event, by (box id, start)."""
        ...

    def data(self, acquisition_id: AcquisitionId) -> bytes:
        """Return the bytes of a committed waveform.

        Raises
        ------
        NotFound
            If there is none.
        CorruptData
            If it was committed but its bytes are gone or not all there.
        """
        ...

    def total_bytes(self) -> int:
        """Sum of the bytes of committed waveforms."""
        ...

    def sweep(self, older_than_unix_ns: int) -> int:
        """Remove uncommitted bytes last appended to before a time (of the machine that appended); how many waveforms."""
        ...


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents; all given conditions hold. The span of an incident overlaps ``[start, end)``."""

    event_id: EventId | None = None
    box_id: BoxId | None = None
    classes: tuple[IncidentClass, ...] = ()
    plugin: str | None = None
    open_only: bool = False
    """Only those whose finding has `open_end`."""
    start_unix_ns: int | None = None
    end_unix_ns: int | None = None


class Incidents(Protocol):
    """Collection `incidents`; key (plugin, event_id, box_id, ordinal)."""

    def replace(self, plugin: str, event_id: EventId, incidents: Sequence[Incident]) -> None:
        """Make `incidents` all that `plugin` has to say of an event: put these, remove its others.

        An incident whose natural key exists keeps its `incident_id` and `created_unix_ns`.

        Raises
        ------
        InvalidInput
            If one is of another plugin or event, or a natural key comes twice.
        """
        ...

    def put(self, incident: Incident) -> None:
        """Create or replace one by natural key; `incident_id` and `created_unix_ns` of an existing one are kept.

        Raises
        ------
        Duplicate
            If the id is taken by an incident with another natural key.
        """
        ...

    def get(self, incident_id: IncidentId) -> Incident | None:
        """Return one."""
        ...

    def count(self, which: IncidentFilter = IncidentFilter()) -> int:
        """Count incidents."""
        ...

    def count_by_class(self, which: IncidentFilter = IncidentFilter()) -> dict[IncidentClass, int]:
        """Count incidents per class; classes without any are left out."""
        ...

    def remove(self, incident_id: IncidentId) -> bool:
        """Remove one; whether it was there."""
        ...

    def list(
        self, which: IncidentFilter = IncidentFilter(), limit: int = 100, before: IncidentId | None = None
    ) -> list[Incident]:
        """Return incidents, newest start first (ties by incident id, descending); `before` is the last of the page before.

        Raises
        ------
        NotFound
            If there is no incident `before` (any more).
        """
        ...


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one plugin."""

    queued: int
    leased: int
    dead: int
    oldest_unix_ns: int
    """Creation of the oldest queued task; 0 if none."""


class Tasks(Protocol):
    """Collection `tasks`; key task_id. A queue with leases."""

    def add(self, tasks: Iterable[Task]) -> int:
        """Queue the tasks whose id is new; how many were."""
        ...

    def claim(self, plugins: Sequence[str], worker: str, now_unix_ns: int, lease_until_unix_ns: int) -> Task | None:
        """Lease the oldest task of these plugins that may start: queued and due, or leased and expired.

        The lease counts as an attempt. No two callers get the same task. Oldest is by (created, id); a task is due
        from `not_before_unix_ns` on, a lease expired from `lease_until_unix_ns` on.
        """
        ...

    def renew(self, task_id: TaskId, worker: str, lease_until_unix_ns: int) -> bool:
        """Extend a lease; False if `worker` no longer holds it. It does until done, failed or leased to another."""
        ...

    def complete(self, task_id: TaskId, worker: str) -> bool:
        """Mark done, without error; False if `worker` no longer holds it."""
        ...

    def fail(self, task_id: TaskId, worker: str, error: str, retry_unix_ns: int | None) -> bool:
        """Give back with the error, to be tried again at `retry_unix_ns` or (None) never; False if not held."""
        ...

    def requeue(self, task_id: TaskId) -> bool:
        """Put a dead or done task back, due at once, with no attempts, worker and error; whether there was one."""
        ...

    def get(self, task_id: TaskId) -> Task | None:
        """Return one."""
        ...

    def backlog(self) -> dict[str, Backlog]:
        """Return what waits, per plugin that ever had a task."""
        ...

    def remove_done(self, before_unix_ns: int) -> int:
        """Remove done tasks created before a time; how many."""
        ...

    def list(self, state: TaskState | None = None, plugin: str | None = None, limit: int = 100) -> list[Task]:
        """Return tasks, newest first by (created, id)."""
        ...


class Documents(Protocol):
    """A collection of JSON-like documents by key.

    `settings` is what people set, `checkpoints` what programs remember, `certificates` who was given a certificate or a
    token, and what was revoked (`opq.store.certificates`), `users` who may sign in and is (`opq.store.users`).
    """

    def put(self, key: str, document: Mapping[str, Any]) -> None:
        """Create or replace. Values are JSON-like: str, bool, int, finite float, None, lists and string-keyed maps."""
        ...

    def get(self, key: str) -> dict[str, Any] | None:
        """Return one."""
        ...

    def items(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """Return all whose key starts with `prefix`, by key."""
        ...

    def remove(self, key: str) -> bool:
        """Remove one; whether it was there. Of several at once one is told that it was."""
        ...


class Audit(Protocol):
    """Collection `audit`; key number. Entries are added, never changed or removed."""

    def append(self, entry: AuditEntry) -> None:
        """Add an entry.

        Raises
        ------
        Duplicate
            If there is one with its number.
        """
        ...

    def list(self, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """Return entries, newest first; with `before` those with a lower number."""
        ...


class Heartbeats(Protocol):
    """Collection `services`; key service_id."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Create or replace."""
        ...

    def list(self, role: str | None = None) -> list[Heartbeat]:
        """Return all (of one role), by service id."""
        ...


class Store(Protocol):
    """One open store."""

    boxes: Boxes
    measurements: Measurements
    trends: Trends
    events: Events
    acquisitions: Acquisitions
    waveforms: Waveforms
    incidents: Incidents
    tasks: Tasks
    settings: Documents
    checkpoints: Documents
    certificates: Documents
    users: Documents
    audit: Audit
    heartbeats: Heartbeats

    def ping(self) -> None:
        """Raise `Unavailable` if the store does not answer."""
        ...

    def close(self) -> None:
        """Give back connections; the store is not used afterwards."""
        ...
