"""Hub and workers over real sockets, within the test's loop: tasks out, findings back, and whatever goes wrong between."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import grpc
import grpc.aio
import numpy as np
import pytest

from opq.clock import NS, Clock, SystemClock
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, EventState, Role
from opq.model.incidents import Finding, Incident, IncidentClass
from opq.model.tasks import DISPATCH, Task, TaskId, TaskKind, TaskState, dispatch_task_id, event_task_id
from opq.model.waveforms import VoltageSegment
from opq.rpc.channels import Server, open_channel
from opq.store import Store, open_store
from opq.testing.clock import ManualClock
from opq.testing.processes import soon
from opq.testing.site import put_waveform
from opq.testing.waves import Step, Wave
from opq.v1 import mauka_pb2, mauka_pb2_grpc
from opq_mauka.hub.server import Hub
from opq_mauka.sdk import EventContext, Plugin, PluginConfig
from opq_mauka.settings import HubSettings
from opq_mauka.wire import findings_json
from opq_mauka.worker.registry import make_plugins
from opq_mauka.worker.runner import PluginHung, Worker

US = Nominal(120, 60)
RATE = 12_000
T0 = 1_760_000_000 * NS
WAVE = Wave(US, steps=[Step(1, 1.3, 0.6)], noise_v=0.1).volts(2.4)


def peak(context: Any) -> list[Finding]:
    """One finding per record."""
    return [
        Finding(record.box.box_id, IncidentClass.VOLTAGE_SAG, segment.start_unix_ns, segment.end_unix_ns, "none", "none",
                extreme=float(np.abs(segment.volts).max()), unit="V")
        for record in context.records
        for segment in record.segments
    ]  # fmt: skip


class Trial(Plugin[PluginConfig]):
    """A plugin that does what its test says."""

    name: ClassVar[str] = "trial"
    version: ClassVar[str] = "3"
    time_limit_s: ClassVar[float] = 20.0

    def __init__(self, behave: Callable[[Any], Sequence[Any]] = peak, **changes: Any) -> None:
        super().__init__(PluginConfig())
        self.behave = behave
        for name, value in changes.items():
            setattr(self, name, value)

    def analyze(self, context: Any) -> Sequence[Finding]:
        return self.behave(context)


def add_event(store: Store, event_id: str = "e-1", at_s: float = 0.0) -> Event:
    """A complete event with a waveform, handed over as Makai does."""
    start = T0 + round(at_s * NS)
    box_id = BoxId("b-1")
    event = Event(EventId(event_id), GridId("g"), start + NS, start + round(1.3 * NS), EventState.COMPLETE,
                  completed_unix_ns=start + 3 * NS, box_ids=(box_id,))  # fmt: skip
    acquisition = Acquisition(
        AcquisitionId(f"w-{event_id}"), event.event_id, box_id, start, start + 2 * NS, AcquisitionState.STORED
    )
    put_waveform(store, acquisition, [VoltageSegment(start, RATE, WAVE)])
    store.acquisitions.put(acquisition)
    part = EventBox(event.event_id, box_id, Role.HARD, event.start_unix_ns, event.end_unix_ns, ("u_rms_v low",))
    store.events.put_boxes([part])
    store.events.put(event)
    store.tasks.add([Task(dispatch_task_id(event.event_id, 0), DISPATCH, TaskKind.EVENT, T0, event.event_id)])
    return event


@dataclass
class Site:
    """A hub under test."""

    store: Store
    address: str
    hub: Hub
    clock: Any
    workers: list[tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=list)

    def start_worker(self, name: str, *plugins: Plugin[Any]) -> asyncio.Event:
        stop = asyncio.Event()
        worker = Worker(name, self.address, {plugin.name: plugin for plugin in plugins})
        self.workers.append((stop, asyncio.create_task(worker.run(stop))))
        return stop

    def task(self, event_id: str = "e-1", plugin: str = "trial") -> Task | None:
        return self.store.tasks.get(event_task_id(plugin, EventId(event_id), 0))

    def in_state(self, state: TaskState, event_id: str = "e-1", plugin: str = "trial") -> bool:
        task = self.task(event_id, plugin)
        return task is not None and task.state is state

    async def done(self, event_id: str = "e-1", plugin: str = "trial") -> Task:
        await soon(lambda: self.in_state(TaskState.DONE, event_id, plugin), f"{plugin} is done with {event_id}")
        task = self.task(event_id, plugin)
        assert task is not None
        return task

    def incidents(self) -> list[Incident]:
        return self.store.incidents.list(limit=1000)

    def known(self) -> set[str]:
        """The plugins that the hub knows."""
        return {key.removeprefix("mauka/plugins/") for key in self.store.checkpoints.items("mauka/plugins/")}


@asynccontextmanager
async def running_hub(store: Store, clock: Clock, **settings: Any) -> AsyncIterator[tuple[str, Hub]]:
    hub = Hub(HubSettings(**settings), store, clock)
    server = Server()
    mauka_pb2_grpc.add_MaukaServiceServicer_to_server(hub, server.grpc)
    address = await server.start("127.0.0.1:0", ["opq.v1.MaukaService"])
    stop = asyncio.Event()
    running = asyncio.create_task(hub.run(stop))
    try:
        yield address, hub
    finally:
        stop.set()
        await running
        await server.stop(0.1)


@asynccontextmanager
async def site_at(directory: Path, clock: Clock, **settings: Any) -> AsyncIterator[Site]:
    store = open_store(f"sqlite:{directory / 'store'}")
    store.boxes.put(Box(BoxId("b-1"), GridId("g"), US))
    async with running_hub(store, clock, **settings) as (address, hub):
        site = Site(store, address, hub, clock)
        yield site
        for stop, _ in site.workers:
            stop.set()
        await asyncio.gather(*(task for _, task in site.workers), return_exceptions=True)
    store.close()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_at(tmp_path, SystemClock(), lease_s=1) as made:
        yield made


@pytest.fixture
async def still(tmp_path: Path) -> AsyncIterator[Site]:
    """A hub whose clock moves only when told to."""
    async with site_at(tmp_path, ManualClock(T0 + 100 * NS), max_attempts=3) as made:
        yield made


class Peer:
    """A hand-driven worker."""

    def __init__(self, address: str) -> None:
        self.channel = open_channel(address)
        self.call = mauka_pb2_grpc.MaukaServiceStub(self.channel).Work()

    async def __aenter__(self) -> "Peer":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.call.cancel()
        await self.channel.close()

    async def hello(self, *plugins: str, credit: int = 1, tick_s: float = 0.0, name: str = "peer") -> None:
        infos = [
            mauka_pb2.PluginInfo(name=plugin, version="1", kinds=["tick" if tick_s else "event"], tick_period_s=tick_s)
            for plugin in plugins
        ]
        hello = mauka_pb2.WorkerHello(worker_id=name, plugins=infos, credit=credit)
        await self.send(mauka_pb2.WorkUp(hello=hello))

    async def send(self, up: mauka_pb2.WorkUp) -> None:
        await self.call.write(up)

    async def done(self, task_id: str, findings: str = "[]") -> None:
        await self.send(mauka_pb2.WorkUp(done=mauka_pb2.TaskDone(task_id=task_id, findings_json=findings)))

    async def receive(self) -> mauka_pb2.WorkDown:
        message = await asyncio.wait_for(self.call.read(), 10)
        assert isinstance(message, mauka_pb2.WorkDown), message
        return message

    async def task(self) -> tuple[mauka_pb2.TaskStart, list[mauka_pb2.TaskWaveform]]:
        """All messages of the next task."""
        start, pieces = (await self.receive()).start, []
        while (message := await self.receive()).WhichOneof("kind") == "waveform":
            pieces.append(message.waveform)
        assert message.ready.task_id == start.task_id
        return start, pieces

    async def nothing(self, seconds: float = 0.4) -> bool:
        """Whether nothing comes for a while; the stream is of no use afterwards."""
        try:
            await asyncio.wait_for(self.call.read(), seconds)
        except TimeoutError:
            return True
        return False

    async def refusal(self) -> tuple[grpc.StatusCode, str]:
        return await asyncio.wait_for(self.call.code(), 10), await self.call.details()


# --- the way there and back


async def test_an_event_goes_out_with_its_waveforms_and_comes_back_as_incidents(site: Site) -> None:
    add_event(site.store)
    site.start_worker("worker-1", *make_plugins([], "").values())
    await soon(lambda: site.store.tasks.list(TaskState.DONE, "ieee1159"), "ieee1159 is done")
    for plugin in ("itic", "semi_f47", "ieee1668", "frequency", "distortion", "rapid_voltage_change"):
        await site.done(plugin=plugin)
    found = {item.plugin: item for item in site.incidents() if item.event_id}
    assert {name: item.finding.incident_class.value for name, item in found.items()} == {
        "ieee1159": "VOLTAGE_SAG",
        "itic": "ITIC_NO_DAMAGE",
        "semi_f47": "SEMI_F47_VIOLATION",
        "ieee1668": "IEEE_1668_VIOLATION",
    }
    sag = found["ieee1159"]
    assert sag.event_id == "e-1"
    assert sag.finding.start_unix_ns == pytest.approx(T0 + NS, abs=10e6)
    assert sag.finding.duration_ns == pytest.approx(0.3e9, abs=20e6)
    assert sag.finding.extreme_pu == pytest.approx(0.6, abs=0.005)
    assert site.store.tasks.get(dispatch_task_id(EventId("e-1"), 0)).state is TaskState.DONE


async def test_a_task_is_a_start_then_waveforms_in_counts_then_ready(site: Site) -> None:
    add_event(site.store)
    async with Peer(site.address) as peer:
        await peer.hello("trial")
        start, pieces = await peer.task()
        assert (start.task_id, start.plugin, start.kind, start.lease_s) == ("trial:e-1:0", "trial", "event", 1.0)
        assert '"event_id":"e-1"' in start.context_json
        counts = np.concatenate([np.frombuffer(piece.samples, "<i2") for piece in pieces])
        np.testing.assert_allclose(counts * pieces[0].volts_per_count, WAVE, atol=0.0063)
        assert {(piece.box_id, piece.sample_rate_hz) for piece in pieces} == {("b-1", RATE)}
        assert pieces[0].start_unix_ns == T0
        task = site.task()
        assert (task.state, task.worker, task.attempts) == (TaskState.LEASED, "peer", 1)


async def test_an_event_with_a_new_revision_is_looked_at_again_and_its_incidents_replaced(site: Site) -> None:
    event = add_event(site.store)
    site.start_worker("worker-1", Trial())
    await site.done()
    (first,) = site.incidents()
    site.store.events.put(replace(event, revision=1))
    again = Task(dispatch_task_id(event.event_id, 1), DISPATCH, TaskKind.EVENT, T0 + 1, event.event_id)
    site.store.tasks.add([again])
    await soon(lambda: len(site.store.tasks.list(TaskState.DONE, "trial")) == 2, "revision 1 is done")
    assert [item.incident_id for item in site.incidents()] == [first.incident_id]


async def test_a_worker_with_some_plugins_gets_only_tasks_of_those(site: Site) -> None:
    async with Peer(site.address) as one, Peer(site.address) as two:
        await one.hello("trial", credit=64, name="one")
        await two.hello("other", "third", credit=64, name="two")
        await soon(lambda: site.known() == {"trial", "other", "third"}, "known")
        for number in range(3):
            add_event(site.store, f"e-{number}", number * 10)
        ones = [(await one.task())[0].plugin for _ in range(3)]
        twos = [(await two.task())[0].plugin for _ in range(6)]
        assert ones == ["trial"] * 3
        assert sorted(twos) == ["other"] * 3 + ["third"] * 3
        assert await one.nothing()


async def test_a_worker_gets_no_more_at_once_than_it_takes(site: Site) -> None:
    for number in range(4):
        add_event(site.store, f"e-{number}", number * 10)
    async with Peer(site.address) as peer:
        await peer.hello("trial", credit=2)
        first = [(await peer.task())[0].task_id for _ in range(2)]
        leased = lambda: [task.task_id for task in site.store.tasks.list(TaskState.LEASED, "trial")]  # noqa: E731
        await asyncio.sleep(0.3)
        assert sorted(leased()) == sorted(first)
        await peer.done(first[0])
        third, _ = await peer.task()
        assert third.task_id not in first


async def test_an_answer_brings_the_next_task_without_a_pause(site: Site) -> None:
    """Ten tasks one by one take much less than ten times the tenth of a second at which an idle worker's queue is looked at."""
    for number in range(12):
        add_event(site.store, f"e-{number:02d}", number * 10)
    async with Peer(site.address) as peer:
        await peer.hello("trial")
        start, _ = await peer.task()
        await soon(lambda: len(site.store.tasks.list(TaskState.QUEUED, "trial")) == 11, "all are queued")
        began = time.monotonic()
        for _ in range(10):
            await peer.done(start.task_id)
            start, _ = await peer.task()
        assert time.monotonic() - began < 0.6


async def test_two_workers_share_the_work_and_no_task_is_done_twice_at_once(site: Site) -> None:
    lock, began, under_way, twice = threading.Lock(), [], set(), []

    def note(worker: str) -> Callable[[EventContext], list[Finding]]:
        def behave(context: EventContext) -> list[Finding]:
            event_id = context.event.event_id
            with lock:
                began.append((worker, event_id))
                twice.extend([event_id] if event_id in under_way else [])
                under_way.add(event_id)
            time.sleep(0.03)
            with lock:
                under_way.discard(event_id)
            return peak(context)

        return behave

    for number in range(20):
        add_event(site.store, f"e-{number}", number * 10)
    for name in ("one", "two"):
        site.start_worker(name, Trial(note(name)))
    await soon(lambda: len(site.store.tasks.list(TaskState.DONE, "trial")) == 20, "all 20 are done")
    assert sorted(event_id for _, event_id in began) == sorted(f"e-{number}" for number in range(20))
    assert min(sum(worker == name for worker, _ in began) for name in ("one", "two")) >= 5
    assert twice == []
    assert len(site.incidents()) == 20


# --- what goes wrong in plugins


async def test_a_plugin_that_raises_is_tried_again_later_each_time_and_then_set_aside_with_the_traceback(
    still: Site,
) -> None:
    def sour(context: Any) -> list[Finding]:
        raise ValueError("sour milk")

    add_event(still.store)
    still.start_worker("worker-1", Trial(sour))
    for attempt, pause_s in ((1, 0.5), (2, 1.0)):
        await soon(lambda: still.in_state(TaskState.QUEUED) and still.task().attempts == attempt, "it failed")  # noqa: B023
        task = still.task()
        assert task.not_before_unix_ns - still.clock.unix_ns() == round(pause_s * NS)
        assert "sour milk" in task.error
        still.clock.advance(pause_s - 0.001)
        await asyncio.sleep(0.25)
        assert still.in_state(TaskState.QUEUED), "it is not tried before its time"
        still.clock.advance(0.001)
    await soon(lambda: still.in_state(TaskState.DEAD), "it is set aside")
    task = still.task()
    assert task.attempts == 3
    assert task.error.startswith("Traceback (most recent call last):")
    assert 'in sour\n    raise ValueError("sour milk")' in task.error
    assert task.error.rstrip().endswith("ValueError: sour milk")
    still.clock.advance(3600)
    await asyncio.sleep(0.25)
    assert still.in_state(TaskState.DEAD)
    assert still.incidents() == []


async def test_what_was_set_aside_is_done_after_it_was_queued_again(still: Site) -> None:
    moods = itertools.chain([True] * 3, itertools.repeat(False))

    def moody(context: Any) -> list[Finding]:
        if next(moods):
            raise ValueError("not today")
        return peak(context)

    add_event(still.store)
    still.start_worker("worker-1", Trial(moody))
    for _ in range(2):
        await soon(lambda: still.in_state(TaskState.QUEUED) and still.task().error, "it failed")
        attempts = still.task().attempts
        still.clock.advance(5)
        await soon(lambda: still.task().attempts > attempts, "it is tried again")  # noqa: B023
    await soon(lambda: still.in_state(TaskState.DEAD), "it is set aside")
    assert still.store.tasks.requeue(TaskId("trial:e-1:0"))
    await still.done()
    assert len(still.incidents()) == 1
    assert still.task().error == ""


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (lambda context: [{"box_id": "b-1"}], "Expected `Finding`"),
        (lambda context: None, "'NoneType' object is not iterable"),
        (lambda context: [*peak(context), Finding(BoxId("b-1"), IncidentClass.OUTAGE, 2, 1, "s", "c")],
         "findings: number 1 ends before it starts"),
        (lambda context: [Finding(BoxId("b-9"), IncidentClass.OUTAGE, 1, 2, "s", "c")],
         "findings: number 0 is of box 'b-9', which is not enrolled"),
        (lambda context: [Finding(BoxId("b-1"), IncidentClass.OUTAGE, 1, 2, "s", "c", evidence={"x": object()})],
         "Unable to serialize unknown type"),
        (lambda context: [Finding(BoxId("b-1"), IncidentClass.OUTAGE, 1, 2, "s", "c", extreme=float("nan"))],
         "findings: at 0.extreme: Input should be a valid number"),
        (lambda context: (_ for _ in ()).throw(TimeoutError("of its own")), "TimeoutError: of its own"),
        (lambda context: (_ for _ in ()).throw(SystemExit(4)), "SystemExit: 4"),
    ],
    ids=["dicts", "nothing", "backwards", "stranger", "not JSON", "nan", "timeout of its own", "exit"],
)  # fmt: skip
async def test_bad_findings_cost_their_task_with_the_reason_and_not_the_worker(
    site: Site, behave: Callable[[Any], Sequence[Any]], words: str
) -> None:
    add_event(site.store)
    site.start_worker("worker-1", Trial(behave), Trial(name="good"))
    await soon(lambda: (task := site.task()) and task.error, "it failed")
    assert words in site.task().error
    await site.done(plugin="good")
    assert not site.workers[0][1].done(), "the worker goes on"


async def test_a_task_longer_than_its_lease_is_not_given_to_another(site: Site) -> None:
    def slow(context: Any) -> list[Finding]:
        time.sleep(2.2)
        return peak(context)

    add_event(site.store)
    for name in ("one", "two"):
        site.start_worker(name, Trial(slow))
    assert (await site.done()).attempts == 1


async def test_a_plugin_beyond_its_time_limit_ends_the_run_of_its_worker(site: Site) -> None:
    release = threading.Event()

    def hang(context: Any) -> list[Finding]:
        release.wait(20)
        return []

    add_event(site.store)
    site.start_worker("worker-1", Trial(hang, time_limit_s=0.2))
    _, run = site.workers[0]
    await soon(run.done, "the worker ends")
    with pytest.raises(PluginHung, match=r"plugin trial took more than 0\.2 s on task trial:e-1:0"):
        run.result()
    await soon(lambda: site.task().error == "the worker went away", "the task is given back")
    release.set()


# --- what goes wrong on the way


async def test_a_worker_told_to_stop_finishes_its_task_first(site: Site) -> None:
    began = threading.Event()

    def slow(context: Any) -> list[Finding]:
        began.set()
        time.sleep(0.5)
        return peak(context)

    add_event(site.store)
    add_event(site.store, "e-2", 10)
    stop = site.start_worker("worker-1", Trial(slow))
    await soon(began.is_set, "it has begun")
    stop.set()
    await asyncio.wait_for(site.workers[0][1], 10)
    states = sorted(task.state.value for task in site.store.tasks.list(plugin="trial"))
    assert states == ["done", "queued"]
    assert len(site.incidents()) == 1


async def test_a_worker_whose_stream_breaks_has_its_tasks_given_to_another_after_a_pause(still: Site) -> None:
    add_event(still.store)
    async with Peer(still.address) as first:
        await first.hello("trial")
        await first.task()
    await soon(lambda: still.in_state(TaskState.QUEUED), "it is given back")
    assert still.task().error == "the worker went away"
    still.clock.advance(0.5)
    async with Peer(still.address) as second:
        await second.hello("trial")
        start, _ = await second.task()
        assert start.task_id == "trial:e-1:0"


async def test_a_silent_worker_loses_its_task_and_its_late_answer_makes_no_second_incident(still: Site) -> None:
    event = add_event(still.store)
    found = findings_json(
        [Finding(BoxId("b-1"), IncidentClass.VOLTAGE_SAG, event.start_unix_ns, event.end_unix_ns, "s", "c")]
    )
    async with Peer(still.address) as silent, Peer(still.address) as other:
        await silent.hello("trial", name="silent")
        start, _ = await silent.task()
        await other.hello("trial", name="other")
        still.clock.advance(14.9)
        await asyncio.sleep(0.25)
        assert still.task().worker == "silent"
        await silent.send(mauka_pb2.WorkUp(alive=mauka_pb2.TaskAlive(task_id=start.task_id)))
        await soon(lambda: still.task().lease_until_unix_ns == still.clock.unix_ns() + 15 * NS, "the lease is renewed")
        still.clock.advance(15)
        assert (await other.task())[0].task_id == start.task_id
        assert (still.task().worker, still.task().attempts) == ("other", 2)
        await other.done(start.task_id, found)
        await still.done()
        await silent.done(start.task_id, found)
        await silent.send(mauka_pb2.WorkUp(failed=mauka_pb2.TaskFailed(task_id=start.task_id, error="late")))
        await asyncio.sleep(0.2)
        assert still.in_state(TaskState.DONE)
        assert len(still.incidents()) == 1


async def test_answers_to_tasks_that_were_never_given_change_nothing(site: Site) -> None:
    add_event(site.store)
    async with Peer(site.address) as one, Peer(site.address) as two:
        await one.hello("trial", name="one")
        start, _ = await one.task()
        await two.hello("trial", name="two")
        for task_id in (start.task_id, "trial:nothing:0"):
            await two.done(task_id, findings_json([Finding(BoxId("b-1"), IncidentClass.OUTAGE, 1, 2, "s", "c")]))
            await two.send(mauka_pb2.WorkUp(failed=mauka_pb2.TaskFailed(task_id=task_id, error="mine")))
            await two.send(mauka_pb2.WorkUp(alive=mauka_pb2.TaskAlive(task_id=task_id)))
        await asyncio.sleep(0.2)
        assert (site.task().state, site.task().worker) == (TaskState.LEASED, "one")
        assert site.incidents() == []


async def test_a_task_whose_event_is_gone_is_given_back_with_the_reason(site: Site) -> None:
    site.store.tasks.add([Task(TaskId("trial:gone:0"), "trial", TaskKind.EVENT, T0, EventId("gone"))])
    site.start_worker("worker-1", Trial())
    await soon(lambda: site.task("gone").error, "it failed")
    assert site.task("gone").error == "event gone is no longer in the store"


@pytest.mark.parametrize(
    ("up", "words"),
    [
        (mauka_pb2.WorkUp(alive=mauka_pb2.TaskAlive(task_id="x")), "first message: got alive, expected hello"),
        (mauka_pb2.WorkUp(), "first message: got None, expected hello"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(worker_id="w")), "hello: got no plugins, expected at least one"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(plugins=[mauka_pb2.PluginInfo(name="p")])),
         "hello: worker_id: got '', expected 1 to 64 characters"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(worker_id="w", plugins=[mauka_pb2.PluginInfo(name="dispatch")])),
         "hello: plugin 'dispatch': expected a name of 1 to 63 of a-z, 0-9 and _ that is not 'dispatch'"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(worker_id="w", plugins=[mauka_pb2.PluginInfo(name="a b")])),
         "hello: plugin 'a b': expected a name of 1 to 63 of a-z, 0-9 and _ that is not 'dispatch'"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(
            worker_id="w", plugins=[mauka_pb2.PluginInfo(name="p", kinds=["year"])])),
         "hello: plugin 'p': kinds: got 'year', expected one of event, tick"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(
            worker_id="w", plugins=[mauka_pb2.PluginInfo(name="p", kinds=["tick"], tick_period_s=float("inf"))])),
         "hello: plugin 'p': tick_period_s: got inf s, expected 0.1 to 86400 s"),
        (mauka_pb2.WorkUp(hello=mauka_pb2.WorkerHello(
            worker_id="w", plugins=[mauka_pb2.PluginInfo(name="p", kinds=["tick"], tick_period_s=1e-12)])),
         "hello: plugin 'p': tick_period_s: got 1e-12 s, expected 0.1 to 86400 s"),
    ],
    ids=["no greeting", "nothing", "no plugins", "no name", "reserved", "bad name", "kind", "endless tick", "tiny tick"],
)  # fmt: skip
async def test_a_bad_first_message_is_refused_with_what_was_expected_and_registers_nothing(
    site: Site, up: mauka_pb2.WorkUp, words: str
) -> None:
    async with Peer(site.address) as peer:
        await peer.send(up)
        assert await peer.refusal() == (grpc.StatusCode.INVALID_ARGUMENT, words)
    assert site.known() == set()


async def test_a_stream_that_ends_without_a_word_is_told_what_was_expected(site: Site) -> None:
    async with Peer(site.address) as peer:
        await peer.call.done_writing()
        assert await peer.refusal() == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "first message: got None, expected hello",
        )


async def test_malformed_findings_are_the_error_of_their_task_and_the_stream_goes_on(still: Site) -> None:
    add_event(still.store)
    async with Peer(still.address) as peer:
        await peer.hello("trial")
        start, _ = await peer.task()
        await peer.done(start.task_id, '[{"box_id": 5}]')
        await soon(lambda: still.in_state(TaskState.QUEUED), "it is given back")
        assert still.task().error == "findings: at 0.box_id: Input should be a valid string"
        still.clock.advance(0.5)
        again, _ = await peer.task()
        assert again.task_id == start.task_id
        await peer.done(start.task_id)
        await still.done()


# --- ticks


async def test_one_tick_at_most_waits_however_long_nobody_takes_it(still: Site) -> None:
    async with Peer(still.address) as peer:
        await peer.hello("clockwork", tick_s=10)
        start, pieces = await peer.task()
        assert (start.kind, pieces) == ("tick", [])
        assert '"ingest_up_since_unix_ns":0' in start.context_json
        for _ in range(4):
            still.clock.advance(10)
            await peer.send(mauka_pb2.WorkUp(alive=mauka_pb2.TaskAlive(task_id=start.task_id)))
            await asyncio.sleep(0.6)
            assert [task.task_id for task in still.store.tasks.list(plugin="clockwork")] == [start.task_id]
        await peer.done(start.task_id)
        second, _ = await peer.task()
        assert second.task_id == f"clockwork:tick:{still.clock.unix_ns() // (10 * NS) * 10 * NS}"
        await peer.done(second.task_id)
        assert await peer.nothing(0.7), "and none comes before the next is due"


async def test_findings_of_a_tick_are_incidents_without_event(still: Site) -> None:
    async with Peer(still.address) as peer:
        await peer.hello("clockwork", tick_s=10)
        start, _ = await peer.task()
        outage = Finding(BoxId("b-1"), IncidentClass.OUTAGE, T0, T0 + NS, "s", "c", open_end=True)
        await peer.done(start.task_id, findings_json([outage]))
        await soon(still.incidents, "the incident is stored")
        still.clock.advance(10)
        start, _ = await peer.task()
        assert '"open_incidents":[{"incident_id"' in start.context_json
        assert still.incidents()[0].event_id is None


# --- the hub goes and comes


async def test_plugins_registered_once_get_their_tasks_after_a_restart_of_the_hub_without_a_worker(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    store.boxes.put(Box(BoxId("b-1"), GridId("g"), US))
    async with running_hub(store, SystemClock()) as (address, _), Peer(address) as peer:
        await peer.hello("trial", "other")
        await soon(lambda: store.checkpoints.items("mauka/plugins/"), "they are known")
    async with running_hub(store, SystemClock()) as (address, _):
        add_event(store)
        await soon(lambda: len(store.tasks.list(TaskState.QUEUED)) == 2, "a task per plugin is queued")
        async with Peer(address) as peer:
            await peer.hello("trial")
            assert (await peer.task())[0].task_id == "trial:e-1:0"
    store.close()


async def test_before_any_plugin_is_known_complete_events_wait(site: Site) -> None:
    add_event(site.store)
    await asyncio.sleep(0.4)
    assert site.store.tasks.get(dispatch_task_id(EventId("e-1"), 0)).state is TaskState.QUEUED
    site.start_worker("worker-1", Trial())
    await site.done()
