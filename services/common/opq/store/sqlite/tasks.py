"""The queue of tasks in SQLite."""

from collections.abc import Iterable, Sequence

from opq.ids import TaskId
from opq.model.tasks import Task, TaskState
from opq.store.port import Backlog
from opq.store.sqlite.connection import Connections
from opq.store.sqlite.records import Records, Where

_TASKS = Records(
    Task,
    "tasks",
    (
        "task_id",
        "plugin",
        "created_unix_ns",
        "state",
        "attempts",
        "not_before_unix_ns",
        "lease_until_unix_ns",
        "worker",
        "error",
    ),
)
_ADD = _TASKS.insert.replace("INSERT", "INSERT OR IGNORE", 1)
_OLDEST = (
    "SELECT created_unix_ns, task_id FROM tasks WHERE plugin = ? AND state = '{}' AND {} <= ? "
    "ORDER BY created_unix_ns, task_id LIMIT 1"
)
_OLDEST_DUE = _OLDEST.format(TaskState.QUEUED.value, "not_before_unix_ns")
_OLDEST_EXPIRED = _OLDEST.format(TaskState.LEASED.value, "lease_until_unix_ns")
_LEASE = (
    f"UPDATE tasks SET state = '{TaskState.LEASED.value}', attempts = attempts + 1, worker = ?, "
    f"lease_until_unix_ns = ? WHERE task_id = ? RETURNING {_TASKS.select}"
)
_HELD = f"task_id = ? AND state = '{TaskState.LEASED.value}' AND worker = ?"
_BACKLOG = """
SELECT plugin,
  (SELECT count(*) FROM tasks WHERE plugin = known.plugin AND state = 'queued'),
  (SELECT count(*) FROM tasks WHERE plugin = known.plugin AND state = 'leased'),
  (SELECT count(*) FROM tasks WHERE plugin = known.plugin AND state = 'dead'),
  (SELECT coalesce(min(created_unix_ns), 0) FROM tasks WHERE plugin = known.plugin AND state = 'queued')
FROM task_plugins AS known
"""


class SqliteTasks:
    """See `opq.store.port.Tasks`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def add(self, tasks: Iterable[Task]) -> int:
        """See the port."""
        fresh = list(tasks)
        if not fresh:
            return 0
        rows = [_TASKS.row(task) for task in fresh]
        with self._connections.writing() as db:
            plugins = [(plugin,) for plugin in {task.plugin for task in fresh}]
            db.executemany("INSERT OR IGNORE INTO task_plugins (plugin) VALUES (?)", plugins)
            before = db.total_changes()
            db.executemany(_ADD, rows)
            return db.total_changes() - before

    def claim(self, plugins: Sequence[str], worker: str, now_unix_ns: int, lease_until_unix_ns: int) -> Task | None:
        """See the port."""
        if not plugins:
            return None
        queries = [(sql, plugin) for plugin in plugins for sql in (_OLDEST_DUE, _OLDEST_EXPIRED)]
        if not any(self._connections.row(sql, (plugin, now_unix_ns)) for sql, plugin in queries):
            return None  # workers ask all the time; an empty queue is not worth the write lock
        with self._connections.writing() as db:
            oldest = [row for sql, plugin in queries for row in db.execute(sql, (plugin, now_unix_ns))]
            if not oldest:
                return None
            _, task_id = min(oldest)
            return _TASKS.read(next(iter(db.execute(_LEASE, (worker, lease_until_unix_ns, task_id)).fetchall())))

    def renew(self, task_id: TaskId, worker: str, lease_until_unix_ns: int) -> bool:
        """See the port."""
        return self._update(f"lease_until_unix_ns = ? WHERE {_HELD}", lease_until_unix_ns, task_id, worker)

    def complete(self, task_id: TaskId, worker: str) -> bool:
        """See the port."""
        return self._update(f"state = ?, error = '' WHERE {_HELD}", TaskState.DONE.value, task_id, worker)

    def fail(self, task_id: TaskId, worker: str, error: str, retry_unix_ns: int | None) -> bool:
        """See the port."""
        if retry_unix_ns is None:
            return self._update(f"state = ?, error = ? WHERE {_HELD}", TaskState.DEAD.value, error, task_id, worker)
        return self._update(
            f"state = ?, error = ?, not_before_unix_ns = ? WHERE {_HELD}",
            TaskState.QUEUED.value,
            error,
            retry_unix_ns,
            task_id,
            worker,
        )

    def requeue(self, task_id: TaskId) -> bool:
        """See the port."""
        return self._update(
            "state = ?, attempts = 0, not_before_unix_ns = 0, lease_until_unix_ns = 0, worker = '', error = '' "
            "WHERE task_id = ? AND state IN (?, ?)",
            TaskState.QUEUED.value,
            task_id,
            TaskState.DEAD.value,
            TaskState.DONE.value,
        )

    def _update(self, change: str, *bindings: str | int) -> bool:
        with self._connections.writing() as db:
            db.execute(f"UPDATE tasks SET {change}", bindings)
            return db.changes() > 0

    def get(self, task_id: TaskId) -> Task | None:
        """See the port."""
        row = self._connections.row(f"SELECT {_TASKS.select} FROM tasks WHERE task_id = ?", (task_id,))
        return _TASKS.read(row) if row else None

    def backlog(self) -> dict[str, Backlog]:
        """See the port."""
        return {plugin: Backlog(*numbers) for plugin, *numbers in self._connections.rows(_BACKLOG)}

    def remove_done(self, before_unix_ns: int) -> int:
        """See the port."""
        with self._connections.writing() as db:
            db.execute(
                "DELETE FROM tasks WHERE state = ? AND created_unix_ns < ?", (TaskState.DONE.value, before_unix_ns)
            )
            return db.changes()

    def list(self, state: TaskState | None = None, plugin: str | None = None, limit: int = 100) -> list[Task]:
        """See the port."""
        where = Where()
        if state is not None:
            where.add("state = ?", state.value)
        if plugin is not None:
            where.add("plugin = ?", plugin)
        rows = self._connections.rows(
            f"SELECT {_TASKS.select} FROM tasks {where} ORDER BY created_unix_ns DESC, task_id DESC LIMIT ?",
            (*where.bindings, max(limit, 0)),
        )
        return [_TASKS.read(row) for row in rows]
