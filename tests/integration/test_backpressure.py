"""A store that stalls costs latency and nothing else: boxes are not read, memory is bounded, nothing is lost."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from opq.clock import SystemClock
from opq.errors import Unavailable
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.features import TimeSource
from opq.rpc.channels import Server
from opq.rpc.frames import encode_frame
from opq.rpc.twins import BoxUpTwin
from opq.store import Store, open_store
from opq.testing.frames import good_frame
from opq.v1 import box_pb2
from opq_ingest.server import Ingest
from opq_ingest.settings import IngestSettings

NS = 1_000_000_000
BOX = BoxId("b-1")


class StallingMeasurements:
    """The real repository behind a door that can be closed."""

    def __init__(self, store: Store) -> None:
        self._real = store.measurements
        self.closed = False

    def add(self, rows):  # type: ignore[no-untyped-def]
        if self.closed:
            raise Unavailable("the store is away (closed by the test)")
        return self._real.add(rows)

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self._real, name)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:{tmp_path}")
    opened.boxes.put(Box(BOX, GridId("g"), Nominal(120, 60)))
    yield opened
    opened.close()


async def test_while_the_store_is_away_boxes_are_held_back_and_afterwards_everything_is_stored(store: Store) -> None:
    door = StallingMeasurements(store)
    store.measurements = door  # type: ignore[assignment]
    settings = IngestSettings(makai="127.0.0.1:1", ack_period_s=0.1, max_unacknowledged=10_000, max_waiting_frames=100)
    ingest = Ingest(settings, store, SystemClock())
    server = Server()
    server.grpc.add_generic_rpc_handlers((ingest.handlers(),))
    address = await server.start("127.0.0.1:0", [])
    stop = asyncio.Event()
    running = asyncio.create_task(ingest.run(stop))
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_stream("/opq.v1.BoxService/Connect")()
            await call.write(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=BOX, boot_id="x")).SerializeToString())
            await call.read()
            door.closed = True
            begin = time.time_ns() - 10_000 * NS
            flood = asyncio.create_task(flood_frames(call, begin, 5000))
            await asyncio.sleep(4)
            assert len(ingest._waiting) <= settings.max_waiting_frames + 1, "what waits is bounded"
            assert not flood.done(), "the box is held back"
            assert door.count() == 0
            door.closed, reopened = False, time.time_ns()
            await asyncio.wait_for(flood, 60)
            deadline = time.monotonic() + 30
            while door.count() < 5000 and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            assert door.count() == 5000, "nothing was lost, nothing doubled"
            while store.heartbeats.list("ingest")[0].started_unix_ns < reopened and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            assert store.heartbeats.list("ingest")[0].started_unix_ns >= reopened, (
                "what was silent meanwhile is no outage"
            )
            call.cancel()
    finally:
        stop.set()
        await running
        await server.stop(0)


async def flood_frames(call, begin: int, count: int) -> None:  # type: ignore[no-untyped-def]
    for sequence in range(1, count + 1):
        frame = encode_frame(good_frame(BOX, sequence, begin + sequence * NS), TimeSource.NTP)
        await call.write(BoxUpTwin(frame=frame).SerializeToString())


async def test_on_shutdown_what_came_is_stored_and_acknowledged_before_the_stream_ends(store: Store) -> None:
    settings = IngestSettings(makai="127.0.0.1:1", ack_period_s=60)
    ingest = Ingest(settings, store, SystemClock())
    server = Server()
    server.grpc.add_generic_rpc_handlers((ingest.handlers(),))
    address = await server.start("127.0.0.1:0", [])
    stop = asyncio.Event()
    running = asyncio.create_task(ingest.run(stop))
    async with grpc.aio.insecure_channel(address) as channel:
        call = channel.stream_stream(
            "/opq.v1.BoxService/Connect", request_serializer=None, response_deserializer=box_pb2.BoxDown.FromString
        )()
        await call.write(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=BOX, boot_id="x")).SerializeToString())
        assert (await call.read()).HasField("welcome")
        assert (await call.read()).HasField("configure")
        await flood_frames(call, time.time_ns() - 100 * NS, 20)
        await asyncio.sleep(0.3)
        stop.set()
        await running
        ack = await asyncio.wait_for(call.read(), 5)
        assert list(zip(ack.ack.first, ack.ack.last, strict=True)) == [(1, 20)]
        assert await asyncio.wait_for(call.read(), 5) is grpc.aio.EOF
        await server.stop(1)
    assert store.measurements.count(BOX) == 20
