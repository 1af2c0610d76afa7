"""The link from ingest to Makai: stored frames up, requests for waveform down.

What cannot be forwarded is in the store: while Makai is away or too slow, frames are dropped here and only the
start of the oldest of them is remembered; the next greeting names it and Makai reads on from there.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import grpc
import grpc.aio
import structlog

from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.rpc.channels import Dialer
from opq.rpc.twins import BoxFrameTwin, FeedUpTwin, FrameBatchTwin
from opq.trust.material import TlsFiles
from opq.trust.names import Role
from opq.v1 import makai_pb2

_MAX_WAITING_BATCHES = 600
"""A minute of batches; Makai that is further behind reads in the store."""
_RETRY_S = 0.5
_IN_FLIGHT_NS = 10 * NS
"""What was handed to a stream this long before it broke may not have arrived."""


class _Stream:
    """What goes up one Feed stream. gRPC may still ask after it ended, and must then get nothing."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self._open = True

    def send(self, data: bytes) -> None:
        self.waiting.append(data)
        self._wake.set()

    def close(self) -> None:
        self._open = False
        self._wake.set()

    async def messages(self) -> AsyncIterator[bytes]:
        while self._open:
            if self.waiting:
                yield self.waiting.popleft()
                continue
            self._wake.clear()
            await self._wake.wait()


class MakaiFeed:
    """Keeps one Feed stream up and hands what comes down to `on_down`."""

    def __init__(
        self,
        ingest_id: str,
        target: str,
        connected_boxes: Callable[[], Iterable[BoxId]],
        on_down: Callable[[makai_pb2.FeedDown], None],
        clock: Clock,
        tls: TlsFiles | None = None,
    ) -> None:
        self._ingest_id = ingest_id
        self._dialer = Dialer(target, Role.MAKAI, tls)
        self._connected_boxes, self._on_down, self._clock = connected_boxes, on_down, clock
        self._log = structlog.get_logger()
        self._stream: _Stream | None = None
        self._missed_from = 0
        self._told = ""
        self._recent: deque[tuple[int, int]] = deque()

    def frames(self, frames: Sequence[tuple[BoxId, bytes, int]]) -> None:
        """Forward stored frames: box, encoded frame, start [ns]."""
        oldest = min(start for _, _, start in frames)
        if self._stream is None or len(self._stream.waiting) >= _MAX_WAITING_BATCHES:
            self._missed_from = min(self._missed_from or oldest, oldest)
            if self._stream is not None:
                # A stream with a hole in it must greet again, or Makai would not know of the hole.
                self._stream.close()
            return
        batch = FrameBatchTwin(frames=[BoxFrameTwin(box_id=box_id, frame=data) for box_id, data, _ in frames])
        self._stream.send(FeedUpTwin(frames=batch.SerializeToString()).SerializeToString())
        now = self._clock.monotonic_ns()
        self._recent.append((now, oldest))
        # A batch that still waits here is remembered however old it is.
        while len(self._recent) > len(self._stream.waiting) and self._recent[0][0] < now - _IN_FLIGHT_NS:
            self._recent.popleft()

    def presence(self, box_id: BoxId, connected: bool) -> None:
        """Say that a box came or went."""
        self._say(makai_pb2.FeedUp(presence=makai_pb2.BoxPresence(box_id=box_id, connected=connected)))

    def acquisition(self, update: makai_pb2.AcquisitionUpdate) -> None:
        """Say what became of an acquisition."""
        self._say(makai_pb2.FeedUp(acquisition=update))

    async def run(self) -> None:
        """Keep the stream up until cancelled."""
        async with self._dialer:
            while True:
                channel = await self._dialer.channel()
                await self._hold(
                    channel.stream_stream(
                        "/opq.v1.MakaiService/Feed",
                        request_serializer=None,
                        response_deserializer=makai_pb2.FeedDown.FromString,
                    )
                )
                await asyncio.sleep(_RETRY_S)

    async def _hold(self, feed: grpc.aio.StreamStreamMultiCallable) -> None:
        """Open a stream, greet, and pass on what comes down until it breaks."""
        missed, stream = self._missed_from, _Stream()
        hello = makai_pb2.FeedHello(
            ingest_id=self._ingest_id, missed_from_unix_ns=missed, box_ids=list(self._connected_boxes())
        )
        stream.send(makai_pb2.FeedUp(hello=hello).SerializeToString())
        self._stream = stream
        call = feed(stream.messages())
        try:
            await call.wait_for_connection()
            self._log.info("linked to makai", target=self._dialer.target, missed_from_unix_ns=missed)
            missed = self._missed_from = 0
            self._told = ""
            while (message := await call.read()) is not grpc.aio.EOF:
                self._on_down(message)
        except grpc.aio.AioRpcError as error:
            self._tell(error)
        finally:
            stream.close()
            call.cancel()
            self._stream = None
            self._note_unsent(missed)

    def _tell(self, error: grpc.aio.AioRpcError) -> None:
        """Say once why Makai cannot be reached: it may be away for a while, or not want us."""
        reason = self._dialer.explain(error.details() or error.code().name, self._clock.unix_ns())
        if reason != self._told:
            self._told = reason
            self._log.warning("makai is away", target=self._dialer.target, reason=reason)

    def _note_unsent(self, missed: int) -> None:
        """What still waited or was under way is lost to the stream; the hole begins with it."""
        starts = [start for start in (missed, self._missed_from, *(start for _, start in self._recent)) if start]
        self._missed_from = min(starts, default=0)
        self._recent.clear()

    def _say(self, message: makai_pb2.FeedUp) -> None:
        if self._stream is not None:
            self._stream.send(message.SerializeToString())
