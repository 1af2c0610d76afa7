"""Contexts for a plugin without hub or worker: of voltage made in a test, or of an event in a store."""

from collections.abc import Sequence
from typing import Any

from opq.clock import NS
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Event, EventBox, EventState, Role
from opq.model.incidents import Finding
from opq.model.tasks import Task, TaskKind, event_task_id
from opq.model.waveforms import VoltageSegment
from opq.store import Store
from opq.v1 import mauka_pb2
from opq_mauka.hub.contexts import event_context, waveform_messages
from opq_mauka.sdk import BoxRecord, EventContext, Plugin, TickContext
from opq_mauka.worker.contexts import Assembly

START_UNIX_NS = 1_750_000_000 * NS


def context_of(segments: Sequence[VoltageSegment], nominal: Nominal, box_id: str = "box-1") -> EventContext:
    """Make the context of an event with one box that measured `segments`."""
    box = Box(BoxId(box_id), GridId("test"), nominal)
    start, end = segments[0].start_unix_ns, segments[-1].end_unix_ns
    event = Event(EventId("event-1"), box.grid_id, start, end, EventState.COMPLETE, box_ids=(box.box_id,))
    part = EventBox(event.event_id, box.box_id, Role.HARD, start, end)
    return EventContext(event, (BoxRecord(box, part, tuple(segments)),))


def recorded_context(store: Store, plugin: str, event_id: EventId) -> EventContext | TickContext:
    """Load an event as a worker would see it.

    Raises
    ------
    NotFound
        If the event is not in the store.
    """
    task = Task(event_task_id(plugin, event_id, 0), plugin, TaskKind.EVENT, 0, event_id)
    loaded = event_context(store, task, event_id)
    assembly = Assembly(mauka_pb2.TaskStart(plugin=plugin, context_json=loaded.json, kind=task.kind.value))
    for message in waveform_messages(store, task, loaded.waveforms):
        assembly.add(message.waveform)
    return assembly.context()


def try_on_event(store: Store, plugin: Plugin[Any], event_id: EventId) -> Sequence[Finding]:
    """Run a plugin on a recorded event; nothing is stored."""
    return plugin.analyze(recorded_context(store, plugin.name, event_id))
