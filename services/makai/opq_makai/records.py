"""What one shard reads from the store and writes to it. Everything here blocks: call it in the thread of the store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from opq.clock import Clock
from opq.errors import NotFound, OpqError
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, EventState
from opq.model.services import Heartbeat
from opq.model.tasks import DISPATCH, Task, TaskKind, dispatch_task_id
from opq.rpc.shards import owner
from opq.store import Store
from opq.store.audit import record
from opq.store.overrides import boxes_in_force, read_overrides
from opq.store.port import EventFilter
from opq_makai.open_event import Changes
from opq_makai.watch import RESTORE_NS

_READ_LIMIT = 10_000
_CHECKPOINTS = "makai/grid/"


class OtherShard(OpqError):
    """The grid belongs to another Makai process."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a shard was when it last wrote."""

    boxes: list[Box]
    detectors: dict[GridId, dict[str, Any]]
    since_unix_ns: int | None
    """Oldest checkpoint of these; None if there is none."""
    events: list[tuple[Event, list[EventBox], list[Acquisition]]]


class Records:
    """The store as seen by one shard: of grids it does not own it sees nothing."""

    def __init__(self, store: Store, clock: Clock, makai_id: str, shards: Sequence[str]) -> None:
        self._store, self._clock, self._makai_id, self._shards = store, clock, makai_id, shards
        self._started_unix_ns = clock.unix_ns()
        self._log = structlog.get_logger()

    def owns(self, grid_id: GridId) -> bool:
        """Whether this shard decides for a grid."""
        return owner(grid_id, self._shards) == self._makai_id

    def check_owner(self, grid_id: GridId, what: str) -> None:
        """Refuse a grid of another shard.

        Raises
        ------
        OtherShard
            Naming the owner.
        """
        if not self.owns(grid_id):
            named = owner(grid_id, self._shards)
            raise OtherShard(f"{what} is of grid {grid_id}, which {named} owns; this is {self._makai_id}, ask {named}")

    def act(self, who: str, action: str, subject: str, detail: str) -> None:
        """Put on record what somebody is about to do, in the audit log."""
        record(self._store, self._clock.unix_ns(), who, action, subject, detail)

    # --- reading

    def boxes(self) -> list[Box]:
        """Return the boxes on grids of this shard, as they are to run now."""
        return [box for box in boxes_in_force(self._store, self._clock.unix_ns()) if self.owns(box.grid_id)]

    def box(self, box_id: str) -> Box:
        """Return one box of this shard, as it is to run now.

        Raises
        ------
        NotFound
            If it is not enrolled.
        OtherShard
            If another shard owns its grid.
        """
        box = self._store.boxes.get(BoxId(box_id))
        if box is None:
            raise NotFound(
                f"box_id: got {box_id[:64]!r}, expected a box that is enrolled; list them with: opq boxes list"
            )
        self.check_owner(box.grid_id, f"box {box_id}")
        return read_overrides(self._store, box.box_id).in_force(box, self._clock.unix_ns())

    def event(self, event_id: str) -> Event:
        """Return one event of this shard.

        Raises
        ------
        NotFound
            If there is none.
        OtherShard
            If another shard owns its grid.
        """
        event = self._store.events.get(EventId(event_id))
        if event is None:
            raise NotFound(f"event_id: got {event_id[:64]!r}, expected an event; list them with: opq events list")
        self.check_owner(event.grid_id, f"event {event_id}")
        return event

    def saved(self) -> Saved:
        """Read what is needed to go on after a restart."""
        boxes = self.boxes()
        grids = {box.grid_id for box in boxes}
        found = {
            GridId(key.removeprefix(_CHECKPOINTS)): document
            for key, document in self._store.checkpoints.items(_CHECKPOINTS).items()
            if key.removeprefix(_CHECKPOINTS) in grids
        }
        since = min((document["unix_ns"] for document in found.values()), default=None)
        detectors = {grid_id: document["detectors"] for grid_id, document in found.items()}
        return Saved(boxes, detectors, since, self._unforgotten_events())

    def _unforgotten_events(self) -> list[tuple[Event, list[EventBox], list[Acquisition]]]:
        since = self._clock.unix_ns() - RESTORE_NS
        recent = self._store.events.list(EventFilter(start_unix_ns=since), _READ_LIMIT)
        unfinished = self._store.events.list(EventFilter(states=(EventState.OPEN, EventState.CLOSED)), _READ_LIMIT)
        events = {event.event_id: event for event in (*recent, *unfinished) if self.owns(event.grid_id)}
        return [
            (event, self._store.events.boxes(event_id), self._store.acquisitions.of_event(event_id))
            for event_id, event in events.items()
        ]

    def answered(self, acquisitions: Iterable[Acquisition]) -> list[Acquisition]:
        """Find waveforms that were stored while nobody listened."""
        waiting = [item for item in acquisitions if item.state is not AcquisitionState.STORED]
        infos = [self._store.waveforms.info(item.acquisition_id) for item in waiting]
        return [
            Acquisition(item.acquisition_id, item.event_id, item.box_id, 0, 0, bytes=info.encoded_bytes)
            for item, info in zip(waiting, infos, strict=True)
            if info is not None
        ]

    # --- writing

    def write(self, changes: Changes) -> None:
        """Write records before the tasks that rest on them."""
        if changes.acquisitions:
            self._store.acquisitions.put_all(list(changes.acquisitions.values()))
        if changes.boxes:
            self._store.events.put_boxes(list(changes.boxes.values()))
        for event in changes.events.values():
            self._store.events.put(event)
        self.hand_over(changes.completed.values())
        for event in changes.completed.values():
            self._log.info(
                "event complete", event_id=event.event_id, extent=event.extent.value, boxes=len(event.box_ids)
            )

    def hand_over(self, events: Iterable[Event]) -> None:
        """Queue the complete ones for Mauka; those that are queued already stay as they are.

        Also after a restart: the process may have died between writing an event and queueing it.
        """
        now = self._clock.unix_ns()
        self._store.tasks.add(
            Task(dispatch_task_id(event.event_id, event.revision), DISPATCH, TaskKind.EVENT, now, event.event_id)
            for event in events
            if event.state is EventState.COMPLETE
        )

    def write_checkpoints(self, unix_ns: int, detectors: Mapping[GridId, Any]) -> None:
        """Write what detectors know, one document per grid, so that a grid can go to another shard."""
        for grid_id, state in detectors.items():
            if self.owns(grid_id):
                self._store.checkpoints.put(_CHECKPOINTS + grid_id, {"unix_ns": unix_ns, "detectors": state})

    def beat(self) -> list[Box]:
        """Give a sign of life; return `boxes`."""
        now = self._clock.unix_ns()
        self._store.heartbeats.beat(Heartbeat(self._makai_id, "makai", self._started_unix_ns, now))
        return self.boxes()
