"""What the loopback MongoDB server can do: commands over the in-memory database of mongomock-ng.

Each command lists the options it honours. Any other command or option is an error, never passed over, so that a
test cannot succeed here because something was ignored.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import bson
import mongomock_ng
from bson import SON, Int64
from pymongo.errors import DuplicateKeyError, OperationFailure

Document = dict[str, Any]

_FIRST_BATCH = 101
_BATCH_BYTES = 15 * 2**20
_EVERY_COMMAND = frozenset(
    [
        "$db",
        "lsid",
        "txnNumber",
        "$clusterTime",
        "$readPreference",
        "readConcern",
        "writeConcern",
        "maxTimeMS",
        "comment",
    ]
)
"""Options of any command that make no difference to one server that keeps everything in memory."""
_INDEX_OPTIONS = frozenset({"key", "name", "unique", "partialFilterExpression", "expireAfterSeconds"})


class CommandError(Exception):
    """A reply that says no.

    Parameters
    ----------
    code : int
        MongoDB's error code.
    message : str
        What went wrong.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def reply(self) -> Document:
        """Return the reply document."""
        return {"ok": 0.0, "code": self.code, "errmsg": str(self)}


def unsupported(what: str) -> CommandError:
    """Return the error for what a real server can do and this one cannot (code 238, NotImplemented)."""
    return CommandError(238, f"the test server does not implement {what}")


class Commands:
    """All databases of one server; not safe for several threads at once, the server has a lock."""

    def __init__(self) -> None:
        self._client: Any = mongomock_ng.MongoClient()
        self._cursors: dict[int, tuple[str, list[Document]]] = {}
        self._cursor_ids = itertools.count(1000)
        self._handlers: dict[str, tuple[Callable[[Document], Document], frozenset[str]]] = {
            "insert": (self._insert, frozenset({"documents", "ordered"})),
            "update": (self._update, frozenset({"updates", "ordered"})),
            "delete": (self._delete, frozenset({"deletes", "ordered"})),
            "find": (
                self._find,
                frozenset({"filter", "projection", "sort", "limit", "skip", "batchSize", "singleBatch"}),
            ),
            "getMore": (self._get_more, frozenset({"collection", "batchSize"})),
            "killCursors": (self._kill_cursors, frozenset({"cursors"})),
            "aggregate": (self._aggregate, frozenset({"pipeline", "cursor"})),
            "distinct": (self._distinct, frozenset({"key", "query"})),
            "findAndModify": (
                self._find_and_modify,
                frozenset({"query", "update", "sort", "new", "upsert", "fields"}),
            ),
            "createIndexes": (self._create_indexes, frozenset({"indexes"})),
            "listIndexes": (self._list_indexes, frozenset({"cursor"})),
            "dropDatabase": (self._drop_database, frozenset()),
        }

    def run(self, command: Document) -> Document:
        """Run one command and return its reply.

        Raises
        ------
        CommandError
            If the command, an option of it or what it asks for is refused.
        """
        name = next(iter(command))
        if name not in self._handlers:
            raise CommandError(59, f"no such command on the test server: {name!r}")
        handler, options = self._handlers[name]
        unknown = set(command) - {name} - options - _EVERY_COMMAND
        if unknown:
            raise unsupported(f"{', '.join(sorted(unknown))} of {name}")
        try:
            return handler(command)
        except (CommandError, ConnectionError):
            raise
        except DuplicateKeyError as error:
            raise CommandError(11000, str(error)) from error
        except OperationFailure as error:
            raise CommandError(error.code or 2, str(error)) from error
        except NotImplementedError as error:
            raise unsupported(str(error)) from error
        except (ValueError, TypeError) as error:
            raise CommandError(9, str(error)) from error

    def _collection(self, command: Document) -> Any:
        return self._client[command["$db"]][next(iter(command.values()))]

    def _insert(self, command: Document) -> Document:
        collection = self._collection(command)
        return self._each(command, command["documents"], lambda document: _inserted(collection, document))

    def _update(self, command: Document) -> Document:
        collection = self._collection(command)
        return {"nModified": 0} | self._each(command, command["updates"], lambda update: _updated(collection, update))

    def _delete(self, command: Document) -> Document:
        collection = self._collection(command)
        return self._each(command, command["deletes"], lambda delete: _deleted(collection, delete))

    def _each(self, command: Document, parts: list[Document], run: Callable[[Document], Document]) -> Document:
        """Run the parts of a bulk write and gather counts, upserted ids and write errors."""
        reply: Document = {"ok": 1.0, "n": 0}
        failed: list[Document] = []
        upserted: list[Document] = []
        for index, part in enumerate(parts):
            try:
                done = run(part)
            except (OperationFailure, ValueError, TypeError) as error:
                code = 11000 if isinstance(error, DuplicateKeyError) else getattr(error, "code", None) or 9
                failed.append({"index": index, "code": code, "errmsg": str(error)})
                if command.get("ordered", True):
                    break
                continue
            reply["n"] += done["n"]
            if "nModified" in done:
                reply["nModified"] = reply.get("nModified", 0) + done["nModified"]
            if "upserted" in done:
                upserted.append({"index": index, "_id": done["upserted"]})
        return reply | ({"writeErrors": failed} if failed else {}) | ({"upserted": upserted} if upserted else {})

    def _find(self, command: Document) -> Document:
        cursor = self._collection(command).find(command.get("filter") or {}, command.get("projection") or None)
        if command.get("sort"):
            cursor = cursor.sort(list(command["sort"].items()))
        cursor = cursor.skip(command.get("skip", 0)).limit(abs(command.get("limit", 0)))
        documents = list(cursor)
        size = len(documents) if command.get("singleBatch") else command.get("batchSize", _FIRST_BATCH)
        return self._batch(f"{command['$db']}.{command['find']}", documents, size, "firstBatch")

    def _batch(self, namespace: str, rest: list[Document], size: int, name: str, cursor_id: int = 0) -> Document:
        """Return the next documents of a cursor and keep the others."""
        taken, total = 0, 0
        for document in rest[:size]:
            total += len(bson.encode(document))
            if taken and total > _BATCH_BYTES:
                break
            taken += 1
        batch, rest = rest[:taken], rest[taken:]
        if rest:
            cursor_id = cursor_id or next(self._cursor_ids)
            self._cursors[cursor_id] = (namespace, rest)
        else:
            self._cursors.pop(cursor_id, None)
            cursor_id = 0
        return {"ok": 1.0, "cursor": {"id": Int64(cursor_id), "ns": namespace, name: batch}}

    def _get_more(self, command: Document) -> Document:
        cursor_id = int(command["getMore"])
        if cursor_id not in self._cursors:
            raise CommandError(43, f"cursor id {cursor_id} not found")
        namespace, rest = self._cursors[cursor_id]
        return self._batch(namespace, rest, command.get("batchSize") or len(rest), "nextBatch", cursor_id)

    def _kill_cursors(self, command: Document) -> Document:
        for cursor_id in command["cursors"]:
            self._cursors.pop(int(cursor_id), None)
        return {"ok": 1.0, "cursorsKilled": command["cursors"]}

    def _aggregate(self, command: Document) -> Document:
        for stage in command["pipeline"]:
            unknown = set(stage) - {"$match", "$group", "$sort", "$project", "$limit", "$skip", "$count"}
            if unknown:
                raise unsupported(f"the stage {', '.join(sorted(unknown))}")
        documents = list(self._collection(command).aggregate(command["pipeline"]))
        size = command["cursor"].get("batchSize", _FIRST_BATCH)
        return self._batch(f"{command['$db']}.{command['aggregate']}", documents, size, "firstBatch")

    def _distinct(self, command: Document) -> Document:
        values = self._collection(command).distinct(command["key"], command.get("query") or {})
        return {"ok": 1.0, "values": list(values)}

    def _find_and_modify(self, command: Document) -> Document:
        if not _is_update(command["update"]):
            raise unsupported("findAndModify with a whole document")
        found = self._collection(command).find_one_and_update(
            command.get("query") or {},
            command["update"],
            projection=command.get("fields"),
            sort=list(command["sort"].items()) if command.get("sort") else None,
            upsert=command.get("upsert", False),
            return_document=bool(command.get("new")),
        )
        count = 0 if found is None else 1
        return {"ok": 1.0, "value": found, "lastErrorObject": {"n": count, "updatedExisting": bool(count)}}

    def _create_indexes(self, command: Document) -> Document:
        collection = self._collection(command)
        before = len(collection.index_information())
        for index in command["indexes"]:
            unknown = set(index) - _INDEX_OPTIONS
            if unknown or not all(direction in (1, -1) for direction in index["key"].values()):
                raise unsupported(f"the index {dict(index)}")
            options = {name: index[name] for name in _INDEX_OPTIONS - {"key"} if name in index}
            collection.create_index(list(index["key"].items()), **options)
        after = len(collection.index_information())
        return {"ok": 1.0, "numIndexesBefore": before, "numIndexesAfter": after}

    def _list_indexes(self, command: Document) -> Document:
        indexes = [
            {"v": 2, "key": SON(index["key"]), "name": name}
            | {option: index[option] for option in _INDEX_OPTIONS - {"key", "name"} if option in index}
            for name, index in self._collection(command).index_information().items()
        ]
        return self._batch(f"{command['$db']}.{command['listIndexes']}", indexes, len(indexes), "firstBatch")

    def _drop_database(self, command: Document) -> Document:
        self._client.drop_database(command["$db"])
        return {"ok": 1.0, "dropped": command["$db"]}


def _is_update(change: Any) -> bool:
    """Whether a change consists of operators; a whole document does not, and a pipeline is refused."""
    if not isinstance(change, Mapping):
        raise unsupported("updates by a pipeline")
    return any(key.startswith("$") for key in change)


def _inserted(collection: Any, document: Document) -> Document:
    collection.insert_one(document)
    return {"n": 1}


def _updated(collection: Any, update: Document) -> Document:
    unknown = set(update) - {"q", "u", "upsert", "multi"}
    if unknown or update.get("multi"):
        raise unsupported(f"updates with {', '.join(sorted(unknown)) or 'multi'}")
    change = collection.update_one if _is_update(update["u"]) else collection.replace_one
    result = change(update["q"], update["u"], upsert=update.get("upsert", False))
    if result.upserted_id is not None:
        return {"n": 1, "nModified": 0, "upserted": result.upserted_id}
    return {"n": result.matched_count, "nModified": result.modified_count}


def _deleted(collection: Any, delete: Document) -> Document:
    unknown = set(delete) - {"q", "limit"}
    if unknown:
        raise unsupported(f"deletes with {', '.join(sorted(unknown))}")
    remove = collection.delete_one if delete["limit"] == 1 else collection.delete_many
    return {"n": remove(delete["q"]).deleted_count}
