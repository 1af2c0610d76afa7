"""Boxes and their status in SQLite."""

import json
from collections.abc import Sequence

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, BoxHealth, BoxSeen, BoxStatus
from opq.store.documents import plain
from opq.store.sqlite.connection import Connections
from opq.store.sqlite.records import Records

_BOXES = Records(Box, "opq_boxes", ("box_id", "grid_id"))
_KEPT = ("last_frame_unix_ns", "u_rms_v", "f_hz", "thd_pct", "last_gasp_unix_ns")
"""What a new session leaves as it is."""
_RENEWED = ("connected", "session_id", "disconnected_unix_ns", "power", "spooled_frames")
_STATUS = Records(BoxStatus, "box_status", ("box_id", *_RENEWED, *_KEPT))
_HEARD = "coalesce(json_extract(box_status.rest, '$.heard_unix_ns'), 0)"
_CONNECT = (
    f"{_STATUS.insert} ON CONFLICT (box_id) DO UPDATE SET "
    f"{', '.join(f'{column} = excluded.{column}' for column in _RENEWED)}, "
    f"rest = json_set(excluded.rest, '$.heard_unix_ns', {_HEARD})"
)


class SqliteBoxes:
    """See `opq.store.port.Boxes`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, box: Box) -> None:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(_BOXES.replace, _BOXES.row(box))

    def get(self, box_id: BoxId) -> Box | None:
        """See the port."""
        row = self._connections.row(f"SELECT {_BOXES.select} FROM opq_boxes WHERE box_id = ?", (box_id,))
        return _BOXES.read(row) if row else None

    def remove(self, box_id: BoxId) -> bool:
        """See the port."""
        with self._connections.writing() as db:
            db.execute("DELETE FROM box_status WHERE box_id = ?", (box_id,))
            db.execute("DELETE FROM opq_boxes WHERE box_id = ?", (box_id,))
            return db.changes() > 0

    def connected(self, status: BoxStatus) -> None:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(_CONNECT, _STATUS.row(status))

    def disconnected(self, box_id: BoxId, session_id: str, unix_ns: int) -> bool:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(
                "UPDATE box_status SET connected = 0, disconnected_unix_ns = ? "
                "WHERE box_id = ? AND session_id = ? AND connected",
                (unix_ns, box_id, session_id),
            )
            return db.changes() > 0

    def seen(self, seen: Sequence[BoxSeen]) -> None:
        """See the port."""
        if not seen:
            return
        with self._connections.writing() as db:
            db.executemany(
                f"UPDATE box_status SET rest = json_set(rest, '$.heard_unix_ns', max({_HEARD}, ?2)) WHERE box_id = ?1",
                [(one.box_id, one.heard_unix_ns) for one in seen],
            )
            db.executemany(
                "UPDATE box_status SET last_frame_unix_ns = ?2, u_rms_v = ?3, f_hz = ?4, thd_pct = ?5 "
                "WHERE box_id = ?1 AND last_frame_unix_ns <= ?2",
                [(one.box_id, one.last_frame_unix_ns, one.u_rms_v, one.f_hz, one.thd_pct) for one in seen],
            )

    def gasped(self, box_id: BoxId, unix_ns: int) -> None:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(
                "UPDATE box_status SET last_gasp_unix_ns = max(last_gasp_unix_ns, ?) WHERE box_id = ?",
                (unix_ns, box_id),
            )

    def health(self, box_id: BoxId, health: BoxHealth) -> None:
        """See the port."""
        rest = {"dropped_frames": health.dropped_frames, "battery_pct": health.battery_pct}
        with self._connections.writing() as db:
            db.execute(
                "UPDATE box_status SET power = ?, spooled_frames = ?, rest = json_patch(rest, ?) WHERE box_id = ?",
                (health.power.value, health.spooled_frames, json.dumps(rest), box_id),
            )

    def configured(
        self, box_id: BoxId, session_id: str, unix_ns: int, window_cycles: int, configuration_problem: str = ""
    ) -> bool:
        """See the port."""
        answer: dict[str, object] = {"configured_unix_ns": unix_ns, "configuration_problem": configuration_problem}
        if not configuration_problem:
            answer["window_cycles"] = window_cycles
        with self._connections.writing() as db:
            db.execute(
                "UPDATE box_status SET rest = json_patch(rest, ?) WHERE box_id = ? AND session_id = ?",
                (json.dumps(plain(answer, "box_status")), box_id, session_id),
            )
            return db.changes() > 0

    def status(self, box_id: BoxId) -> BoxStatus | None:
        """See the port."""
        row = self._connections.row(f"SELECT {_STATUS.select} FROM box_status WHERE box_id = ?", (box_id,))
        return _STATUS.read(row) if row else None

    def statuses(self) -> list[BoxStatus]:
        """See the port."""
        rows = self._connections.rows(f"SELECT {_STATUS.select} FROM box_status ORDER BY box_id")
        return [_STATUS.read(row) for row in rows]

    def list(self, grid_id: GridId | None = None) -> list[Box]:
        """See the port."""
        where, bindings = ("WHERE grid_id = ?", (grid_id,)) if grid_id is not None else ("", ())
        rows = self._connections.rows(f"SELECT {_BOXES.select} FROM opq_boxes {where} ORDER BY box_id", bindings)
        return [_BOXES.read(row) for row in rows]
