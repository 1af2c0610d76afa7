"""A box driven by hand, for tests of what ingest says to it; and an upload to be spoilt in many ways."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from typing import Self

import grpc
import grpc.aio
import numpy as np

from opq.codec import encode, samples_crc32
from opq.model.features import TimeSource
from opq.rpc.frames import encode_frame
from opq.rpc.twins import BoxUpTwin
from opq.testing.frames import good_frame
from opq.v1 import box_pb2, box_pb2_grpc, waveform_pb2


class Peer:
    """Sends exactly the bytes it is told to, to an address in clear text or over a channel, which it closes at the end."""

    def __init__(self, where: str | grpc.aio.Channel) -> None:
        self.channel = grpc.aio.insecure_channel(where) if isinstance(where, str) else where
        self.call = self.channel.stream_stream(
            "/opq.v1.BoxService/Connect", request_serializer=None, response_deserializer=box_pb2.BoxDown.FromString
        )()
        self.stub = box_pb2_grpc.BoxServiceStub(self.channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()
        await self.channel.close()

    async def hello(self, box_id: str) -> box_pb2.BoxDown:
        """Greet; return the welcome, and keep the configuration that follows in `first`."""
        await self.send(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=box_id, boot_id="x")).SerializeToString())
        welcome = await self.receive()
        self.first = (await self.receive()).configure
        return welcome

    async def answer(self, command_id: str, problem: str = "") -> None:
        """Answer a command."""
        result = box_pb2.CommandResult(command_id=command_id)
        if problem:
            result.problem.message = problem
        await self.send(box_pb2.BoxUp(command_result=result).SerializeToString())

    async def send(self, data: bytes) -> None:
        """Send these bytes."""
        await self.call.write(data)

    async def frame(self, data: bytes) -> None:
        """Send an encoded frame."""
        await self.send(BoxUpTwin(frame=data).SerializeToString())

    async def receive(self) -> box_pb2.BoxDown:
        """Return the next message."""
        message = await asyncio.wait_for(self.call.read(), 10)
        assert isinstance(message, box_pb2.BoxDown)
        return message

    async def refusal(self) -> tuple[grpc.StatusCode, str]:
        """Return how the call ended."""
        return await asyncio.wait_for(self.call.code(), 10), await self.call.details()


def a_frame(sequence: int, at_ns: int | None = None, box: str = "b-1", **features: float) -> bytes:
    """Encode a good frame of now, or with a time and features of your choice."""
    frame = good_frame(box, sequence, time.time_ns() + sequence if at_ns is None else at_ns, 5, **features)
    return encode_frame(frame, TimeSource.NTP)


class Upload:
    """An upload of a small waveform."""

    def __init__(self, acquisition_id: str = "acq-1", box_id: str = "b-1") -> None:
        self.counts = np.random.default_rng(1).integers(-9999, 9999, 50_000).astype(np.int16)
        self.data = encode(self.counts)
        self.header = waveform_pb2.WaveformHeader(
            acquisition_id=acquisition_id,
            box_id=box_id,
            sample_rate_hz=12_000,
            volts_per_count=0.01,
            segments=[waveform_pb2.Segment(start_unix_ns=time.time_ns(), samples=50_000)],
            samples_crc32=samples_crc32(self.counts),
            encoded_bytes=len(self.data),
        )

    def piece(self, low: int, high: int) -> waveform_pb2.WaveformChunk:
        """Return bytes `low` to `high`."""
        data = self.data[low:high]
        return waveform_pb2.WaveformChunk(
            piece=waveform_pb2.WaveformPiece(offset=low, data=data, crc32=zlib.crc32(data))
        )

    async def chunks(self, low: int = 0, high: int | None = None) -> AsyncIterator[waveform_pb2.WaveformChunk]:
        """Yield the header and pieces of 10 kB."""
        yield waveform_pb2.WaveformChunk(header=self.header)
        for at in range(low, high or len(self.data), 10_000):
            yield self.piece(at, min(at + 10_000, high or len(self.data)))
