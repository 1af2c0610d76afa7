"""The Connect, UploadWaveform and ResumeWaveform calls, and the loop that records what came."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf import message

from opq import ids
from opq.clock import NS, Clock
from opq.errors import InvalidInput, Malformed, NotFound, OpqError, Unavailable
from opq.ids import BoxId
from opq.model.boxes import Box
from opq.model.services import Heartbeat
from opq.rpc.guard import peer_certificate
from opq.rpc.read_on import read_on
from opq.rpc.service import until_stopped
from opq.rpc.shards import parse_addresses
from opq.rpc.threads import call_in
from opq.rpc.twins import BoxUpTwin
from opq.store import Store
from opq.store.cut_offs import record_cut_off
from opq.store.overrides import boxes_in_force, read_overrides
from opq.v1 import box_pb2, makai_pb2, problem_pb2, waveform_pb2
from opq_ingest.calls import abort, check_own, health_of, status_of
from opq_ingest.checks import rejection
from opq_ingest.limits import Allowance, Flow, Kept, Rate, TooMuch
from opq_ingest.recorder import Recorder, Waiting
from opq_ingest.session import BoxSession
from opq_ingest.settings import IngestSettings
from opq_ingest.shards import MakaiShards
from opq_ingest.updates import Updates
from opq_ingest.uploads import Uploads

_BATCH_S = 0.02
"""Frames are stored and forwarded in batches this long: a batch costs what two or three frames cost, a longer one latency."""
_ACKNOWLEDGE_S = 0.1
"""How often it is looked whether acknowledgements are due."""
_MAX_BATCH = 2000
_MAX_GREETED = 200
_BURST_S = 20.0
"""A box may save up what it may send in so long, and send it at once."""
_REFUSED_COSTS = 20
"""A message that is refused counts as so many."""
_TELL_AGAIN_S = 60.0
_GOODBYE_S = 1.0
_STORE_RETRY_S = 0.5
_GREETING_S = 10.0
_STALL_NS = 3 * NS
"""When no batch could be stored for this long, what boxes sent meanwhile is not yet known to anybody else."""
_HOUSEKEEPING_S = 2.0
_CONFIGURATION_S = 5.0
"""How soon a box that was changed in the store is told."""


class Ingest:
    """One ingest process: all its sessions, its recorder and its link to Makai."""

    def __init__(self, settings: IngestSettings, store: Store, clock: Clock) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._log = structlog.get_logger()
        self._sessions: dict[BoxId, BoxSession] = {}
        self._waiting: deque[tuple[BoxSession, Waiting]] = deque()
        self._greeted: dict[BoxId, None] = {}
        """Boxes that the recorder has not greeted yet; it does so before it takes their frames."""
        self._room = asyncio.Event()
        self._room.set()
        self._recording = ThreadPoolExecutor(1, "recording")
        self._calls = ThreadPoolExecutor(4, "calls")
        self._recorder = Recorder(store, clock)
        self._told_s: dict[BoxId, float] = {}
        """When it was last put on record that a box was cut off."""
        self._working_since_unix_ns = clock.unix_ns()
        self._flowed_ns = clock.monotonic_ns()
        shards = parse_addresses(settings.makai)
        self.makai = MakaiShards(settings.ingest_id, shards, lambda: self._sessions, self._on_down, clock, settings.tls)
        self._uploads = Uploads(
            store, self._calls, self.makai.acquisition, clock, lambda box_id: self._flow("uploads", box_id)
        )
        per_min = settings.box_connections_per_min
        messages = Rate(settings.box_messages_per_s, _BURST_S * settings.box_messages_per_s)
        octets = Rate(settings.box_bytes_per_s, _BURST_S * settings.box_bytes_per_s)
        patience_s = settings.box_patience_s
        self._flows: Kept[tuple[str, BoxId], Flow] = Kept(lambda now_s: Flow(messages, octets, patience_s, now_s))
        beginnings = Rate(per_min / 60, per_min)
        self._beginnings: Kept[tuple[str, BoxId], Allowance] = Kept(lambda now_s: Allowance(beginnings, now_s))
        self._updates = Updates(store, self._calls)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Make the handlers of `opq.v1.BoxService`; what comes up a Connect stream is not decoded by gRPC."""
        return grpc.method_handlers_generic_handler(
            "opq.v1.BoxService",
            {
                "Connect": grpc.stream_stream_rpc_method_handler(
                    self._connect, None, box_pb2.BoxDown.SerializeToString
                ),
                "UploadWaveform": grpc.stream_unary_rpc_method_handler(
                    self._upload_waveform,
                    waveform_pb2.WaveformChunk.FromString,
                    waveform_pb2.WaveformReceipt.SerializeToString,
                ),
                "ResumeWaveform": grpc.unary_unary_rpc_method_handler(
                    self._resume_waveform,
                    waveform_pb2.ResumeWaveformRequest.FromString,
                    waveform_pb2.ResumeWaveformResponse.SerializeToString,
                ),
                "DownloadUpdate": grpc.unary_stream_rpc_method_handler(
                    self._download_update,
                    box_pb2.DownloadUpdateRequest.FromString,
                    box_pb2.DownloadUpdateResponse.SerializeToString,
                ),
            },
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Record, acknowledge and keep house until `stop`; then store and acknowledge what came."""
        jobs = (
            self._record_for_ever(),
            self._acknowledge_for_ever(),
            self._keep_house(),
            self._pass_configurations(),
            self.makai.run(),
        )
        tasks = [asyncio.create_task(job) for job in jobs]
        await until_stopped(stop, tasks)
        with contextlib.suppress(Unavailable):
            while self._waiting:
                await self._record_batch()
        for session in self._sessions.values():
            session.flush_acks()
            session.close()

    # --- limits

    def _flow(self, what: str, box_id: BoxId) -> Flow:
        return self._flows.of((what, box_id), self._now_s())

    def _now_s(self) -> float:
        return self._clock.monotonic_ns() / NS

    def _may_begin(self, what: str, box_id: BoxId) -> None:
        """Refuse a box that begins sessions or uploads without end.

        Raises
        ------
        TooMuch
            Naming the limit.
        """
        now_s, most = self._now_s(), self._settings.box_connections_per_min
        if not self._beginnings.of((what, box_id), now_s).try_take(1, now_s):
            raise TooMuch(f"rate: this box begins more than {most:g} {what} a minute; try again in a minute")

    async def _cut_off(self, box_id: BoxId, error: TooMuch) -> None:
        """Put on record that a box was refused for what it sends; once a minute at most, however often it comes."""
        now_s = self._now_s()
        if now_s - self._told_s.get(box_id, -_TELL_AGAIN_S) < _TELL_AGAIN_S:
            return
        self._told_s[box_id] = now_s
        self._log.warning("box cut off", box_id=box_id, reason=str(error))
        with contextlib.suppress(Unavailable):
            await call_in(self._calls, record_cut_off, self._store, box_id, self._clock.unix_ns(), str(error))

    # --- calls

    async def _connect(
        self, _: AsyncIterable[bytes], context: grpc.aio.ServicerContext[bytes, box_pb2.BoxDown]
    ) -> None:
        box, hello = await self._greet(context)
        session = BoxSession(box.box_id, f"{self._settings.ingest_id}-{secrets.token_hex(6)}")
        session.agent_version = hello.agent_version
        log = self._log.bind(box_id=box.box_id, session_id=session.session_id)
        if before := self._sessions.get(box.box_id):
            before.close()
        self.makai.set_boxes([box])
        self._sessions[box.box_id] = session
        tasks = [asyncio.create_task(self._send(session, context))]
        try:
            await call_in(self._calls, self._store.boxes.connected, status_of(session, hello, self._clock))
            self._welcome(session, box, hello)
            self.makai.presence(box.box_id, True)
            log.info(
                "box connected", peer=context.peer(), agent_version=hello.agent_version, spooled=hello.spooled_frames
            )
            self._greeted[box.box_id] = None
            tasks.append(asyncio.create_task(self._receive(session, context)))
            ended, _rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                if isinstance(problem := task.exception(), TooMuch):
                    raise problem
        except TooMuch as error:
            await self._cut_off(box.box_id, error)
            # As a message too: of a call that is ended while its peer still sends, the status may not arrive.
            session.send(rejection(0, error))
            session.close()
            await asyncio.wait(tasks[:1], timeout=_GOODBYE_S)
            await abort(context, error)
        except OpqError as error:
            await abort(context, error)
        finally:
            session.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._sessions.get(box.box_id) is session:
                del self._sessions[box.box_id]
                self.makai.presence(box.box_id, False)
            with contextlib.suppress(Unavailable):
                now = self._clock.unix_ns()
                await call_in(self._calls, self._store.boxes.disconnected, box.box_id, session.session_id, now)
            log.info("box disconnected")

    async def _greet(self, context: grpc.aio.ServicerContext[bytes, box_pb2.BoxDown]) -> tuple[Box, box_pb2.Hello]:
        """Read the greeting and find the box, or end the call saying what is wrong."""
        try:
            first = await asyncio.wait_for(context.read(), _GREETING_S)
            up = box_pb2.BoxUp.FromString(first if isinstance(first, bytes) else b"")
            if not up.HasField("hello"):
                raise InvalidInput(f"first message: got {up.WhichOneof('kind')}, expected hello")
            check_own(context, up.hello.box_id)
            box_id = ids.box_id(up.hello.box_id)
            self._may_begin("sessions", box_id)
            box = await call_in(self._calls, self._box_in_force, box_id)
            if box is None:
                raise NotFound(
                    f"box {up.hello.box_id!r} is not enrolled at this site; enrol it with: opq boxes add {up.hello.box_id}"
                )
        except TimeoutError:
            await abort(context, InvalidInput(f"first message: got nothing within {_GREETING_S:g} s, expected hello"))
        except TooMuch as error:
            await self._cut_off(box_id, error)
            await abort(context, error)
        except message.DecodeError:
            await abort(context, Malformed("first message: these bytes are no opq.v1.BoxUp"))
        except OpqError as error:
            await abort(context, error)
        return box, up.hello

    def _welcome(self, session: BoxSession, box: Box, hello: box_pb2.Hello) -> None:
        codec = hello.codecs[0] if hello.codecs else waveform_pb2.WAVEFORM_CODEC_RAW_INT16
        session.send(
            box_pb2.BoxDown(
                welcome=box_pb2.Welcome(
                    session_id=session.session_id,
                    server_unix_ns=self._clock.unix_ns(),
                    configuration=box_pb2.BoxConfiguration(window_cycles=box.window_cycles),
                    max_unacknowledged=self._settings.max_unacknowledged,
                    codec=codec,
                )
            )
        )
        # Not every box answers the greeting: this one it must.
        self._configure(session, box.window_cycles)

    def _configure(self, session: BoxSession, window_cycles: int) -> None:
        session.configure(f"configure-{self._clock.unix_ns()}", window_cycles)

    def _box_in_force(self, box_id: BoxId) -> Box | None:
        box = self._store.boxes.get(box_id)
        return box and read_overrides(self._store, box_id).in_force(box, self._clock.unix_ns())

    async def _receive(self, session: BoxSession, context: grpc.aio.ServicerContext[bytes, box_pb2.BoxDown]) -> None:
        """Read until the box ends the stream; while too much waits for the store, or it sends too fast, do not read."""
        flow = self._flow("sessions", session.box_id)
        while True:
            data = await context.read()
            if not isinstance(data, bytes):
                return
            if wait_s := flow.take(1, len(data), self._now_s()):
                await asyncio.sleep(wait_s)
            try:
                up = BoxUpTwin.FromString(data)
            except message.DecodeError:
                flow.take(_REFUSED_COSTS, 0, self._now_s())
                session.send(rejection(0, Malformed(f"message: {len(data)} bytes that are no opq.v1.BoxUp")))
                continue
            if up.frame:
                self._waiting.append((session, Waiting(session.box_id, up.frame)))
                if len(self._waiting) >= self._settings.max_waiting_frames:
                    self._room.clear()
                    await self._room.wait()
            else:
                await self._other(session, box_pb2.BoxUp.FromString(data))

    async def _other(self, session: BoxSession, up: box_pb2.BoxUp) -> None:
        kind = up.WhichOneof("kind")
        boxes = self._store.boxes
        if kind == "health":
            await call_in(self._calls, boxes.health, session.box_id, health_of(up.health))
        elif kind == "last_gasp":
            self._log.warning("last gasp", box_id=session.box_id)
            await call_in(self._calls, boxes.gasped, session.box_id, up.last_gasp.unix_ns)
        elif kind == "goodbye":
            self._log.info("goodbye", box_id=session.box_id, reason=up.goodbye.reason[:200])
        elif kind == "command_result":
            await self._command_result(session, up.command_result)
        else:
            session.send(
                rejection(0, InvalidInput(f"message: got {kind}, expected a frame, health, result or goodbye"))
            )

    async def _command_result(self, session: BoxSession, result: box_pb2.CommandResult) -> None:
        log = self._log.bind(box_id=session.box_id, command_id=result.command_id)
        problem = (result.problem.message[:500] or "no reason given") if result.HasField("problem") else ""
        if problem:
            log.warning("the box cannot", reason=problem)
        else:
            log.info("command done")
        if await self._updates.answered(session, result.command_id, problem):
            return
        cycles = session.commands.pop(result.command_id, None)
        if cycles is not None:
            now = self._clock.unix_ns()
            answered = self._store.boxes.configured
            await call_in(self._calls, answered, session.box_id, session.session_id, now, cycles, problem)
        elif problem:
            update = makai_pb2.AcquisitionUpdate(acquisition_id=result.command_id, problem=result.problem)
            self.makai.acquisition(session.box_id, update)

    async def _send(self, session: BoxSession, context: grpc.aio.ServicerContext[bytes, box_pb2.BoxDown]) -> None:
        while (down := await session.next_message()) is not None:
            await context.write(down)

    async def _upload_waveform(
        self, chunks: AsyncIterable[waveform_pb2.WaveformChunk], context: grpc.aio.ServicerContext[Any, Any]
    ) -> waveform_pb2.WaveformReceipt:
        certificate = peer_certificate(context)
        sender = (certificate and certificate.identity.box_id) or BoxId("")

        def check_box(box_id: str) -> None:
            nonlocal sender
            check_own(context, box_id)
            if not sender:  # in clear text a box is known by nothing but what it says
                sender = ids.box_id(box_id)
                self._may_begin("uploads", sender)

        try:
            if sender:
                self._may_begin("uploads", sender)
            return await self._uploads.take(chunks, check_box)
        except TooMuch as error:
            await self._cut_off(sender, error)
            await read_on(chunks)
            await abort(context, error)
        except OpqError as error:
            await read_on(chunks)
            await abort(context, error)

    async def _resume_waveform(
        self, request: waveform_pb2.ResumeWaveformRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> waveform_pb2.ResumeWaveformResponse:
        try:
            check_own(context, request.box_id)
            self._may_begin("uploads", ids.box_id(request.box_id))
            return await self._uploads.resume(request)
        except OpqError as error:
            await abort(context, error)

    async def _download_update(
        self, request: box_pb2.DownloadUpdateRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[box_pb2.DownloadUpdateResponse]:
        try:
            check_own(context, request.box_id)
            async for piece in self._updates.download(request):
                yield piece
        except OpqError as error:
            await abort(context, error)

    # --- recording

    async def _record_for_ever(self) -> None:
        while True:
            if self._waiting or self._greeted or self._recorder.folds_due:
                try:
                    await self._greet_waiting()
                    await self._record_batch()
                except Unavailable as error:
                    self._log.warning("the store is away; frames wait", waiting=len(self._waiting), reason=str(error))
                    await asyncio.sleep(_STORE_RETRY_S)
                    continue
            self._note_flow()
            await asyncio.sleep(_BATCH_S)

    async def _greet_waiting(self) -> None:
        """Let the recorder greet boxes many at a time: when thousands come back at once, each on its own costs more."""
        while self._greeted:
            box_ids = list(islice(self._greeted, _MAX_GREETED))
            await call_in(self._recording, self._recorder.greet, box_ids)
            for box_id in box_ids:
                del self._greeted[box_id]

    def _note_flow(self) -> None:
        """Frames are being stored; after a stall the silence of boxes counts anew from here."""
        now = self._clock.monotonic_ns()
        if now - self._flowed_ns > _STALL_NS:
            self._working_since_unix_ns = self._clock.unix_ns()
        self._flowed_ns = now

    async def _record_batch(self) -> None:
        """Store the oldest waiting frames, then forward them, then let them be acknowledged."""
        count = min(len(self._waiting), _MAX_BATCH)
        batch = [self._waiting[position] for position in range(count)]
        work = [waiting for _, waiting in batch]
        outcome = await call_in(self._recording, self._recorder.record, work)
        for _ in range(count):
            self._waiting.popleft()
        if len(self._waiting) < self._settings.max_waiting_frames // 2:
            self._room.set()
        if outcome.frames:
            stored = outcome.frames.items()
            self.makai.frames([(frame.box_id, work[at].data, frame.start_unix_ns) for at, frame in stored])
        for position, frame in outcome.frames.items():
            batch[position][0].acked.append(frame.sequence)
        for position, (sequence, error) in outcome.errors.items():
            session = batch[position][0]
            self._log.warning("frame refused", box_id=session.box_id, sequence=sequence, reason=str(error))
            session.send(rejection(sequence, error))

    async def _acknowledge_for_ever(self) -> None:
        limit = self._settings.max_unacknowledged // 2
        ticks = max(1, round(self._settings.ack_period_s / _ACKNOWLEDGE_S))
        tick = 0
        while True:
            await asyncio.sleep(_ACKNOWLEDGE_S)
            tick = (tick + 1) % ticks
            for session in list(self._sessions.values()):
                if tick == 0 or len(session.acked) >= limit:
                    session.flush_acks()

    # --- what goes down, and the house

    def _on_down(self, down: makai_pb2.FeedDown) -> None:
        if down.HasField("request"):
            request = down.request
            session = self._sessions.get(BoxId(request.box_id))
            if session is None:
                problem = problem_pb2.Problem(
                    code=problem_pb2.PROBLEM_CODE_NOT_AVAILABLE, message="the box is not connected"
                )
                update = makai_pb2.AcquisitionUpdate(acquisition_id=request.acquisition_id, problem=problem)
                self.makai.acquisition(BoxId(request.box_id), update)
                return
            wanted = box_pb2.WaveformRequest(
                acquisition_id=request.acquisition_id,
                start_unix_ns=request.start_unix_ns,
                end_unix_ns=request.end_unix_ns,
            )
            session.send(box_pb2.BoxDown(waveform_request=wanted))
        elif down.HasField("cancel") and (session := self._sessions.get(BoxId(down.cancel.box_id))):
            cancel = box_pb2.CancelRequest(acquisition_id=down.cancel.acquisition_id)
            session.send(box_pb2.BoxDown(cancel_request=cancel))

    async def _keep_house(self) -> None:
        """Write newest values and the heartbeat."""
        while True:
            try:
                await call_in(self._calls, self._write_house)
            except Unavailable as error:
                self._log.warning("the store is away", reason=str(error))
            await asyncio.sleep(_HOUSEKEEPING_S)

    async def _pass_configurations(self) -> None:
        """Tell boxes that were changed in the store, or whose override began or ended."""
        while True:
            await asyncio.sleep(_CONFIGURATION_S)
            try:
                now = self._clock.unix_ns()
                self._reconfigure(await call_in(self._calls, boxes_in_force, self._store, now))
                await self._updates.offer(self._sessions)
            except Unavailable as error:
                self._log.warning("the store is away", reason=str(error))

    def _write_house(self) -> None:
        """Write the newest values before the sign of life that vouches for them."""
        self._store.boxes.seen(self._recorder.take_seen())
        now = self._clock.unix_ns()
        stalled = self._clock.monotonic_ns() - self._flowed_ns > _STALL_NS
        since = now if stalled else self._working_since_unix_ns
        self._store.heartbeats.beat(Heartbeat(self._settings.ingest_id, "ingest", since, now))

    def _reconfigure(self, boxes: list[Box]) -> None:
        self.makai.set_boxes(boxes)
        for box in boxes:
            session = self._sessions.get(box.box_id)
            if session and session.window_cycles != box.window_cycles:
                self._configure(session, box.window_cycles)
