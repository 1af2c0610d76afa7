"""The Work call: tasks from the store to workers, findings from workers to the store.

A task is leased in the store for as long as its worker says that it is alive. A worker that dies, hangs or loses
its stream costs its own tasks an attempt; they go to another, later each time, and after the last attempt they
are set aside with the error.
"""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import structlog

from opq.clock import NS, Clock
from opq.errors import InvalidInput, NotFound, OpqError, Unavailable, check_option, check_range
from opq.ids import TaskId
from opq.model.services import Heartbeat
from opq.model.tasks import DISPATCH, Task, TaskKind, event_task_id, tick_task_id
from opq.rpc.service import until_stopped
from opq.rpc.threads import call_in
from opq.store import Store
from opq.v1 import mauka_pb2, mauka_pb2_grpc
from opq_mauka.hub.contexts import LoadedContext, event_context, tick_context, waveform_messages
from opq_mauka.hub.findings import store_event_findings, store_tick_findings
from opq_mauka.settings import HubSettings
from opq_mauka.wire import NAME, parse_findings

_POLL_S = 0.1
_HOUSEKEEPING_S = 2.0
_SWEEP_S = 600.0
_ORPHAN_NS = 3600 * NS
"""Bytes of an upload that nobody went on with for this long are thrown away."""
_KEEP_DONE_NS = 24 * 3600 * NS
_PLUGINS = "mauka/plugins/"
"""One document per plugin: workers greet at the same time, and hubs may be several."""
_MAX_TICK_PERIOD_S = 24 * 3600.0
_LEAST_TICK_PERIOD_S = 0.1


class _Worker:
    """One worker on the line."""

    def __init__(self, hello: mauka_pb2.WorkerHello) -> None:
        self.name = hello.worker_id
        self.plugins = {plugin.name: plugin for plugin in hello.plugins}
        self.credit = max(1, min(hello.credit, 64))
        self.tasks: dict[TaskId, Task] = {}
        self.answered = asyncio.Event()


class Hub(mauka_pb2_grpc.MaukaServiceServicer):
    """One hub process."""

    def __init__(self, settings: HubSettings, store: Store, clock: Clock) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._log = structlog.get_logger()
        self._executor = ThreadPoolExecutor(4, "store")
        self._started_unix_ns = clock.unix_ns()
        self._lease_ns = round(settings.lease_s * NS)

    async def run(self, stop: asyncio.Event) -> None:
        """Dispatch complete events, tick and keep house until `stop`."""
        await until_stopped(
            stop,
            [
                asyncio.create_task(self._guarded(job, period))
                for job, period in (
                    (self._dispatch, _POLL_S),
                    (self._tick, _POLL_S * 5),
                    (self._keep_house, _HOUSEKEEPING_S),
                    (self._sweep, _SWEEP_S),
                )
            ],
        )

    async def _guarded(self, job: Any, period_s: float) -> None:
        while True:
            try:
                await call_in(self._executor, job)
            except Unavailable as error:
                self._log.warning("the store is away", job=job.__name__, reason=str(error))
            await asyncio.sleep(period_s)

    # --- making tasks

    def _dispatch(self) -> None:
        """Make of each complete event one task per plugin that takes events."""
        me = self._settings.hub_id
        while plugins := self._known_plugins(TaskKind.EVENT):
            now = self._clock.unix_ns()
            task = self._store.tasks.claim([DISPATCH], me, now, now + self._lease_ns)
            if task is None or task.event_id is None:
                return
            event = self._store.events.get(task.event_id)
            revision = event.revision if event else 0
            self._store.tasks.add(
                Task(event_task_id(name, task.event_id, revision), name, TaskKind.EVENT, now, task.event_id)
                for name in plugins
            )
            self._store.tasks.complete(task.task_id, me)

    def _tick(self) -> None:
        """Queue the ticks that are due; one that waits still is not queued again."""
        now = self._clock.unix_ns()
        waiting = self._store.tasks.backlog()
        for name, period_s in self._known_plugins(TaskKind.TICK).items():
            backlog = waiting.get(name)
            if period_s > 0 and not (backlog and backlog.queued + backlog.leased):
                tick = now // round(period_s * NS) * round(period_s * NS)
                self._store.tasks.add([Task(tick_task_id(name, tick), name, TaskKind.TICK, now)])

    def _known_plugins(self, kind: TaskKind) -> dict[str, float]:
        """Plugins that ever had a worker and take tasks of a kind, with their tick period [s]."""
        known = self._store.checkpoints.items(_PLUGINS).items()
        return {
            key.removeprefix(_PLUGINS): plugin["tick_period_s"]
            for key, plugin in known
            if kind.value in plugin["kinds"]
        }

    def _register(self, worker: _Worker) -> None:
        for name, plugin in worker.plugins.items():
            document = {
                "version": plugin.version,
                "kinds": list(plugin.kinds),
                "tick_period_s": plugin.tick_period_s,
                "registered_unix_ns": self._clock.unix_ns(),
            }
            self._store.checkpoints.put(f"{_PLUGINS}{name}", document)

    def _keep_house(self) -> None:
        now = self._clock.unix_ns()
        self._store.heartbeats.beat(Heartbeat(self._settings.hub_id, "hub", self._started_unix_ns, now))
        self._store.tasks.remove_done(now - _KEEP_DONE_NS)

    def _sweep(self) -> None:
        swept = self._store.waveforms.sweep(self._clock.unix_ns() - _ORPHAN_NS)
        if swept:
            self._log.info("abandoned uploads removed", uploads=swept)

    # --- the Work call

    async def Work(  # noqa: N802 - the name is the contract's
        self, messages: AsyncIterator[mauka_pb2.WorkUp], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[mauka_pb2.WorkDown]:
        """Serve one worker; see ``proto/opq/v1/mauka.proto``."""
        try:
            worker = await self._hello(messages)
        except OpqError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return
        log = self._log.bind(worker=worker.name)
        log.info("worker linked", plugins=sorted(worker.plugins))
        receiver = asyncio.create_task(self._receive(worker, messages))
        try:
            while not receiver.done():
                task = await self._claim(worker)
                if task is None:
                    await self._wait(worker, receiver)
                    continue
                async for down in self._messages(worker, task):
                    yield down
            if failure := receiver.exception():
                log.warning("worker lost", reason=str(failure))
        finally:
            receiver.cancel()
            for task in list(worker.tasks.values()):
                await self._give_back(worker, task, "the worker went away")
            log.info("worker gone")

    @staticmethod
    async def _wait(worker: _Worker, receiver: asyncio.Task[None]) -> None:
        """Wait a moment for tasks; less if the worker answers, and can take another, or goes away."""
        worker.answered.clear()
        answered = asyncio.create_task(worker.answered.wait())
        await asyncio.wait([receiver, answered], timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
        answered.cancel()

    async def _hello(self, messages: AsyncIterator[mauka_pb2.WorkUp]) -> _Worker:
        first = await anext(aiter(messages), None)
        if first is None or not first.HasField("hello"):
            raise InvalidInput(f"first message: got {first and first.WhichOneof('kind')}, expected hello")
        _check_hello(first.hello)
        worker = _Worker(first.hello)
        await call_in(self._executor, self._register, worker)
        return worker

    async def _claim(self, worker: _Worker) -> Task | None:
        if len(worker.tasks) >= worker.credit:
            return None
        now = self._clock.unix_ns()
        names = list(worker.plugins)
        try:
            task = await call_in(self._executor, self._store.tasks.claim, names, worker.name, now, now + self._lease_ns)
        except Unavailable as error:
            self._log.warning("the store is away", reason=str(error))
            return None
        if task is not None:
            worker.tasks[task.task_id] = task
        return task

    async def _messages(self, worker: _Worker, task: Task) -> AsyncIterator[mauka_pb2.WorkDown]:
        """Yield a task with all that belongs to it; one that cannot be loaded is given back."""
        try:
            loaded = await call_in(self._executor, self._load, task)
            yield mauka_pb2.WorkDown(
                start=mauka_pb2.TaskStart(
                    task_id=task.task_id,
                    plugin=task.plugin,
                    lease_s=self._settings.lease_s,
                    context_json=loaded.json,
                    kind=task.kind.value,
                )
            )
            pieces = waveform_messages(self._store, task, loaded.waveforms)
            while (piece := await call_in(self._executor, next, pieces, None)) is not None:
                yield piece
            yield mauka_pb2.WorkDown(ready=mauka_pb2.TaskReady(task_id=task.task_id))
        except OpqError as error:
            await self._give_back(worker, task, str(error))

    def _load(self, task: Task) -> LoadedContext:
        if task.kind is TaskKind.TICK:
            return tick_context(self._store, task, self._clock.unix_ns())
        if task.event_id is None:
            raise NotFound(f"task {task.task_id} names no event")
        return event_context(self._store, task, task.event_id)

    async def _receive(self, worker: _Worker, messages: AsyncIterator[mauka_pb2.WorkUp]) -> None:
        async for up in messages:
            kind = up.WhichOneof("kind")
            if kind == "done":
                await self._done(worker, up.done)
            elif kind == "failed" and (task := worker.tasks.get(TaskId(up.failed.task_id))):
                await self._give_back(worker, task, up.failed.error)
            elif kind == "alive" and up.alive.task_id in worker.tasks:
                await self._renew(worker, TaskId(up.alive.task_id))
            worker.answered.set()

    async def _renew(self, worker: _Worker, task_id: TaskId) -> None:
        until = self._clock.unix_ns() + self._lease_ns
        try:
            await call_in(self._executor, self._store.tasks.renew, task_id, worker.name, until)
        except Unavailable as error:
            # The next sign of life tries again; there are three in a lease.
            self._log.warning("the store is away", reason=str(error))

    async def _done(self, worker: _Worker, done: mauka_pb2.TaskDone) -> None:
        task = worker.tasks.get(TaskId(done.task_id))
        if task is None:
            return
        try:
            count = await call_in(self._executor, self._store_findings, worker, task, done.findings_json)
        except OpqError as error:
            await self._give_back(worker, task, str(error))
            return
        worker.tasks.pop(task.task_id, None)
        if count:
            self._log.info("incidents stored", plugin=task.plugin, event_id=task.event_id, incidents=count)

    def _store_findings(self, worker: _Worker, task: Task, text: str) -> int:
        """Store findings, then complete the task: a crash in between does both again, to the same end."""
        findings = parse_findings(text)
        version = worker.plugins[task.plugin].version
        if task.event_id is None:
            count = store_tick_findings(self._store, self._clock, task.plugin, version, findings)
        else:
            count = store_event_findings(self._store, self._clock, task.plugin, version, task.event_id, findings)
        self._store.tasks.complete(task.task_id, worker.name)
        return count

    async def _give_back(self, worker: _Worker, task: Task, error: str) -> None:
        """Queue a task again, later each time, or set it aside after the last attempt."""
        worker.tasks.pop(task.task_id, None)
        last = task.attempts >= self._settings.max_attempts
        retry = None if last else self._clock.unix_ns() + NS * 2 ** (task.attempts - 1) // 2
        log = self._log.error if last else self._log.warning
        log(
            "task set aside" if last else "task failed",
            task_id=task.task_id,
            attempt=task.attempts,
            reason=error[-2000:],
        )
        try:
            await call_in(self._executor, self._store.tasks.fail, task.task_id, worker.name, error[-65_536:], retry)
        except Unavailable as away:
            # The lease runs out by itself.
            self._log.warning("the store is away", reason=str(away))


def _check_hello(hello: mauka_pb2.WorkerHello) -> None:
    """Refuse what would harm others: plugins once registered are there for good.

    Raises
    ------
    InvalidInput
        Naming what was expected.
    """
    if not 1 <= len(hello.worker_id) <= 64:
        raise InvalidInput(f"hello: worker_id: got {hello.worker_id[:80]!r}, expected 1 to 64 characters")
    if not hello.plugins:
        raise InvalidInput("hello: got no plugins, expected at least one")
    for plugin in hello.plugins:
        where = f"hello: plugin {plugin.name[:80]!r}"
        if not NAME.fullmatch(plugin.name) or plugin.name == DISPATCH:
            raise InvalidInput(f"{where}: expected a name of 1 to 63 of a-z, 0-9 and _ that is not {DISPATCH!r}")
        for kind in plugin.kinds:
            check_option(f"{where}: kinds", kind, [item.value for item in TaskKind])
        if TaskKind.TICK.value in plugin.kinds:
            check_range(f"{where}: tick_period_s", plugin.tick_period_s, _LEAST_TICK_PERIOD_S, _MAX_TICK_PERIOD_S, "s")
