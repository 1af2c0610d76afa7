"""One Makai process: the loop that detects, writes and asks, in this order, and what it is made of."""

import asyncio
import contextlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import grpc
import grpc.aio
import numpy as np
import structlog

from opq.clock import NS, Clock
from opq.errors import Unavailable
from opq.ids import BoxId, GridId
from opq.model.boxes import Box
from opq.model.features import FrameBatch, names_of
from opq.model.measurements import as_windows
from opq.rpc.frame_batches import decode_frames
from opq.rpc.service import until_stopped
from opq.rpc.threads import call_in
from opq.rpc.twins import FeedUpTwin
from opq.store import Store
from opq.v1 import makai_pb2
from opq_makai.detector_settings import DetectorSettings
from opq_makai.feeds import Feeds
from opq_makai.open_event import Changes
from opq_makai.records import Records
from opq_makai.settings import MakaiSettings
from opq_makai.tools import Tools
from opq_makai.watch import RESTORE_NS, Watch
from opq_makai.watchers import Watchers

_TICK_S = 0.02
_HOUSEKEEPING_S = 2.0
_CHECKPOINT_S = 30.0
_OVERLAP_NS = 30 * NS
"""Reading on in the store begins this long before what is known to be missed; windows seen twice do no harm."""
_MAX_CATCH_UP_NS = RESTORE_NS
_READ_NS, _READ_BOXES = 60 * NS, 200
"""Read on in the store in pieces of so much time and so many boxes."""


class Makai:
    """One shard: its feeds, its watch, its records and its tools."""

    def __init__(self, settings: MakaiSettings, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._log = structlog.get_logger()
        self._watch = Watch(settings.rules)
        self._unwritten: deque[Changes] = deque()
        self._writing = asyncio.Lock()
        self._changed = asyncio.Event()
        self._executor = ThreadPoolExecutor(1, "store")
        self._grids: dict[BoxId, GridId] = {}
        makai_id = settings.makai_id
        self._records = Records(store, clock, makai_id, settings.all_shards)
        self._feeds = Feeds(self._watch, clock, self._refresh, self._frames, self._read_on)
        watchers = Watchers()
        self._watch.on_hits = watchers.offer
        self._detectors = DetectorSettings(makai_id, self._watch, store, clock)
        self._tools = Tools(
            makai_id,
            self._watch,
            self._records,
            self._feeds,
            watchers,
            self._executor,
            clock,
            self._refresh,
            self._write_changes,
        )

    def handlers(self) -> grpc.GenericRpcHandler:
        """Make the handlers of `opq.v1.MakaiService`; frames inside batches are not decoded by gRPC."""
        feed = grpc.stream_stream_rpc_method_handler(
            self._feeds.handle, FeedUpTwin.FromString, makai_pb2.FeedDown.SerializeToString
        )
        return grpc.method_handlers_generic_handler("opq.v1.MakaiService", {"Feed": feed, **self._tools.handlers()})

    # --- start

    async def restore(self) -> None:
        """Take up boxes, detectors' memory and open events from the store, and read what came since."""
        decode_frames(b"")  # Compiles now, not when the first frames come.
        saved = await call_in(self._executor, self._records.saved)
        self._set_boxes(saved.boxes)
        await self._look_at_settings()
        now = self._clock.unix_ns()
        self._watch.restore(saved.detectors, now)
        since = now if saved.since_unix_ns is None else max(saved.since_unix_ns, now - _MAX_CATCH_UP_NS)
        for event, parts, acquisitions in saved.events:
            self._watch.grid(event.grid_id).restore(event, parts, acquisitions, now)
        known = [item for _, _, items in saved.events for item in items]
        for acquisition in await call_in(self._executor, self._records.answered, known):
            self._feeds.stored(acquisition.acquisition_id, acquisition.bytes)
        await call_in(self._executor, self._records.hand_over, [event for event, _, _ in saved.events])
        await self._catch_up(since)
        self._log.info(
            "restored", boxes=len(saved.boxes), events=len(saved.events), read_back_s=round((now - since) / NS, 1)
        )

    def _set_boxes(self, boxes: list[Box]) -> None:
        before, now = dict(self._grids), {box.box_id: box.grid_id for box in boxes}
        self._grids.clear()
        self._grids.update(now)
        self._watch.set_boxes(boxes)
        for box_id in before.keys() | now.keys():
            if before.get(box_id) != now.get(box_id):
                self._feeds.moved(box_id, before.get(box_id))

    async def _refresh(self) -> None:
        self._set_boxes(await call_in(self._executor, self._records.boxes))

    async def _read_on(self, since_unix_ns: int) -> None:
        await self._catch_up(since_unix_ns or self._clock.unix_ns())

    async def _catch_up(self, since_unix_ns: int) -> None:
        """Detect on stored measurements from a little before a time on: all boxes together, minute by minute.

        What lies in the future (a clock that is ahead) is read too, all of it at once.
        """
        box_ids = [box.box_id for box in await call_in(self._executor, self._records.boxes)]
        at = since_unix_ns - _OVERLAP_NS
        while box_ids:
            now = self._clock.unix_ns()
            end = at + _READ_NS if at + _READ_NS <= now else 2**63 - 1
            for start in range(0, len(box_ids), _READ_BOXES):
                frames = await call_in(
                    self._executor, self._stored_frames, box_ids[start : start + _READ_BOXES], at, end
                )
                if frames is not None:
                    self._watch.feed(frames, now, live=False)
            if end > now:
                return
            at = end

    def _stored_frames(self, box_ids: list[BoxId], start_unix_ns: int, end_unix_ns: int) -> FrameBatch | None:
        """Read what is stored of some boxes as frames of one window each; None if there is nothing."""
        rows = [row for each in box_ids for row in self._store.measurements.range(each, start_unix_ns, end_unix_ns)]
        if not rows:
            return None
        return FrameBatch(
            names_of([row.box_id for row in rows]),
            np.array([row.sequence for row in rows], np.int64),
            np.zeros(len(rows), np.int64),
            np.arange(len(rows) + 1, dtype=np.intp),
            as_windows(rows),
        )

    async def _frames(self, batch: bytes) -> None:
        """Detect on one batch. Frames come from ingest, which has checked them; one that is bad all the same is skipped."""
        good, bad = decode_frames(batch, self._watch.metrics)
        for box_id, error in bad:
            self._log.warning("frame skipped", box_id=box_id, reason=str(error))
        if good is not None:
            self._watch.feed(good, self._clock.unix_ns())
            if any(grid.asking.changes for grid in self._watch.grids):
                self._changed.set()

    # --- the loop

    async def run(self, stop: asyncio.Event) -> None:
        """Detect, write and ask until `stop`; then write what is left."""
        tasks = [asyncio.create_task(job) for job in (self._loop(), self._keep_house())]
        await until_stopped(stop, tasks)
        with contextlib.suppress(Unavailable):
            await self._write_changes()
            await self._write_checkpoints()

    async def _loop(self) -> None:
        while True:
            self._watch.tick(self._clock.unix_ns())
            try:
                await self._write_changes()
            except Unavailable as error:
                self._log.warning("the store is away; events wait", reason=str(error))
                await asyncio.sleep(10 * _TICK_S)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _TICK_S)
            self._changed.clear()

    async def _write_changes(self) -> None:
        """Write what changed, then send the requests: nothing is asked that is not on record."""
        # Also called by tools; two writers at once would write the same change twice.
        async with self._writing:
            for grid in self._watch.grids:
                if changes := grid.take_changes():
                    self._unwritten.append(changes)
            while self._unwritten:
                changes = self._unwritten[0]
                await call_in(self._executor, self._records.write, changes)
                self._unwritten.popleft()
                self._send_requests(changes)

    def _send_requests(self, changes: Changes) -> None:
        now = self._clock.unix_ns()
        for acquisition in changes.requests.values():
            events = self._watch.box_events(acquisition.box_id)
            if events is not None:
                events.asking.sent(acquisition.acquisition_id, now)
            self._feeds.request(acquisition)

    # --- the house

    async def _keep_house(self) -> None:
        last_checkpoint = self._clock.monotonic_ns()
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            try:
                self._set_boxes(await call_in(self._executor, self._records.beat))
                await self._look_at_settings()
                if self._clock.monotonic_ns() - last_checkpoint >= _CHECKPOINT_S * NS:
                    last_checkpoint = self._clock.monotonic_ns()
                    await self._write_checkpoints()
            except Unavailable as error:
                self._log.warning("the store is away", reason=str(error))

    async def _look_at_settings(self) -> None:
        status = self._detectors.apply(await call_in(self._executor, self._detectors.read))
        if status is not None:
            await call_in(self._executor, self._detectors.write, status)

    async def _write_checkpoints(self) -> None:
        # Taken here and not in the thread that writes it, beside which the detectors go on learning.
        now, state = self._clock.unix_ns(), self._watch.state()
        await call_in(self._executor, self._records.write_checkpoints, now, state)
