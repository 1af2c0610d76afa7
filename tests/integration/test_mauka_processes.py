"""Hub and workers as processes that are killed, frozen and started again; plugins come from an installed package."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from opq.clock import NS
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.events import Event, EventBox, EventState, Role
from opq.model.incidents import Incident
from opq.model.tasks import DISPATCH, Task, TaskKind, TaskState, dispatch_task_id, event_task_id
from opq.store import Store, open_store
from opq.testing.distributions import make_distribution
from opq.testing.processes import Processes, eventually, free_address

T0 = 1_760_000_000 * NS
TRIALS = '''
import os, time
from pathlib import Path
from opq.model.incidents import Finding, IncidentClass
from opq_mauka.sdk import Plugin, PluginConfig

DIRECTORY = Path(os.environ["TRIALS_DIRECTORY"])

def found(context):
    event = context.event
    return [Finding(record.box.box_id, IncidentClass.VOLTAGE_SAG, event.start_unix_ns, event.end_unix_ns, "s", "c")
            for record in context.records]

def first_time(mark):
    try:
        (DIRECTORY / mark).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

class Hang(Plugin[PluginConfig]):
    """Hangs the first time."""
    name, version, time_limit_s = "hang", "1", 0.5

    def analyze(self, context):
        if first_time("hang"):
            time.sleep(60)
        return found(context)

class Long(Plugin[PluginConfig]):
    """Takes until it is released the first time."""
    name, version = "long", "1"

    def analyze(self, context):
        if first_time("long"):
            while not (DIRECTORY / "release").exists():
                time.sleep(0.05)
        return found(context)
'''


class Site:
    """A hub process, any number of worker processes, and the store they work on."""

    def __init__(self, directory: Path, processes: Processes) -> None:
        self.directory, self.processes = directory, processes
        self.url = f"sqlite:{directory / 'store'}"
        self.store: Store = open_store(self.url)
        self.store.boxes.put(Box(BoxId("b-1"), GridId("g"), Nominal(120, 60)))
        self.address = free_address()

    def start_hub(self, lease_s: float = 1) -> None:
        self.processes.start("hub", "--listen", self.address, "--store", self.url, "--lease-s", str(lease_s))

    def start_worker(self, name: str, plugins: str) -> None:
        arguments = ("--hub", self.address, "--worker-id", name, "--plugins", plugins)
        self.processes.start(name, *arguments, program="worker")

    def add_event(self, event_id: str = "e-1") -> None:
        box_id = BoxId("b-1")
        event = Event(EventId(event_id), GridId("g"), T0, T0 + NS, EventState.COMPLETE, completed_unix_ns=T0 + 2 * NS,
                      box_ids=(box_id,))  # fmt: skip
        self.store.events.put_boxes([EventBox(event.event_id, box_id, Role.HARD, T0, T0 + NS)])
        self.store.events.put(event)
        self.store.tasks.add([Task(dispatch_task_id(event.event_id, 0), DISPATCH, TaskKind.EVENT, T0, event.event_id)])

    def task(self, plugin: str, event_id: str = "e-1") -> Task:
        task = self.store.tasks.get(event_task_id(plugin, EventId(event_id), 0))
        assert task is not None
        return task

    def done(self, plugin: str, event_id: str = "e-1") -> bool:
        task = self.store.tasks.get(event_task_id(plugin, EventId(event_id), 0))
        return task is not None and task.state is TaskState.DONE

    def incidents(self) -> list[Incident]:
        return self.store.incidents.list()

    def began(self, mark: str) -> bool:
        return (self.directory / mark).exists()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    make_distribution(
        tmp_path / "trials", "trials", {"opq.mauka.plugins": {"hang": "trials:Hang", "long": "trials:Long"}},
        {"trials": TRIALS},
    )  # fmt: skip
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "trials"))
    monkeypatch.setenv("TRIALS_DIRECTORY", str(tmp_path))
    with Processes(tmp_path) as processes:
        made = Site(tmp_path, processes)
        yield made
        (tmp_path / "release").touch()
    made.store.close()


def test_a_plugin_that_hangs_ends_its_worker_with_3_and_another_worker_does_the_task(site: Site) -> None:
    site.start_hub()
    site.add_event()
    site.start_worker("first", "hang")
    assert site.processes.wait("first", 20) == 3
    assert "plugin hang took more than 0.5 s on task hang:e-1:0" in site.processes.log_text("first")
    assert not site.done("hang")
    site.start_worker("second", "hang")
    eventually(lambda: site.done("hang"), "the second worker does it")
    assert len(site.incidents()) == 1
    assert (site.task("hang").worker, site.task("hang").attempts) == ("second", 2)


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_the_task_of_a_worker_that_is_gone_is_finished_by_another_with_one_set_of_incidents(
    site: Site, blow: signal.Signals
) -> None:
    site.start_hub()
    site.add_event()
    site.start_worker("first", "long")
    eventually(lambda: site.began("long"), "the first worker is in the middle of it")
    os.kill(site.processes.pid("first"), blow)
    site.start_worker("second", "long")
    eventually(lambda: site.done("long"), "the second worker does it")
    assert site.task("long").worker == "second"
    before = site.incidents()
    assert len(before) == 1
    if blow == signal.SIGSTOP:
        # It wakes up, finishes what it had begun, and says so.
        (site.directory / "release").touch()
        os.kill(site.processes.pid("first"), signal.SIGCONT)
        site.add_event("e-2")
        site.processes.stop("second")
        eventually(lambda: site.done("long", "e-2"), "the first worker works again")
        assert [item.incident_id for item in site.incidents() if item.event_id == "e-1"] == [before[0].incident_id]
    assert len([item for item in site.incidents() if item.event_id == "e-1"]) == 1


def test_a_hub_that_is_killed_and_started_again_goes_on_with_all_tasks(site: Site) -> None:
    site.start_hub()
    site.add_event("e-1")
    site.add_event("e-2")
    site.start_worker("first", "long")
    eventually(lambda: site.began("long"), "the worker is in the middle of one")
    site.processes.kill("hub")
    site.add_event("e-3")
    site.processes.start("hub")
    (site.directory / "release").touch()
    eventually(lambda: all(site.done("long", event) for event in ("e-1", "e-2", "e-3")), "all are done")
    assert sorted(item.event_id for item in site.incidents()) == ["e-1", "e-2", "e-3"]
    assert site.processes.stop("first") == 0


def test_a_worker_that_cannot_run_says_why_in_one_line(site: Site) -> None:
    site.start_worker("wrong", "hung")
    assert site.processes.wait("wrong", 20) == 1
    assert site.processes.log_text("wrong") == (
        "opq worker: plugins: got 'hung', expected one of "
        "distortion, frequency, hang, ieee1159, ieee1668, itic, long, outage, rapid_voltage_change, semi_f47, transient\n"
    )
