"""From the messages of a task to the context a plugin sees."""

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from opq.ids import BoxId
from opq.model.tasks import TaskKind
from opq.model.waveforms import VoltageSegment, join_segments
from opq.v1 import mauka_pb2
from opq_mauka.sdk import BoxRecord, EventContext, TickContext
from opq_mauka.wire import EVENT_HEAD, TICK_HEAD


@dataclass(slots=True)
class Assembly:
    """A task whose messages are still coming in."""

    start: mauka_pb2.TaskStart
    pieces: dict[BoxId, list[VoltageSegment]] = field(default_factory=lambda: defaultdict(list))

    def add(self, piece: mauka_pb2.TaskWaveform) -> None:
        """Take a piece of waveform."""
        volts = np.frombuffer(piece.samples, "<i2").astype(np.float64) * piece.volts_per_count
        segment = VoltageSegment(piece.start_unix_ns, piece.sample_rate_hz, volts)
        self.pieces[BoxId(piece.box_id)].append(segment)

    def context(self) -> EventContext | TickContext:
        """Make the context from all that came."""
        text = self.start.context_json
        if self.start.kind == TaskKind.TICK.value:
            tick = TICK_HEAD.validate_json(text)
            boxes = tuple((item.box, item.status) for item in tick.boxes)
            return TickContext(tick.now_unix_ns, boxes, tick.ingest_up_since_unix_ns, tick.open_incidents)
        head = EVENT_HEAD.validate_json(text)
        records = tuple(
            BoxRecord(item.box, item.part, tuple(join_segments(self.pieces.get(item.box.box_id, []))), item.missing)
            for item in head.records
        )
        return EventContext(head.event, records, head.previous)
