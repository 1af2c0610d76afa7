"""Measurements and trends in MongoDB, as documents a person can read.

A feature is a sub-document ``{"min": ..., "mean": ..., "max": ...}`` under its name. A float32 becomes a double and
comes back as the same float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pymongo.synchronous.database import Database

from opq.ids import BoxId
from opq.model.features import FEATURE_NAMES, FloatArray
from opq.model.measurements import Measurement, Trend
from opq.store.documents import stack_values
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document

_ROWS = ("min", "mean", "max")
_ABSENT = dict.fromkeys(_ROWS, float("nan"))
"""A feature that was added after the document was stored."""


def _features(values: list[list[float]]) -> Document:
    low, mean, high = values
    return {
        name: {"min": low[column], "mean": mean[column], "max": high[column]}
        for column, name in enumerate(FEATURE_NAMES)
    }


def _values(features: Mapping[str, Mapping[str, float]]) -> FloatArray:
    columns = [features.get(name, _ABSENT) for name in FEATURE_NAMES]
    return np.array([[column[row] for column in columns] for row in _ROWS], np.float32)


def _measurement(document: Mapping[str, Any]) -> Measurement:
    return Measurement(
        document["box_id"],
        int(document["start_unix_ns"]),
        int(document["duration_ns"]),
        int(document["sequence"]),
        int(document["windows"]),
        int(document["flags"]),
        _values(document["features"]),
    )


def _trend(document: Mapping[str, Any]) -> Trend:
    return Trend(
        document["box_id"],
        int(document["start_unix_ns"]),
        int(document["windows"]),
        int(document["flags"]),
        _values(document["features"]),
    )


def _range(box_id: BoxId, start_unix_ns: int, end_unix_ns: int) -> Document:
    return {"box_id": box_id, "start_unix_ns": {"$gte": start_unix_ns, "$lt": end_unix_ns}}


class MongoMeasurements:
    """See `opq.store.port.Measurements`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = Collection(database, schema.MEASUREMENTS)

    def add(self, rows: Sequence[Measurement]) -> int:
        """See the port."""
        if not rows:
            return 0
        documents = {
            (row.box_id, row.start_unix_ns): {
                "box_id": row.box_id,
                "start_unix_ns": row.start_unix_ns,
                "duration_ns": row.duration_ns,
                "sequence": row.sequence,
                "windows": row.windows,
                "flags": row.flags,
                "features": _features(values),
            }
            for row, values in reversed(list(zip(rows, stack_values(rows).tolist(), strict=True)))
        }
        return self._collection.insert_new(list(documents.values()))

    def range(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int = 10_000) -> list[Measurement]:
        """See the port."""
        documents = self._collection.find(_range(box_id, start_unix_ns, end_unix_ns), [("start_unix_ns", 1)], limit)
        return [_measurement(document) for document in documents]

    def latest(self, box_id: BoxId) -> Measurement | None:
        """See the port."""
        documents = self._collection.find({"box_id": box_id}, [("start_unix_ns", -1)], 1)
        return _measurement(documents[0]) if documents else None

    def count(self, box_id: BoxId | None = None, start_unix_ns: int = 0, end_unix_ns: int = 2**63 - 1) -> int:
        """See the port."""
        which = _range(box_id or BoxId(""), start_unix_ns, end_unix_ns)
        if box_id is None:
            # All boxes by name, so that the one index by (box, start) serves and the collection is not scanned.
            which["box_id"] = {"$in": self._collection.distinct("box_id")}
        return self._collection.count(which)


class MongoTrends:
    """See `opq.store.port.Trends`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = Collection(database, schema.TRENDS)

    def put(self, rows: Sequence[Trend]) -> None:
        """See the port."""
        if not rows:
            return
        documents = {
            (row.box_id, row.start_unix_ns): {
                "box_id": row.box_id,
                "start_unix_ns": row.start_unix_ns,
                "windows": row.windows,
                "flags": row.flags,
                "features": _features(values),
            }
            for row, values in zip(rows, stack_values(rows).tolist(), strict=True)
        }
        self._collection.replace_many(documents, ("box_id", "start_unix_ns"))

    def range(self, box_id: BoxId, start_unix_ns: int, end_unix_ns: int, limit: int = 10_000) -> list[Trend]:
        """See the port."""
        documents = self._collection.find(_range(box_id, start_unix_ns, end_unix_ns), [("start_unix_ns", 1)], limit)
        return [_trend(document) for document in documents]

    def latest(self, box_id: BoxId) -> Trend | None:
        """See the port."""
        documents = self._collection.find({"box_id": box_id}, [("start_unix_ns", -1)], 1)
        return _trend(documents[0]) if documents else None
