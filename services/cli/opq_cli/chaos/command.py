"""The command: start a site, do to it what the plan says, look at the books."""

import asyncio
import dataclasses
import json
import re
import shutil
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from opq.clock import NS, SystemClock, seconds_ns
from opq.errors import InvalidInput
from opq.ids import GridId
from opq.model.boxes import Box, Nominal
from opq.store import open_store
from opq.times import parse_seconds
from opq_cli.chaos.books import audit
from opq_cli.chaos.faults import VANDAL, Disk, Injector
from opq_cli.chaos.links import Link
from opq_cli.chaos.plan import CALM_S, FaultKind, Plan, make_plan
from opq_cli.output import JSON_OPTION
from opq_cli.up.report import make_report
from opq_cli.up.site import FIRST_SECOND_S, LocalSite, settle

_LONGEST_S = 3600.0
_SHORTEST_S = CALM_S + 16
_NOMINAL = Nominal(120.0, 60.0)
_EXPECTED_DEATH = "was killed by signal 9"
_SAMPLE_S = 2.0
_SETTLE_S = 60.0
_BASE_MB, _PER_BOX_MB = 500, 6


def chaos(
    seed: Annotated[int, typer.Option(help="The same seed is the same disturbances and the same faults.")] = 1,
    duration: Annotated[str, typer.Option(help="How long, e.g. 60s or 3m.")] = "3m",
    boxes: Annotated[int, typer.Option(help="Simulated boxes.", min=3, max=200)] = 50,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep store and logs in this folder; by default those of a bad run in opq-chaos-SEED."),
    ] = None,
    as_json: bool = JSON_OPTION,
) -> None:
    """Start a whole site with simulated boxes, do to it what can happen, and check that nothing is lost or doubled.

    All speak TLS. Programs are killed and stopped, connections slowed, cut, broken and spoilt, certificates changed, the store
    is locked, the disk filled (as root), clocks are set, garbage is sent. Exit code 1 if anything is wrong afterwards.
    """
    duration_s = parse_seconds("--duration", duration)
    if not _SHORTEST_S <= duration_s <= _LONGEST_S:
        raise InvalidInput(f"--duration: got {duration}, expected {_SHORTEST_S:g}s to {_LONGEST_S:g}s")
    if data_dir is not None and data_dir.exists() and any(data_dir.iterdir()):
        raise InvalidInput(f"--data-dir: {data_dir} is not empty; the books of a run begin with an empty folder")
    folder = Path(tempfile.mkdtemp(prefix="opq-chaos-"))
    try:
        report = asyncio.run(_Run(seed, duration_s, boxes, folder, as_json).run(data_dir))
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    sys.exit(1 if report["errors"] else 0)


class _Run:
    def __init__(self, seed: int, duration_s: float, boxes: int, folder: Path, quiet: bool) -> None:
        self._seed, self._duration_s, self._boxes, self._folder = seed, duration_s, boxes, folder
        self._clock = SystemClock()
        self._console = Console(stderr=True, quiet=quiet)
        self._deaths: list[str] = []
        self._links: dict[str, Link] = {}
        self._memory_mb: dict[str, int] = {}

    async def run(self, keep: Path | None) -> dict[str, Any]:
        running = asyncio.current_task()
        assert running is not None
        # As Ctrl-C does: programs are stopped and the disk is let go.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
        disk = Disk(self._folder)
        mounted = disk.mount()
        try:
            report = await self._on(disk if mounted else None)
            if keep is None and report["errors"]:
                keep = Path(f"opq-chaos-{self._seed}")
            if keep is not None:
                shutil.copytree(self._folder, keep, ignore=shutil.ignore_patterns("boxes", "lock"), dirs_exist_ok=True)
                self._say(f"store and logs are kept in {keep}")
            return report
        finally:
            if mounted:
                disk.unmount()
            shutil.rmtree(self._folder)

    async def _on(self, disk: Disk | None) -> dict[str, Any]:
        site = LocalSite(self._folder, self._say, self._deaths.append, self._reach, secure=True)
        store = await asyncio.to_thread(open_store, site.store_url)
        try:
            await site.start_services(store, view=False)
            store.boxes.put(Box(VANDAL, GridId("vandal"), _NOMINAL))
            site.issue_box(store, VANDAL)
            kinds = [kind for kind in FaultKind if disk is not None or kind is not FaultKind.DISK_FULL]
            start = self._clock.unix_ns() + seconds_ns(FIRST_SECOND_S)
            plan = make_plan(self._seed, self._boxes, self._duration_s, start, _NOMINAL, kinds)
            await site.simulate(store, plan.scenario)
            watching = asyncio.create_task(self._watch_memory(site))
            injector = Injector(site, store, self._links, disk, self._seed, self._clock, self._say)
            await injector.run(plan.faults, start)
            await asyncio.sleep(max(0.0, (start - self._clock.unix_ns()) / NS + self._duration_s))
            watching.cancel()
            end = self._clock.unix_ns()
            self._say("looking at the books")
            await asyncio.to_thread(settle, store, _SETTLE_S)
            report = await asyncio.to_thread(make_report, store, plan.scenario, end, self._wrong_deaths(plan))
            report["errors"] += await asyncio.to_thread(lambda: list(audit(store, plan.scenario, end)))
            report["errors"] += self._grown()
        finally:
            await site.stop()
            for link in self._links.values():
                await link.stop()
            store.close()
        for error in report["errors"]:
            self._say(f"wrong: {error}")
        faults = Counter(fault.kind.value for fault in plan.faults)
        self._say(f"{sum(faults.values())} faults, {report['frames']} frames, {len(report['errors'])} errors")
        return {
            "seed": self._seed,
            "duration_s": self._duration_s,
            "faults": dict(faults),
            "left_out": [] if disk is not None else ["disk_full: mounting a small file system needs root"],
            "memory_mb": self._memory_mb,
            **report,
            "plan": [dataclasses.asdict(fault) | {"kind": fault.kind.value} for fault in plan.faults],
        }

    async def _reach(self, program: str, address: str) -> str:
        self._links[program] = Link(address)
        return await self._links[program].start()

    def _wrong_deaths(self, plan: Plan) -> list[str]:
        """Return deaths that were not in the plan."""
        killed = [sentence for sentence in self._deaths if _EXPECTED_DEATH in sentence]
        wrong = [sentence for sentence in self._deaths if _EXPECTED_DEATH not in sentence]
        planned = sum(fault.kind is FaultKind.KILL for fault in plan.faults)
        if len(killed) > planned:
            wrong.append(f"{len(killed)} programs were killed, the plan has {planned}")
        return wrong

    async def _watch_memory(self, site: LocalSite) -> None:
        while True:
            for name, child in site.supervisor.children.items():
                if child.pid is not None:
                    self._memory_mb[name] = max(self._memory_mb.get(name, 0), _resident_mb(child.pid))
            await asyncio.sleep(_SAMPLE_S)

    def _grown(self) -> list[str]:
        bound = _BASE_MB + _PER_BOX_MB * self._boxes
        return [
            f"{name} took {mb} MB, expected at most {bound} MB" for name, mb in self._memory_mb.items() if mb > bound
        ]

    def _say(self, sentence: str) -> None:
        self._console.print(f"opq chaos: {sentence}", highlight=False, soft_wrap=True)


def _resident_mb(pid: int) -> int:
    """Return the memory of a process that is in use [MB]; 0 if it is gone."""
    try:
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) // 1024 if found else 0
