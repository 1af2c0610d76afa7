"""What a plugin is shown of a task, loaded from the store."""

from collections.abc import Iterator
from dataclasses import dataclass

from opq.clock import NS
from opq.codec import decode
from opq.errors import NotFound
from opq.ids import BoxId, EventId
from opq.model.events import AcquisitionState
from opq.model.tasks import Task
from opq.model.waveforms import WaveformInfo
from opq.store import Store
from opq.store.port import IncidentFilter
from opq.v1 import mauka_pb2
from opq_mauka.hub.lasting import lasting_at_end
from opq_mauka.wire import EVENT_HEAD, TICK_HEAD, EventHead, RecordHead, TickBox, TickHead

_PIECE_BYTES = 1 << 20
_INGEST_ALIVE_NS = 6 * NS
"""An ingest process whose last heartbeat is older is not alive; it beats every 2 s."""
_MAX_OPEN = 10_000


@dataclass(frozen=True, slots=True)
class LoadedContext:
    """A context without waveforms, and which waveforms belong to it."""

    json: str
    waveforms: tuple[WaveformInfo, ...]


def event_context(store: Store, task: Task, event_id: EventId) -> LoadedContext:
    """Load an event with its boxes.

    Raises
    ------
    NotFound
        If the event is gone.
    """
    event = store.events.get(event_id)
    if event is None:
        raise NotFound(f"event {event_id} is no longer in the store")
    boxes = {box.box_id: box for box in store.boxes.list()}
    missing: dict[BoxId, list[str]] = {}
    for acquisition in store.acquisitions.of_event(event_id):
        if acquisition.state is AcquisitionState.MISSING:
            missing.setdefault(acquisition.box_id, []).append(acquisition.reason)
    infos = store.waveforms.of_event(event_id)
    for info in infos:
        if info.missing:
            missing.setdefault(info.box_id, []).append(info.missing)
    records = tuple(
        RecordHead(boxes[part.box_id], part, "; ".join(missing.get(part.box_id, ())))
        for part in store.events.boxes(event_id)
        if part.box_id in boxes
    )
    previous = lasting_at_end(store, task.plugin, event.continues) if event.continues else ()
    return LoadedContext(EVENT_HEAD.dump_json(EventHead(event, records, previous)).decode(), tuple(infos))


def tick_context(store: Store, task: Task, now_unix_ns: int) -> LoadedContext:
    """Load what is known of all boxes now."""
    statuses = {status.box_id: status for status in store.boxes.statuses()}
    boxes = tuple(TickBox(box, statuses.get(box.box_id)) for box in store.boxes.list())
    alive = [beat for beat in store.heartbeats.list("ingest") if now_unix_ns - beat.alive_unix_ns <= _INGEST_ALIVE_NS]
    up_since = max((beat.started_unix_ns for beat in alive), default=0)
    still_open = store.incidents.list(IncidentFilter(plugin=task.plugin, open_only=True), _MAX_OPEN)
    head = TickHead(now_unix_ns, boxes, up_since, tuple(still_open))
    return LoadedContext(TICK_HEAD.dump_json(head).decode(), ())


def waveform_messages(store: Store, task: Task, infos: tuple[WaveformInfo, ...]) -> Iterator[mauka_pb2.WorkDown]:
    """Yield the waveforms of a task in pieces, box by box, oldest first."""
    for info in infos:
        raw = decode(store.waveforms.data(info.acquisition_id)).astype("<i2").tobytes()
        offset = 0
        for segment in info.segments:
            end = offset + 2 * segment.samples
            for low in range(offset, end, _PIECE_BYTES):
                first = (low - offset) // 2
                piece = mauka_pb2.TaskWaveform(
                    task_id=task.task_id,
                    box_id=info.box_id,
                    start_unix_ns=segment.start_unix_ns + round(first * NS / info.sample_rate_hz),
                    sample_rate_hz=info.sample_rate_hz,
                    volts_per_count=info.volts_per_count,
                    samples=raw[low : min(low + _PIECE_BYTES, end)],
                )
                yield mauka_pb2.WorkDown(waveform=piece)
            offset = end
