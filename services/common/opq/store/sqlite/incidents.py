"""Incidents in SQLite."""

from collections.abc import Sequence

import apsw

from opq.errors import NotFound
from opq.ids import EventId, IncidentId
from opq.model.incidents import Incident, IncidentClass
from opq.store.documents import check_replacement, incident_document, incident_from
from opq.store.port import IncidentFilter
from opq.store.sqlite.connection import Connections, Row
from opq.store.sqlite.records import Records, Where


def _encode(incident: Incident) -> dict[str, object]:
    document = incident_document(incident)
    # Not NULL: in a unique index of SQLite every NULL differs from every other.
    return document | {"event_id": incident.event_id or ""}


_KEY = ("plugin", "event_id", "box_id", "ordinal")
_UPDATED = ("incident_class", "start_unix_ns", "end_unix_ns", "open_end")
_INCIDENTS = Records(
    Incident,
    "incidents",
    ("incident_id", "created_unix_ns", *_KEY, *_UPDATED),
    encode=_encode,
    decode=incident_from,
)
_UPDATE = f"UPDATE incidents SET {', '.join(f'{column} = ?' for column in (*_UPDATED, 'rest'))} WHERE incident_id = ?"
_HELD = f"SELECT incident_id FROM incidents WHERE {' AND '.join(f'{column} = ?' for column in _KEY)}"
_PER_CLASS = ", ".join(f"count(*) FILTER (WHERE incident_class = '{each.value}')" for each in IncidentClass)


def _source(which: IncidentFilter) -> str:
    """Return the table with the index that leaves the fewest rows; without statistics SQLite can only guess."""
    if which.event_id is not None:
        return "incidents INDEXED BY incidents_event"
    if which.open_only:
        return "incidents INDEXED BY incidents_open"
    if which.box_id is not None:
        return "incidents INDEXED BY incidents_box"
    if which.classes:
        return "incidents INDEXED BY incidents_class"
    if which.plugin is not None:
        return "incidents INDEXED BY incidents_plugin"
    return "incidents INDEXED BY incidents_start"


def _conditions(which: IncidentFilter, classes: tuple[str, ...]) -> Where:
    where = Where()
    if which.event_id is not None:
        where.add("event_id = ?", which.event_id)
    if which.open_only:
        where.add("open_end")
    if which.box_id is not None:
        where.add("box_id = ?", which.box_id)
    if len(classes) == 1:
        where.add("incident_class = ?", classes[0])
    elif classes:
        where.one_of("incident_class", classes)
    if which.plugin is not None:
        where.add("plugin = ?", which.plugin)
    where.overlaps("incidents", which.start_unix_ns, which.end_unix_ns)
    return where


def _classes(which: IncidentFilter) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.value for each in which.classes))


def _write(db: apsw.Connection, row: Row) -> None:
    incident_id, created_unix_ns, *others = row
    key, updated = others[: len(_KEY)], others[len(_KEY) :]
    held = list(db.execute(_HELD, key))
    if held:
        db.execute(_UPDATE, (*updated, held[0][0]))
    else:
        db.execute(_INCIDENTS.insert, (incident_id, created_unix_ns, *others))


class SqliteIncidents:
    """See `opq.store.port.Incidents`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def replace(self, plugin: str, event_id: EventId, incidents: Sequence[Incident]) -> None:
        """See the port."""
        check_replacement(plugin, event_id, incidents)
        rows = [_INCIDENTS.row(incident) for incident in incidents]
        kept = {(incident.finding.box_id, incident.ordinal) for incident in incidents}
        with self._connections.writing() as db:
            there = list(
                db.execute(
                    "SELECT incident_id, box_id, ordinal FROM incidents WHERE plugin = ? AND event_id = ?",
                    (plugin, event_id),
                )
            )
            stale = [(incident_id,) for incident_id, box_id, ordinal in there if (box_id, ordinal) not in kept]
            db.executemany("DELETE FROM incidents WHERE incident_id = ?", stale)
            for row in rows:
                _write(db, row)

    def put(self, incident: Incident) -> None:
        """See the port."""
        with self._connections.writing() as db:
            _write(db, _INCIDENTS.row(incident))

    def get(self, incident_id: IncidentId) -> Incident | None:
        """See the port."""
        row = self._connections.row(f"SELECT {_INCIDENTS.select} FROM incidents WHERE incident_id = ?", (incident_id,))
        return _INCIDENTS.read(row) if row else None

    def count(self, which: IncidentFilter = IncidentFilter()) -> int:
        """See the port."""
        where = _conditions(which, _classes(which))
        return self._connections.number(f"SELECT count(*) FROM {_source(which)} {where}", where.bindings)

    def count_by_class(self, which: IncidentFilter = IncidentFilter()) -> dict[IncidentClass, int]:
        """See the port."""
        where = _conditions(which, _classes(which))
        counts = self._connections.rows(f"SELECT {_PER_CLASS} FROM {_source(which)} {where}", where.bindings)[0]
        return {each: count for each, count in zip(IncidentClass, counts, strict=True) if count}

    def remove(self, incident_id: IncidentId) -> bool:
        """See the port."""
        with self._connections.writing() as db:
            db.execute("DELETE FROM incidents WHERE incident_id = ?", (incident_id,))
            return db.changes() > 0

    def list(
        self, which: IncidentFilter = IncidentFilter(), limit: int = 100, before: IncidentId | None = None
    ) -> list[Incident]:
        """See the port."""
        last = None
        if before is not None:
            last = self._connections.row(
                "SELECT start_unix_ns, incident_id FROM incidents WHERE incident_id = ?", (before,)
            )
            if last is None:
                raise NotFound(f"incident {before}: it is not there (any more), so no page begins after it")
        source, classes = _source(which), _classes(which)
        # Each class is read in order from its own index and the parts are merged; an IN would be sorted.
        parts = [(each,) for each in classes] if source.endswith("incidents_class") else [classes]
        selects, bindings = [], []
        for part in parts:
            where = _conditions(which, part)
            if last is not None:
                where.add("(start_unix_ns, incident_id) < (?, ?)", *last)
            selects.append(f"SELECT {_INCIDENTS.select} FROM {source} {where}")
            bindings += where.bindings
        rows = self._connections.rows(
            f"{' UNION ALL '.join(selects)} ORDER BY start_unix_ns DESC, incident_id DESC LIMIT ?",
            (*bindings, max(limit, 0)),
        )
        return [_INCIDENTS.read(row) for row in rows]
