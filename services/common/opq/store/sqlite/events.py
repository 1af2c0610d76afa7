"""Events, the boxes in them, and acquisitions in SQLite."""

from collections.abc import Sequence

from opq.errors import NotFound
from opq.ids import AcquisitionId, EventId
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox
from opq.store.port import EventFilter
from opq.store.sqlite.connection import Connections
from opq.store.sqlite.records import Records, Where

_EVENTS = Records(Event, "events", ("event_id", "grid_id", "state", "start_unix_ns", "end_unix_ns"))
_PARTS = Records(EventBox, "box_events", ("event_id", "box_id"))
_ACQUISITIONS = Records(Acquisition, "acquisitions", ("acquisition_id", "event_id", "box_id", "start_unix_ns", "state"))
_NEWEST_FIRST = "ORDER BY start_unix_ns DESC, event_id DESC LIMIT ?"


def _conditions(which: EventFilter, states: tuple[str, ...]) -> tuple[str, Where]:
    """Return the source to select from and the conditions on it."""
    where = Where()
    source = "events"
    if which.box_id is not None:
        # The member's span is the event's; CROSS JOIN keeps the order of the members.
        source = "event_members CROSS JOIN events USING (event_id, start_unix_ns, end_unix_ns)"
        where.add("event_members.box_id = ?", which.box_id)
    if which.grid_id is not None:
        where.add("grid_id = ?", which.grid_id)
    if len(states) == 1:
        where.add("state = ?", states[0])
    elif states:
        where.one_of("state", states)
    where.overlaps("events", which.start_unix_ns, which.end_unix_ns)
    return source, where


class SqliteEvents:
    """See `opq.store.port.Events`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, event: Event) -> None:
        """See the port."""
        row = _EVENTS.row(event)
        members = [(box_id, event.start_unix_ns, event.event_id, event.end_unix_ns) for box_id in set(event.box_ids)]
        with self._connections.writing() as db:
            db.execute(_EVENTS.replace, row)
            db.execute("DELETE FROM event_members WHERE event_id = ?", (event.event_id,))
            db.executemany(
                "INSERT INTO event_members (box_id, start_unix_ns, event_id, end_unix_ns) VALUES (?, ?, ?, ?)", members
            )

    def get(self, event_id: EventId) -> Event | None:
        """See the port."""
        row = self._connections.row(f"SELECT {_EVENTS.select} FROM events WHERE event_id = ?", (event_id,))
        return _EVENTS.read(row) if row else None

    def count(self, which: EventFilter = EventFilter()) -> int:
        """See the port."""
        source, where = _conditions(which, tuple(state.value for state in which.states))
        return self._connections.number(f"SELECT count(*) FROM {source} {where}", where.bindings)

    def put_boxes(self, boxes: Sequence[EventBox]) -> None:
        """See the port."""
        if not boxes:
            return
        rows = [_PARTS.row(box) for box in boxes]
        with self._connections.writing() as db:
            db.executemany(_PARTS.replace, rows)

    def boxes(self, event_id: EventId) -> list[EventBox]:
        """See the port."""
        rows = self._connections.rows(
            f"SELECT {_PARTS.select} FROM box_events WHERE event_id = ? ORDER BY box_id", (event_id,)
        )
        return [_PARTS.read(row) for row in rows]

    def list(self, which: EventFilter = EventFilter(), limit: int = 100, before: EventId | None = None) -> list[Event]:
        """See the port."""
        last = None
        if before is not None:
            last = self._connections.row("SELECT start_unix_ns, event_id FROM events WHERE event_id = ?", (before,))
            if last is None:
                raise NotFound(f"event {before}: it is not there (any more), so no page begins after it")
        states = tuple(dict.fromkeys(state.value for state in which.states))
        # Each state is read in order from its own index and the parts are merged; an IN would be sorted.
        parts = [(state,) for state in states] if which.box_id is None and states else [states]
        selects, bindings = [], []
        for part in parts:
            source, where = _conditions(which, part)
            if last is not None:
                where.add("(start_unix_ns, event_id) < (?, ?)", *last)
            selects.append(f"SELECT {_EVENTS.select} FROM {source} {where}")
            bindings += where.bindings
        rows = self._connections.rows(f"{' UNION ALL '.join(selects)} {_NEWEST_FIRST}", (*bindings, max(limit, 0)))
        return [_EVENTS.read(row) for row in rows]


class SqliteAcquisitions:
    """See `opq.store.port.Acquisitions`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, acquisition: Acquisition) -> None:
        """See the port."""
        self.put_all([acquisition])

    def put_all(self, acquisitions: Sequence[Acquisition]) -> None:
        """See the port."""
        if not acquisitions:
            return
        rows = [_ACQUISITIONS.row(acquisition) for acquisition in acquisitions]
        with self._connections.writing() as db:
            db.executemany(_ACQUISITIONS.replace, rows)

    def get(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """See the port."""
        row = self._connections.row(
            f"SELECT {_ACQUISITIONS.select} FROM acquisitions WHERE acquisition_id = ?", (acquisition_id,)
        )
        return _ACQUISITIONS.read(row) if row else None

    def of_event(self, event_id: EventId) -> list[Acquisition]:
        """See the port."""
        rows = self._connections.rows(
            f"SELECT {_ACQUISITIONS.select} FROM acquisitions WHERE event_id = ? "
            f"ORDER BY box_id, start_unix_ns, acquisition_id",
            (event_id,),
        )
        return [_ACQUISITIONS.read(row) for row in rows]

    def in_state(self, state: AcquisitionState, limit: int = 10_000) -> list[Acquisition]:
        """See the port."""
        rows = self._connections.rows(
            f"SELECT {_ACQUISITIONS.select} FROM acquisitions WHERE state = ? ORDER BY acquisition_id LIMIT ?",
            (state.value, max(limit, 0)),
        )
        return [_ACQUISITIONS.read(row) for row in rows]
