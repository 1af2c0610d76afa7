"""Light boxes without a network: what their memory, clock and samples say."""

import asyncio
import re
from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS, SystemClock
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.sim.grid import World, parse_plan
from opq.sim.scenario import quiet_scenario
from opq.testing.clock import ManualClock
from opq.v1 import box_pb2
from opq_box_agent.light.box import LightBox
from opq_box_agent.light.memory import MemorySpool
from opq_box_agent.light.pace import Pace
from opq_box_agent.light.samples import SAMPLE_RATE_HZ, WorldSamples
from opq_box_agent.ring import Ring, RingAnswer
from opq_box_agent.samples import RingSamples
from opq_box_agent.session import Session
from opq_box_agent.sources.synthetic import SyntheticSource

START = 1_767_225_600 * NS
PLAN = """
name: lane
feeders: [{count: 1, sections: 1, laterals: 2, transformers: 1, boxes: 3}]
rates: {gap_per_box: 0, reboot_per_box: 0}
clocks: {gps_share: 0}
faults:
  - {kind: clock, boxes: [lane-0002], at_s: 100, offset_s: 3.5, duration_s: 100}
  - {kind: silent, boxes: [lane-0003], at_s: 50, duration_s: 5}
  - {kind: gap, boxes: [lane-0004], at_s: 60, duration_s: 2}
"""


@pytest.fixture(scope="module")
def world() -> World:
    return World(parse_plan(PLAN), 3, START, 600)


def samples(world: World, box: int, keep_s: float = 600) -> WorldSamples:
    return WorldSamples(world, box, Pace(ManualClock(START), START), keep_s)


def cut(world: World, box: int, first_s: float, last_s: float, now_s: float = 500, keep_s: float = 600) -> RingAnswer:
    """Ask for seconds by the box's clock."""
    at = [START + round(second * NS) for second in (first_s, last_s, now_s)]
    return samples(world, box, keep_s).cut(*at)


def missing_s(answer: RingAnswer) -> tuple[float, float]:
    """From where to where samples are said to be missing [s of the interval]."""
    match = re.fullmatch(r"no samples from (\d+\.\d+) s to (\d+\.\d+) s of the interval", answer.missing)
    assert match is not None
    return float(match[1]), float(match[2])


# --- frames in memory


def test_frames_are_kept_until_they_are_acknowledged_and_each_one_taken_is_told() -> None:
    taken: list[int] = []
    spool = MemorySpool(10, taken.append)
    assert [spool.append(lambda number: str(number).encode()) for _ in range(3)] == [10, 11, 12]
    assert spool.get(11) == b"11"
    spool.remove(0, 11)
    assert (spool.sequences, len(spool), spool.get(11), taken) == ([12], 1, None, [11])


def test_when_memory_is_full_the_oldest_frame_goes_and_is_counted() -> None:
    spool = MemorySpool(1, max_frames=2)
    for _ in range(5):
        spool.append(lambda number: b"x")
    assert (spool.sequences, spool.dropped) == ([4, 5], 3)


def test_a_session_sends_again_what_was_under_way_when_the_link_broke() -> None:
    spool = MemorySpool(1)
    session = Session(spool, lambda: box_pb2.Hello(box_id="b"))
    for attempt in range(2):
        session.connected()
        assert session.next_message(0) is not None
        session.receive(box_pb2.BoxDown(welcome=box_pb2.Welcome(max_unacknowledged=5)))
        if attempt == 0:
            session.frame_spooled(spool.append(lambda number: b"frame"))
        assert session.next_message(NS) is not None
        assert session.next_message(NS) is None
        session.disconnected()
    assert session.waiting == 1


# --- time


def test_the_world_runs_at_its_speed_and_steps_of_the_clock_do_not_reach_it() -> None:
    clock = ManualClock(START)
    pace = Pace(clock, START + 7 * NS, speed=60)
    clock.advance(2)
    assert pace.now_unix_ns() == START + 127 * NS


async def test_waiting_for_a_time_of_the_world_ends_when_it_comes() -> None:
    pace = Pace(SystemClock(), START, speed=100)
    await asyncio.wait_for(pace.until(START + 5 * NS), 2)
    assert START + 5 * NS <= pace.now_unix_ns() < START + 60 * NS


# --- samples


def test_the_samples_are_those_of_the_world_at_the_true_times_of_the_stamps(world: World) -> None:
    answer = cut(world, 0, 20.3, 23.3)
    error = world.clock_error_ns(0, START + 20 * NS)
    assert abs(error) > 100_000
    assert (len(answer.counts), answer.missing) == (sum(one.samples for one in answer.segments), "")
    assert abs(len(answer.counts) - 36_000) <= 1
    true = answer.segments[0].start_unix_ns - world.clock_error_ns(0, START + 20 * NS)
    # Early by half a sample: rounding of times must not begin one sample later.
    expected = world.waveform(0, true - 40_000, true + 3 * NS - 40_000)
    step = samples(world, 0).volts_per_count
    count = min(len(expected), len(answer.counts))
    assert np.abs(answer.counts[:count] * step - expected[:count]).max() <= 0.501 * step


def test_any_cut_gives_the_same_samples(world: World) -> None:
    whole = cut(world, 1, 30, 33)
    parts = [cut(world, 1, 30 + 0.5 * part, 30.5 + 0.5 * part) for part in range(6)]
    joined = np.concatenate([part.counts for part in parts])
    assert np.array_equal(joined, whole.counts)


def test_what_a_box_did_not_measure_is_missing_and_said_so(world: World) -> None:
    silent, gap = cut(world, 2, 48, 58), cut(world, 3, 59.5, 63)
    assert len(silent.segments) == len(gap.segments) == 2
    assert abs(len(silent.counts) / SAMPLE_RATE_HZ - 5) < 0.01
    assert missing_s(silent) == pytest.approx((2, 7), abs=0.03)
    assert abs(len(gap.counts) / SAMPLE_RATE_HZ - 1.5) < 0.01


def test_nothing_is_given_from_before_the_start_the_future_or_what_is_no_longer_kept(world: World) -> None:
    assert len(cut(world, 0, -20, -10).counts) == 0
    assert len(cut(world, 0, 400, 410, now_s=300).counts) == 0
    assert len(cut(world, 0, 10, 12, now_s=500, keep_s=100).counts) == 0
    partly = cut(world, 0, 299, 301, now_s=300)
    assert 0.9 < len(partly.counts) / SAMPLE_RATE_HZ < 1.1
    assert missing_s(partly) == pytest.approx((1, 2), abs=0.03)


def test_a_clock_that_is_wrong_stamps_the_samples_and_times_it_never_showed_are_missing(world: World) -> None:
    # From second 100 to 200 the clock is 3.5 s ahead: it shows 103.5 right after 100.
    ahead = cut(world, 1, 150, 152)
    assert ahead.missing == ""
    true = ahead.segments[0].start_unix_ns - world.clock_error_ns(1, START + 147 * NS)
    assert abs(true - (START + 146.5 * NS)) < 0.05 * NS
    skipped = cut(world, 1, 101, 103)
    assert (len(skipped.counts), skipped.segments) == (0, ())


async def test_an_end_in_the_future_is_waited_for_by_the_clock_of_the_box(world: World) -> None:
    clock = ManualClock(START)
    pace = Pace(clock, START)
    waiting = asyncio.create_task(WorldSamples(world, 0, pace, 600).measured(START + 10 * NS))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    clock.advance(11)
    await asyncio.wait_for(waiting, 2)


# --- the samples of a whole agent


async def test_whoever_waits_for_samples_of_a_ring_is_woken_when_they_come_or_never_will(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "ring", 12_000, 10)
    source = SyntheticSource(quiet_scenario(1, START, Nominal(120, 60)), BoxId("sim-01"), ManualClock(START))
    found = RingSamples(source, ring)
    waiting = [asyncio.create_task(found.measured(START + second * NS)) for second in (1, 2, 9)]
    await asyncio.sleep(0)
    found.append(START, np.zeros(12_000, np.int16))
    await asyncio.wait_for(waiting[0], 1)
    assert not waiting[1].done()
    found.append(START + NS, np.zeros(12_000, np.int16))
    await asyncio.wait_for(waiting[1], 1)
    found.end()
    await asyncio.wait_for(waiting[2], 1)
    assert found.newest_unix_ns == START + 2 * NS
    assert len((await found.read(START, START + NS)).counts) == 12_000
    ring.close()


# --- a box


async def test_a_light_box_confirms_its_window_and_refuses_others_in_words(world: World) -> None:
    clock = ManualClock(START)
    box = LightBox(world, 0, Pace(clock, START), 600, clock)
    assert (box.configure(0), box.configure(12)) == ("", "")
    assert box.configure(1) == "window_cycles: got 1, a simulated box of a fleet has 0 (the basic 12) only"
    assert box.info()["simulated"] == "lane, seed 3"
