"""The Feed call, and the loop that detects, writes and asks, in this order."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import structlog

from opq.clock import NS, Clock
from opq.errors import InvalidInput, OpqError, Unavailable
from opq.ids import AcquisitionId, BoxId
from opq.model.boxes import Box
from opq.model.events import Acquisition, AcquisitionState, Event, EventState
from opq.model.features import Windows
from opq.model.measurements import Measurement, as_windows
from opq.model.services import Heartbeat
from opq.model.tasks import DISPATCH, Task, TaskKind, dispatch_task_id
from opq.rpc.frames import decode_frame
from opq.rpc.service import until_stopped
from opq.rpc.threads import call_in
from opq.rpc.twins import FeedUpTwin
from opq.store import Store
from opq.store.port import EventFilter
from opq.v1 import makai_pb2
from opq_makai.events import Changes, EventRules
from opq_makai.settings import MakaiSettings
from opq_makai.watch import RESTORE_NS, Watch

_TICK_S = 0.05
_HOUSEKEEPING_S = 2.0
_CHECKPOINT_S = 10.0
_OVERLAP_NS = 30 * NS
"""Reading on in the store begins this long before what is known to be missed; windows seen twice do no harm."""
_MAX_CATCH_UP_NS = RESTORE_NS
_READ_LIMIT = 10_000


class _Feed:
    """One ingest process on the line."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[makai_pb2.FeedDown] = asyncio.Queue(10_000)
        self.boxes: set[BoxId] = set()


class Makai:
    """One Makai process: its feeds, its watch and its records."""

    def __init__(self, settings: MakaiSettings, store: Store, clock: Clock) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._log = structlog.get_logger()
        rules = EventRules(
            quiet_ns=round(settings.quiet_s * NS), answer_timeout_ns=round(settings.answer_timeout_s * NS)
        )
        self._watch = Watch(rules)
        self._feeds: list[_Feed] = []
        self._unwritten: deque[Changes] = deque()
        self._executor = ThreadPoolExecutor(1, "store")
        self._started_unix_ns = clock.unix_ns()
        self._key = f"makai/{settings.makai_id}"

    def handlers(self) -> grpc.GenericRpcHandler:
        """Make the handlers of `opq.v1.MakaiService`; frames inside batches are not decoded by gRPC."""
        feed = grpc.stream_stream_rpc_method_handler(
            self._feed, FeedUpTwin.FromString, makai_pb2.FeedDown.SerializeToString
        )
        return grpc.method_handlers_generic_handler("opq.v1.MakaiService", {"Feed": feed})

    # --- start

    async def restore(self) -> None:
        """Take up boxes, detectors' memory and open events from the store, and read what came since."""
        boxes, saved, events = await call_in(self._executor, self._read_state)
        self._watch.set_boxes(boxes)
        now = self._clock.unix_ns()
        since = now
        if saved is not None:
            self._watch.restore(saved["detectors"])
            since = max(saved["unix_ns"], now - _MAX_CATCH_UP_NS)
        for event, parts, acquisitions in events:
            self._watch.grid(event.grid_id).restore(event, parts, acquisitions, now)
        for acquisition in await call_in(
            self._executor, self._answered, [item for _, _, items in events for item in items]
        ):
            self._stored(acquisition.acquisition_id, acquisition.bytes)
        await call_in(self._executor, self._hand_over, [event for event, _, _ in events])
        await self._catch_up(since)
        self._log.info("restored", boxes=len(boxes), events=len(events), read_back_s=round((now - since) / NS, 1))

    def _read_state(self) -> tuple[list[Box], dict[str, Any] | None, list[Any]]:
        since = self._clock.unix_ns() - RESTORE_NS
        events = self._store.events.list(EventFilter(start_unix_ns=since), limit=_READ_LIMIT)
        unfinished = (EventState.OPEN, EventState.CLOSED)
        known = {event.event_id: event for event in events}
        known.update((event.event_id, event) for event in self._store.events.list(EventFilter(states=unfinished)))
        detailed = [
            (event, self._store.events.boxes(event.event_id), self._store.acquisitions.of_event(event.event_id))
            for event in known.values()
        ]
        return self._store.boxes.list(), self._store.checkpoints.get(self._key), detailed

    def _answered(self, acquisitions: list[Acquisition]) -> list[Acquisition]:
        """Find waveforms that were stored while nobody listened."""
        waiting = [item for item in acquisitions if item.state is not AcquisitionState.STORED]
        infos = [self._store.waveforms.info(item.acquisition_id) for item in waiting]
        return [
            Acquisition(item.acquisition_id, item.event_id, item.box_id, 0, 0, bytes=info.encoded_bytes)
            for item, info in zip(waiting, infos, strict=True)
            if info is not None
        ]

    async def _catch_up(self, since_unix_ns: int) -> None:
        """Detect on stored measurements from a little before a time on."""
        for box in await call_in(self._executor, self._store.boxes.list):
            at = since_unix_ns - _OVERLAP_NS
            while rows := await self._measurements(box.box_id, at):
                self._watch.feed([(box.box_id, as_windows(rows))], self._clock.unix_ns())
                at = rows[-1].start_unix_ns + 1

    async def _measurements(self, box_id: BoxId, start_unix_ns: int) -> list[Measurement]:
        """Read a page of what is stored of a box."""
        read = self._store.measurements.range
        return await call_in(self._executor, read, box_id, start_unix_ns, 2**63 - 1, _READ_LIMIT)

    # --- the loop

    async def run(self, stop: asyncio.Event) -> None:
        """Detect, write and ask until `stop`; then write what is left."""
        tasks = [asyncio.create_task(job) for job in (self._loop(), self._keep_house())]
        await until_stopped(stop, tasks)
        with contextlib.suppress(Unavailable):
            await self._write_changes()
            await self._write_checkpoint()

    async def _loop(self) -> None:
        while True:
            self._watch.tick(self._clock.unix_ns())
            try:
                await self._write_changes()
            except Unavailable as error:
                self._log.warning("the store is away; events wait", reason=str(error))
                await asyncio.sleep(10 * _TICK_S)
            await asyncio.sleep(_TICK_S)

    async def _write_changes(self) -> None:
        """Write what changed, then send the requests: nothing is asked that is not on record."""
        for grid in self._watch.grids:
            if changes := grid.take_changes():
                self._unwritten.append(changes)
        while self._unwritten:
            changes = self._unwritten[0]
            await call_in(self._executor, self._write, changes)
            self._unwritten.popleft()
            self._send_requests(changes)

    def _write(self, changes: Changes) -> None:
        """Write records before the tasks that rest on them."""
        if changes.acquisitions:
            self._store.acquisitions.put_all(list(changes.acquisitions.values()))
        if changes.boxes:
            self._store.events.put_boxes(list(changes.boxes.values()))
        for event in changes.events.values():
            self._store.events.put(event)
        self._hand_over(changes.completed.values())
        for event in changes.completed.values():
            self._log.info(
                "event complete", event_id=event.event_id, extent=event.extent.value, boxes=len(event.box_ids)
            )

    def _hand_over(self, events: Iterable[Event]) -> None:
        """Queue the complete ones for Mauka; those that are queued already stay as they are.

        Also after a restart: the process may have died between writing an event and queueing it.
        """
        now = self._clock.unix_ns()
        self._store.tasks.add(
            Task(dispatch_task_id(event.event_id, event.revision), DISPATCH, TaskKind.EVENT, now, event.event_id)
            for event in events
            if event.state is EventState.COMPLETE
        )

    def _send_requests(self, changes: Changes) -> None:
        now = self._clock.unix_ns()
        for acquisition in changes.requests.values():
            events = self._watch.box_events(acquisition.box_id)
            if events is not None:
                events.sent(acquisition.acquisition_id, now)
            request = makai_pb2.AcquisitionRequest(
                box_id=acquisition.box_id,
                acquisition_id=acquisition.acquisition_id,
                start_unix_ns=acquisition.start_unix_ns,
                end_unix_ns=acquisition.end_unix_ns,
            )
            for feed in self._feeds:
                if acquisition.box_id in feed.boxes and not feed.outbox.full():
                    feed.outbox.put_nowait(makai_pb2.FeedDown(request=request))

    # --- feeds

    async def _feed(
        self, messages: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[makai_pb2.FeedDown]:
        feed = _Feed()
        receiver = asyncio.create_task(self._receive(messages, feed))
        try:
            await context.send_initial_metadata(())
            while not receiver.done():
                getter = asyncio.create_task(feed.outbox.get())
                try:
                    await asyncio.wait([getter, receiver], return_when=asyncio.FIRST_COMPLETED)
                    if getter.done():
                        yield getter.result()
                finally:
                    getter.cancel()
            if error := receiver.exception():
                retryable = isinstance(error, OpqError) and error.retryable
                code = grpc.StatusCode.UNAVAILABLE if retryable else grpc.StatusCode.INVALID_ARGUMENT
                await context.abort(code, str(error))
        finally:
            receiver.cancel()
            self._feeds = [other for other in self._feeds if other is not feed]
            for box_id in list(feed.boxes):
                self._presence(feed, box_id, False)

    async def _receive(self, messages: AsyncIterator[Any], feed: _Feed) -> None:
        async for up in messages:
            kind = up.WhichOneof("kind")
            if feed not in self._feeds and kind != "hello":
                raise InvalidInput(f"first message: got {kind}, expected hello")
            if kind == "frames":
                await self._frames(up.frames.frames)
            elif kind == "hello":
                await self._hello(makai_pb2.FeedHello.FromString(up.hello), feed)
            elif kind == "presence":
                presence = makai_pb2.BoxPresence.FromString(up.presence)
                if self._watch.box_events(BoxId(presence.box_id)) is None:
                    # Enrolled a moment ago.
                    self._watch.set_boxes(await call_in(self._executor, self._store.boxes.list))
                self._presence(feed, BoxId(presence.box_id), presence.connected)
            elif kind == "acquisition":
                self._update(makai_pb2.AcquisitionUpdate.FromString(up.acquisition))

    async def _hello(self, hello: makai_pb2.FeedHello, feed: _Feed) -> None:
        self._feeds.append(feed)
        self._log.info("ingest linked", ingest_id=hello.ingest_id, boxes=len(hello.box_ids))
        self._watch.set_boxes(await call_in(self._executor, self._store.boxes.list))
        for box_id in hello.box_ids:
            self._presence(feed, BoxId(box_id), True)
        await self._catch_up(hello.missed_from_unix_ns or self._clock.unix_ns())

    async def _frames(self, frames: Any) -> None:
        """Detect on one batch. Frames come from ingest, which has checked them; one that is bad all the same is skipped."""
        parts: list[tuple[BoxId, Windows]] = []
        for item in frames:
            try:
                parts.append((BoxId(item.box_id), decode_frame(BoxId(item.box_id), item.frame).windows))
            except InvalidInput as error:
                self._log.warning("frame skipped", box_id=item.box_id, reason=str(error))
        self._watch.feed(parts, self._clock.unix_ns())

    def _presence(self, feed: _Feed, box_id: BoxId, connected: bool) -> None:
        (feed.boxes.add if connected else feed.boxes.discard)(box_id)
        elsewhere = any(box_id in other.boxes for other in self._feeds if other is not feed)
        events = self._watch.box_events(box_id)
        if events is not None and not (elsewhere and not connected):
            events.presence(box_id, connected)

    def _update(self, update: makai_pb2.AcquisitionUpdate) -> None:
        acquisition_id = AcquisitionId(update.acquisition_id)
        if update.HasField("problem"):
            for grid in self._watch.grids:
                grid.missing(acquisition_id, update.problem.message, self._clock.unix_ns())
        else:
            self._stored(acquisition_id, update.stored_bytes)

    def _stored(self, acquisition_id: AcquisitionId, stored_bytes: int) -> None:
        for grid in self._watch.grids:
            grid.stored(acquisition_id, stored_bytes, self._clock.unix_ns())

    # --- the house

    async def _keep_house(self) -> None:
        last_checkpoint = self._clock.monotonic_ns()
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            try:
                self._watch.set_boxes(await call_in(self._executor, self._beat))
                if self._clock.monotonic_ns() - last_checkpoint >= _CHECKPOINT_S * NS:
                    last_checkpoint = self._clock.monotonic_ns()
                    await self._write_checkpoint()
            except Unavailable as error:
                self._log.warning("the store is away", reason=str(error))

    def _beat(self) -> list[Box]:
        now = self._clock.unix_ns()
        self._store.heartbeats.beat(Heartbeat(self._settings.makai_id, "makai", self._started_unix_ns, now))
        return self._store.boxes.list()

    async def _write_checkpoint(self) -> None:
        # Taken here and not in the thread that writes it, beside which the detectors go on learning.
        state = {"unix_ns": self._clock.unix_ns(), "detectors": self._watch.state()}
        await call_in(self._executor, self._store.checkpoints.put, self._key, state)
