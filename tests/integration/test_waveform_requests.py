"""What an agent answers when it is asked for waveform: the past, the future, what is partly and what is wholly gone."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS, SystemClock
from opq.codec import decode
from opq.ids import AcquisitionId, BoxId, EventId
from opq.model.boxes import Nominal
from opq.model.events import Acquisition
from opq.model.overrides import Override
from opq.rpc.channels import MAX_BOX_MESSAGE_BYTES, Server
from opq.sim.scenario import quiet_scenario
from opq.store import Store, open_store
from opq.store.overrides import put_override, read_overrides
from opq.testing.processes import soon
from opq.v1 import makai_pb2
from opq_box_agent.agent import Agent, AgentConfig
from opq_box_agent.sources.synthetic import SyntheticSource
from opq_ingest.server import Ingest
from opq_ingest.settings import IngestSettings

BOX = BoxId("sim-01")


class Asked:
    """A running agent and ingest, asked as Makai would ask."""

    def __init__(self, ingest: Ingest, store: Store, agent: Agent) -> None:
        self.ingest, self.store, self.agent = ingest, store, agent
        self.updates: list[makai_pb2.AcquisitionUpdate] = []
        ingest.makai.acquisition = self._heard  # type: ignore[method-assign]
        ingest._uploads._announce = self._heard

    def _heard(self, _: BoxId, update: makai_pb2.AcquisitionUpdate) -> None:
        self.updates.append(update)

    def ask(self, name: str, start_ns: int, end_ns: int) -> None:
        self.store.acquisitions.put(Acquisition(AcquisitionId(name), EventId("e"), BOX, start_ns, end_ns))
        request = makai_pb2.AcquisitionRequest(
            box_id=BOX, acquisition_id=name, start_unix_ns=start_ns, end_unix_ns=end_ns
        )
        self.ingest._on_down(makai_pb2.FeedDown(request=request))

    async def answer(self, name: str, timeout_s: float = 15) -> makai_pb2.AcquisitionUpdate:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for update in self.updates:
                if update.acquisition_id == name:
                    return update
            await asyncio.sleep(0.05)
        raise AssertionError(f"no answer to {name}")


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[Asked]:
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    clock = SystemClock()
    begin = clock.unix_ns() - 40 * NS
    scenario = quiet_scenario(1, begin, Nominal(120, 60))
    store.boxes.put(scenario.boxes[0])
    ingest = Ingest(IngestSettings(makai="127.0.0.1:1", ack_period_s=0.2), store, clock)
    server = Server(MAX_BOX_MESSAGE_BYTES)
    server.grpc.add_generic_rpc_handlers((ingest.handlers(),))
    address = await server.start("127.0.0.1:0", [])
    stop = asyncio.Event()
    serving = asyncio.create_task(ingest.run(stop))
    source = SyntheticSource(scenario, BOX, clock, from_unix_ns=begin, speed=100)
    agent = Agent(AgentConfig(BOX, Nominal(120, 60), address, tmp_path / "box", ring_s=20), source, clock)
    running = asyncio.create_task(agent.run())
    while not (agent.ring.newest_unix_ns > clock.unix_ns() - NS and ingest._sessions):
        await asyncio.sleep(0.05)
    yield Asked(ingest, store, agent)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    stop.set()
    await serving
    await server.stop(0)
    store.close()


async def test_the_past_comes_back_to_the_sample_with_its_times(asked: Asked) -> None:
    start = time.time_ns() - 10 * NS
    asked.ask("past", start, start + 3 * NS)
    update = await asked.answer("past")
    assert update.stored_bytes > 0
    info = asked.store.waveforms.info(AcquisitionId("past"))
    assert info is not None
    assert (info.samples, info.missing) == (36_000, "")
    assert 0 <= info.start_unix_ns - start <= NS // 12_000 + 1
    volts = decode(asked.store.waveforms.data(AcquisitionId("past"))) * info.volts_per_count
    assert np.sqrt((volts**2).mean()) == pytest.approx(120, rel=0.02)


async def test_an_interval_that_ends_in_the_future_is_waited_for(asked: Asked) -> None:
    end = time.time_ns() + 2 * NS
    asked.ask("future", end - 3 * NS, end)
    update = await asked.answer("future")
    assert time.time_ns() >= end
    assert update.stored_bytes > 0
    info = asked.store.waveforms.info(AcquisitionId("future"))
    assert info is not None
    assert (info.samples, info.missing) == (36_000, "")


async def test_what_is_partly_gone_comes_as_far_as_it_is_there_and_says_what_is_missing(asked: Asked) -> None:
    start = time.time_ns() - 30 * NS
    asked.ask("partly", start, start + 20 * NS)
    await asked.answer("partly")
    info = asked.store.waveforms.info(AcquisitionId("partly"))
    assert info is not None
    assert 0 < info.samples < 20 * 12_000
    assert info.missing.startswith("no samples from 0.000 s to ")


async def test_what_is_wholly_gone_is_refused_with_the_reason(asked: Asked) -> None:
    start = time.time_ns() - 600 * NS
    asked.ask("gone", start, start + NS)
    update = await asked.answer("gone")
    assert "before the oldest sample kept" in update.problem.message


async def test_a_senseless_interval_is_refused(asked: Asked) -> None:
    now = time.time_ns()
    asked.ask("senseless", now, now - NS)
    assert "must be positive" in (await asked.answer("senseless")).problem.message


async def test_a_box_that_is_not_connected_is_said_to_be_so(asked: Asked) -> None:
    request = makai_pb2.AcquisitionRequest(box_id="sim-99", acquisition_id="nobody", start_unix_ns=1, end_unix_ns=2)
    asked.ingest._on_down(makai_pb2.FeedDown(request=request))
    assert (await asked.answer("nobody")).problem.message == "the box is not connected"


def windows_per_second(asked: Asked) -> int:
    latest = asked.store.measurements.latest(BOX)
    return 0 if latest is None else latest.windows


async def test_windows_become_one_cycle_and_the_basic_ones_again_and_the_box_confirms_both(asked: Asked) -> None:
    def confirmed(cycles: int) -> bool:
        status = asked.store.boxes.status(BOX)
        return status is not None and bool(status.configured_unix_ns) and status.window_cycles == cycles

    box = asked.store.boxes.get(BOX)
    assert box is not None
    await soon(lambda: confirmed(0), "what the greeting said is confirmed")
    asked.store.boxes.put(replace(box, window_cycles=1))
    await soon(lambda: confirmed(1) and windows_per_second(asked) >= 50, "a window is a cycle")
    asked.store.boxes.put(box)
    await soon(lambda: confirmed(0) and 4 <= windows_per_second(asked) <= 6, "a window is twelve cycles again")


async def test_a_box_that_refuses_a_window_says_why_and_goes_on_as_before(asked: Asked) -> None:
    box = asked.store.boxes.get(BOX)
    assert box is not None
    asked.store.boxes.put(replace(box, window_cycles=5000))
    await soon(lambda: asked.store.boxes.status(BOX).configuration_problem, "it refuses")
    status = asked.store.boxes.status(BOX)
    assert status is not None
    assert (status.window_cycles, status.configuration_problem) == (
        0,
        "window_cycles: got 5000, expected 0 to 3600",
    )


async def test_an_override_ends_by_itself_and_the_window_is_as_before(asked: Asked) -> None:
    put_override(asked.store, BOX, Override(time.time_ns() + 9 * NS, window_cycles=1))
    await soon(lambda: windows_per_second(asked) >= 50, "the override is in force")
    await soon(lambda: 4 <= windows_per_second(asked) <= 6, "it has ended")
    assert time.time_ns() >= read_overrides(asked.store, BOX).by_box[BOX].until_unix_ns
    assert asked.store.boxes.get(BOX).window_cycles == 0
