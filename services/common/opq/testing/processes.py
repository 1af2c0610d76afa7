"""Programs of a site as real processes on loopback, for tests: start, kill, start again."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

MODULES = {
    "box": "opq_box_agent",
    "launch": "opq_box_agent.updates.launcher",
    "simulate": "opq_box_agent.fleet",
    "ingest": "opq_ingest",
    "makai": "opq_makai",
    "hub": "opq_mauka.hub",
    "worker": "opq_mauka.worker",
    "view": "opq_view",
}


class Processes:
    """Starts programs with a log each and ends them all when it is left.

    Parameters
    ----------
    directory : Path
        Where logs go.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._commands: dict[str, list[str]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._running.values()):
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *arguments: str, program: str | None = None) -> None:
        """Start a program under a name; without arguments as the last time."""
        command = [sys.executable, "-m", MODULES[program or name], *arguments] if arguments else self._commands[name]
        self.start_command(name, command)

    def start_command(self, name: str, command: list[str]) -> None:
        """Start any command under a name."""
        self._commands[name] = command
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def pid(self, name: str) -> int:
        """Process id of a program."""
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """End a program as a power cut would (SIGKILL)."""
        self._running[name].kill()
        self._running[name].wait()

    def stop(self, name: str, timeout_s: float = 15) -> int:
        """End a program in order (SIGTERM); return its exit code."""
        self._running[name].terminate()
        return self._running[name].wait(timeout_s)

    def wait(self, name: str, timeout_s: float) -> int:
        """Wait for a program that ends by itself; return its exit code."""
        return self._running[name].wait(timeout_s)

    def log(self, name: str) -> Path:
        """The file that a program's output goes to."""
        return self._directory / f"{name}.log"

    def log_text(self, name: str) -> str:
        """All a program has said so far."""
        return self.log(name).read_text(errors="replace")


def free_address() -> str:
    """Return ``127.0.0.1:PORT`` with a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def eventually(condition: Callable[[], object], what: str, timeout_s: float = 30.0) -> None:
    """Wait until a condition holds, looking ten times a second.

    Raises
    ------
    AssertionError
        Saying what did not come true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(0.1)


async def soon(condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    """Wait as `eventually` does, but let the event loop run meanwhile.

    Raises
    ------
    AssertionError
        Saying what did not come true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        await asyncio.sleep(0.02)
