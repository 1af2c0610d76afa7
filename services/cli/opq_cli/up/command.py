"""Everything on one machine with one command: the same programs as in the pods, as processes."""

import asyncio
import json
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from opq.clock import SystemClock, seconds_ns
from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq.model.tasks import TaskState
from opq.sim.scenario import Scenario, demo_scenario, quiet_scenario
from opq.store import Store, open_store
from opq.times import parse_seconds
from opq_cli.up.report import make_report
from opq_cli.up.site import FIRST_SECOND_S, LocalSite, settle
from opq_cli.up.summary import render


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
    sys.exit(asyncio.run(_Demonstration(options).run()))


def _nominal(text: str) -> Nominal:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)", text)
    if not match:
        raise InvalidInput(f"--supply: got {text!r}, expected VOLTS/HERTZ such as 120/60 or 230/50")
    return Nominal(float(match[1]), float(match[2])).check_supply()


class _Demonstration:
    def __init__(self, options: _Options) -> None:
        self._options = options
        self._clock = SystemClock()
        self._console = Console(stderr=True)
        self._notes: list[str] = []
        self._problems: list[str] = []

    async def run(self) -> int:
        options = self._options
        site = LocalSite(options.data_dir, self._say, self._child_died)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        store = await asyncio.to_thread(open_store, site.store_url)
        code = 0
        try:
            scenario = await self._start(site, store)
            self._print_addresses(site)
            # The summary repeats only what is said from here on; the rest stands above it.
            self._notes.clear()
            until = None if options.duration_s is None else time.monotonic() + options.duration_s
            await self._watch(site, store, stop, until)
            if options.duration_s is not None and not stop.is_set():
                code = await self._judge(store, scenario)
        finally:
            self._say("stopping")
            await site.stop()
            store.close()
        self._say("stopped; everything is kept in " + str(options.data_dir))
        return code

    async def _start(self, site: LocalSite, store: Store) -> Scenario:
        options = self._options
        started = time.monotonic()
        with self._console.status("starting"):
            await site.start_services(store, options.view)
            make = quiet_scenario if options.quiet or not options.boxes else demo_scenario
            start = self._clock.unix_ns() + seconds_ns(FIRST_SECOND_S)
            scenario = make(options.boxes, start, options.nominal)
            if scenario.boxes:
                await site.simulate(store, scenario)
        self._say(f"ready after {time.monotonic() - started:.1f} s")
        return scenario

    # --- running

    async def _watch(self, site: LocalSite, store: Store, stop: asyncio.Event, until: float | None) -> None:
        """Show the live summary until the time is over or someone stops it."""
        live = Live(console=self._console, refresh_per_second=4, transient=True) if self._console.is_terminal else None
        if live:
            live.start()
        try:
            while not stop.is_set() and (until is None or time.monotonic() < until):
                if live:
                    live.update(
                        await asyncio.to_thread(
                            render, store, site.supervisor, self._clock.unix_ns(), self._notes, until
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
            await asyncio.to_thread(settle, store)
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

    def _print_addresses(self, site: LocalSite) -> None:
        if "view" in site.addresses:
            self._say(f"open http://{site.addresses['view']} in a browser")
        self._say(f"boxes connect to {site.addresses['ingest']}; results are in {site.store_url}")
        self._say(f"look at them with: opq events list --store {site.store_url}")
