"""Everything on one machine with one command: the same programs as in the pods, as processes."""

import asyncio
import fcntl
import json
import re
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from opq.clock import SystemClock, seconds_ns
from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq.model.events import EventState
from opq.model.tasks import TaskState
from opq.rpc.channels import healthy
from opq.sim.scenario import Scenario, demo_scenario, quiet_scenario, save_scenario
from opq.store import Store, open_store
from opq.store.port import EventFilter
from opq.times import parse_seconds
from opq_cli.programs import command_line
from opq_cli.up.report import make_report
from opq_cli.up.summary import render
from opq_cli.up.supervisor import Child, Supervisor

_PORTS = {"ingest": 4500, "makai": 4501, "hub": 4502, "view": 8501}
_SETTLE_S = 30.0
"""After the last second of a timed run, how long to wait for what is under way."""
_FIRST_SECOND_S = 3.0
"""The scenario starts this long after its boxes, which need a moment to connect."""


@dataclass(frozen=True, slots=True)
class _Options:
    boxes: int
    duration_s: float | None
    report: Path | None
    data_dir: Path
    nominal: Nominal
    quiet: bool
    view: bool


def up(
    boxes: Annotated[int, typer.Option(help="Simulated boxes.", min=0, max=200)] = 8,
    duration: Annotated[
        str | None, typer.Option(help="Stop after this long, e.g. 90s or 10m; without it at Ctrl-C.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a JSON report of a timed run to this file.")] = None,
    data_dir: Annotated[Path, typer.Option(help="Where store, ring buffers and logs are kept.")] = Path("opq-data"),
    supply: Annotated[str, typer.Option(help="Nominal supply of the simulated boxes, VOLTS/HERTZ.")] = "120/60",
    quiet: Annotated[bool, typer.Option("--quiet-grid", help="Let nothing happen on the simulated grid.")] = False,
    view: Annotated[bool, typer.Option(help="Start the web pages.")] = True,
) -> None:
    """Start everything on this machine: store, ingest, Makai, Mauka, simulated boxes and web pages."""
    options = _Options(
        boxes,
        parse_seconds("--duration", duration) if duration else None,
        report,
        data_dir,
        _nominal(supply),
        quiet,
        view,
    )
    if report is not None and options.duration_s is None:
        raise InvalidInput("--report judges a run that ends: give --duration too, e.g. --duration 90s")
    if report is not None and not report.absolute().parent.is_dir():
        raise InvalidInput(f"--report: there is no folder {report.absolute().parent} to write it to")
    sys.exit(asyncio.run(_Site(options).run()))


def _nominal(text: str) -> Nominal:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", text)
    if not match:
        raise InvalidInput(f"--supply: got {text!r}, expected VOLTS/HERTZ such as 120/60 or 230/50")
    return Nominal(float(match[1]), float(match[2])).check_supply()


class _Site:
    def __init__(self, options: _Options) -> None:
        self._options = options
        self._clock = SystemClock()
        self._console = Console(stderr=True)
        self._notes: list[str] = []
        self._problems: list[str] = []
        self._supervisor = Supervisor(self._child_died)
        self._store_url = f"sqlite:{options.data_dir / 'store'}"
        self._addresses: dict[str, str] = {}

    async def run(self) -> int:
        options = self._options
        (options.data_dir / "logs").mkdir(parents=True, exist_ok=True)
        # Held until this process ends, however it ends.
        lock = (options.data_dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InvalidInput(
                f"--data-dir: another opq up runs in {options.data_dir}; stop it or name another folder"
            ) from None
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        store = await asyncio.to_thread(open_store, self._store_url)
        code = 0
        try:
            scenario = await self._start(store)
            self._print_addresses()
            # The summary repeats only what is said from here on; the rest stands above it.
            self._notes.clear()
            until = None if options.duration_s is None else time.monotonic() + options.duration_s
            await self._watch(store, stop, until)
            if options.duration_s is not None and not stop.is_set():
                code = await self._judge(store, scenario)
        finally:
            self._say("stopping")
            await self._supervisor.stop()
            store.close()
        self._say("stopped; everything is kept in " + str(options.data_dir))
        return code

    # --- starting

    async def _start(self, store: Store) -> Scenario:
        options = self._options
        for name in ("makai", "ingest", "hub", *(("view",) if options.view else ())):
            self._addresses[name] = f"127.0.0.1:{_free_port(_PORTS[name])}"
        where = self._addresses
        started = time.monotonic()
        stored = ["--store", self._store_url]
        # Few boxes to which much happens: every one of them is to be seen whole.
        budget = ["--witnesses", "200", "--box-budget-pct", "50", "--grid-budget-pct", "50"]
        await self._program("makai", ["--listen", where["makai"], *budget, *stored], lambda: healthy(where["makai"]))
        ingest = ["--listen", where["ingest"], "--makai", where["makai"], *stored]
        await self._program("ingest", ingest, lambda: healthy(where["ingest"]))
        await self._program("hub", ["--listen", where["hub"], *stored], lambda: healthy(where["hub"]))
        since = self._clock.unix_ns()
        await self._program("worker", ["--hub", where["hub"]], lambda: self._worker_known(store, since))
        if options.view:
            host, port = where["view"].split(":")
            view = ["--host", host, "--port", port, *stored]
            await self._program("view", view, lambda: _answers(f"http://{where['view']}/_stcore/health"))
        scenario = await self._simulate(store)
        self._say(f"ready after {time.monotonic() - started:.1f} s")
        return scenario

    async def _program(self, name: str, arguments: list[str], is_healthy: Callable[[], Awaitable[bool]]) -> None:
        child = Child(name, command_line(name, arguments), is_healthy, self._options.data_dir / "logs" / f"{name}.log")
        with self._console.status(f"starting {name}"):
            await self._supervisor.start(child)
        self._say(f"{name} is up" + (f" at {self._addresses[name]}" if name in self._addresses else ""))

    async def _simulate(self, store: Store) -> Scenario:
        """Enrol the simulated boxes and start them; the scenario begins when they have had a moment to connect."""
        options = self._options
        make = quiet_scenario if options.quiet or not options.boxes else demo_scenario
        start = self._clock.unix_ns() + seconds_ns(_FIRST_SECOND_S)
        scenario = make(options.boxes, start, options.nominal)
        if not scenario.boxes:
            return scenario
        for box in scenario.boxes:
            store.boxes.put(box)
        path = options.data_dir / "scenario.json"
        save_scenario(scenario, path)
        boxes_dir = options.data_dir / "boxes"
        arguments = ["--scenario", str(path), "--ingest", self._addresses["ingest"], "--data-dir", str(boxes_dir)]
        await self._program("simulate", arguments, lambda: self._all_connected(store, scenario))
        return scenario

    async def _worker_known(self, store: Store, since_unix_ns: int) -> bool:
        """Whether the hub has taken up plugins since then; those of an earlier run are in the store too."""
        plugins = await asyncio.to_thread(store.checkpoints.items, "mauka/plugins/")
        return any(plugin["registered_unix_ns"] >= since_unix_ns for plugin in plugins.values())

    async def _all_connected(self, store: Store, scenario: Scenario) -> bool:
        statuses = {status.box_id: status for status in await asyncio.to_thread(store.boxes.statuses)}
        return all((status := statuses.get(box.box_id)) and status.connected for box in scenario.boxes)

    # --- running

    async def _watch(self, store: Store, stop: asyncio.Event, until: float | None) -> None:
        """Show the live summary until the time is over or someone stops it."""
        live = Live(console=self._console, refresh_per_second=4, transient=True) if self._console.is_terminal else None
        if live:
            live.start()
        try:
            while not stop.is_set() and (until is None or time.monotonic() < until):
                if live:
                    live.update(
                        await asyncio.to_thread(
                            render, store, self._supervisor, self._clock.unix_ns(), self._notes, until
                        )
                    )
                await asyncio.sleep(0.5)
        finally:
            if live:
                live.stop()

    async def _judge(self, store: Store, scenario: Scenario) -> int:
        """Wait for what is under way, compare with the truth, write the report."""
        end = self._clock.unix_ns()
        with self._console.status("waiting for what is under way"):
            await asyncio.to_thread(_settle, store)
        dead = await asyncio.to_thread(store.tasks.list, TaskState.DEAD)
        problems = [*self._problems, *(f"task {task.task_id} failed for good: {task.error[-300:]}" for task in dead)]
        report: dict[str, Any] = await asyncio.to_thread(make_report, store, scenario, end, problems)
        text = json.dumps(report, indent=2)
        if self._options.report is not None:
            self._options.report.write_text(text + "\n")
            self._say(f"report written to {self._options.report}")
        else:
            typer.echo(text)
        found = sum(item["found"] for item in report["injected"])
        self._say(f"{found} of {len(report['injected'])} disturbances found and rightly classed")
        for error in report["errors"]:
            self._say(f"error: {error}")
        return 1 if report["errors"] else 0

    # --- telling

    def _child_died(self, sentence: str) -> None:
        self._problems.append(sentence)
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self._notes.append(sentence)
        self._console.print(f"opq up: {sentence}", highlight=False, soft_wrap=True)

    def _print_addresses(self) -> None:
        if "view" in self._addresses:
            self._say(f"open http://{self._addresses['view']} in a browser")
        self._say(f"boxes connect to {self._addresses['ingest']}; results are in {self._store_url}")
        self._say(f"look at them with: opq events list --store {self._store_url}")


def _settle(store: Store) -> None:
    """Wait until no event is under way and no event task waits."""
    deadline = time.monotonic() + _SETTLE_S
    while time.monotonic() < deadline:
        under_way = store.events.count(EventFilter(states=(EventState.OPEN, EventState.CLOSED)))
        waiting = [
            task for state in (TaskState.QUEUED, TaskState.LEASED) for task in store.tasks.list(state) if task.event_id
        ]
        if not under_way and not waiting:
            return
        time.sleep(0.2)


def _free_port(preferred: int) -> int:
    """Return the preferred port if it is free, else any that is."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise InvalidInput("no free port on 127.0.0.1")


async def _answers(url: str) -> bool:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return await asyncio.to_thread(ask)
