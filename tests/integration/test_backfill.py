"""A box that was cut off makes it up beside its live data: ten minutes that it lived through, six hours in its spool."""

import asyncio
import time
from pathlib import Path

import numpy as np

from opq.clock import NS, SystemClock
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import TimeSource
from opq.rpc.channels import MAX_BOX_MESSAGE_BYTES, Server
from opq.rpc.frames import encode_frame
from opq.sim.scenario import quiet_scenario
from opq.store import Store, open_store
from opq.testing.frames import good_frame
from opq.testing.processes import free_address
from opq_box_agent.agent import Agent, AgentConfig
from opq_box_agent.sources.synthetic import SyntheticSource
from opq_ingest.server import Ingest
from opq_ingest.settings import IngestSettings

CUT_OFF_S = 600
SIX_HOURS_S = 6 * 3600
BOX = BoxId("sim-01")


class Site:
    """An ingest that can be taken away and brought back at the same address."""

    def __init__(self, store: Store) -> None:
        self.store, self.address = store, free_address()

    async def up(self) -> None:
        settings = IngestSettings(makai="127.0.0.1:1", ack_period_s=0.5)
        self.ingest = Ingest(settings, self.store, SystemClock())
        self.server = Server(MAX_BOX_MESSAGE_BYTES)
        self.server.grpc.add_generic_rpc_handlers((self.ingest.handlers(),))
        await self.server.start(self.address, [])
        self.stop = asyncio.Event()
        self.running = asyncio.create_task(self.ingest.run(self.stop))

    async def down(self) -> None:
        self.stop.set()
        await self.running
        await self.server.stop(0)


async def until(condition, what: str, timeout_s: float) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        await asyncio.sleep(0.1)


async def test_ten_minutes_without_network_are_made_up_completely_while_live_data_flow(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    site = Site(store)
    clock = SystemClock()
    begin = clock.unix_ns() - (CUT_OFF_S + 40) * NS
    scenario = quiet_scenario(1, begin, Nominal(120, 60))
    store.boxes.put(scenario.boxes[0])
    config = AgentConfig(BOX, Nominal(120, 60), site.address, tmp_path / "box", ring_s=60)
    source = SyntheticSource(scenario, BOX, clock, from_unix_ns=begin, speed=60)
    agent = Agent(config, source, clock)
    await site.up()
    running = asyncio.create_task(agent.run())
    try:
        await until(lambda: store.measurements.count(BOX) >= 20, "the box streams", 20)
        await site.down()
        before = store.measurements.count(BOX)
        await until(lambda: agent.ring.newest_unix_ns > clock.unix_ns() - NS, "the box has lived through the cut", 60)
        assert store.measurements.count(BOX) == before
        assert len(agent.spool) >= CUT_OFF_S * 0.95
        await site.up()
        await until(lambda: store.measurements.count(BOX) > before + 50, "the box is back", 20)
        behind = []
        while len(agent.spool) > 20:
            latest = store.measurements.latest(BOX)
            assert latest is not None
            behind.append((clock.unix_ns() - latest.start_unix_ns - latest.duration_ns) / NS)
            await asyncio.sleep(0.5)
        assert len(behind) > 10, "back-fill took a while, or this shows nothing"
        assert sorted(behind)[len(behind) // 2] < 2, "live data flowed meanwhile"
        newest = max(agent.spool.sequences, default=0)
        await until(
            lambda: min(agent.spool.sequences, default=newest + 1) > newest, "everything until now is acknowledged", 20
        )
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await site.down()
    rows = store.measurements.range(BOX, 0, 2**62, 10_000)
    assert sorted(row.sequence for row in rows) == list(range(1, len(rows) + 1)), "each frame once"
    ends = [row.start_unix_ns + row.duration_ns for row in rows]
    gaps = [(row.start_unix_ns - end) / NS for row, end in zip(rows[1:], ends, strict=False)]
    assert max(gaps) < 0.001, "no hole in time"
    minutes = [trend.start_unix_ns // (60 * NS) for trend in store.trends.range(BOX, 0, 2**62)]
    assert minutes == list(range(minutes[0], minutes[-1] + 1))
    assert len(minutes) >= 9
    store.close()


async def test_six_hours_in_the_spool_are_made_up_completely_while_live_data_are_never_late(tmp_path: Path) -> None:
    """At up to 1000 frames a second instead of 50, so that it takes half a minute instead of seven."""
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    site = Site(store)
    clock = SystemClock()
    scenario = quiet_scenario(1, clock.unix_ns(), Nominal(120, 60))
    store.boxes.put(scenario.boxes[0])
    config = AgentConfig(BOX, Nominal(120, 60), site.address, tmp_path / "box", ring_s=60, backfill_per_s=1000)
    agent = Agent(config, SyntheticSource(scenario, BOX, clock), clock)
    begin = clock.unix_ns() // NS * NS - (SIX_HOURS_S + 5) * NS
    for second in range(SIX_HOURS_S):
        sequence = agent.spool.next_sequence()
        frame = good_frame(BOX, sequence, begin + second * NS)
        agent.spool.append(sequence, encode_frame(frame, TimeSource.NTP))
    await site.up()
    running = asyncio.create_task(agent.run())
    late_s, newest = [], 0
    try:
        await until(lambda: store.measurements.count(BOX) > 100, "the box streams", 20)
        deadline = time.monotonic() + 150
        while len(agent.spool) > 20:
            assert time.monotonic() < deadline, f"{len(agent.spool)} frames still wait"
            latest = store.measurements.latest(BOX)
            if latest and latest.start_unix_ns > max(newest, begin + SIX_HOURS_S * NS):
                newest = latest.start_unix_ns
                late_s.append((clock.unix_ns() - newest - latest.duration_ns) / NS)
            await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await site.down()
    assert len(late_s) > 10, "live data came meanwhile"
    assert np.percentile(late_s, 98) < 2, "live data were not late"
    past = store.measurements.range(BOX, begin, begin + SIX_HOURS_S * NS, 30_000)
    assert [row.start_unix_ns for row in past] == [begin + second * NS for second in range(SIX_HOURS_S)]
    minutes = store.trends.range(BOX, begin, begin + SIX_HOURS_S * NS)
    assert len(minutes) >= SIX_HOURS_S // 60 - 1
    assert {trend.windows for trend in minutes[1:-1]} == {300}
    store.close()
