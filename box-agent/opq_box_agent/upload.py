"""Answers to waveform requests: wait for the samples, encode, send from where the last try broke off."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio

from opq.clock import NS
from opq.codec import Codec, encode, samples_crc32
from opq.ids import AcquisitionId, BoxId
from opq.model.features import TimeSource
from opq.rpc.frames import TIME_SOURCE_NUMBERS
from opq.v1 import box_pb2, problem_pb2, waveform_pb2
from opq_box_agent.ring import RingAnswer
from opq_box_agent.samples import Samples
from opq_box_agent.session import SendWaveform, Session

PIECE_BYTES = 64 * 1024
MAX_WAIT_S = 120.0
MAX_SPAN_NS = 3600 * NS
_AT_ONCE = 2
_TRIES = 5
_REFUSALS = (
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
)


class Uploader:
    """The uploads of one connection; they end with it, for Makai asks again."""

    def __init__(self, box_id: BoxId, samples: Samples, channel: grpc.aio.Channel, log: Any) -> None:
        self._box_id, self._samples, self._log = box_id, samples, log
        self._stub_upload = channel.stream_unary(
            "/opq.v1.BoxService/UploadWaveform",
            request_serializer=waveform_pb2.WaveformChunk.SerializeToString,
            response_deserializer=waveform_pb2.WaveformReceipt.FromString,
        )
        self._stub_resume = channel.unary_unary(
            "/opq.v1.BoxService/ResumeWaveform",
            request_serializer=waveform_pb2.ResumeWaveformRequest.SerializeToString,
            response_deserializer=waveform_pb2.ResumeWaveformResponse.FromString,
        )
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._running: dict[AcquisitionId, asyncio.Task[None]] = {}

    def start(
        self, wish: SendWaveform, session: Session, time: tuple[TimeSource, int], said: Callable[[], None]
    ) -> None:
        """Answer a request in the background; one that is already being answered is left alone.

        `said` is called when the session has something to send because of it.
        """
        if wish.acquisition_id not in self._running:
            task = asyncio.create_task(self._answer(wish, session, time, said))
            self._running[wish.acquisition_id] = task
            task.add_done_callback(lambda _: self._running.pop(wish.acquisition_id, None))

    def cancel(self, acquisition_id: AcquisitionId) -> None:
        """Give up an answer."""
        if task := self._running.get(acquisition_id):
            task.cancel()

    async def close(self) -> None:
        """Give up all answers."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(
        self, wish: SendWaveform, session: Session, time: tuple[TimeSource, int], said: Callable[[], None]
    ) -> None:
        log = self._log.bind(acquisition_id=wish.acquisition_id)
        if not 0 < wish.end_unix_ns - wish.start_unix_ns <= MAX_SPAN_NS:
            reason = "the interval must be positive and an hour at most"
            _refuse(session, wish, problem_pb2.PROBLEM_CODE_OUT_OF_RANGE, reason)
            said()
            return
        # An end that lies in the future is waited for, as long as the box measures and two minutes at most.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._samples.measured(wish.end_unix_ns), MAX_WAIT_S)
        async with self._turn:
            answer = await self._samples.read(wish.start_unix_ns, wish.end_unix_ns)
            if not len(answer.counts):
                _refuse(session, wish, problem_pb2.PROBLEM_CODE_NOT_AVAILABLE, self._nothing_left(wish))
                said()
                return
            codec = Codec(session.codec) if session.codec in tuple(Codec) else Codec.RAW_INT16
            data = await asyncio.to_thread(encode, answer.counts, codec)
            header = self._header(wish.acquisition_id, answer, len(data), time)
            for attempt in range(1, _TRIES + 1):
                try:
                    await self._send(header, data, fresh=attempt == 1 and len(data) <= PIECE_BYTES)
                    log.info("waveform sent", samples=len(answer.counts), bytes=len(data))
                    return
                except grpc.aio.AioRpcError as error:
                    if error.code() in _REFUSALS:
                        log.error("upload refused", reason=error.details())
                        return
                    log.warning("upload broke off", attempt=attempt, code=error.code().name, reason=error.details())
                    await asyncio.sleep(0.3 * 2**attempt)

    async def _send(self, header: waveform_pb2.WaveformHeader, data: bytes, fresh: bool) -> None:
        """Send all that is not yet stored; of a `fresh` upload of one piece nothing is worth asking for."""
        received = 0
        if not fresh:
            asked = waveform_pb2.ResumeWaveformRequest(acquisition_id=header.acquisition_id, box_id=header.box_id)
            resume = await self._stub_resume(asked, timeout=20)
            if resume.committed:
                return
            received = resume.received_bytes
        await self._stub_upload(_chunks(header, data, received), timeout=120)

    def _header(
        self, acquisition_id: AcquisitionId, answer: RingAnswer, encoded_bytes: int, time: tuple[TimeSource, int]
    ) -> waveform_pb2.WaveformHeader:
        return waveform_pb2.WaveformHeader(
            acquisition_id=acquisition_id,
            box_id=self._box_id,
            sample_rate_hz=self._samples.sample_rate_hz,
            volts_per_count=self._samples.volts_per_count,
            segments=[
                waveform_pb2.Segment(start_unix_ns=segment.start_unix_ns, samples=segment.samples)
                for segment in answer.segments
            ],
            samples_crc32=samples_crc32(answer.counts),
            encoded_bytes=encoded_bytes,
            time_source=TIME_SOURCE_NUMBERS[time[0]],
            clock_uncertainty_ns=time[1],
            missing=answer.missing,
        )

    def _nothing_left(self, wish: SendWaveform) -> str:
        oldest, newest = self._samples.oldest_unix_ns, self._samples.newest_unix_ns
        if wish.end_unix_ns <= oldest:
            return f"the interval ends {(oldest - wish.end_unix_ns) / NS:.1f} s before the oldest sample kept"
        if wish.start_unix_ns >= newest:
            return f"the interval begins {(wish.start_unix_ns - newest) / NS:.1f} s after the newest sample"
        return "the box measured nothing in the interval"


async def _chunks(
    header: waveform_pb2.WaveformHeader, data: bytes, offset: int
) -> AsyncIterator[waveform_pb2.WaveformChunk]:
    yield waveform_pb2.WaveformChunk(header=header)
    for at in range(offset, len(data), PIECE_BYTES):
        piece = data[at : at + PIECE_BYTES]
        yield waveform_pb2.WaveformChunk(
            piece=waveform_pb2.WaveformPiece(offset=at, data=piece, crc32=zlib.crc32(piece))
        )


def _refuse(session: Session, wish: SendWaveform, code: problem_pb2.ProblemCode, message: str) -> None:
    result = box_pb2.CommandResult(command_id=wish.acquisition_id)
    result.problem.code, result.problem.message = code, message
    session.say(box_pb2.BoxUp(command_result=result))
