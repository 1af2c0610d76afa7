"""The Feed call: every ingest process that is on the line, what it says and what it is told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import structlog

from opq.clock import Clock
from opq.errors import InvalidInput, OpqError
from opq.ids import AcquisitionId, BoxId, GridId
from opq.model.events import Acquisition
from opq.v1 import makai_pb2
from opq_makai.watch import Watch


class _Feed:
    """One ingest process on the line."""

    def __init__(self) -> None:
        self.outbox: asyncio.Queue[makai_pb2.FeedDown] = asyncio.Queue(10_000)
        self.boxes: set[BoxId] = set()


class Feeds:
    """Routes what ingest processes say to the watch, and requests to those that hold the box.

    Parameters
    ----------
    watch : Watch
        All grids of this shard.
    refresh : callable
        Reads the boxes anew.
    frames : callable
        Takes a batch of frames as it came, an encoded `opq.v1.FrameBatch`.
    catch_up : callable
        Reads on in the store from a time [ns since the epoch]; 0 is now.
    """

    def __init__(
        self,
        watch: Watch,
        clock: Clock,
        refresh: Callable[[], Awaitable[None]],
        frames: Callable[[bytes], Awaitable[None]],
        catch_up: Callable[[int], Awaitable[None]],
    ) -> None:
        self._watch, self._clock = watch, clock
        self._refresh, self._frames, self._catch_up = refresh, frames, catch_up
        self._log = structlog.get_logger()
        self._feeds: list[_Feed] = []

    def request(self, acquisition: Acquisition) -> None:
        """Ask for waveform."""
        request = makai_pb2.AcquisitionRequest(
            box_id=acquisition.box_id,
            acquisition_id=acquisition.acquisition_id,
            start_unix_ns=acquisition.start_unix_ns,
            end_unix_ns=acquisition.end_unix_ns,
        )
        self._send(acquisition.box_id, makai_pb2.FeedDown(request=request))

    def cancel(self, acquisition: Acquisition) -> None:
        """Take a request back."""
        cancel = makai_pb2.AcquisitionCancel(box_id=acquisition.box_id, acquisition_id=acquisition.acquisition_id)
        self._send(acquisition.box_id, makai_pb2.FeedDown(cancel=cancel))

    def _send(self, box_id: BoxId, down: makai_pb2.FeedDown) -> None:
        for feed in self._feeds:
            if box_id in feed.boxes and not feed.outbox.full():
                feed.outbox.put_nowait(down)

    def stored(self, acquisition_id: AcquisitionId, stored_bytes: int) -> None:
        """Say that a waveform is in the store."""
        for grid in self._watch.grids:
            grid.asking.stored(acquisition_id, stored_bytes, self._clock.unix_ns())

    def moved(self, box_id: BoxId, before: GridId | None) -> None:
        """Say to grids that a box hangs on another one now."""
        if before is not None:
            self._watch.grid(before).asking.presence(box_id, False)
        events = self._watch.box_events(box_id)
        if events is not None and any(box_id in feed.boxes for feed in self._feeds):
            events.asking.presence(box_id, True)

    async def handle(
        self, messages: AsyncIterator[Any], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[makai_pb2.FeedDown]:
        """Serve one ingest process for as long as it stays."""
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
                await self._frames(up.frames)
            elif kind == "hello":
                await self._hello(makai_pb2.FeedHello.FromString(up.hello), feed)
            elif kind == "presence":
                presence = makai_pb2.BoxPresence.FromString(up.presence)
                if presence.connected and self._watch.box_events(BoxId(presence.box_id)) is None:
                    # Enrolled a moment ago.
                    await self._refresh()
                self._presence(feed, BoxId(presence.box_id), presence.connected)
            elif kind == "acquisition":
                self._update(makai_pb2.AcquisitionUpdate.FromString(up.acquisition))

    async def _hello(self, hello: makai_pb2.FeedHello, feed: _Feed) -> None:
        self._feeds.append(feed)
        self._log.info("ingest linked", ingest_id=hello.ingest_id, boxes=len(hello.box_ids))
        await self._refresh()
        strange = [box_id for box_id in hello.box_ids if self._watch.box_events(BoxId(box_id)) is None]
        if strange:
            self._log.warning(
                "boxes of no grid of this shard; do --shards here and --makai of ingest name the same shards?",
                ingest_id=hello.ingest_id,
                boxes=len(strange),
                first=strange[0],
            )
        for box_id in hello.box_ids:
            self._presence(feed, BoxId(box_id), True)
        await self._catch_up(hello.missed_from_unix_ns)

    def _presence(self, feed: _Feed, box_id: BoxId, connected: bool) -> None:
        (feed.boxes.add if connected else feed.boxes.discard)(box_id)
        elsewhere = any(box_id in other.boxes for other in self._feeds if other is not feed)
        events = self._watch.box_events(box_id)
        if events is not None and not (elsewhere and not connected):
            events.asking.presence(box_id, connected)

    def _update(self, update: makai_pb2.AcquisitionUpdate) -> None:
        acquisition_id = AcquisitionId(update.acquisition_id)
        if update.HasField("problem"):
            for grid in self._watch.grids:
                grid.asking.missing(acquisition_id, update.problem.message, self._clock.unix_ns())
        else:
            self.stored(acquisition_id, update.stored_bytes)
