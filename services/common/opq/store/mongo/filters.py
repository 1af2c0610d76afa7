"""Filters that several collections share."""

from opq.errors import NotFound
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document

NEWEST_FIRST = (("start_unix_ns", -1), ("_id", -1))


def with_span(document: Document) -> Document:
    """Return a document with its length, by which `overlapping` bounds its search."""
    return document | {"span_ns": document["end_unix_ns"] - document["start_unix_ns"]}


def overlapping(collection: Collection, start_unix_ns: int | None, end_unix_ns: int | None) -> Document:
    """Return the filter for spans that overlap ``[start, end)``; an instant is where it lies.

    What overlaps cannot have begun earlier than the longest span of the collection before `start`; that bounds the
    walk through an index by start, which otherwise ended only at the oldest document.
    """
    which: Document = {}
    bounds: Document = {}
    if end_unix_ns is not None:
        bounds["$lt"] = end_unix_ns
    if start_unix_ns is not None:
        longest = collection.find({}, [("span_ns", -1)], 1, ["span_ns"])
        bounds["$gte"] = start_unix_ns - longest[0]["span_ns"] if longest else start_unix_ns
    if bounds:
        which["start_unix_ns"] = bounds
    if start_unix_ns is not None:
        which["$or"] = [{"end_unix_ns": {"$gt": start_unix_ns}}, {"start_unix_ns": {"$gte": start_unix_ns}}]
    return which


def after(collection: Collection, which: Document, before: str | None, kind: str) -> Document:
    """Return `which` narrowed to what follows the document `before` in the order `NEWEST_FIRST`.

    Raises
    ------
    NotFound
        If there is no such document.
    """
    if before is None:
        return which
    last = collection.find_one({"_id": before}, ["start_unix_ns"])
    if last is None:
        raise NotFound(f"{kind} {before}: it is not there (any more), so no page begins after it")
    start = last["start_unix_ns"]
    # The first condition bounds the walk through the index, the second drops those of the same start already seen.
    follows = [
        {"start_unix_ns": {"$lte": start}},
        {"$or": [{"start_unix_ns": {"$lt": start}}, {"_id": {"$lt": before}}]},
    ]
    return {"$and": [which, *follows]} if which else {"$and": follows}
