"""A box that sends too much is slowed down, then cut off with the reason on record; others notice nothing."""

import asyncio
import contextlib
import time

import grpc
import pytest

from opq.ids import BoxId
from opq.store.cut_offs import read_cut_offs
from opq.testing.peer import Peer, Upload, a_frame
from opq.testing.processes import soon
from opq.v1 import box_pb2
from opq_ingest.settings import IngestSettings

HOSTILE, GOOD = BoxId("b-1"), BoxId("b-2")


@pytest.fixture
def ingest_settings() -> IngestSettings:
    return IngestSettings(
        makai="127.0.0.1:1",
        ack_period_s=0.1,
        max_unacknowledged=50,
        box_messages_per_s=20,
        box_bytes_per_s=1e6,
        box_patience_s=1.5,
        box_connections_per_min=5,
    )


async def acknowledged(box: Peer, sequence: int) -> None:
    """Send a frame and wait until it is stored."""
    await box.frame(a_frame(sequence, box=GOOD))
    while sequence not in (await box.receive()).ack.last:
        pass


async def flood(hostile: Peer, message: bytes) -> list[str]:
    """Send without end until the call is ended; return what was refused meanwhile, and why."""

    async def listen() -> list[str]:
        told = []
        with contextlib.suppress(grpc.aio.AioRpcError):
            while isinstance(down := await hostile.call.read(), box_pb2.BoxDown):
                told.append(down.reject.problem.message)
        return told

    listening = asyncio.create_task(listen())
    with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        while not hostile.call.done():
            await hostile.send(message)
    return await listening


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        (b"\x12\x04\xff\xff\xff\xff", "20 messages a second"),
        (b"\xff\xff\xff\xff", "20 messages a second"),
        (b"\x12\xff\xff\x1f" + bytes(0x7FFFF), "1e+06 bytes a second"),
    ],
    ids=["small frames", "garbage", "large messages"],
)
async def test_a_flood_is_slowed_down_then_cut_off_and_the_neighbour_notices_nothing(
    running, message: bytes, limit: str
) -> None:
    async with Peer(running.address) as good, Peer(running.address) as hostile:
        await good.hello(GOOD)
        await hostile.hello(HOSTILE)
        flooding = asyncio.create_task(flood(hostile, message))
        sequence = 0
        while not flooding.done():
            sequence += 1
            began = time.monotonic()
            await asyncio.wait_for(acknowledged(good, sequence), 5)
            await asyncio.sleep(max(0.0, 0.2 - (time.monotonic() - began)))
        words = (await flooding)[-1]
        assert limit in words
        assert "without a break" in words
        assert sequence > 1, "it was slowed down before it was cut off"
    assert running.store.measurements.count(GOOD) == sequence
    await soon(lambda: HOSTILE in read_cut_offs(running.store), "the cut-off is on record")
    cut = read_cut_offs(running.store)
    assert set(cut) == {HOSTILE}
    assert cut[HOSTILE].reason == words


async def test_a_box_that_begins_session_after_session_is_refused_for_a_while(running) -> None:
    refusals = []
    for _ in range(8):
        async with Peer(running.address) as hostile:
            try:
                await hostile.hello(HOSTILE)
            except (AssertionError, grpc.aio.AioRpcError):
                refusals.append(await hostile.refusal())
    assert {code for code, _ in refusals} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert 1 <= len(refusals) <= 3
    assert "this box begins more than 5 sessions a minute; try again in a minute" in refusals[0][1]
    async with Peer(running.address) as good:
        await good.hello(GOOD)
        await acknowledged(good, 1)
    assert read_cut_offs(running.store)[HOSTILE].times == 1, "on record once, however often it came"


async def test_uploads_nobody_asked_for_are_refused_at_last_unread(running) -> None:
    async with Peer(running.address) as hostile:
        codes = []
        for _ in range(8):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await hostile.stub.UploadWaveform(Upload("nobody-asked").chunks())
            codes.append(refused.value.code())
        assert codes[0] == grpc.StatusCode.NOT_FOUND
        assert codes[-1] == grpc.StatusCode.RESOURCE_EXHAUSTED
    await soon(lambda: HOSTILE in read_cut_offs(running.store), "the refusal is on record")


async def test_a_box_that_says_nothing_is_not_waited_for(running) -> None:
    async with Peer(running.address) as silent:
        code, words = await asyncio.wait_for(silent.call.code(), 20), await silent.call.details()
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "got nothing within 10 s, expected hello" in words
