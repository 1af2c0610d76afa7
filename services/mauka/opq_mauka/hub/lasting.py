"""What a plugin found to reach the end of an event, kept apart from its incidents.

An incident grows with every event that continues it, so it no longer says what its first event showed. Whoever
looks at a continuing event again must start from the same as the first time, or times would add up twice.
"""

from collections.abc import Sequence

from pydantic import TypeAdapter

from opq.clock import MINUTE_NS
from opq.ids import EventId, TaskId
from opq.model.events import Event
from opq.model.incidents import Incident
from opq.model.tasks import Task, TaskKind, event_task_id
from opq.store import Store
from opq.store.port import EventFilter

_INCIDENTS = TypeAdapter(tuple[Incident, ...])
_FOLLOWS_WITHIN_NS = 2 * MINUTE_NS
"""A continuing event begins before this long after the end of the one before; the quiet time is a minute at most."""
_MAX_EVENTS = 1000


def lasting_at_end(store: Store, plugin: str, event_id: EventId) -> tuple[Incident, ...]:
    """Return what a plugin's own look at an event found to last at its end, as it was found then."""
    kept = store.checkpoints.get(_key(plugin, event_id))
    return _INCIDENTS.validate_python(kept["incidents"], strict=False) if kept else ()


def keep_lasting(store: Store, event: Event, plugin: str, incidents: Sequence[Incident]) -> bool:
    """Keep what reached the end of an event: it still lasted there, or ended later, in the record behind the event.

    Returns
    -------
    bool
        Whether events that continue this one are to be looked at (again).
    """
    key = _key(plugin, event.event_id)
    known = store.checkpoints.get(key) is not None
    lasting = tuple(
        each for each in incidents if each.finding.open_end or each.finding.end_unix_ns >= event.end_unix_ns
    )
    if lasting:
        store.checkpoints.put(key, {"incidents": _INCIDENTS.dump_python(lasting, mode="json")})
    elif known:
        store.checkpoints.remove(key)
    return known or bool(lasting)


def queue_followers(store: Store, event: Event, plugin: str, now_unix_ns: int) -> None:
    """Have the events that continue this one looked at again: what they go on from has changed."""
    near = EventFilter(
        event.grid_id, start_unix_ns=event.end_unix_ns, end_unix_ns=event.end_unix_ns + _FOLLOWS_WITHIN_NS
    )
    store.tasks.add(
        Task(
            TaskId(f"{event_task_id(plugin, other.event_id, other.revision)}:{now_unix_ns}"),
            plugin,
            TaskKind.EVENT,
            now_unix_ns,
            other.event_id,
        )
        for other in store.events.list(near, _MAX_EVENTS)
        if other.continues == event.event_id and other.completed_unix_ns
    )


def _key(plugin: str, event_id: EventId) -> str:
    return f"mauka/lasting/{plugin}/{event_id}"
