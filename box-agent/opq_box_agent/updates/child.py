"""One running agent as its launcher sees it: a process, and the signs of life it gives."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

LAUNCHED = "OPQ_BOX_LAUNCHED"
"""Set for agents that have a launcher, which alone can install updates."""
_STOP_S = 20.0
_PR_SET_PDEATHSIG = 1


class Child:
    """An agent as a process of its own.

    Parameters
    ----------
    arguments : sequence of str
        As for ``opq box run``.
    modules : Path, optional
        Folder that comes first on the module path.
    environment : mapping
        Environment to start with.
    """

    def __init__(self, arguments: Sequence[str], modules: Path | None, environment: Mapping[str, str]) -> None:
        self._folder = TemporaryDirectory(prefix="opq-")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        address = f"{self._folder.name}/notify"
        self._socket.bind(address)
        path = os.pathsep.join(filter(None, [str(modules or ""), environment.get("PYTHONPATH", "")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "opq_box_agent", *arguments],
            env={**environment, "PYTHONPATH": path, "NOTIFY_SOCKET": address, LAUNCHED: "1"},
            stdin=subprocess.DEVNULL,
            # -P: the folder it is started in must not come before the slot.
            # There is no other thread here, which makes this safe.
            preexec_fn=_end_with_parent,
        )
        self.started_s = self.heard_s = time.monotonic()
        self.ready = self.connected = False

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def listen(self, seconds: float) -> None:
        """Take the signs of life that are there, waiting for the first at most so long [s]."""
        self._socket.settimeout(max(0.001, seconds))
        try:
            while True:
                lines = self._socket.recv(4096).decode(errors="replace").splitlines()
                self.heard_s = time.monotonic()
                self.ready = self.ready or "READY=1" in lines
                self.connected = "X_OPQ_CONNECTED=1" in lines or (self.connected and "X_OPQ_CONNECTED=0" not in lines)
                self._socket.settimeout(0.001)
        except TimeoutError:
            return

    def stop(self) -> None:
        """End it in order; when it does not end, at once."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._socket.close()
        self._folder.cleanup()


def _end_with_parent() -> None:
    """Ask the kernel to end this process when its launcher is killed: two agents must not share one spool."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
