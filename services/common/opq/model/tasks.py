"""Tasks: one event, or one tick of the clock, to be analysed by one Mauka plugin."""

from dataclasses import dataclass
from enum import Enum

from opq.ids import EventId, TaskId


class TaskKind(Enum):
    """What set the task off."""

    EVENT = "event"
    TICK = "tick"


class TaskState(Enum):
    """Life of a task."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    DEAD = "dead"
    """Failed as often as it may; kept with its last error for a person to look at."""


@dataclass(frozen=True, slots=True)
class Task:
    """Work for one plugin. The id is its natural key, so that making it twice makes one."""

    task_id: TaskId
    plugin: str
    kind: TaskKind
    created_unix_ns: int
    event_id: EventId | None = None
    state: TaskState = TaskState.QUEUED
    attempts: int = 0
    not_before_unix_ns: int = 0
    lease_until_unix_ns: int = 0
    worker: str = ""
    error: str = ""


def event_task_id(plugin: str, event_id: EventId, revision: int) -> TaskId:
    """Natural key of the task to analyse one revision of an event."""
    return TaskId(f"{plugin}:{event_id}:{revision}")


def tick_task_id(plugin: str, tick_unix_ns: int) -> TaskId:
    """Natural key of a timer task."""
    return TaskId(f"{plugin}:tick:{tick_unix_ns}")


DISPATCH = "dispatch"
"""Name under which a complete event is queued once; the hub makes of it one task per plugin that takes events."""


def dispatch_task_id(event_id: EventId, revision: int) -> TaskId:
    """Natural key of the task to dispatch one revision of an event."""
    return event_task_id(DISPATCH, event_id, revision)
