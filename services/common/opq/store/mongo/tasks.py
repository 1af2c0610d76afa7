"""The queue of tasks in MongoDB."""

from collections.abc import Iterable, Sequence

from pymongo.synchronous.database import Database

from opq.ids import TaskId
from opq.model.tasks import Task, TaskState
from opq.store.documents import from_document, to_document
from opq.store.mongo import schema
from opq.store.mongo.collection import Collection
from opq.store.mongo.connection import Document
from opq.store.port import Backlog

_QUEUED, _LEASED, _DONE, _DEAD = (
    TaskState.QUEUED.value,
    TaskState.LEASED.value,
    TaskState.DONE.value,
    TaskState.DEAD.value,
)


def _held(task_id: TaskId, worker: str) -> Document:
    return {"_id": task_id, "state": _LEASED, "worker": worker}


class MongoTasks:
    """See `opq.store.port.Tasks`."""

    def __init__(self, database: Database[Document]) -> None:
        self._tasks = Collection(database, schema.TASKS)
        self._plugins = Collection(database, schema.TASK_PLUGINS)

    def add(self, tasks: Iterable[Task]) -> int:
        """See the port."""
        fresh = {task.task_id: {"_id": task.task_id, **to_document(task)} for task in reversed(list(tasks))}
        plugins = {task["plugin"] for task in fresh.values()}
        # The plugin first, so that no task is in a queue nobody sees.
        self._plugins.update_many(
            [({"_id": plugin}, {"$setOnInsert": {"plugin": plugin}}) for plugin in plugins], upsert=True
        )
        return self._tasks.insert_new(list(fresh.values()))

    def claim(self, plugins: Sequence[str], worker: str, now_unix_ns: int, lease_until_unix_ns: int) -> Task | None:
        """See the port."""
        due = {"state": _QUEUED, "not_before_unix_ns": {"$lte": now_unix_ns}}
        expired = {"state": _LEASED, "lease_until_unix_ns": {"$lte": now_unix_ns}}
        of_plugins = {"plugin": {"$in": list(plugins)}}
        task = self._tasks.update_first(
            {"$or": [of_plugins | due, of_plugins | expired]},
            {
                "$set": {"state": _LEASED, "worker": worker, "lease_until_unix_ns": lease_until_unix_ns},
                "$inc": {"attempts": 1},
            },
            sort=[("created_unix_ns", 1), ("_id", 1)],
        )
        return from_document(Task, task) if task else None

    def renew(self, task_id: TaskId, worker: str, lease_until_unix_ns: int) -> bool:
        """See the port."""
        return self._tasks.update(_held(task_id, worker), {"$set": {"lease_until_unix_ns": lease_until_unix_ns}})

    def complete(self, task_id: TaskId, worker: str) -> bool:
        """See the port."""
        return self._tasks.update(_held(task_id, worker), {"$set": {"state": _DONE, "error": ""}})

    def fail(self, task_id: TaskId, worker: str, error: str, retry_unix_ns: int | None) -> bool:
        """See the port."""
        change: Document = {"state": _DEAD, "error": error}
        if retry_unix_ns is not None:
            change |= {"state": _QUEUED, "not_before_unix_ns": retry_unix_ns}
        return self._tasks.update(_held(task_id, worker), {"$set": change})

    def requeue(self, task_id: TaskId) -> bool:
        """See the port."""
        fresh = {"attempts": 0, "not_before_unix_ns": 0, "lease_until_unix_ns": 0, "worker": "", "error": ""}
        return self._tasks.update(
            {"_id": task_id, "state": {"$in": [_DEAD, _DONE]}}, {"$set": {"state": _QUEUED, **fresh}}
        )

    def get(self, task_id: TaskId) -> Task | None:
        """See the port."""
        task = self._tasks.find_one({"_id": task_id})
        return from_document(Task, task) if task else None

    def backlog(self) -> dict[str, Backlog]:
        """See the port."""
        plugins = [each["_id"] for each in self._plugins.find({}, [("_id", 1)])]
        groups = self._tasks.aggregate(
            [
                {"$match": {"plugin": {"$in": plugins}, "state": {"$in": [_QUEUED, _LEASED, _DEAD]}}},
                {
                    "$group": {
                        "_id": {"plugin": "$plugin", "state": "$state"},
                        "count": {"$sum": 1},
                        "oldest": {"$min": "$created_unix_ns"},
                    }
                },
            ]
        )
        found = {(each["_id"]["plugin"], each["_id"]["state"]): each for each in groups}

        def number(plugin: str, state: str, field: str = "count") -> int:
            return int(found.get((plugin, state), {field: 0})[field])

        return {
            plugin: Backlog(
                queued=number(plugin, _QUEUED),
                leased=number(plugin, _LEASED),
                dead=number(plugin, _DEAD),
                oldest_unix_ns=number(plugin, _QUEUED, "oldest"),
            )
            for plugin in plugins
        }

    def remove_done(self, before_unix_ns: int) -> int:
        """See the port."""
        return self._tasks.delete({"state": _DONE, "created_unix_ns": {"$lt": before_unix_ns}})

    def list(self, state: TaskState | None = None, plugin: str | None = None, limit: int = 100) -> list[Task]:
        """See the port."""
        which: Document = {}
        if state is not None:
            which["state"] = state.value
        if plugin is not None:
            which["plugin"] = plugin
        newest_first = [("created_unix_ns", -1), ("_id", -1)]
        return [from_document(Task, task) for task in self._tasks.find(which, newest_first, limit)]
