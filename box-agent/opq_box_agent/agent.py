"""The agent: one source, one spool, one ring buffer, one link to ingest."""

import asyncio
import contextlib
import random
import secrets
import shutil
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import structlog

import opq
from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import FeatureFrame, TimeSource, Windows
from opq.rpc.channels import open_channel
from opq.rpc.frames import TIME_SOURCE_NUMBERS, encode_frame
from opq.v1 import box_pb2, problem_pb2, waveform_pb2
from opq_box_agent.framing import Framer
from opq_box_agent.ring import Ring
from opq_box_agent.session import (
    ApplyConfiguration,
    CancelWaveform,
    FrameRejected,
    SendWaveform,
    Session,
    TellInfo,
    Wish,
)
from opq_box_agent.sources.source import PowerLost, SampleBlock, Source
from opq_box_agent.spool import Spool
from opq_box_agent.upload import Uploader

_HEALTH_PERIOD_S = 30.0
_GREETING_TIMEOUT_S = 10.0
_MAX_BACKOFF_S = 5.0
_REFUSED_BACKOFF_S = 15.0
_DRAIN_S = 30.0
_LINGER_S = 15.0
"""After the last acknowledgement a request for the last moments may still come."""
_GASP_S = 0.3
MAX_WINDOW_CYCLES = 3600


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What an agent needs to know."""

    box_id: BoxId
    nominal: Nominal
    ingest: str
    """``host:port``"""
    data_dir: Path
    ring_s: float = 3600.0
    spool_max_bytes: int = 512 << 20


class Agent:
    """Runs one box until its source ends or it is cancelled.

    Whatever happens to the link, samples go on into the ring buffer and frames into the spool.
    """

    def __init__(self, config: AgentConfig, source: Source, clock: Clock) -> None:
        self._config, self._source, self._clock = config, source, clock
        self._log = structlog.get_logger().bind(box_id=config.box_id)
        self._boot_id = secrets.token_hex(8)
        self._random = random.Random(zlib.crc32(config.box_id.encode()) ^ clock.monotonic_ns())
        self.spool = Spool(config.data_dir / "spool", config.spool_max_bytes)
        self.ring = Ring(config.data_dir / "ring.dat", source.sample_rate_hz, config.ring_s)
        self.session = Session(self.spool, self._hello)
        self._framer = Framer(source, config.nominal)
        self._window_cycles = 0
        self._wake = asyncio.Event()
        self._time = (TimeSource.FREE, 0)
        self._ended = False
        self._refusal = ""

    async def run(self) -> None:
        """Measure until the source ends, then hand over what is left (up to half a minute) and say goodbye.

        When the power of the box goes there is only time for a last gasp.
        """
        link = asyncio.create_task(self._link())
        health = asyncio.create_task(self._report_health())
        try:
            async for block in self._source.blocks():
                self._measure(block)
            self._spool_frames(self._framer.flush())
            self._ended = True
            await self._drain()
        except PowerLost:
            self._last_gasp()
            await asyncio.sleep(_GASP_S)
        finally:
            for task in (link, health):
                task.cancel()
            await asyncio.gather(link, health, return_exceptions=True)
            self.ring.close()

    def _last_gasp(self) -> None:
        self.session.say(box_pb2.BoxUp(last_gasp=box_pb2.LastGasp(unix_ns=self._clock.unix_ns())))
        self._wake.set()

    # --- measuring

    def _measure(self, block: SampleBlock) -> None:
        self._time = (block.time_source, block.clock_uncertainty_ns)
        self.ring.append(block.start_unix_ns, block.counts)
        self._spool_frames(self._framer.feed(block))

    def _spool_frames(self, frames: list[Windows]) -> None:
        source, uncertainty = self._time
        for windows in frames:
            sequence = self.spool.next_sequence()
            frame = FeatureFrame(self._config.box_id, sequence, windows, uncertainty)
            self.spool.append(sequence, encode_frame(frame, source))
            self.session.frame_spooled(sequence)
        if frames:
            self._wake.set()

    # --- the link

    async def _link(self) -> None:
        """Connect, speak, and connect again with a growing, jittered pause."""
        failures = 0
        async with open_channel(self._config.ingest) as channel:
            while True:
                greeted = await self._connection(channel)
                failures = 0 if greeted else failures + 1
                longest = _REFUSED_BACKOFF_S if self._refusal else min(_MAX_BACKOFF_S, 0.5 * 2**failures)
                await asyncio.sleep(self._random.uniform(0.1, longest))

    async def _connection(self, channel: grpc.aio.Channel) -> bool:
        """Hold one connection until it breaks; whether it got as far as a welcome."""
        connect = channel.stream_stream(
            "/opq.v1.BoxService/Connect", request_serializer=None, response_deserializer=box_pb2.BoxDown.FromString
        )
        self.session.connected()
        uploader = Uploader(self._config.box_id, self._source, self.ring, channel, self._clock)
        closed = asyncio.Event()
        call = connect(self._outgoing(closed))
        greeted = False
        try:
            while True:
                message = await asyncio.wait_for(call.read(), None if greeted else _GREETING_TIMEOUT_S)
                if message is grpc.aio.EOF:
                    break
                if not greeted:
                    self._log.info("connected", ingest=self._config.ingest, waiting_frames=self.session.waiting)
                    greeted, self._refusal = True, ""
                wish = self.session.receive(message)
                if wish is not None:
                    self._fulfil(wish, uploader)
                self._wake.set()
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            self._link_lost(error, greeted)
        finally:
            closed.set()
            call.cancel()
            self.session.disconnected()
            self._wake.set()
            await uploader.close()
        return greeted

    def _link_lost(self, error: grpc.aio.AioRpcError | TimeoutError, greeted: bool) -> None:
        code = error.code() if isinstance(error, grpc.aio.AioRpcError) else None
        detail = (error.details() if isinstance(error, grpc.aio.AioRpcError) else "no welcome in time") or ""
        refusals = (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.PERMISSION_DENIED)
        if code in refusals:
            if detail != self._refusal:
                self._log.error("refused by ingest", reason=detail)
            self._refusal = detail
        elif greeted:
            self._log.warning("connection lost", reason=detail)

    async def _outgoing(self, closed: asyncio.Event) -> AsyncIterator[bytes]:
        """Yield what goes up one connection; gRPC may still ask after it was closed, and must then get nothing."""
        session = self.session
        while not closed.is_set():
            self._wake.clear()
            message = session.next_message(self._clock.monotonic_ns())
            if message is not None:
                yield message
                continue
            wake = session.wake_ns()
            timeout = None if wake is None else max(0.001, (wake - self._clock.monotonic_ns()) / NS)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout)

    def _fulfil(self, wish: Wish, uploader: Uploader) -> None:
        match wish:
            case SendWaveform():
                uploader.start(wish, self.session, lambda: self._ended, self._time)
            case CancelWaveform():
                uploader.cancel(wish.acquisition_id)
            case ApplyConfiguration():
                self._configure(wish)
            case TellInfo():
                self.session.say(
                    box_pb2.BoxUp(command_result=box_pb2.CommandResult(command_id=wish.command_id, info=self._info()))
                )
            case FrameRejected():
                self._log.error("frame rejected", sequence=wish.sequence, reason=wish.message)

    def _configure(self, wish: ApplyConfiguration) -> None:
        result = box_pb2.CommandResult(command_id=wish.command_id)
        if not 0 <= wish.window_cycles <= MAX_WINDOW_CYCLES:
            result.problem.code = problem_pb2.PROBLEM_CODE_OUT_OF_RANGE
            result.problem.message = f"window_cycles: got {wish.window_cycles}, expected 0 to {MAX_WINDOW_CYCLES}"
        elif wish.window_cycles != self._window_cycles:
            self._window_cycles = wish.window_cycles
            self._framer.set_window_cycles(wish.window_cycles)
            self._log.info("configured", window_cycles=wish.window_cycles)
        if wish.command_id:
            self.session.say(box_pb2.BoxUp(command_result=result))

    # --- what the site is told of the box

    def _hello(self) -> box_pb2.Hello:
        source, uncertainty = self._time
        return box_pb2.Hello(
            box_id=self._config.box_id,
            agent_version=opq.__version__,
            boot_id=self._boot_id,
            u_din_v=self._config.nominal.u_din_v,
            f_nominal_hz=self._config.nominal.f_hz,
            sample_rate_hz=self._source.sample_rate_hz,
            volts_per_count=self._source.volts_per_count,
            time_source=TIME_SOURCE_NUMBERS[source],
            clock_uncertainty_ns=uncertainty,
            buffered_from_unix_ns=self.ring.oldest_unix_ns,
            spooled_frames=len(self.spool),
            codecs=[waveform_pb2.WAVEFORM_CODEC_DELTA_SHUFFLE_ZSTD, waveform_pb2.WAVEFORM_CODEC_RAW_INT16],
        )

    def _info(self) -> dict[str, str]:
        return {
            "agent_version": opq.__version__,
            "boot_id": self._boot_id,
            "sample_rate_hz": f"{self._source.sample_rate_hz:g}",
            "volts_per_count": f"{self._source.volts_per_count:.9g}",
            "window_cycles": str(self._window_cycles),
            "waiting_frames": str(len(self.spool)),
            "buffered_from_unix_ns": str(self.ring.oldest_unix_ns),
        }

    async def _report_health(self) -> None:
        while True:
            await asyncio.sleep(_HEALTH_PERIOD_S * self._random.uniform(0.8, 1.2))
            health = box_pb2.Health(
                spooled_frames=len(self.spool),
                dropped_frames=self.spool.dropped,
                disk_free_bytes=shutil.disk_usage(self._config.data_dir).free,
                rejected_frames=self.session.rejected,
            )
            self.session.say(box_pb2.BoxUp(health=health))
            self._wake.set()

    async def _drain(self) -> None:
        """Wait until everything is acknowledged, and a little for requests about the last moments."""
        deadline = self._clock.monotonic_ns() + round(_DRAIN_S * NS)
        quiet_since = self._clock.monotonic_ns()
        while self._clock.monotonic_ns() < deadline:
            if self.session.waiting:
                quiet_since = self._clock.monotonic_ns()
            elif self._clock.monotonic_ns() - quiet_since > _LINGER_S * NS:
                break
            await asyncio.sleep(0.1)
        self.session.say(box_pb2.BoxUp(goodbye=box_pb2.Goodbye(reason="the source has ended")))
        self._wake.set()
        await asyncio.sleep(0.2)
