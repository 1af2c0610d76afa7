"""Settings, checkpoints, certificates, users, the audit log and heartbeats in SQLite."""

import json
from collections.abc import Mapping
from typing import Any

from opq.model.services import Heartbeat
from opq.store.documents import plain, prefix_end
from opq.store.sqlite.connection import Connections
from opq.store.sqlite.records import Records, Where
from opq.trust.audit import AuditEntry

_AUDIT = Records(AuditEntry, "audit", ("number",))
_HEARTBEATS = Records(Heartbeat, "services", ("service_id", "role"))


class SqliteDocuments:
    """See `opq.store.port.Documents`.

    Parameters
    ----------
    connections : Connections
        Where the table is.
    table : str
        ``settings``, ``checkpoints``, ``certificates`` or ``users``.
    """

    def __init__(self, connections: Connections, table: str) -> None:
        self._connections = connections
        self._table = table

    def put(self, key: str, document: Mapping[str, Any]) -> None:
        """See the port."""
        text = json.dumps(plain(document, f"{self._table} {key}"), ensure_ascii=False, separators=(",", ":"))
        with self._connections.writing() as db:
            db.execute(f"INSERT OR REPLACE INTO {self._table} (key, document) VALUES (?, ?)", (key, text))

    def get(self, key: str) -> dict[str, Any] | None:
        """See the port."""
        row = self._connections.row(f"SELECT document FROM {self._table} WHERE key = ?", (key,))
        return json.loads(row[0]) if row else None

    def items(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """See the port."""
        where = Where()
        where.add("key >= ?", prefix)
        end = prefix_end(prefix)
        if end is not None:
            where.add("key < ?", end)
        rows = self._connections.rows(f"SELECT key, document FROM {self._table} {where} ORDER BY key", where.bindings)
        return {key: json.loads(text) for key, text in rows}

    def remove(self, key: str) -> bool:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(f"DELETE FROM {self._table} WHERE key = ?", (key,))
            return db.changes() > 0


class SqliteAudit:
    """See `opq.store.port.Audit`. The file refuses changes by triggers of its own."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def append(self, entry: AuditEntry) -> None:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(_AUDIT.insert, _AUDIT.row(entry))

    def list(self, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """See the port."""
        where = Where()
        if before is not None:
            where.add("number < ?", before)
        sql = f"SELECT {_AUDIT.select} FROM audit {where} ORDER BY number DESC LIMIT ?"
        return [_AUDIT.read(row) for row in self._connections.rows(sql, (*where.bindings, max(0, limit)))]


class SqliteHeartbeats:
    """See `opq.store.port.Heartbeats`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def beat(self, heartbeat: Heartbeat) -> None:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(_HEARTBEATS.replace, _HEARTBEATS.row(heartbeat))

    def list(self, role: str | None = None) -> list[Heartbeat]:
        """See the port."""
        where = Where()
        if role is not None:
            where.add("role = ?", role)
        rows = self._connections.rows(
            f"SELECT {_HEARTBEATS.select} FROM services {where} ORDER BY service_id", where.bindings
        )
        return [_HEARTBEATS.read(row) for row in rows]
