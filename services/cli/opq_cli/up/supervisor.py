"""Processes that are started, watched, started again when they die, and ended in order."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from opq.errors import Unavailable

_HEALTH_POLL_S = 0.15
_STOP_S = 10.0
_BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_STEADY_S = 30.0
"""A process that lived this long starts again at once when it dies."""


@dataclass(slots=True)
class Child:
    """One process of the site."""

    name: str
    command: list[str]
    healthy: Callable[[], Awaitable[bool]]
    log: Path
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    _deaths: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        """Process id; None while it is not running."""
        return self.process.pid if self.process and self.process.returncode is None else None


class Supervisor:
    """Keeps children running.

    Parameters
    ----------
    note : callable
        Told in a sentence whenever a child dies or is started again.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self.children: dict[str, Child] = {}
        self._note = note
        self._watchers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, child: Child, timeout_s: float = 60.0) -> None:
        """Start a child and wait until it is healthy.

        Raises
        ------
        Unavailable
            If it ends or does not become healthy; the message carries the end of its log.
        """
        self.children[child.name] = child
        await self._spawn(child)
        deadline = time.monotonic() + timeout_s
        while not await child.healthy():
            if child.pid is None or time.monotonic() > deadline:
                what = "ended" if child.pid is None else f"is not healthy after {timeout_s:g} s"
                raise Unavailable(f"{child.name} {what}; its log {child.log} ends with:\n{tail(child.log)}")
            await asyncio.sleep(_HEALTH_POLL_S)
        self._watchers.append(asyncio.create_task(self._watch(child)))

    async def stop(self) -> None:
        """End all children, last started first; one that does not end in time is killed."""
        self._stopping = True
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        for child in reversed(self.children.values()):
            await self._end(child)

    async def _spawn(self, child: Child) -> None:
        with child.log.open("ab") as log:
            child.process = await asyncio.create_subprocess_exec(
                *child.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def _watch(self, child: Child) -> None:
        while child.process is not None:
            born = time.monotonic()
            code = await child.process.wait()
            child._deaths = 0 if time.monotonic() - born > _STEADY_S else child._deaths + 1
            pause = _BACKOFF_S[min(child._deaths, len(_BACKOFF_S) - 1)]
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            self._note(f"{child.name} {how}; starting it again in {pause:g} s")
            await asyncio.sleep(pause)
            child.restarts += 1
            await self._spawn(child)

    async def _end(self, child: Child) -> None:
        if child.process is None or child.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.process.terminate()
        try:
            await asyncio.wait_for(child.process.wait(), _STOP_S)
        except TimeoutError:
            self._note(f"{child.name} does not end; killing it")
            with contextlib.suppress(ProcessLookupError):
                child.process.kill()
            await child.process.wait()


def tail(path: Path, lines: int = 12) -> str:
    """Return the last lines of a text file."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
