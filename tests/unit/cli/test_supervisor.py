"""Real children: started again when they die, reported when they do not start, ended in order, killed if they must be."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from opq.errors import Unavailable
from opq.testing.processes import soon
from opq_cli.up import supervisor as module
from opq_cli.up.supervisor import Child, Supervisor, tail

READY = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(); "
SLEEP = "import time; time.sleep(60)"


class Nursery:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.notes: list[str] = []
        self.supervisor = Supervisor(self.notes.append)

    def child(self, name: str, code: str) -> Child:
        """A Python process that is healthy when its mark is there."""
        mark = self.directory / f"{name}.mark"

        async def healthy() -> bool:
            return mark.exists()

        command = [sys.executable, "-S", "-c", code, str(mark)]
        return Child(name, command, healthy, self.directory / f"{name}.log")


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    made = Nursery(tmp_path)
    yield made
    await made.supervisor.stop()


async def test_a_child_that_is_killed_is_started_again_and_said_to_be(nursery: Nursery) -> None:
    child = nursery.child("a", READY + SLEEP)
    await nursery.supervisor.start(child)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await soon(lambda: child.restarts == 1 and child.pid not in (None, first), "it runs again")
    assert nursery.notes == ["a was killed by signal 9; starting it again in 0.5 s"]


async def test_a_child_that_keeps_ending_is_started_again_after_longer_pauses(nursery: Nursery) -> None:
    child = nursery.child("a", READY + "raise SystemExit(7)")
    await nursery.supervisor.start(child)
    await soon(lambda: len(nursery.notes) == 3, "it ended three times")
    assert nursery.notes == [f"a ended with exit code 7; starting it again in {pause} s" for pause in ("0.5", "1", "2")]


async def test_a_child_that_ends_at_once_is_reported_with_the_end_of_its_log(nursery: Nursery) -> None:
    child = nursery.child("a", "print('line 1'); raise SystemExit('a: the port is taken')")
    with pytest.raises(Unavailable) as refusal:
        await nursery.supervisor.start(child)
    assert str(refusal.value).startswith(f"a ended; its log {child.log} ends with:\n")
    assert str(refusal.value).endswith("a: the port is taken")
    assert "line 1" in str(refusal.value)


async def test_a_child_that_does_not_become_healthy_is_reported_and_ended_with_the_others(nursery: Nursery) -> None:
    child = nursery.child("a", "print('warming up', flush=True); " + SLEEP)
    with pytest.raises(Unavailable, match=r"a is not healthy after 0\.6 s; its log .* ends with:\nwarming up"):
        await nursery.supervisor.start(child, timeout_s=0.6)
    pid = child.pid
    await nursery.supervisor.stop()
    assert not psutil.pid_exists(pid)


async def test_children_end_in_the_reverse_order_of_their_start_and_are_not_started_again(nursery: Nursery) -> None:
    order = nursery.directory / "order"
    code = f"""
import pathlib, signal, sys, time
def end(*_):
    with open({str(order)!r}, "a") as file: file.write(pathlib.Path(sys.argv[1]).stem + " ")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1]).touch()
time.sleep(60)
"""
    children = [nursery.child(name, code) for name in ("a", "b", "c")]
    for child in children:
        await nursery.supervisor.start(child)
    await nursery.supervisor.stop()
    assert order.read_text() == "c b a "
    assert [child.pid for child in children] == [None, None, None]
    assert nursery.notes == []


async def test_a_child_that_ignores_sigterm_is_killed_and_said_to_be(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STOP_S", 0.3)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + READY + SLEEP
    child = nursery.child("deaf", code)
    await nursery.supervisor.start(child)
    pid = child.pid
    await nursery.supervisor.stop()
    assert nursery.notes == ["deaf does not end; killing it"]
    assert not psutil.pid_exists(pid)


async def test_a_child_that_waits_to_be_started_again_is_not_when_all_is_stopped(nursery: Nursery) -> None:
    child = nursery.child("a", READY + "raise SystemExit(7)")
    await nursery.supervisor.start(child)
    await soon(lambda: len(nursery.notes) == 1, "it ended")
    await nursery.supervisor.stop()
    assert (child.pid, child.restarts) == (None, 0)


def test_the_tail_of_a_log_is_its_last_lines_whatever_bytes_it_has(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"".join(b"line %d \xff\n" % number for number in range(30)))
    assert tail(log).splitlines()[0].startswith("line 18 ")
    assert len(tail(log).splitlines()) == 12
