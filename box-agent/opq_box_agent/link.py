"""The link of one box to ingest: connect, speak, fulfil what the site wishes, connect again.

What a box is made of is behind `Device`, so that a whole agent and a simulated box speak alike.
"""

import asyncio
import contextlib
import random
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

import grpc
import grpc.aio

from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.model.features import TimeSource
from opq.rpc.channels import Dialer
from opq.v1 import box_pb2, problem_pb2
from opq_box_agent.samples import Samples
from opq_box_agent.session import (
    ApplyConfiguration,
    CancelWaveform,
    FrameRejected,
    OfferUpdate,
    SendWaveform,
    Session,
    TellInfo,
    Wish,
)
from opq_box_agent.updates.updater import Updater
from opq_box_agent.upload import Uploader

_GREETING_TIMEOUT_S = 10.0
_MAX_BACKOFF_S = 5.0
_REFUSED_BACKOFF_S = 15.0
_REFUSALS = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
)


class Device(Protocol):
    """What a link asks of its box."""

    @property
    def time(self) -> tuple[TimeSource, int]:
        """What disciplines the clock, and its uncertainty [ns]."""
        ...

    def configure(self, window_cycles: int) -> str:
        """Measure in windows of so many cycles, 0 for the basic ones; return why not, or nothing."""
        ...

    def info(self) -> Mapping[str, str]:
        """Facts about the box."""
        ...


class Link:
    """Keeps one box connected for as long as it runs.

    Parameters
    ----------
    log : structlog logger
        With the box already bound.
    updater : Updater
        Takes updates of the agent.
    """

    def __init__(
        self,
        box_id: BoxId,
        device: Device,
        session: Session,
        samples: Samples,
        clock: Clock,
        log: Any,
        updater: Updater,
    ) -> None:
        self._updater = updater
        self._box_id, self._device, self._session, self._samples = box_id, device, session, samples
        self._clock, self._log = clock, log
        self._random = random.Random(zlib.crc32(box_id.encode()) ^ clock.monotonic_ns())
        self._wake = asyncio.Event()
        self._told = ""
        """Why there was no connection, as it was said last."""
        self.refusal = ""
        """Why ingest does not let the box in; empty if it does or is away."""

    def wake(self) -> None:
        """Say that the session may have something to send."""
        self._wake.set()

    async def run(self, dialer: Dialer) -> None:
        """Connect, speak, and connect again with a growing, jittered pause."""
        failures = 0
        while True:
            greeted = await self._connection(dialer)
            failures = 0 if greeted else failures + 1
            longest = _REFUSED_BACKOFF_S if self.refusal else min(_MAX_BACKOFF_S, 0.5 * 2**failures)
            await asyncio.sleep(self._random.uniform(0.1, longest))

    async def _connection(self, dialer: Dialer) -> bool:
        """Hold one connection until it breaks; whether it got as far as a welcome."""
        channel = await dialer.channel()
        connect = channel.stream_stream(
            "/opq.v1.BoxService/Connect", request_serializer=None, response_deserializer=box_pb2.BoxDown.FromString
        )
        self._session.connected()
        uploader = Uploader(self._box_id, self._samples, channel, self._log)
        closed = asyncio.Event()
        call = connect(self._outgoing(closed))
        greeted = False
        try:
            while True:
                message = await asyncio.wait_for(call.read(), None if greeted else _GREETING_TIMEOUT_S)
                if message is grpc.aio.EOF:
                    break
                if not greeted:
                    self._log.info("connected", waiting_frames=self._session.waiting)
                    greeted, self.refusal, self._told = True, "", ""
                wish = self._session.receive(message)
                if wish is not None:
                    self._fulfil(wish, uploader, channel)
                self._wake.set()
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            self._lost(error, greeted, dialer)
        finally:
            closed.set()
            call.cancel()
            self._session.disconnected()
            self._wake.set()
            await uploader.close()
        return greeted

    def _lost(self, error: grpc.aio.AioRpcError | TimeoutError, greeted: bool, dialer: Dialer) -> None:
        code = error.code() if isinstance(error, grpc.aio.AioRpcError) else None
        detail = (error.details() if isinstance(error, grpc.aio.AioRpcError) else "no welcome in time") or ""
        if code in _REFUSALS:
            if detail != self.refusal:
                self._log.warning("refused by ingest", reason=detail)
            self.refusal = detail
        elif greeted:
            self._log.warning("connection lost", reason=detail)
        elif dialer.material is not None and (why := dialer.explain(detail, self._clock.unix_ns())) != self._told:
            self._told = why
            self._log.warning("no connection", reason=why)

    async def _outgoing(self, closed: asyncio.Event) -> AsyncIterator[bytes]:
        """Yield what goes up one connection; gRPC may still ask after it was closed, and must then get nothing."""
        session = self._session
        while not closed.is_set():
            self._wake.clear()
            message = session.next_message(self._clock.monotonic_ns())
            if message is not None:
                yield message
                continue
            wake = session.wake_ns()
            if wake is None:
                await self._wake.wait()
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), max(0.001, (wake - self._clock.monotonic_ns()) / NS))

    def _fulfil(self, wish: Wish, uploader: Uploader, channel: grpc.aio.Channel) -> None:
        match wish:
            case SendWaveform():
                uploader.start(wish, self._session, self._device.time, self._wake.set)
            case CancelWaveform():
                uploader.cancel(wish.acquisition_id)
            case ApplyConfiguration():
                self._configure(wish)
            case TellInfo():
                result = box_pb2.CommandResult(command_id=wish.command_id, info=self._device.info())
                self._session.say(box_pb2.BoxUp(command_result=result))
            case OfferUpdate():
                self._updater.offered(wish, channel, self._session, self._wake.set)
            case FrameRejected():
                self._log.error("frame rejected", sequence=wish.sequence, reason=wish.message)

    def _configure(self, wish: ApplyConfiguration) -> None:
        result = box_pb2.CommandResult(command_id=wish.command_id)
        if problem := self._device.configure(wish.window_cycles):
            result.problem.code = problem_pb2.PROBLEM_CODE_OUT_OF_RANGE
            result.problem.message = problem
        if wish.command_id:
            self._session.say(box_pb2.BoxUp(command_result=result))
