"""Does to a running site what a plan says."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import apsw

from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.rpc.channels import Dialer
from opq.store import Store
from opq.testing.vandal import send_bad_frames, send_noise
from opq.trust.names import Role
from opq_cli.chaos.links import Link
from opq_cli.chaos.plan import Fault, FaultKind
from opq_cli.up.site import LocalSite

VANDAL = BoxId("vandal")
"""An enrolled box that sends only frames that are none."""
_ROOM_MB = 4096


class Disk:
    """A small file system in memory, whose room can be taken away. Making one needs root.

    Parameters
    ----------
    folder : Path
        Where it is mounted; an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mount(self) -> bool:
        """Mount it; False if that is not allowed here."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM_MB}m", "tmpfs", str(self._folder)]
        with contextlib.suppress(OSError):
            return subprocess.run(command, check=False, capture_output=True).returncode == 0
        return False

    def fill(self) -> None:
        """Leave no room, however fast more is taken meanwhile."""
        full = False
        while not full:
            state = os.statvfs(self._folder)
            full = self._resize(f"{(state.f_blocks - state.f_bfree) * state.f_frsize // 1024}k")

    def free(self) -> None:
        """Give the room back."""
        self._resize(f"{_ROOM_MB}m")

    def unmount(self) -> None:
        """Let it go with all that is on it."""
        subprocess.run(["umount", "-l", str(self._folder)], check=False, capture_output=True)

    def _resize(self, size: str) -> bool:
        """Change the size; False if more is in use by now."""
        command = ["mount", "-o", f"remount,size={size}", str(self._folder)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Injector:
    """Carries out the faults of a plan, each at its time.

    Parameters
    ----------
    links : mapping
        Connections by who opened them.
    disk : Disk or None
        Where the site keeps everything, if its room can be taken away.
    say : callable
        Told in a sentence what is done.
    """

    def __init__(
        self,
        site: LocalSite,
        store: Store,
        links: Mapping[str, Link],
        disk: Disk | None,
        seed: int,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self._site, self._store, self._links, self._disk = site, store, links, disk
        self._rng, self._clock, self._say = random.Random(seed), clock, say

    async def run(self, faults: Sequence[Fault], start_unix_ns: int) -> None:
        """Do all of it; returns when the last fault is over."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, (start_unix_ns - self._clock.unix_ns()) / NS + fault.at_s))
                lasts = f" for {fault.length_s:.1f} s" if fault.length_s else ""
                self._say(f"{fault.at_s:6.1f} s  {fault.kind.value} {fault.target}{lasts}")
                group.create_task(self._do(fault))

    async def _do(self, fault: Fault) -> None:
        if fault.kind is FaultKind.KILL:
            self._signal(self._pid(fault.target), signal.SIGKILL)
        elif fault.kind is FaultKind.PAUSE:
            pid = self._pid(fault.target)
            self._signal(pid, signal.SIGSTOP)
            await asyncio.sleep(fault.length_s)
            self._signal(pid, signal.SIGCONT)
        elif fault.kind is FaultKind.DELAY:
            self._links[fault.target].delay_s = fault.amount_s
            await asyncio.sleep(fault.length_s)
            self._links[fault.target].delay_s = 0.0
        elif fault.kind is FaultKind.PARTITION:
            self._links[fault.target].open.clear()
            await asyncio.sleep(fault.length_s)
            self._links[fault.target].break_all()
            self._links[fault.target].open.set()
        elif fault.kind is FaultKind.SPOIL:
            self._links[fault.target].spoil = self._rng
            await asyncio.sleep(fault.length_s)
            self._links[fault.target].spoil = None
        elif fault.kind is FaultKind.ROTATE:
            await asyncio.to_thread(self._site.issue_services, self._store)
        elif fault.kind is FaultKind.STORE_LOCKED:
            await asyncio.to_thread(_hold_lock, self._site.data_dir / "store" / "opq.sqlite", fault.length_s)
        elif fault.kind is FaultKind.DISK_FULL and self._disk is not None:
            await asyncio.to_thread(self._disk.fill)
            await asyncio.sleep(fault.length_s)
            await asyncio.to_thread(self._disk.free)
        elif fault.kind is FaultKind.GARBAGE:
            await send_noise(self._site.addresses["ingest"], self._rng)
            async with Dialer(self._site.addresses["ingest"], Role.INGEST, self._site.box_files(VANDAL)) as dialer:
                await send_bad_frames(await dialer.channel(), VANDAL, self._rng, self._clock)

    def _pid(self, program: str) -> int | None:
        return self._site.supervisor.children[program].pid

    @staticmethod
    def _signal(pid: int | None, number: signal.Signals) -> None:
        # One that is being started again has nothing to lose yet.
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _hold_lock(database: Path, seconds: float) -> None:
    """Keep all others from writing."""
    connection = apsw.Connection(str(database))
    connection.set_busy_timeout(10_000)
    try:
        connection.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    finally:
        connection.close()
