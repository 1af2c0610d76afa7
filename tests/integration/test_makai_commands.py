"""The commands for Makai on a whole site of real processes with boxes that sample."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from opq.clock import SystemClock
from opq.ids import BoxId, EventId
from opq.model.boxes import Nominal
from opq.model.events import AcquisitionState, EventState
from opq.rpc.channels import healthy
from opq.sim.scenario import quiet_scenario, save_scenario
from opq.store import Store, open_store
from opq.testing.processes import Processes, eventually, free_address

CLOCK = SystemClock()


@dataclass
class Site:
    """Makai, ingest and two simulated boxes."""

    directory: Path
    store: Store
    processes: Processes
    makai: str

    @property
    def url(self) -> str:
        return f"sqlite:{self.directory / 'store'}"

    def opq(self, *words: str, makai: bool = False) -> tuple[int, str]:
        where = ["--makai", self.makai] if makai else []
        command = [sys.executable, "-c", "from opq_cli.main import main; main()", *words, *where, "--store", self.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("site")
    store = open_store(f"sqlite:{directory / 'store'}")
    scenario = quiet_scenario(2, CLOCK.unix_ns(), Nominal(120, 60))
    save_scenario(scenario, directory / "scenario.json")
    for box in scenario.boxes:
        store.boxes.put(box)
    makai, ingest = free_address(), free_address()
    with Processes(directory) as processes:
        stored = ("--store", f"sqlite:{directory / 'store'}")
        processes.start("makai", "--listen", makai, *stored, "--quiet-s", "2")
        eventually(lambda: asyncio.run(healthy(makai)), "Makai is up", 60)
        processes.start("ingest", "--listen", ingest, "--makai", makai, *stored)
        processes.start(
            "simulate",
            *(
                "--scenario",
                str(directory / "scenario.json"),
                "--ingest",
                ingest,
                "--data-dir",
                str(directory / "boxes"),
            ),
        )
        eventually(
            lambda: [status.last_frame_unix_ns > 0 for status in store.boxes.statuses()] == [True, True],
            "both stream",
            60,
        )
        yield Site(directory, store, processes, makai)
    store.close()


def event_id(said: str) -> EventId:
    return EventId(said.split()[1])


def test_the_last_seconds_of_all_boxes_are_captured_and_the_answers_printed(site: Site) -> None:
    code, said = site.opq("trigger", "--boxes", "all", "--last", "1s", "--reason", "a look", "--wait", makai=True)
    assert code == 0, said
    first, header, *lines = said.splitlines()
    assert first.startswith("event ")
    assert ": 2 boxes, 1 s from " in first
    assert header.split() == ["box", "from", "seconds", "state", "bytes", "reason"]
    assert [line.split()[3] for line in lines] == ["stored", "stored"]
    event = site.store.events.get(event_id(first))
    assert event is not None
    assert event.opened_by == "a look"
    (act,) = site.store.audit.list(1)
    assert (act.action, act.subject, act.detail) == ("event.trigger", "sim-01, sim-02", "a look")


def test_an_event_that_waits_for_the_future_is_cancelled_and_nothing_hangs(site: Site) -> None:
    code, said = site.opq("trigger", "--boxes", "sim-01", "--from", "now", "--to", "+60s", makai=True)
    assert code == 0, said
    found = event_id(said)
    code, said = site.opq("trigger", "--cancel", found, "--reason", "enough", makai=True)
    assert code == 0, said
    assert said.startswith(f"cancelled: event {found} no longer waits for")
    eventually(lambda: site.store.events.get(found).state is EventState.COMPLETE, "the event is complete")
    assert site.store.audit.list(1)[0].action == "event.cancel"
    asked = site.store.acquisitions.of_event(found)
    assert {item.state for item in asked} <= {AcquisitionState.MISSING}
    assert all("cancelled by" in item.reason and "enough" in item.reason for item in asked)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--boxes", "sim-01"], "--from: say when it begins"),
        (["--last", "5s"], "--boxes: say which, with commas between, or all"),
        (["--boxes", "nobody", "--last", "5s"], "box nobody is not enrolled; enrolled: sim-01, sim-02"),
        (["--boxes", "sim-01", "--from", "now", "--to", "+1000s"], "in the future; expected at most 120 s"),
        (["--boxes", "sim-01", "--from", "-2h", "--to", "now"], "interval: got 7200 s, expected at most 3600 s"),
        (["--boxes", "sim-01", "--from", "now", "--to", "-5s"], "--to: got"),
        (["--cancel", "e-1"], "event 'e-1' is not in the store"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_words(site: Site, words: list[str], message: str) -> None:
    code, said = site.opq("trigger", *words, makai=True)
    assert code == 1
    assert said.startswith("opq: ")
    assert message in said


def test_the_state_of_a_box_is_shown(site: Site) -> None:
    code, said = site.opq("makai", "state", "sim-01", makai=True)
    assert code == 0, said
    assert said.startswith("box sim-01 on grid ")
    assert "limits in force: U 0.95 to 1.05 pu" in said
    code, said = site.opq("makai", "state", "sim-01", "--json", makai=True)
    assert json.loads(said)["makai_id"] == "makai-1"


def test_triggers_are_watched_as_they_come(site: Site) -> None:
    command = [
        sys.executable,
        "-c",
        "from opq_cli.main import main; main()",
        "makai",
        "watch",
        "--json",
        "--kind",
        "hard",
    ]
    with subprocess.Popen(
        [*command, "--makai", site.makai, "--store", site.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stderr is not None
        assert "watching" in watching.stderr.readline()
        # Limits so tight that the mains of any box leave them.
        code, said = site.opq("boxes", "override", "sim-02", "--for", "20s", "--f-deviation-hz", "0.001")
        assert code == 0, said
        assert watching.stdout is not None
        seen = json.loads(watching.stdout.readline())
        watching.terminate()
    assert (seen["trigger"]["box_id"], seen["trigger"]["kind"], seen["lost"]) == ("sim-02", "hard", 0)
    site.opq("boxes", "override", "sim-02", "--clear")


def test_a_window_is_changed_and_the_box_has_confirmed_it_when_the_command_returns(site: Site) -> None:
    assert site.opq("boxes", "set", "sim-01", "--window-cycles", "1", "--wait") == (
        0,
        "changed sim-01\nsim-01 confirmed windows of 1 cycle\n",
    )
    eventually(lambda: site.store.measurements.latest(BoxId("sim-01")).windows >= 50, "windows of one cycle come")
    code, said = site.opq("boxes", "show", "sim-01")
    assert "the box says: windows of 1 cycle, confirmed" in said
    assert site.opq("boxes", "set", "sim-01", "--window-cycles", "0", "--wait")[1].endswith("confirmed basic windows\n")
    code, said = site.opq("boxes", "set", "sim-01", "--window-cycles", "3601", "--wait")
    assert code != 0


def test_an_override_is_shown_until_it_ends_by_itself(site: Site) -> None:
    words = ("--for", "6s", "--window-cycles", "2", "--u-low-pu", "0.8", "--reason", "a storm", "--wait")
    code, said = site.opq("boxes", "override", "sim-02", *words)
    assert code == 0, said
    assert "sim-02: u_low_pu 0.8, 2-cycle windows until " in said
    code, said = site.opq("boxes", "list")
    assert "2-cycle windows until" in said
    eventually(lambda: site.store.boxes.status(BoxId("sim-02")).window_cycles == 0, "the window is as before")
    code, said = site.opq("boxes", "show", "sim-02")
    assert "override: none" in said
    assert "in force: U 0.95 to 1.05 pu" in said


def test_a_makai_that_does_not_run_is_said_not_to(site: Site) -> None:
    nowhere = free_address()
    code, said = site.opq("makai", "state", "sim-01", "--makai", nowhere)
    assert code == 1
    assert f"opq: makai at {nowhere} does not answer" in said
