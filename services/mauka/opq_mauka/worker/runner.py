"""The link to the hub, and one thread in which plugins run.

A plugin that raises costs its task. One that hangs beyond its time limit cannot be stopped in its thread: the
worker says so to the hub and ends, to be started anew by whoever started it.
"""

import asyncio
import traceback
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
import structlog

from opq.clock import SystemClock
from opq.model.tasks import TaskKind
from opq.rpc.channels import Dialer
from opq.rpc.service import wait_or_stop
from opq.trust.material import TlsFiles
from opq.trust.names import Role
from opq.v1 import mauka_pb2, mauka_pb2_grpc
from opq_mauka.sdk import Plugin
from opq_mauka.wire import findings_json
from opq_mauka.worker.contexts import Assembly

_CREDIT = 1
"""Tasks taken at once. A second one would wait behind the first, its lease running out, and pay for it with an attempt
of its own when a plugin ends the worker."""
_RETRY_S = 0.5
_FAREWELL_S = 2.0
"""How long the hub is given to take the last answer."""
_MAX_ERROR_CHARACTERS = 16_384
"""Of a traceback; the contract allows 64 KiB, and a character has up to four bytes. Its end says most."""


class PluginHung(Exception):
    """A plugin went beyond its time limit; its thread still runs."""


class Worker:
    """Runs plugins for one hub."""

    def __init__(self, worker_id: str, hub: str, plugins: dict[str, Plugin[Any]], tls: TlsFiles | None = None) -> None:
        self._worker_id, self._plugins = worker_id, plugins
        self._dialer = Dialer(hub, Role.HUB, tls)
        self._log = structlog.get_logger()
        self._thread = ThreadPoolExecutor(1, "plugin")

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop`; a task that is being worked on is finished first.

        Raises
        ------
        PluginHung
            If a plugin went beyond its time limit.
        """
        async with self._dialer:
            while not stop.is_set():
                channel = await self._dialer.channel()
                await self._connection(mauka_pb2_grpc.MaukaServiceStub(channel), stop)
                await wait_or_stop(stop, _RETRY_S)

    async def _connection(self, stub: Any, stop: asyncio.Event) -> None:
        up: asyncio.Queue[mauka_pb2.WorkUp | None] = asyncio.Queue()
        up.put_nowait(mauka_pb2.WorkUp(hello=self._hello()))
        ready: asyncio.Queue[Assembly | None] = asyncio.Queue()
        call = stub.Work(_drain(up))
        reading = asyncio.create_task(self._read(call, ready))
        working = asyncio.create_task(self._work(ready, up))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([reading, working, stopping], return_when=asyncio.FIRST_COMPLETED)
            # Whether to stop or without a hub: there is one thread, and what it works on is finished first.
            ready.put_nowait(None)
            await working
            up.put_nowait(None)
            await asyncio.wait([reading], timeout=_FAREWELL_S)
            if reading.done():
                reading.result()
        except grpc.aio.AioRpcError as error:
            reason = self._dialer.explain(error.details() or error.code().name, SystemClock().unix_ns())
            self._log.warning("hub lost", hub=self._dialer.target, reason=reason)
        finally:
            tasks = (reading, working, stopping)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            call.cancel()

    def _hello(self) -> mauka_pb2.WorkerHello:
        plugins = [
            mauka_pb2.PluginInfo(
                name=plugin.name,
                version=plugin.version,
                kinds=sorted(kind.value for kind in plugin.kinds),
                tick_period_s=plugin.tick_period_s if TaskKind.TICK in plugin.kinds else 0.0,
            )
            for plugin in self._plugins.values()
        ]
        return mauka_pb2.WorkerHello(worker_id=self._worker_id, plugins=plugins, credit=_CREDIT)

    async def _read(self, call: Any, ready: asyncio.Queue[Assembly | None]) -> None:
        assemblies: dict[str, Assembly] = {}
        async for down in call:
            kind = down.WhichOneof("kind")
            if kind == "start":
                assemblies[down.start.task_id] = Assembly(down.start)
            elif kind == "waveform":
                assemblies[down.waveform.task_id].add(down.waveform)
            elif kind == "ready":
                ready.put_nowait(assemblies.pop(down.ready.task_id))

    async def _work(self, ready: asyncio.Queue[Assembly | None], up: asyncio.Queue[mauka_pb2.WorkUp | None]) -> None:
        while (assembly := await ready.get()) is not None:
            keep_alive = asyncio.create_task(_keep_alive(assembly.start, up))
            try:
                up.put_nowait(await self._analyze(assembly))
            finally:
                keep_alive.cancel()

    async def _analyze(self, assembly: Assembly) -> mauka_pb2.WorkUp:
        start = assembly.start
        plugin = self._plugins[start.plugin]
        running = asyncio.get_running_loop().run_in_executor(self._thread, _found, plugin, assembly)
        await asyncio.wait([running], timeout=plugin.time_limit_s)
        if not running.done():
            raise PluginHung(f"plugin {plugin.name} took more than {plugin.time_limit_s:g} s on task {start.task_id}")
        try:
            done = mauka_pb2.TaskDone(task_id=start.task_id, findings_json=running.result())
        except (Exception, SystemExit):  # noqa: BLE001 - whatever a plugin raises is its task's failure, told to the hub
            error = traceback.format_exc()
            self._log.error("plugin failed", plugin=plugin.name, task_id=start.task_id, error=error)
            failed = mauka_pb2.TaskFailed(task_id=start.task_id, error=error[-_MAX_ERROR_CHARACTERS:])
            return mauka_pb2.WorkUp(failed=failed)
        return mauka_pb2.WorkUp(done=done)


def _found(plugin: Plugin[Any], assembly: Assembly) -> str:
    """Run a plugin; in its thread, with the JSON of what it found, which may be impossible to write."""
    return findings_json(list(plugin.analyze(assembly.context())))


async def _keep_alive(start: mauka_pb2.TaskStart, up: asyncio.Queue[mauka_pb2.WorkUp | None]) -> None:
    while True:
        await asyncio.sleep(start.lease_s / 3)
        up.put_nowait(mauka_pb2.WorkUp(alive=mauka_pb2.TaskAlive(task_id=start.task_id)))


async def _drain(queue: asyncio.Queue[mauka_pb2.WorkUp | None]) -> AsyncIterator[mauka_pb2.WorkUp]:
    while (message := await queue.get()) is not None:
        yield message
