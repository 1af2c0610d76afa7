"""Settings, checkpoints, certificates, users, the audit log and heartbeats in MongoDB."""

from collections.abc import Mapping
from typing import Any

from pymongo.synchronous.database import Database

from opq.model.services import Heartbeat
from opq.store.documents import builtin, from_document, plain, prefix_end, to_document
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document
from opq.trust.audit import AuditEntry


class MongoDocuments:
    """See `opq.store.port.Documents`.

    Parameters
    ----------
    database : Database
        An open database.
    name : str
        ``settings``, ``checkpoints``, ``certificates`` or ``users``.
    """

    def __init__(self, database: Database[Document], name: str) -> None:
        self._name = name
        self._collection = Collection(database, name)

    def put(self, key: str, document: Mapping[str, Any]) -> None:
        """See the port."""
        # One level down, so that no key of the document can be taken for MongoDB's `_id`.
        self._collection.replace({"_id": key}, {"document": plain(document, f"{self._name} {key}")})

    def get(self, key: str) -> dict[str, Any] | None:
        """See the port."""
        found = self._collection.find_one({"_id": key})
        return builtin(found["document"]) if found else None

    def items(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """See the port."""
        bounds = {"$gte": prefix}
        end = prefix_end(prefix)
        if end is not None:
            bounds["$lt"] = end
        return {each["_id"]: builtin(each["document"]) for each in self._collection.find({"_id": bounds}, [("_id", 1)])}

    def remove(self, key: str) -> bool:
        """See the port."""
        return self._collection.delete_one({"_id": key})


class MongoAudit:
    """See `opq.store.port.Audit`. Give the program's user no right to update or remove there, where that is wanted."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = Collection(database, schema.AUDIT)

    def append(self, entry: AuditEntry) -> None:
        """See the port."""
        self._collection.insert({"_id": entry.number, **to_document(entry)})

    def list(self, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """See the port."""
        which = {} if before is None else {"_id": {"$lt": before}}
        return [from_document(AuditEntry, one) for one in self._collection.find(which, [("_id", -1)], limit)]


class MongoHeartbeats:
    """See `opq.store.port.Heartbeats`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = Collection(database, schema.SERVICES)

    def beat(self, heartbeat: Heartbeat) -> None:
        """See the port."""
        self._collection.replace({"_id": heartbeat.service_id}, to_document(heartbeat))

    def list(self, role: str | None = None) -> list[Heartbeat]:
        """See the port."""
        which = {} if role is None else {"role": role}
        return [from_document(Heartbeat, document) for document in self._collection.find(which, [("_id", 1)])]
