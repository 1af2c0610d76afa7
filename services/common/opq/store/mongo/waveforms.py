"""Waveforms in MongoDB: bytes as chunks, one document that says how far they go and whether they are whole.

Without transactions, that one document is the authority: `received_bytes` grows only by a compare-and-set after the
chunk is stored, `commit` is one update, and nothing is deleted before the document says ``discarding``. A crash
between two steps leaves a chunk that the next append adopts, or a discard that the next one finishes. `upload` tells
the chunks of one attempt from those of an attempt that was thrown away.
"""

import secrets
import time
from typing import Any

from pymongo.synchronous.database import Database

from opq.errors import CorruptData, Duplicate, InvalidInput, NotFound, Unavailable
from opq.ids import AcquisitionId, EventId
from opq.model.waveforms import WaveformInfo
from opq.store.documents import check_acquisition_id, from_document, waveform_document
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document

CHUNK_BYTES = 1 << 20
"""Most bytes in one chunk; a document may have 16 MiB."""
_RECEIVING, _COMMITTED, _DISCARDING = "receiving", "committed", "discarding"
_ATTEMPTS = 100
"""Rounds in which another sender of the same waveform may be faster, before giving way."""


class MongoWaveforms:
    """See `opq.store.port.Waveforms`."""

    def __init__(self, database: Database[Document]) -> None:
        self._waveforms = Collection(database, schema.WAVEFORMS)
        self._chunks = Collection(database, schema.WAVEFORM_CHUNKS)

    def append(self, acquisition_id: AcquisitionId, offset: int, data: bytes) -> int:
        """See the port."""
        check_acquisition_id(acquisition_id)
        for _ in range(_ATTEMPTS + len(data) // CHUNK_BYTES):
            state = self._state(acquisition_id) or {"state": _RECEIVING, "received_bytes": 0}
            there = int(state["received_bytes"])
            if offset < 0 or offset > there:
                raise InvalidInput(f"waveform {acquisition_id}: got bytes from {offset}, expected from at most {there}")
            fresh = data[there - offset : there - offset + CHUNK_BYTES]
            if not fresh:
                return there
            if state["state"] == _COMMITTED:
                raise InvalidInput(
                    f"waveform {acquisition_id}: got bytes beyond {there}, but it was committed with these"
                )
            if "upload" in state:
                self._grow(acquisition_id, state["upload"], there, fresh)
            else:
                self._begin(acquisition_id)
        raise Unavailable(f"waveform {acquisition_id}: others are writing it at the same time")

    def _state(self, acquisition_id: AcquisitionId) -> Document | None:
        """Return the state of a waveform, after finishing a discard that was interrupted."""
        state = self._waveforms.find_one({"_id": acquisition_id}, ["state", "received_bytes", "upload"])
        if state is not None and state["state"] == _DISCARDING:
            self._finish_discard(state)
            return None
        return state

    def _begin(self, acquisition_id: AcquisitionId) -> None:
        state = {
            "state": _RECEIVING,
            "received_bytes": 0,
            "upload": secrets.token_hex(8),
            "appended_unix_ns": time.time_ns(),
        }
        # Another sender may have begun it.
        self._waveforms.insert_new([{"_id": acquisition_id, "acquisition_id": acquisition_id, **state}])

    def _grow(self, acquisition_id: AcquisitionId, upload: str, offset: int, data: bytes) -> None:
        """Store one chunk, or adopt the one that is there, and move the end of the waveform behind it."""
        key = {"acquisition_id": acquisition_id, "upload": upload, "offset": offset}
        size = len(data)
        try:
            self._chunks.insert({**key, "bytes": size, "data": data})
        except Duplicate:
            chunk = self._chunks.find_one(key, ["bytes"])
            if chunk is None:
                return
            size = chunk["bytes"]
        grown = self._waveforms.update(
            {"_id": acquisition_id, "state": _RECEIVING, "upload": upload, "received_bytes": offset},
            {"$set": {"received_bytes": offset + size, "appended_unix_ns": time.time_ns()}},
        )
        if not grown and not self._waveforms.find_one({"_id": acquisition_id, "upload": upload}, ["_id"]):
            self._chunks.delete_one(key)  # it was discarded in the meantime

    def received(self, acquisition_id: AcquisitionId) -> int:
        """See the port."""
        state = self._state(check_acquisition_id(acquisition_id))
        return int(state["received_bytes"]) if state else 0

    def uncommitted(self, acquisition_id: AcquisitionId) -> bytes:
        """See the port."""
        state = self._state(check_acquisition_id(acquisition_id))
        return self._bytes(acquisition_id, state) if state and state["state"] == _RECEIVING else b""

    def _bytes(self, acquisition_id: AcquisitionId, state: Document) -> bytes:
        chunks = self._chunks.find(
            {
                "acquisition_id": acquisition_id,
                "upload": state["upload"],
                "offset": {"$lt": state["received_bytes"]},  # a chunk beyond is not counted yet
            },
            [("offset", 1)],
        )
        return b"".join(chunk["data"] for chunk in chunks)

    def commit(self, info: WaveformInfo) -> None:
        """See the port."""
        acquisition_id = check_acquisition_id(info.acquisition_id)
        description = waveform_document(info)
        if info.encoded_bytes == 0 and self._state(acquisition_id) is None:
            self._begin(acquisition_id)
        committed = self._waveforms.update(
            {"_id": acquisition_id, "state": _RECEIVING, "received_bytes": info.encoded_bytes},
            {"$set": {**description, "state": _COMMITTED}},
        )
        if committed:
            return
        state = self._state(acquisition_id) or {"state": _RECEIVING, "received_bytes": 0}
        if state["state"] != _COMMITTED:
            raise InvalidInput(
                f"waveform {acquisition_id}: got a description of {info.encoded_bytes} bytes, expected the "
                f"{state['received_bytes']} bytes that are there"
            )

    def discard(self, acquisition_id: AcquisitionId) -> None:
        """See the port."""
        self._discard({"_id": check_acquisition_id(acquisition_id)})

    def _discard(self, which: dict[str, Any]) -> bool:
        state = self._waveforms.update_first(
            {**which, "state": {"$in": [_RECEIVING, _DISCARDING]}}, {"$set": {"state": _DISCARDING}}, [("_id", 1)]
        )
        if state is None:
            return False
        self._finish_discard(state)
        return True

    def _finish_discard(self, state: Document) -> None:
        self._chunks.delete({"acquisition_id": state["_id"], "upload": state["upload"]})
        self._waveforms.delete_one({"_id": state["_id"], "upload": state["upload"]})

    def info(self, acquisition_id: AcquisitionId) -> WaveformInfo | None:
        """See the port."""
        document = self._waveforms.find_one({"_id": acquisition_id, "state": _COMMITTED})
        return from_document(WaveformInfo, document) if document else None

    def of_event(self, event_id: EventId) -> list[WaveformInfo]:
        """See the port."""
        documents = self._waveforms.find({"event_id": event_id}, [("box_id", 1), ("start_unix_ns", 1), ("_id", 1)])
        return [from_document(WaveformInfo, document) for document in documents]

    def data(self, acquisition_id: AcquisitionId) -> bytes:
        """See the port."""
        state = self._waveforms.find_one(
            {"_id": acquisition_id, "state": _COMMITTED}, ["upload", "received_bytes", "encoded_bytes"]
        )
        if state is None:
            raise NotFound(f"waveform {acquisition_id}: there is none")
        data = self._bytes(acquisition_id, state)
        if len(data) != state["encoded_bytes"]:
            raise CorruptData(f"waveform {acquisition_id}: got {len(data)} bytes, expected {state['encoded_bytes']}")
        return data

    def total_bytes(self) -> int:
        """See the port."""
        sums = self._waveforms.aggregate(
            [{"$match": {"state": _COMMITTED}}, {"$group": {"_id": None, "bytes": {"$sum": "$encoded_bytes"}}}]
        )
        return int(sums[0]["bytes"]) if sums else 0

    def sweep(self, older_than_unix_ns: int) -> int:
        """See the port."""
        old = {"state": {"$in": [_RECEIVING, _DISCARDING]}, "appended_unix_ns": {"$lt": older_than_unix_ns}}
        names = self._waveforms.find(old, [("appended_unix_ns", 1)], fields=["_id"])
        # Asked again at each, since its sender may have come back.
        return sum(
            self._discard({"_id": name["_id"], "appended_unix_ns": {"$lt": older_than_unix_ns}}) for name in names
        )
