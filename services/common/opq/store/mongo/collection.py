"""The few operations this project asks of MongoDB, with its errors translated.

The list is short on purpose: each of these is checked against the loopback server in every test run, and none
needs a transaction, a change stream or a pipeline update.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ReplaceOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.synchronous.collection import Collection as DriverCollection
from pymongo.synchronous.database import Database

from opq.store.mongo.connection import DUPLICATE_KEY, Document, translated

Filter = Mapping[str, Any]
Sort = Sequence[tuple[str, int]]


class Collection:
    """One collection.

    Parameters
    ----------
    database : Database
        An open database.
    name : str
        The published name.
    """

    def __init__(self, database: Database[Document], name: str) -> None:
        self._driver: DriverCollection[Document] = database[name]

    def find(
        self, which: Filter, sort: Sort, limit: int | None = None, fields: Sequence[str] | None = None
    ) -> list[Document]:
        """Return documents in order, at most `limit` (None: all), of them only `fields`."""
        if limit is not None and limit <= 0:  # 0 means no limit to the server
            return []
        with translated():
            return list(self._driver.find(which, fields, sort=list(sort), limit=limit or 0))

    def find_one(self, which: Filter, fields: Sequence[str] | None = None) -> Document | None:
        """Return a document."""
        with translated():
            return self._driver.find_one(which, fields)

    def distinct(self, field: str) -> list[Any]:
        """Return the values of a field, from its index."""
        with translated():
            return self._driver.distinct(field)

    def count(self, which: Filter) -> int:
        """Count documents."""
        with translated():
            return self._driver.count_documents(which)

    def aggregate(self, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Return what a pipeline of ``$match`` and ``$group`` answers."""
        with translated():
            return list(self._driver.aggregate(pipeline))

    def insert(self, document: Document) -> None:
        """Insert one.

        Raises
        ------
        Duplicate
            If a unique key is taken.
        """
        with translated():
            self._driver.insert_one(document)

    def insert_new(self, documents: Sequence[Document]) -> int:
        """Insert those whose unique keys are free; how many."""
        if not documents:
            return 0
        with translated():
            try:
                return len(self._driver.insert_many(documents, ordered=False).inserted_ids)
            except BulkWriteError as error:
                if not _only_duplicates(error):
                    raise
                return int(error.details["nInserted"])

    def replace(self, key: Filter, document: Document) -> None:
        """Create or replace the document with a natural key."""
        self._bulk([ReplaceOne(key, document, upsert=True)])

    def replace_many(self, documents: Mapping[tuple[Any, ...], Document], key: Sequence[str]) -> None:
        """Create or replace documents by their natural keys, in any order."""
        self._bulk(
            [
                ReplaceOne(dict(zip(key, values, strict=True)), document, upsert=True)
                for values, document in documents.items()
            ]
        )

    def update_many(self, updates: Sequence[tuple[Filter, Filter]], upsert: bool = False) -> None:
        """Apply updates, each to one document (or create it), in any order."""
        self._bulk([UpdateOne(which, change, upsert=upsert) for which, change in updates])

    def _bulk(self, operations: "Sequence[ReplaceOne[Document]] | Sequence[UpdateOne]") -> None:
        """Apply operations that may be repeated.

        When two clients create the same document at the same moment, one finds its key taken; the second try then
        replaces or updates what the other created. A key that is still taken belongs to something else.
        """
        if not operations:
            return
        with translated():
            try:
                self._driver.bulk_write(operations, ordered=False)
            except BulkWriteError as error:
                if not _only_duplicates(error):
                    raise
                self._driver.bulk_write(operations, ordered=False)

    def update(self, which: Filter, change: Filter) -> bool:
        """Update one document; whether it was there."""
        with translated():
            return self._driver.update_one(which, change).matched_count > 0

    def update_first(self, which: Filter, change: Filter, sort: Sort) -> Document | None:
        """Update the first document in an order, in one step; return it as it is afterwards."""
        with translated():
            return self._driver.find_one_and_update(
                which, change, sort=list(sort), return_document=ReturnDocument.AFTER
            )

    def delete_one(self, which: Filter) -> bool:
        """Delete one document; whether it was there."""
        with translated():
            return self._driver.delete_one(which).deleted_count > 0

    def delete(self, which: Filter) -> int:
        """Delete all that match; how many. The one operation that a dropped connection interrupts."""
        with translated():
            return self._driver.delete_many(which).deleted_count


def _only_duplicates(error: BulkWriteError) -> bool:
    details = error.details
    return not details["writeConcernErrors"] and all(each["code"] == DUPLICATE_KEY for each in details["writeErrors"])
