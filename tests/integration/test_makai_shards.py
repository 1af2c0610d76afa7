"""Two Makai processes, two grids, one ingest: grids never mix, and killing one shard in an event changes no record."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from opq.clock import NS, SystemClock
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Event, EventState
from opq.model.features import TimeSource
from opq.rpc.channels import healthy, open_channel
from opq.rpc.frames import encode_frame
from opq.rpc.shards import owner
from opq.rpc.twins import BoxUpTwin
from opq.store import Store, open_store
from opq.store.port import EventFilter
from opq.testing.frames import good_frame
from opq.testing.processes import Processes, free_address, soon
from opq.v1 import box_pb2, problem_pb2

SHARDS = ("makai-1", "makai-2")
ONE, TWO = (
    next(GridId(f"grid-{n}") for n in range(99) if owner(GridId(f"grid-{n}"), SHARDS) == shard) for shard in SHARDS
)
BOXES = {"a-1": ONE, "a-2": ONE, "b-1": TWO, "b-2": TWO}
CLOCK = SystemClock()


class HandBox:
    """A box that sends what it is told and answers every request with: not there any more."""

    def __init__(self, box_id: str, call: Any) -> None:
        self._box_id, self._call, self._sequence = box_id, call, 0

    async def frame(self, start_ns: int, **features: float) -> None:
        self._sequence += 1
        frame = good_frame(self._box_id, self._sequence, start_ns, **features)
        await self._call.write(BoxUpTwin(frame=encode_frame(frame, TimeSource.NTP)).SerializeToString())

    async def answer(self) -> None:
        while isinstance(down := await self._call.read(), box_pb2.BoxDown):
            if down.HasField("waveform_request"):
                result = box_pb2.CommandResult(command_id=down.waveform_request.acquisition_id)
                result.problem.code = problem_pb2.PROBLEM_CODE_NOT_AVAILABLE
                result.problem.message = "gone"
                await self._call.write(box_pb2.BoxUp(command_result=result).SerializeToString())


@asynccontextmanager
async def hand_box(address: str, box_id: str) -> AsyncIterator[HandBox]:
    async with open_channel(address) as channel:
        call = channel.stream_stream(
            "/opq.v1.BoxService/Connect", request_serializer=None, response_deserializer=box_pb2.BoxDown.FromString
        )()
        await call.write(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=box_id, boot_id="x")).SerializeToString())
        box = HandBox(box_id, call)
        answering = asyncio.create_task(box.answer())
        yield box
        answering.cancel()
        call.cancel()
        await asyncio.gather(answering, return_exceptions=True)


class Site:
    def __init__(self, directory: Path, processes: Processes) -> None:
        self.url = f"sqlite:{directory / 'store'}"
        self.store: Store = open_store(self.url)
        for box_id, grid_id in BOXES.items():
            self.store.boxes.put(Box(BoxId(box_id), grid_id, Nominal(120, 60), feeder="f"))
        self._processes = processes
        self.addresses = {name: free_address() for name in (*SHARDS, "ingest")}

    async def start(self) -> None:
        for shard in SHARDS:
            await self._start(shard, "makai", "--makai-id", shard, "--shards", ",".join(SHARDS), "--quiet-s", "3")
        makai = ",".join(f"{shard}={self.addresses[shard]}" for shard in SHARDS)
        await self._start("ingest", "ingest", "--makai", makai)

    async def again(self, name: str) -> None:
        self._processes.start(name)
        await self._until_healthy(name)

    async def _start(self, name: str, program: str, *flags: str) -> None:
        self._processes.start(name, "--listen", self.addresses[name], "--store", self.url, *flags, program=program)
        await self._until_healthy(name)

    async def _until_healthy(self, name: str) -> None:
        for _ in range(200):
            if await healthy(self.addresses[name], 0.2):
                return
            await asyncio.sleep(0.05)
        raise AssertionError(self._processes.log_text(name))

    def event(self, grid_id: GridId) -> Event | None:
        events = self.store.events.list(EventFilter(grid_id=grid_id))
        assert len(events) <= 1, events
        return events[0] if events else None

    def in_state(self, state: EventState) -> bool:
        events = [self.event(ONE), self.event(TWO)]
        return all(event is not None and event.state is state for event in events)

    def record(self, grid_id: GridId, begin_ns: int) -> Any:
        """All that is on record of the grid's event, without ids and the shard's own clock."""
        event = self.event(grid_id)
        assert event is not None
        head = replace(event, event_id="", grid_id="", opened_unix_ns=0, completed_unix_ns=0)  # type: ignore[arg-type]
        parts = self.store.events.boxes(event.event_id)
        asked = self.store.acquisitions.of_event(event.event_id)
        return (
            (head.start_unix_ns - begin_ns, head.end_unix_ns - begin_ns, head.state, head.extent, head.extent_reason),
            (head.revision, head.opened_by.split(": ")[1], [box[1:] for box in head.box_ids]),
            [(part.box_id[1:], part.role, part.start_unix_ns - begin_ns, part.end_unix_ns - begin_ns) for part in parts],
            [
                (item.box_id[1:], item.start_unix_ns - begin_ns, item.end_unix_ns - begin_ns, item.state, item.reason)
                for item in asked
            ],
        )  # fmt: skip


async def test_a_shard_killed_in_the_middle_of_an_event_changes_no_record_and_no_other_grid(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        site = Site(tmp_path, processes)
        await site.start()
        async with AsyncExitStack() as stack:
            boxes = {
                box_id: await stack.enter_async_context(hand_box(site.addresses["ingest"], box_id)) for box_id in BOXES
            }
            begin = CLOCK.unix_ns() - 2 * NS
            for box in boxes.values():
                await box.frame(begin - NS)
            await asyncio.sleep(0.5)
            for box_id, box in boxes.items():
                await box.frame(begin, **({"u_rms_half_min_v": 80.0} if box_id.endswith("1") else {}))
            await soon(lambda: site.in_state(EventState.OPEN), "an event is open on each grid")
            processes.kill("makai-1")
            for box_id, box in boxes.items():
                await box.frame(begin + NS, **({"u_rms_half_min_v": 70.0} if box_id.endswith("1") else {}))
            await site.again("makai-1")
            for second in range(2, 30):
                for box in boxes.values():
                    await box.frame(begin + second * NS)
                if site.in_state(EventState.COMPLETE):
                    break
                await asyncio.sleep(1)
            assert site.in_state(EventState.COMPLETE)
        killed, untouched = site.record(ONE, begin), site.record(TWO, begin)
        assert killed == untouched
        assert killed[0][:2] == (0, 2 * NS)
        assert [part[0] for part in killed[2]] == ["-1", "-2"]
        assert {reason for *_, reason in killed[3]} == {"gone"}
        grids = {event.grid_id: set(event.box_ids) for event in site.store.events.list()}
        assert grids == {ONE: {"a-1", "a-2"}, TWO: {"b-1", "b-2"}}
        for shard in SHARDS:
            processes.stop(shard)
        checkpoints = site.store.checkpoints.items("makai/grid/")
        assert set(checkpoints) == {f"makai/grid/{ONE}", f"makai/grid/{TWO}"}
        site.store.close()


async def test_a_box_that_changes_its_grid_is_heard_by_the_other_shard(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        site = Site(tmp_path, processes)
        await site.start()
        async with hand_box(site.addresses["ingest"], "a-1") as box:
            await box.frame(CLOCK.unix_ns() - NS)
            moved = site.store.boxes.get(BoxId("a-1"))
            assert moved is not None
            site.store.boxes.put(replace(moved, grid_id=TWO))
            # Ingest looks at the boxes every 5 s.
            await asyncio.sleep(6)
            await box.frame(CLOCK.unix_ns() - NS, u_rms_half_min_v=80.0)
            await soon(lambda: site.event(TWO), "it is an event of the other grid")
        assert site.event(ONE) is None
        site.store.close()
