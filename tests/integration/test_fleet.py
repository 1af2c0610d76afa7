"""Light boxes of a simulated grid against a real ingest and a real Makai, and into files."""

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS
from opq.codec import decode
from opq.formats import read_recording
from opq.ids import BoxId
from opq.model.box_list import load_boxes
from opq.model.events import AcquisitionState, Event, Role
from opq.sim.grid import HappeningKind, World, load_plan, load_truth
from opq.store import Store, open_store
from opq.store.port import EventFilter
from opq.testing.processes import Processes, eventually, free_address

PLAN = """
name: street
u_din_v: 120
f_hz: 60
feeders:
  - {count: 2, sections: 2, laterals: 10, transformers: 1, boxes: 3}
rates: {transmission_fault: 0, feeder_fault: 0, lateral_fault: 0, capacitor: 0, tap_change: 0, lightning: 0, distortion: 0,
  frequency_excursion: 0, local_sag_per_box: 0, local_swell_per_box: 0, motor_start_per_box: 0, gap_per_box: 0, reboot_per_box: 0}
happenings:
  - {kind: local_sag, at_s: 4.35, box: street-0005, size: 0.7, duration_s: 0.3}
faults:
  - {kind: silent, boxes: [street-0010], at_s: 7, duration_s: 4}
  - {kind: gap, boxes: [street-0005], at_s: 3.5, duration_s: 0.5}
  - {kind: clock, boxes: [street-0011], at_s: 0, offset_s: 0.3}
"""
SAGGED, SILENT = BoxId("street-0005"), BoxId("street-0010")
SECONDS = 20
SEED = 5


class Street:
    """A site whose boxes are those of a world, and what the world says of them."""

    def __init__(self, directory: Path, processes: Processes, store: Store, world: World) -> None:
        self.directory, self.processes, self.store, self.world = directory, processes, store, world
        self.first_boot_id = ""

    def boot_id(self) -> str:
        status = self.store.boxes.status(SILENT)
        return status.boot_id if status else ""

    def events(self) -> list[Event]:
        return self.store.events.list(EventFilter(grid_id=self.world.plan.grid_id))


def simulate(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opq_box_agent.fleet", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def opq(*words: str) -> str:
    command = [sys.executable, "-c", "from opq_cli.main import main; main()", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """The world has run, and ingest was killed and started again in the middle of it."""
    directory = tmp_path_factory.mktemp("street")
    plan = directory / "street.yaml"
    plan.write_text(PLAN)
    boxes = directory / "boxes.json"
    assert simulate("--scenario", str(plan), "--write-boxes", str(boxes)).returncode == 0
    url = f"sqlite:{directory / 'store'}"
    store = open_store(url)
    said = opq("boxes", "add", "--from", str(boxes), "--store", url)
    assert said == "enrolled 60 boxes on grid street\n"
    assert opq("boxes", "add", "--from", str(boxes), "--store", url).endswith("; 60 were already there\n")
    makai, ingest = free_address(), free_address()
    with Processes(directory) as processes:
        processes.start("makai", "--listen", makai, "--store", url, "--quiet-s", "2")
        processes.start("ingest", "--listen", ingest, "--makai", makai, "--store", url, "--ack-period-s", "1")
        start = time.time_ns() // NS * NS
        world = World(load_plan(plan), SEED, start, SECONDS)
        processes.start(
            "simulate",
            *("--scenario", str(plan), "--seed", str(SEED), "--duration", str(SECONDS), "--ingest", ingest),
            *("--start", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start // NS))),
            *("--truth", str(directory / "truth.json"), "--journal", str(directory / "journal.jsonl")),
        )
        made = Street(directory, processes, store, world)
        eventually(lambda: store.measurements.count(SILENT) > 0, "it speaks")
        made.first_boot_id = made.boot_id()
        # The event is complete before ingest is killed, so that only frames are at stake.
        eventually(lambda: [event.completed_unix_ns > 0 for event in made.events()] == [True], "the event", 20)
        processes.kill("ingest")
        time.sleep(1.5)
        processes.start("ingest")
        assert processes.wait("simulate", 60) == 0
        yield made
    store.close()


@pytest.mark.timeout(90)
def test_every_frame_is_stored_once_though_ingest_was_killed(street: Street) -> None:
    block = street.world.block(0, SECONDS)
    for index, box in enumerate(street.world.boxes):
        rows = street.store.measurements.range(box.box_id, 0, 2**63 - 1)
        seconds = np.flatnonzero(block.present[index])
        assert [row.start_unix_ns for row in rows] == block.start_unix_ns[index, 5 * seconds].tolist(), box.box_id
        assert Counter(row.windows for row in rows) == {5: len(seconds)}


def test_a_silent_box_is_silent_and_comes_back_as_after_a_start(street: Street) -> None:
    assert not street.world.present(7, 4)[9].any()
    assert street.store.measurements.count(SILENT) == SECONDS - 4
    assert street.first_boot_id
    assert street.boot_id() not in ("", street.first_boot_id)


def test_an_event_is_found_where_it_happened_and_nowhere_else(street: Street) -> None:
    (event,) = street.events()
    (happening,) = load_truth(street.directory / "truth.json")
    assert happening.kind is HappeningKind.LOCAL_SAG
    hard = {street.world.boxes[box].box_id for box in happening.hard_boxes()}
    parts = street.store.events.boxes(event.event_id)
    assert {part.box_id for part in parts if part.role is Role.HARD} == hard
    error = street.world.clock_error_ns(4, happening.start_unix_ns)
    assert abs(event.start_unix_ns - happening.start_unix_ns - error) < 0.5 * NS
    assert event.opened_by.startswith(f"{SAGGED}: ")


def test_the_waveform_is_the_worlds_within_the_quantisation(street: Street) -> None:
    (event,) = street.events()
    asked = [
        item
        for item in street.store.acquisitions.of_event(event.event_id)
        if item.reason != "the box measured nothing in the interval"
    ]
    assert len({item.box_id for item in asked}) == 6
    assert {item.state for item in asked} == {AcquisitionState.STORED}
    for item in asked:
        index = [box.box_id for box in street.world.boxes].index(item.box_id)
        info = street.store.waveforms.info(item.acquisition_id)
        assert info is not None
        volts = decode(street.store.waveforms.data(item.acquisition_id)) * info.volts_per_count
        offset = 0
        for segment in info.segments:
            true = segment.start_unix_ns - street.world.clock_error_ns(index, segment.start_unix_ns)
            # Early by less than a sample, so that rounding of times does not begin one sample later.
            length = round(segment.samples * NS / info.sample_rate_hz)
            expected = street.world.waveform(index, true - 40_000, true + length - 40_000)
            assert np.abs(volts[offset : offset + segment.samples] - expected).max() <= 0.51 * info.volts_per_count
            offset += segment.samples


def test_samples_that_a_box_does_not_have_are_said_to_be_missing(street: Street) -> None:
    (event,) = street.events()
    # Makai that reads on in the store sees whole seconds, and may ask for a little more.
    asked = [one for one in street.store.acquisitions.of_event(event.event_id) if one.box_id == SAGGED]
    info = street.store.waveforms.info(min(asked, key=lambda one: one.requested_unix_ns).acquisition_id)
    assert info is not None
    # The gap ends at second 4; a second before the sag was asked for.
    assert re.fullmatch(r"no samples from 0\.000 s to 0\.\d+ s of the interval", info.missing)
    assert (
        info.start_unix_ns - street.world.clock_error_ns(4, info.start_unix_ns) >= street.world.start_unix_ns + 4 * NS
    )


def test_the_journal_says_when_frames_with_the_disturbance_were_sent(street: Street) -> None:
    lines = [json.loads(line) for line in (street.directory / "journal.jsonl").read_text().splitlines()]
    (happening,) = street.world.truth
    hard = {street.world.boxes[box].box_id for box in happening.hard_boxes()}
    assert SAGGED in hard
    assert sorted((line["box_id"], line["second"]) for line in lines) == sorted((box_id, 4) for box_id in hard)
    (event,) = street.events()
    assert 0 < event.opened_unix_ns - lines[0]["sent_unix_ns"] < 2 * NS


@pytest.mark.timeout(60)
def test_files_hold_the_features_the_truth_and_the_waveforms(tmp_path: Path) -> None:
    plan, out = tmp_path / "street.yaml", tmp_path / "out"
    plan.write_text(PLAN)
    words = ("--scenario", str(plan), "--duration", "70s", "--start", "2026-01-01T00:00:00Z", "--output", str(out))
    done = simulate(*words, "--boxes", "6", "--waveforms", "comtrade")
    assert done.returncode == 0, done.stderr
    world = World(load_plan(plan), 1, 1_767_225_600 * NS, 70)
    assert [box.box_id for box in load_boxes(out / "boxes.json")] == [box.box_id for box in world.boxes[:6]]
    assert load_truth(out / "truth.json") == world.truth
    block = world.block(0, 70)
    header, *rows = (out / "features" / "street-0006.csv").read_text().splitlines()
    assert header.startswith("start_unix_ns,duration_ns,flags,u_rms_v,")
    table = np.array([[float(value) for value in row.split(",")[3:6]] for row in rows], np.float32)
    assert [int(row.split(",")[0]) for row in rows] == block.start_unix_ns[5].tolist()
    assert np.array_equal(table[:, 0], block.columns["u_rms_v"][5])
    recording = read_recording(out / "waveforms" / "0001-local_sag" / f"{SAGGED}.cfg")
    begin = world.truth[0].start_unix_ns
    expected = world.waveform(4, world.start_unix_ns + 4 * NS, world.truth[0].end_unix_ns + NS)
    assert recording.start_unix_ns is not None
    assert abs(recording.start_unix_ns - world.start_unix_ns - 4 * NS - world.clock_error_ns(4, begin)) < 0.001 * NS
    volts = recording.channels[0].samples
    count = min(len(volts), len(expected))
    assert len(expected) - count < 3
    assert np.abs(volts[:count] - expected[:count]).max() < 0.02


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--scenario", "vilage"),
            "plan: cannot read vilage: expected a YAML file or one of campus, neighbourhood, city",
        ),
        (("--scenario", "campus", "--duration", "long"), "expected a length of time such as 90s, 10m or 2h"),
        (("--scenario", "campus", "--start", "soon"), "--start: got 'soon', expected now, -10s"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_words(words: tuple[str, ...], message: str) -> None:
    done = simulate(*words)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
