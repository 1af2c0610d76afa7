"""Those who send what nobody should: to see that it harms nobody else."""

import asyncio
import contextlib
import random

import grpc.aio

from opq.clock import Clock
from opq.ids import BoxId
from opq.model.features import FEATURE_INDEX, TimeSource
from opq.rpc.frames import encode_frame
from opq.testing.frames import good_frame
from opq.testing.peer import Peer

_ANSWER_S = 5.0


async def send_noise(address: str, rng: random.Random) -> None:
    """Send bytes that are no HTTP/2 to ``host:port`` and read on until the other side hangs up, or for some seconds."""
    host, port = address.rsplit(":", 1)
    with contextlib.suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(rng.randbytes(10_000))
            await writer.drain()
            await asyncio.wait_for(reader.read(), _ANSWER_S)
        finally:
            writer.transport.abort()


async def send_bad_frames(channel: grpc.aio.Channel, box_id: BoxId, rng: random.Random, clock: Clock) -> int:
    """Connect as an enrolled box and send frames that must be refused; return how many were, with the reason."""
    now = clock.unix_ns()
    infinite = good_frame(box_id, 1, now)
    infinite.windows.values[0, FEATURE_INDEX["f_hz"]] = float("inf")
    long_ago = good_frame(box_id, 2, 1)
    frames = [encode_frame(frame, TimeSource.FREE) for frame in (infinite, long_ago)]
    torn = bytearray(frames[0])
    for _ in range(20):
        torn[rng.randrange(len(torn))] = rng.randrange(256)
    frames += [bytes(torn[: rng.randrange(1, len(torn))]), rng.randbytes(300)]
    refused = 0
    async with Peer(channel) as peer:
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, AssertionError, TimeoutError):
            await peer.hello(box_id)
            for frame in frames:
                await peer.frame(frame)
            while refused < len(frames):
                refused += (await peer.receive()).HasField("reject")
    return refused
