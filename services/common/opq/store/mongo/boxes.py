"""Boxes and their status in MongoDB."""

from collections.abc import Sequence

from pymongo.synchronous.database import Database

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, BoxHealth, BoxSeen, BoxStatus
from opq.store.documents import from_document, plain, to_document
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document

_KEPT = ("last_frame_unix_ns", "heard_unix_ns", "u_rms_v", "f_hz", "thd_pct", "last_gasp_unix_ns")
"""What a new session leaves as it is."""


class MongoBoxes:
    """See `opq.store.port.Boxes`."""

    def __init__(self, database: Database[Document]) -> None:
        self._boxes = Collection(database, schema.BOXES)
        self._status = Collection(database, schema.BOX_STATUS)

    def put(self, box: Box) -> None:
        """See the port."""
        self._boxes.replace({"_id": box.box_id}, to_document(box))

    def get(self, box_id: BoxId) -> Box | None:
        """See the port."""
        document = self._boxes.find_one({"_id": box_id})
        return from_document(Box, document) if document else None

    def remove(self, box_id: BoxId) -> bool:
        """See the port."""
        # The status first: a crash in between leaves the box, and removing it again finishes the work.
        self._status.delete_one({"_id": box_id})
        return self._boxes.delete_one({"_id": box_id})

    def connected(self, status: BoxStatus) -> None:
        """See the port."""
        document = to_document(status)
        kept = {name: document.pop(name) for name in _KEPT}
        self._status.update_many([({"_id": status.box_id}, {"$set": document, "$setOnInsert": kept})], upsert=True)

    def disconnected(self, box_id: BoxId, session_id: str, unix_ns: int) -> bool:
        """See the port."""
        return self._status.update(
            {"_id": box_id, "session_id": session_id, "connected": True},
            {"$set": {"connected": False, "disconnected_unix_ns": unix_ns}},
        )

    def seen(self, seen: Sequence[BoxSeen]) -> None:
        """See the port."""
        updates: list[tuple[Document, Document]] = []
        for one in seen:
            newest = to_document(one)
            heard = {"$max": {"heard_unix_ns": newest.pop("heard_unix_ns")}}
            not_newer = {"last_frame_unix_ns": {"$lte": one.last_frame_unix_ns}}
            updates += [({"_id": one.box_id}, heard), ({"_id": one.box_id, **not_newer}, {"$set": newest})]
        self._status.update_many(updates)

    def gasped(self, box_id: BoxId, unix_ns: int) -> None:
        """See the port."""
        self._status.update({"_id": box_id}, {"$max": {"last_gasp_unix_ns": unix_ns}})

    def health(self, box_id: BoxId, health: BoxHealth) -> None:
        """See the port."""
        self._status.update({"_id": box_id}, {"$set": to_document(health)})

    def configured(
        self, box_id: BoxId, session_id: str, unix_ns: int, window_cycles: int, configuration_problem: str = ""
    ) -> bool:
        """See the port."""
        answer: Document = {"configured_unix_ns": unix_ns, "configuration_problem": configuration_problem}
        if not configuration_problem:
            answer["window_cycles"] = window_cycles
        return self._status.update({"_id": box_id, "session_id": session_id}, {"$set": plain(answer, "box_status")})

    def status(self, box_id: BoxId) -> BoxStatus | None:
        """See the port."""
        document = self._status.find_one({"_id": box_id})
        return from_document(BoxStatus, document) if document else None

    def statuses(self) -> list[BoxStatus]:
        """See the port."""
        return [from_document(BoxStatus, document) for document in self._status.find({}, [("_id", 1)])]

    def list(self, grid_id: GridId | None = None) -> list[Box]:
        """See the port."""
        which = {} if grid_id is None else {"grid_id": grid_id}
        return [from_document(Box, document) for document in self._boxes.find(which, [("_id", 1)])]
