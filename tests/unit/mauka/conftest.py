"""A real store with two boxes, and the whole way of a task through it without sockets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opq.clock import NS
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, EventState, Role
from opq.model.incidents import Incident
from opq.model.tasks import Task, TaskKind, event_task_id
from opq.model.waveforms import VoltageSegment
from opq.store import Store, open_store
from opq.store.port import IncidentFilter
from opq.testing.clock import ManualClock
from opq.testing.site import put_waveform
from opq.testing.waves import START_UNIX_NS
from opq.v1 import mauka_pb2
from opq_mauka.hub.contexts import event_context, waveform_messages
from opq_mauka.hub.findings import store_event_findings
from opq_mauka.sdk import Plugin
from opq_mauka.wire import findings_json, parse_findings
from opq_mauka.worker.contexts import Assembly

RATE = 12_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:{tmp_path / 'store'}")
    for box_id in ("box-1", "box-2"):
        opened.boxes.put(Box(BoxId(box_id), GridId("grid"), Nominal(120, 60)))
    yield opened
    opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class Desk:
    """Events at box-1 and box-2, and plugins that look at them as hub and worker together would."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self.store, self.clock = store, clock

    def add_event(
        self, event_id: str, start_s: float, end_s: float, continues: str | None = None, revision: int = 0
    ) -> Event:
        event = Event(
            EventId(event_id),
            GridId("grid"),
            START_UNIX_NS + round(start_s * NS),
            START_UNIX_NS + round(end_s * NS),
            EventState.COMPLETE,
            completed_unix_ns=self.clock.unix_ns(),
            revision=revision,
            continues=EventId(continues) if continues else None,
            box_ids=(BoxId("box-1"),),
        )
        self.store.events.put(event)
        self.store.events.put_boxes(
            [EventBox(event.event_id, BoxId("box-1"), Role.HARD, event.start_unix_ns, event.end_unix_ns, ("low",))]
        )
        return event

    def revise(self, event_id: str) -> None:
        event = self.store.events.get(EventId(event_id))
        assert event is not None
        self.store.events.put(replace(event, revision=event.revision + 1))

    def add_waveform(
        self, event_id: str, *pieces: VoltageSegment, box_id: str = "box-1", acquisition: str | None = None
    ) -> None:
        acquisition_id = AcquisitionId(acquisition or f"{event_id}-{box_id}")
        first, last = pieces[0].start_unix_ns, pieces[-1].end_unix_ns
        asked = Acquisition(
            acquisition_id, EventId(event_id), BoxId(box_id), first, last, AcquisitionState.STORED, first, last
        )
        self.store.acquisitions.put(asked)
        put_waveform(self.store, asked, pieces)

    def task(self, plugin: str, event_id: str) -> Task:
        event = self.store.events.get(EventId(event_id))
        task_id = event_task_id(plugin, EventId(event_id), event.revision if event else 0)
        return Task(task_id, plugin, TaskKind.EVENT, self.clock.unix_ns(), EventId(event_id))

    def assembly(self, task: Task) -> Assembly:
        assert task.event_id is not None
        loaded = event_context(self.store, task, task.event_id)
        assembly = Assembly(mauka_pb2.TaskStart(task_id=task.task_id, context_json=loaded.json, kind=task.kind.value))
        for message in waveform_messages(self.store, task, loaded.waveforms):
            assembly.add(message.waveform)
        return assembly

    def analyse(self, plugin: Plugin[Any], event_id: str) -> None:
        context = self.assembly(self.task(plugin.name, event_id)).context()
        findings = parse_findings(findings_json(list(plugin.analyze(context))))
        store_event_findings(self.store, self.clock, plugin.name, plugin.version, EventId(event_id), findings)

    def incidents(self, plugin: str | None = None, event_id: str | None = None) -> list[Incident]:
        which = IncidentFilter(event_id=EventId(event_id) if event_id else None, plugin=plugin)
        return sorted(self.store.incidents.list(which, 1000), key=lambda item: (item.finding.box_id, item.ordinal))


@pytest.fixture
def desk(store: Store, clock: ManualClock) -> Desk:
    return Desk(store, clock)
