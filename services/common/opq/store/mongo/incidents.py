"""Incidents in MongoDB."""

from collections.abc import Sequence

from pymongo.synchronous.database import Database

from opq.ids import EventId, IncidentId
from opq.model.incidents import Incident, IncidentClass
from opq.store.documents import check_replacement, incident_document, incident_from
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection, Filter
from opq.store.mongo.connection import Document
from opq.store.mongo.filters import NEWEST_FIRST, after, overlapping, with_span
from opq.store.port import IncidentFilter

_KEY = ("plugin", "event_id", "box_id", "ordinal")
_KEPT = ("incident_id", "created_unix_ns")


def _filter(collection: Collection, which: IncidentFilter) -> Document:
    conditions = overlapping(collection, which.start_unix_ns, which.end_unix_ns)
    if which.event_id is not None:
        conditions["event_id"] = which.event_id
    if which.box_id is not None:
        conditions["box_id"] = which.box_id
    if which.classes:
        conditions["incident_class"] = {"$in": [each.value for each in which.classes]}
    if which.plugin is not None:
        conditions["plugin"] = which.plugin
    if which.open_only:
        conditions["open_end"] = True
    return conditions


def _upsert(incident: Incident) -> tuple[Filter, Filter]:
    """Return natural key and change that create an incident or replace all of it but its id and creation."""
    document = with_span(incident_document(incident))
    key = {name: document.pop(name) for name in _KEY}
    kept = {name: document.pop(name) for name in _KEPT}
    return key, {"$set": document, "$setOnInsert": {"_id": incident.incident_id, **kept}}


class MongoIncidents:
    """See `opq.store.port.Incidents`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = Collection(database, schema.INCIDENTS)

    def replace(self, plugin: str, event_id: EventId, incidents: Sequence[Incident]) -> None:
        """See the port."""
        check_replacement(plugin, event_id, incidents)
        # New ones first: a crash in between leaves too many, never too few, and replacing again removes them.
        self._collection.update_many([_upsert(incident) for incident in incidents], upsert=True)
        kept = {(incident.finding.box_id, incident.ordinal) for incident in incidents}
        there = self._collection.find(
            {"plugin": plugin, "event_id": event_id}, [("box_id", 1), ("ordinal", 1)], fields=["box_id", "ordinal"]
        )
        stale = [each["_id"] for each in there if (each["box_id"], each["ordinal"]) not in kept]
        if stale:
            self._collection.delete({"_id": {"$in": stale}})

    def put(self, incident: Incident) -> None:
        """See the port."""
        self._collection.update_many([_upsert(incident)], upsert=True)

    def get(self, incident_id: IncidentId) -> Incident | None:
        """See the port."""
        document = self._collection.find_one({"_id": incident_id})
        return incident_from(document) if document else None

    def count(self, which: IncidentFilter = IncidentFilter()) -> int:
        """See the port."""
        return self._collection.count(_filter(self._collection, which))

    def count_by_class(self, which: IncidentFilter = IncidentFilter()) -> dict[IncidentClass, int]:
        """See the port."""
        counts = self._collection.aggregate(
            [{"$match": _filter(self._collection, which)}, {"$group": {"_id": "$incident_class", "count": {"$sum": 1}}}]
        )
        found = {each["_id"]: int(each["count"]) for each in counts}
        return {each: found[each.value] for each in IncidentClass if each.value in found}

    def remove(self, incident_id: IncidentId) -> bool:
        """See the port."""
        return self._collection.delete_one({"_id": incident_id})

    def list(
        self, which: IncidentFilter = IncidentFilter(), limit: int = 100, before: IncidentId | None = None
    ) -> list[Incident]:
        """See the port."""
        conditions = after(self._collection, _filter(self._collection, which), before, "incident")
        return [incident_from(document) for document in self._collection.find(conditions, NEWEST_FIRST, limit)]
