"""Makai over a real socket with a hand-driven feed: frames in, requests out, events in the store, whatever is interrupted."""

import asyncio
import itertools
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest

from opq.clock import NS, Clock, SystemClock
from opq.codec import encode
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import AcquisitionState, Event, EventState, Role
from opq.model.features import FeatureFrame, TimeSource
from opq.model.measurements import fold_frames
from opq.model.tasks import DISPATCH, Task, TaskState
from opq.model.waveforms import Segment, WaveformInfo
from opq.rpc.channels import Server, healthy, open_channel
from opq.rpc.frames import encode_frame
from opq.rpc.twins import BoxFrameTwin, FeedUpTwin, FrameBatchTwin
from opq.store import Store, open_store
from opq.testing.clock import ManualClock
from opq.testing.frames import good_frame
from opq.testing.processes import Processes, free_address, soon
from opq.v1 import makai_pb2, problem_pb2
from opq_makai.server import Makai
from opq_makai.settings import MakaiSettings

T0 = 1_760_000_000 * NS
US = Nominal(120, 60)
_NUMBERS = itertools.count(1)


def frame(box: str, at_ns: int, **features: float) -> FeatureFrame:
    """One second of five windows."""
    return good_frame(box, next(_NUMBERS), at_ns, **features)


def sag(box: str, at_ns: int) -> FeatureFrame:
    return frame(box, at_ns, u_rms_half_min_v=80.0)


class Feed:
    """A hand-driven ingest."""

    def __init__(self, address: str) -> None:
        self.channel = open_channel(address)
        self.call = self.channel.stream_stream(
            "/opq.v1.MakaiService/Feed", request_serializer=None, response_deserializer=makai_pb2.FeedDown.FromString
        )()
        self.requests: list[makai_pb2.AcquisitionRequest] = []
        self._reader = asyncio.create_task(self._read())

    async def __aenter__(self) -> "Feed":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self.channel.close()

    async def _read(self) -> None:
        while isinstance(message := await self.call.read(), makai_pb2.FeedDown):
            self.requests.append(message.request)

    async def say(self, **kind: Any) -> None:
        await self.call.write(makai_pb2.FeedUp(**kind).SerializeToString())

    async def hello(self, *boxes: str, missed_from: int = 0, name: str = "ingest-1") -> None:
        await self.say(hello=makai_pb2.FeedHello(ingest_id=name, missed_from_unix_ns=missed_from, box_ids=list(boxes)))

    async def frames(self, *frames: FeatureFrame) -> None:
        parts = [BoxFrameTwin(box_id=item.box_id, frame=encode_frame(item, TimeSource.NTP)) for item in frames]
        await self.call.write(FeedUpTwin(frames=FrameBatchTwin(frames=parts).SerializeToString()).SerializeToString())

    async def presence(self, box: str, connected: bool) -> None:
        await self.say(presence=makai_pb2.BoxPresence(box_id=box, connected=connected))

    async def stored(self, acquisition_id: str, size: int = 1234) -> None:
        await self.say(acquisition=makai_pb2.AcquisitionUpdate(acquisition_id=acquisition_id, stored_bytes=size))

    async def gone(self, acquisition_id: str, why: str) -> None:
        problem = problem_pb2.Problem(code=problem_pb2.PROBLEM_CODE_NOT_AVAILABLE, message=why)
        await self.say(acquisition=makai_pb2.AcquisitionUpdate(acquisition_id=acquisition_id, problem=problem))

    async def asked(self, count: int = 1) -> list[makai_pb2.AcquisitionRequest]:
        await soon(lambda: len(self.requests) >= count, f"{count} requests came down")
        return self.requests


class Records:
    """What Makai wrote."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def events(self) -> list[Event]:
        return sorted(self.store.events.list(), key=lambda event: event.start_unix_ns)

    def event(self) -> Event | None:
        events = self.events()
        assert len(events) <= 1, events
        return events[0] if events else None

    def in_state(self, state: EventState) -> bool:
        event = self.event()
        return event is not None and event.state is state

    def dispatched(self) -> list[str]:
        return sorted(task.task_id for task in self.store.tasks.list(plugin=DISPATCH))

    async def complete(self, revision: int = 0) -> Event:
        await soon(
            lambda: self.in_state(EventState.COMPLETE) and self.event().revision == revision, "the event is complete"
        )
        event = self.event()
        assert event is not None
        await soon(lambda: f"dispatch:{event.event_id}:{revision}" in self.dispatched(), "it is handed over")
        return event


def enrol(store: Store) -> None:
    for box, grid, feeder in (("b-1", "g", "f1"), ("b-2", "g", "f1"), ("b-3", "g", "f2"), ("c-1", "h", "f1")):
        store.boxes.put(Box(BoxId(box), GridId(grid), US, feeder=feeder))


@asynccontextmanager
async def running_makai(store: Store, clock: Clock) -> AsyncIterator[str]:
    makai = Makai(MakaiSettings(quiet_s=2, answer_timeout_s=30), store, clock)
    await makai.restore()
    server = Server()
    server.grpc.add_generic_rpc_handlers((makai.handlers(),))
    address = await server.start("127.0.0.1:0", ["opq.v1.MakaiService"])
    stop = asyncio.Event()
    running = asyncio.create_task(makai.run(stop))
    try:
        yield address
    finally:
        await server.stop(0.1)
        stop.set()
        await running


@dataclass
class Site(Records):
    """A Makai under test whose clock moves only when told to."""

    store: Store
    clock: ManualClock
    address: str

    def feed(self) -> Feed:
        return Feed(self.address)

    @property
    def now(self) -> int:
        return self.clock.unix_ns()


@pytest.fixture
def store(tmp_path: Path) -> Any:
    opened = open_store(f"sqlite:{tmp_path / 'store'}")
    enrol(opened)
    yield opened
    opened.close()


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    clock = ManualClock(T0)
    async with running_makai(store, clock) as address:
        yield Site(store, clock, address)


async def event_at(site: Site, feed: Feed, box: str = "b-1") -> Event:
    """Have a sag happen and be over."""
    before = len(site.events())
    await feed.frames(sag(box, site.now - NS))
    await soon(lambda: len(site.events()) > before, "an event is open")
    site.clock.advance(2.1)
    await soon(lambda: all(event.state is not EventState.OPEN for event in site.events()), "it is closed")
    return max(site.events(), key=lambda event: event.opened_unix_ns)


# --- the whole way


async def test_frames_become_an_event_whose_waveforms_are_asked_for_and_which_is_handed_over_when_they_are_there(
    site: Site,
) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1", "b-2", "b-3")
        await feed.frames(*(frame(box, site.now - 2 * NS) for box in ("b-1", "b-2", "b-3")))
        await feed.frames(sag("b-1", site.now - NS))
        await soon(lambda: site.in_state(EventState.OPEN), "an event is open")
        opened = site.event()
        assert (opened.grid_id, opened.opened_unix_ns) == ("g", site.now)
        assert opened.opened_by == "b-1: u_rms_half_min_v 80 beyond 114 (hard, limits)"
        assert (opened.start_unix_ns, opened.end_unix_ns) == (site.now - NS, site.now)
        await asyncio.sleep(0.2)
        assert feed.requests == [], "nothing is asked for before it is over"
        site.clock.advance(2.1)
        requests = await feed.asked(2)
        assert sorted(request.box_id for request in requests) == ["b-1", "b-2"], "b-2 hangs on the same feeder"
        for request in requests:
            padding = NS if request.box_id == "b-1" else NS // 4
            assert request.start_unix_ns == opened.start_unix_ns - padding
            assert request.end_unix_ns == opened.end_unix_ns + padding
            kept = site.store.acquisitions.get(AcquisitionId(request.acquisition_id))
            assert (kept.event_id, kept.box_id, kept.state) == (
                opened.event_id,
                request.box_id,
                AcquisitionState.REQUESTED,
            )
        assert site.in_state(EventState.CLOSED)
        assert site.dispatched() == []
        await feed.stored(requests[0].acquisition_id, 111)
        await feed.gone(requests[1].acquisition_id, "the ring buffer no longer has it")
        event = await site.complete()
        assert (event.extent_reason, event.box_ids) == ("1 of 3 streaming boxes triggered", ("b-1", "b-2"))
        assert {part.box_id: part.role for part in site.store.events.boxes(event.event_id)} == {
            "b-1": Role.HARD,
            "b-2": Role.NEIGHBOUR,
        }
        first, second = (site.store.acquisitions.get(AcquisitionId(item.acquisition_id)) for item in requests)
        assert (first.state, first.bytes, first.reason) == (AcquisitionState.STORED, 111, "")
        assert (second.state, second.reason) == (AcquisitionState.MISSING, "the ring buffer no longer has it")
        (task,) = site.store.tasks.list(plugin=DISPATCH)
        assert (task.event_id, task.state) == (event.event_id, TaskState.QUEUED)


async def test_undisturbed_frames_make_no_event(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1", "b-2")
        for second in range(5):
            await feed.frames(*(frame(box, site.now - (5 - second) * NS) for box in ("b-1", "b-2")))
        await feed.frames(sag("b-2", site.now - NS))
        await soon(lambda: site.events(), "the last is taken")
        (event,) = site.events()
        assert event.start_unix_ns == site.now - NS


async def test_a_request_goes_down_only_where_its_box_is(site: Site) -> None:
    async with site.feed() as one, site.feed() as two:
        await one.hello("b-1", name="ingest-1")
        await two.hello("b-2", "b-3", name="ingest-2")
        await two.frames(sag("b-3", site.now - NS))
        await soon(lambda: site.events(), "an event is open")
        await one.frames(sag("b-1", site.now - NS))
        await soon(lambda: "b-1" in site.event().box_ids, "both are in it")
        site.clock.advance(2.1)
        assert [request.box_id for request in await one.asked()] == ["b-1"]
        assert [request.box_id for request in await two.asked()] == ["b-3"]


async def test_a_bad_frame_is_skipped_and_the_others_of_its_batch_count(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1")
        good = BoxFrameTwin(box_id="b-1", frame=encode_frame(sag("b-1", site.now - NS), TimeSource.NTP))
        parts = [BoxFrameTwin(box_id="b-2", frame=b"\xff\xff"), good]
        await feed.call.write(FeedUpTwin(frames=FrameBatchTwin(frames=parts).SerializeToString()).SerializeToString())
        await soon(lambda: site.events(), "the good frame is seen")


@pytest.mark.parametrize("kind", ["presence", "frames"])
async def test_a_feed_that_does_not_greet_is_told_what_was_expected(site: Site, kind: str) -> None:
    async with site.feed() as feed:
        await (feed.presence("b-1", True) if kind == "presence" else feed.frames(sag("b-1", site.now - NS)))
        assert await asyncio.wait_for(feed.call.code(), 10) == grpc.StatusCode.INVALID_ARGUMENT
        assert await feed.call.details() == f"first message: got {kind}, expected hello"
    assert site.events() == []


async def test_a_box_enrolled_a_moment_ago_is_known_when_it_comes(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1")
        site.store.boxes.put(Box(BoxId("new"), GridId("g"), US))
        await feed.presence("new", True)
        await event_at(site, feed, "new")
        assert [request.box_id for request in await feed.asked()] == ["new"]


async def test_two_grids_never_mix(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1", "b-2", "c-1")
        await feed.frames(frame("b-2", site.now - 2 * NS), frame("c-1", site.now - 2 * NS))
        await feed.frames(sag("b-1", site.now - NS), sag("c-1", site.now - NS))
        await soon(lambda: len(site.events()) == 2, "an event per grid")
        site.clock.advance(2.1)
        for request in list(await feed.asked(3)):
            await feed.stored(request.acquisition_id)
        await soon(lambda: len(site.dispatched()) == 2, "both are handed over")
        boxes = {event.grid_id: event.box_ids for event in site.events()}
        assert boxes == {"g": ("b-1", "b-2"), "h": ("c-1",)}
        for event in site.events():
            asked = site.store.acquisitions.of_event(event.event_id)
            assert {item.box_id for item in asked} == set(event.box_ids)
            assert (
                event.extent_reason == ("1 of 2" if event.grid_id == "g" else "1 of 1") + " streaming boxes triggered"
            )


# --- boxes that go and come


async def test_a_box_that_comes_back_is_asked_again_and_its_waveform_makes_a_new_revision(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1")
        await event_at(site, feed)
        (request,) = await feed.asked()
        await feed.presence("b-1", False)
        await asyncio.sleep(0.2)
        site.clock.advance(30.1)
        event = await site.complete()
        (missing,) = site.store.acquisitions.of_event(event.event_id)
        assert (missing.state, missing.reason) == (AcquisitionState.MISSING, "the box is not connected")
        await feed.presence("b-1", True)
        again = (await feed.asked(2))[1]
        assert again == request
        await feed.stored(again.acquisition_id, 77)
        revised = await site.complete(revision=1)
        assert revised.event_id == event.event_id
        assert site.store.acquisitions.get(missing.acquisition_id).state is AcquisitionState.STORED
        assert site.dispatched() == [f"dispatch:{event.event_id}:0", f"dispatch:{event.event_id}:1"]


async def test_a_box_that_comes_in_by_another_ingest_is_asked_there(site: Site) -> None:
    async with site.feed() as two:
        async with site.feed() as one:
            await one.hello("b-1")
            await event_at(site, one)
            (request,) = await one.asked()
        await two.hello("b-1", name="ingest-2")
        assert (await two.asked())[0] == request


async def test_a_connected_box_that_does_not_answer_is_said_not_to(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1")
        event = await event_at(site, feed)
        await feed.asked()
        site.clock.advance(30.1)
        await site.complete()
        (missing,) = site.store.acquisitions.of_event(event.event_id)
        assert missing.reason == "no answer within 30 s"


# --- what was missed


def store_second(store: Store, made: FeatureFrame) -> None:
    store.measurements.add(fold_frames([made]))


async def test_what_a_lost_feed_could_not_forward_is_read_from_the_store(site: Site) -> None:
    async with site.feed() as feed:
        await feed.hello("b-1")
        await feed.frames(frame("b-1", site.now - NS))
    missed = site.now
    for second in range(100):
        made = (sag if second in (20, 21) else frame)("b-1", missed + second * NS)
        store_second(site.store, made)
    site.clock.advance(100)
    async with site.feed() as feed:
        await feed.hello("b-1", missed_from=missed)
        await soon(lambda: site.events(), "the sag is found in the store")
        (event,) = site.events()
        assert (event.start_unix_ns, event.end_unix_ns) == (missed + 20 * NS, missed + 22 * NS)
        site.clock.advance(2.1)
        (request,) = await feed.asked()
        assert (request.start_unix_ns, request.end_unix_ns) == (missed + 19 * NS, missed + 23 * NS)


async def test_more_than_a_page_of_missed_seconds_is_read_to_the_end(site: Site) -> None:
    seconds = 10_050
    start = site.now
    rows = fold_frames([good_frame("b-1", number, start + number * NS) for number in range(1, seconds)])
    site.store.measurements.add(rows)
    store_second(site.store, sag("b-1", start + seconds * NS))
    site.clock.advance(seconds + 40)
    async with site.feed() as feed:
        await feed.hello("b-1", missed_from=start)
        await soon(lambda: site.events(), "the sag behind the first page is found")


async def test_without_a_gap_only_the_last_half_minute_is_read_again(site: Site) -> None:
    store_second(site.store, sag("b-1", site.now - 60 * NS))
    store_second(site.store, sag("b-2", site.now - 20 * NS))
    async with site.feed() as feed:
        await feed.hello("b-1")
        await soon(lambda: site.events(), "the younger is found")
        assert [event.start_unix_ns for event in site.events()] == [site.now - 20 * NS]


async def test_frames_that_come_again_from_the_store_change_nothing(site: Site) -> None:
    made = sag("b-1", site.now - NS)
    store_second(site.store, made)
    async with site.feed() as feed:
        await feed.hello("b-1")
        await feed.frames(made)
        await soon(lambda: site.events(), "it is seen")
    before = site.event()
    async with site.feed() as feed:
        await feed.hello("b-1", missed_from=site.now - 10 * NS)
        await feed.frames(made)
        await asyncio.sleep(0.3)
        assert site.event() == before


# --- restarts


def store_waveform(store: Store, acquisition_id: str) -> None:
    """Commit a waveform that nobody tells Makai of."""
    asked = store.acquisitions.get(AcquisitionId(acquisition_id))
    assert asked is not None
    counts = np.zeros(1200, np.int16)
    data = encode(counts)
    segments = (Segment(asked.start_unix_ns, len(counts)),)
    crc32 = zlib.crc32(counts.tobytes())
    store.waveforms.append(asked.acquisition_id, 0, data)
    store.waveforms.commit(
        WaveformInfo(asked.acquisition_id, asked.event_id, asked.box_id, 12_000.0, 0.01, segments, crc32, len(data))
    )


async def test_an_event_interrupted_by_kills_at_every_stage_is_completed_once(store: Store, tmp_path: Path) -> None:
    """SIGKILL while it is open, while its waveform is awaited, and while the waveform comes."""
    records, clock, address = Records(store), SystemClock(), free_address()
    with Processes(tmp_path) as processes:

        async def start() -> None:
            processes.start("makai", "--listen", address, "--store", f"sqlite:{tmp_path / 'store'}", "--quiet-s", "2")
            for _ in range(200):
                if await healthy(address, 0.2):
                    return
                await asyncio.sleep(0.05)
            raise AssertionError(processes.log_text("makai"))

        await start()
        async with Feed(address) as feed:
            await feed.hello("b-1")
            made = sag("b-1", clock.unix_ns() - NS)
            store_second(store, made)
            await feed.frames(made)
            await soon(lambda: records.in_state(EventState.OPEN), "the event is open")
            processes.kill("makai")
        await start()
        async with Feed(address) as feed:
            await feed.hello("b-1")
            (request,) = await feed.asked()
            processes.kill("makai")
        assert records.in_state(EventState.CLOSED)
        await start()
        async with Feed(address) as feed:
            await feed.hello("b-1")
            assert (await feed.asked())[0] == request, "the same is asked for again"
            processes.kill("makai")
        store_waveform(store, request.acquisition_id)
        await start()
        event = await records.complete()
        (only,) = store.acquisitions.of_event(event.event_id)
        assert only.state is AcquisitionState.STORED
        assert (event.revision, event.box_ids) == (0, ("b-1",))
        assert records.dispatched() == [f"dispatch:{event.event_id}:0"]
        processes.stop("makai")


async def test_a_new_makai_beside_the_records_of_one_that_is_gone_goes_on_where_they_end(store: Store) -> None:
    clock = ManualClock(T0)
    async with running_makai(store, clock) as address:
        site = Site(store, clock, address)
        async with site.feed() as feed:
            await feed.hello("b-1")
            await event_at(site, feed)
            (request,) = await feed.asked()
    clock.advance(5)
    async with running_makai(store, clock) as address:
        site = Site(store, clock, address)
        async with site.feed() as feed:
            await feed.hello("b-1")
            assert await feed.asked() == [request]
            await feed.stored(request.acquisition_id)
            event = await site.complete()
    async with running_makai(store, clock) as address:
        site = Site(store, clock, address)
        async with site.feed() as feed:
            await feed.hello("b-1")
            await feed.stored(request.acquisition_id)
            await asyncio.sleep(0.3)
            assert feed.requests == []
            assert (site.event(), site.dispatched()) == (event, [f"dispatch:{event.event_id}:0"])


async def test_an_event_that_was_complete_but_not_yet_handed_over_is_handed_over_by_the_next_makai(
    store: Store,
) -> None:
    start = T0 - 60 * NS
    done = Event(EventId("e"), GridId("g"), start, start + NS, EventState.COMPLETE, completed_unix_ns=T0, revision=2)
    store.events.put(done)
    async with running_makai(store, ManualClock(T0)):
        assert Records(store).dispatched() == ["dispatch:e:2"]
    store.tasks.claim([DISPATCH], "hub", T0, T0)
    held: list[Task] = store.tasks.list(plugin=DISPATCH)
    assert store.tasks.complete(held[0].task_id, "hub")
    async with running_makai(store, ManualClock(T0)):
        assert [task.state for task in store.tasks.list(plugin=DISPATCH)] == [TaskState.DONE], "and not again"
