"""Events, the boxes in them, and acquisitions in MongoDB."""

from collections.abc import Sequence

from pymongo.synchronous.database import Database

from opq.ids import AcquisitionId, EventId
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox
from opq.store.documents import from_document, to_document
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document
from opq.store.mongo.filters import NEWEST_FIRST, after, overlapping, with_span
from opq.store.port import EventFilter


def _filter(collection: Collection, which: EventFilter) -> Document:
    conditions = overlapping(collection, which.start_unix_ns, which.end_unix_ns)
    if which.grid_id is not None:
        conditions["grid_id"] = which.grid_id
    if which.box_id is not None:
        conditions["box_ids"] = which.box_id
    if which.states:
        conditions["state"] = {"$in": [state.value for state in which.states]}
    return conditions


class MongoEvents:
    """See `opq.store.port.Events`."""

    def __init__(self, database: Database[Document]) -> None:
        self._events = Collection(database, schema.EVENTS)
        self._parts = Collection(database, schema.BOX_EVENTS)

    def put(self, event: Event) -> None:
        """See the port."""
        self._events.replace({"_id": event.event_id}, with_span(to_document(event)))

    def get(self, event_id: EventId) -> Event | None:
        """See the port."""
        document = self._events.find_one({"_id": event_id})
        return from_document(Event, document) if document else None

    def count(self, which: EventFilter = EventFilter()) -> int:
        """See the port."""
        return self._events.count(_filter(self._events, which))

    def put_boxes(self, boxes: Sequence[EventBox]) -> None:
        """See the port."""
        documents = {(box.event_id, box.box_id): to_document(box) for box in boxes}
        self._parts.replace_many(documents, ("event_id", "box_id"))

    def boxes(self, event_id: EventId) -> list[EventBox]:
        """See the port."""
        return [from_document(EventBox, part) for part in self._parts.find({"event_id": event_id}, [("box_id", 1)])]

    def list(self, which: EventFilter = EventFilter(), limit: int = 100, before: EventId | None = None) -> list[Event]:
        """See the port."""
        conditions = after(self._events, _filter(self._events, which), before, "event")
        return [from_document(Event, document) for document in self._events.find(conditions, NEWEST_FIRST, limit)]


class MongoAcquisitions:
    """See `opq.store.port.Acquisitions`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = Collection(database, schema.ACQUISITIONS)

    def put(self, acquisition: Acquisition) -> None:
        """See the port."""
        self._collection.replace({"_id": acquisition.acquisition_id}, to_document(acquisition))

    def put_all(self, acquisitions: Sequence[Acquisition]) -> None:
        """See the port."""
        documents = {(item.acquisition_id,): to_document(item) for item in acquisitions}
        self._collection.replace_many(documents, ("_id",))

    def get(self, acquisition_id: AcquisitionId) -> Acquisition | None:
        """See the port."""
        document = self._collection.find_one({"_id": acquisition_id})
        return from_document(Acquisition, document) if document else None

    def of_event(self, event_id: EventId) -> list[Acquisition]:
        """See the port."""
        documents = self._collection.find({"event_id": event_id}, [("box_id", 1), ("start_unix_ns", 1), ("_id", 1)])
        return [from_document(Acquisition, document) for document in documents]

    def in_state(self, state: AcquisitionState, limit: int = 10_000) -> list[Acquisition]:
        """See the port."""
        documents = self._collection.find({"state": state.value}, [("_id", 1)], limit)
        return [from_document(Acquisition, document) for document in documents]
