"""Measurements and trends in SQLite: the tables that grow, so their rows are packed."""

from collections.abc import Sequence

import numpy as np

from opq.ids import BoxId
from opq.model.features import FEATURES, FloatArray
from opq.model.measurements import Measurement, Trend
from opq.store.documents import SERIES_ROWS, stack_values
from opq.store.sqlite.connection import Connections, Row

_WIDTH = len(FEATURES)
_BLOB_BYTES = SERIES_ROWS * _WIDTH * 4
_MEASUREMENT = "box_id, start_unix_ns, duration_ns, sequence, windows, flags, features"
_TREND = "box_id, start_unix_ns, windows, flags, features"
_RANGE = "WHERE box_id = ? AND start_unix_ns >= ? AND start_unix_ns < ?"
_LATEST = "WHERE box_id = ? ORDER BY start_unix_ns DESC LIMIT 1"
_COUNT_ALL = f"""
WITH RECURSIVE boxes (box_id) AS (
  SELECT min(box_id) FROM measurements
  UNION ALL
  SELECT (SELECT min(box_id) FROM measurements WHERE box_id > boxes.box_id) FROM boxes WHERE box_id IS NOT NULL
)
SELECT coalesce(sum((SELECT count(*) FROM measurements {_RANGE.replace("?", "boxes.box_id", 1)})), 0) FROM boxes
"""
"""Counts a range over all boxes by hopping from box to box, so that the growing table needs no index by time."""


def _blobs(rows: Sequence[Measurement] | Sequence[Trend]) -> list[bytes]:
    packed = stack_values(rows).tobytes()
    return [packed[offset : offset + _BLOB_BYTES] for offset in range(0, len(packed), _BLOB_BYTES)]


def _values(blobs: Sequence[bytes]) -> Sequence[FloatArray]:
    """Unpack rows, at once if all are of this version."""
    if all(len(blob) == _BLOB_BYTES for blob in blobs):
        # From a bytearray, so that the arrays can be written to like those of any other origin.
        return list(np.frombuffer(bytearray(b"".join(blobs)), "<f4").reshape(-1, SERIES_ROWS, _WIDTH))
    return [_padded(np.frombuffer(bytearray(blob), "<f4").reshape(SERIES_ROWS, -1)) for blob in blobs]


def _padded(values: FloatArray) -> FloatArray:
    """Return values with NaN for features that were added after they were stored."""
    missing = _WIDTH - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=np.nan) if missing > 0 else values[:, :_WIDTH]


def _measurements(rows: Sequence[Row]) -> list[Measurement]:
    values = _values([row[6] for row in rows])
    return [Measurement(*row[:6], each) for row, each in zip(rows, values, strict=True)]  # type: ignore[call-arg]


def _trends(rows: Sequence[Row]) -> list[Trend]:
    values = _values([row[4] for row in rows])
    return [Trend(*row[:4], each) for row, each in zip(rows, values, strict=True)]  # type: ignore[call-arg]


class SqliteMeasurements:
    """See `opq.store.port.Measurements`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(self, rows: Sequence[Measurement]) -> int:
        """See the port."""
        if not rows:
            return 0
        cells = [
            (row.box_id, row.start_unix_ns, row.duration_ns, row.sequence, row.windows, row.flags, blob)
            for row, blob in zip(rows, _blobs(rows), strict=True)
        ]
        with self._connections.writing() as db:
            before = db.total_changes()
            db.executemany(f"INSERT OR IGNORE INTO measurements ({_MEASUREMENT}) VALUES (?, ?, ?, ?, ?, ?, ?)", cells)
            return db.total_changes() - before

    def range(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int = 10_000) -> list[Measurement]:
        """See the port."""
        rows = self._connections.rows(
            f"SELECT {_MEASUREMENT} FROM measurements {_RANGE} ORDER BY start_unix_ns LIMIT ?",
            (box_id, start_unix_ns, end_unix_ns, max(limit, 0)),
        )
        return _measurements(rows)

    def latest(self, box_id: BoxId) -> Measurement | None:
        """See the port."""
        rows = self._connections.rows(f"SELECT {_MEASUREMENT} FROM measurements {_LATEST}", (box_id,))
        return _measurements(rows)[0] if rows else None

    def count(self, box_id: BoxId | None = None, start_unix_ns: int = 0, end_unix_ns: int = 2**63 - 1) -> int:
        """See the port."""
        if box_id is None:
            return self._connections.number(_COUNT_ALL, (start_unix_ns, end_unix_ns))
        return self._connections.number(
            f"SELECT count(*) FROM measurements {_RANGE}", (box_id, start_unix_ns, end_unix_ns)
        )


class SqliteTrends:
    """See `opq.store.port.Trends`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def put(self, rows: Sequence[Trend]) -> None:
        """See the port."""
        if not rows:
            return
        cells = [
            (row.box_id, row.start_unix_ns, row.windows, row.flags, blob)
            for row, blob in zip(rows, _blobs(rows), strict=True)
        ]
        with self._connections.writing() as db:
            db.executemany(f"INSERT OR REPLACE INTO trends ({_TREND}) VALUES (?, ?, ?, ?, ?)", cells)

    def range(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int = 10_000) -> list[Trend]:
        """See the port."""
        rows = self._connections.rows(
            f"SELECT {_TREND} FROM trends {_RANGE} ORDER BY start_unix_ns LIMIT ?",
            (box_id, start_unix_ns, end_unix_ns, max(limit, 0)),
        )
        return _trends(rows)

    def latest(self, box_id: BoxId) -> Trend | None:
        """See the port."""
        rows = self._connections.rows(f"SELECT {_TREND} FROM trends {_LATEST}", (box_id,))
        return _trends(rows)[0] if rows else None
