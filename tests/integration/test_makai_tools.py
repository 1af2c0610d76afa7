"""Makai's tools over a real socket: trigger by hand, cancel, watch, look at a box; and what is said when it cannot be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opq.clock import HOUR_NS, NS
from opq.errors import InvalidInput, NotFound, OpqError, Unavailable
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import AcquisitionState, EventState, Role, TriggerKind
from opq.model.features import TimeSource
from opq.model.overrides import LimitChanges, Override
from opq.rpc.channels import Server, open_channel
from opq.rpc.frames import encode_frame
from opq.rpc.makai import MakaiClient, SeenTrigger
from opq.rpc.shards import owner
from opq.rpc.twins import BoxFrameTwin, FeedUpTwin, FrameBatchTwin
from opq.store import Store, open_store
from opq.store.overrides import put_override
from opq.testing.clock import ManualClock
from opq.testing.frames import good_frame
from opq.testing.processes import free_address, soon
from opq.v1 import makai_pb2
from opq_makai.server import Makai
from opq_makai.settings import MakaiSettings

T0 = 1_760_000_000 * NS
SHARDS = ("makai-1", "makai-2")
MINE, OTHERS = (
    next(GridId(f"grid-{n}") for n in range(99) if owner(GridId(f"grid-{n}"), SHARDS) == shard) for shard in SHARDS
)


class Tools:
    """A shard under test, its client and a feed that carries nothing but what it is told."""

    def __init__(self, store: Store, clock: ManualClock, address: str) -> None:
        self.store, self.clock = store, clock
        self.client = MakaiClient({"makai-1": address})
        self.address = address
        self.down: list[makai_pb2.FeedDown] = []

    @property
    def now(self) -> int:
        return self.clock.unix_ns()

    @asynccontextmanager
    async def feed(self, *boxes: str) -> AsyncIterator[Any]:
        async with open_channel(self.address) as channel:
            call = channel.stream_stream(
                "/opq.v1.MakaiService/Feed",
                request_serializer=None,
                response_deserializer=makai_pb2.FeedDown.FromString,
            )()

            async def read() -> None:
                while isinstance(message := await call.read(), makai_pb2.FeedDown):
                    self.down.append(message)

            reader = asyncio.create_task(read())
            hello = makai_pb2.FeedHello(ingest_id="ingest-1", box_ids=list(boxes))
            await call.write(makai_pb2.FeedUp(hello=hello).SerializeToString())
            yield call
            call.cancel()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def trigger(self, *boxes: str, start: int | None = None, end: int | None = None) -> EventId:
        start = self.now - 5 * NS if start is None else start
        end = self.now if end is None else end
        (opened,) = await self.client.trigger({MINE: [BoxId(box) for box in boxes]}, start, end, "look here")
        return opened.event_id


@pytest.fixture
async def tools(tmp_path: Path) -> AsyncIterator[Tools]:
    store, clock = open_store(f"sqlite:{tmp_path / 'store'}"), ManualClock(T0)
    for box, grid in (("b-1", MINE), ("b-2", MINE), ("other", OTHERS)):
        store.boxes.put(Box(BoxId(box), grid, Nominal(120, 60)))
    makai = Makai(MakaiSettings(quiet_s=2, shards=",".join(SHARDS)), store, clock)
    await makai.restore()
    server = Server()
    server.grpc.add_generic_rpc_handlers((makai.handlers(),))
    address = await server.start("127.0.0.1:0", [])
    stop = asyncio.Event()
    running = asyncio.create_task(makai.run(stop))
    yield Tools(store, clock, address)
    await server.stop(0.1)
    stop.set()
    await running
    store.close()


async def test_an_event_opened_by_hand_is_on_record_when_the_call_returns(tools: Tools) -> None:
    event_id = await tools.trigger("b-2", "b-1")
    event = tools.store.events.get(event_id)
    assert event is not None
    assert (event.grid_id, event.box_ids, event.opened_by) == (MINE, ("b-1", "b-2"), "look here")
    parts = tools.store.events.boxes(event_id)
    assert [(part.box_id, part.role, part.start_unix_ns) for part in parts] == [
        ("b-1", Role.MANUAL, T0 - 5 * NS),
        ("b-2", Role.MANUAL, T0 - 5 * NS),
    ]


async def test_its_waveforms_are_asked_for_and_cancelling_takes_them_back_from_the_boxes(tools: Tools) -> None:
    async with tools.feed("b-1"):
        event_id = await tools.trigger("b-1")
        tools.clock.advance(2.1)
        await soon(lambda: [down for down in tools.down if down.HasField("request")], "the box is asked")
        assert await tools.client.cancel(MINE, event_id, "ann: enough seen") == 1
        await soon(lambda: tools.down[-1].HasField("cancel"), "the box is told")
        assert tools.down[-1].cancel.acquisition_id == tools.down[0].request.acquisition_id
        (item,) = tools.store.acquisitions.of_event(event_id)
        assert (item.state, item.reason) == (AcquisitionState.MISSING, "cancelled by ann: enough seen")
        await soon(lambda: tools.store.events.get(event_id).state is EventState.COMPLETE, "nothing hangs")
        with pytest.raises(InvalidInput, match="waits for nothing"):
            await tools.client.cancel(MINE, event_id, "ann")


async def test_an_event_that_has_not_asked_yet_can_be_cancelled_too(tools: Tools) -> None:
    async with tools.feed("b-1"):
        event_id = await tools.trigger("b-1")
        await tools.client.cancel(MINE, event_id, "ann")
        await soon(lambda: tools.store.events.get(event_id).state is EventState.COMPLETE, "it is over")
        assert {item.state for item in tools.store.acquisitions.of_event(event_id)} <= {AcquisitionState.MISSING}


@pytest.mark.parametrize(
    ("boxes", "start", "end", "kind", "message"),
    [
        (["b-9"], T0 - NS, T0, NotFound, r"box_id: got 'b-9', expected a box that is enrolled"),
        (["b-1"], T0, T0, InvalidInput, "expected a start and a later end"),
        (["b-1"], T0, T0 - NS, InvalidInput, "expected a start and a later end"),
        (["b-1"], T0, T0 + 121 * NS, InvalidInput, r"121 s in the future; expected at most 120 s"),
        (["b-1"], T0 - HOUR_NS, T0 + NS, InvalidInput, r"interval: got 3601 s, expected at most 3600 s"),
        ([], T0 - NS, T0, InvalidInput, r"box_ids: got 0 boxes, expected 1 to 1000"),
        (
            ["b-1", "other"],
            T0 - NS,
            T0,
            InvalidInput,
            rf"box other is of grid {OTHERS}, which makai-2 owns; .*ask makai-2",
        ),
    ],
)
async def test_what_cannot_be_triggered_is_refused_in_words(
    tools: Tools, boxes: list[str], start: int, end: int, kind: type[OpqError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        await tools.client.trigger({MINE: [BoxId(box) for box in boxes]}, start, end, "")
    assert tools.store.events.list() == []


async def test_an_event_nobody_knows_or_of_another_shard_cannot_be_cancelled(tools: Tools) -> None:
    with pytest.raises(NotFound, match="event_id: got 'e-1', expected an event"):
        await tools.client.cancel(MINE, EventId("e-1"), "ann")


async def test_a_watcher_sees_triggers_as_they_are_found(tools: Tools) -> None:
    seen: list[SeenTrigger] = []

    async def watch() -> None:
        async for item in tools.client.watch(tools.address, grid_id=MINE, kind=TriggerKind.HARD):
            seen.append(item)

    async with tools.feed("b-1", "b-2") as feed:
        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.3)
        frame = good_frame("b-1", 1, tools.now - NS, u_rms_half_min_v=80.0)
        parts = [BoxFrameTwin(box_id="b-1", frame=encode_frame(frame, TimeSource.NTP))]
        await feed.write(FeedUpTwin(frames=FrameBatchTwin(frames=parts).SerializeToString()).SerializeToString())
        await soon(lambda: seen, "the trigger is seen")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    (item,) = seen
    assert (item.grid_id, item.trigger.box_id, item.trigger.kind, item.lost) == (MINE, "b-1", TriggerKind.HARD, 0)
    assert item.trigger.reason().startswith("u_rms_half_min_v 80 beyond 114 (hard, limits)")


async def test_watching_a_grid_of_another_shard_names_the_owner(tools: Tools) -> None:
    with pytest.raises(InvalidInput, match="which makai-2 owns"):
        await anext(aiter(tools.client.watch(tools.address, grid_id=OTHERS)))


async def test_the_state_of_a_box_shows_limits_in_force_and_what_detectors_know(tools: Tools) -> None:
    put_override(tools.store, BoxId("b-1"), Override(T0 + 60 * NS, "", LimitChanges(u_low_pu=0.8), 1))
    state = await tools.client.box_state(MINE, BoxId("b-1"))
    assert (state.makai_id, state.grid_id, state.limits.u_low_pu, state.window_cycles) == ("makai-1", MINE, 0.8, 1)
    assert set(state.detail["detectors"]) >= {"habit"}
    assert (state.clock_believed, state.budget_used_pct) == (True, 0)
    with pytest.raises(NotFound):
        await tools.client.box_state(MINE, BoxId("b-9"))


async def test_a_makai_that_is_not_there_is_said_to_be() -> None:
    address = free_address()
    with pytest.raises(Unavailable, match=f"makai at {address} does not answer"):
        await MakaiClient({"makai-1": address}).box_state(MINE, BoxId("b-1"))
