"""``opq simulate``: all boxes of a scenario in one process, each a whole agent on a simulated supply, or a grid of light ones."""

import asyncio
import contextlib
import sys
from pathlib import Path

import structlog

from opq.clock import Clock, SystemClock
from opq.model.boxes import Box
from opq.rpc.service import parse_settings, run_service
from opq.sim.scenario import Scenario, load_scenario
from opq.telemetry.logs import configure_logs
from opq_box_agent.agent import Agent, AgentConfig
from opq_box_agent.identity import Credentials, identity_files
from opq_box_agent.light.run import is_plan, run_grid
from opq_box_agent.settings import FleetSettings
from opq_box_agent.sources.synthetic import SyntheticSource

_DARK_POLL_S = 0.1


async def run_fleet(settings: FleetSettings, scenario: Scenario, clock: Clock, stop: asyncio.Event) -> None:
    """Run all boxes until `stop`."""
    boxes = [asyncio.create_task(_run_box(settings, scenario, box, clock)) for box in scenario.boxes]
    stopping = asyncio.create_task(stop.wait())
    done, pending = await asyncio.wait([*boxes, stopping], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


async def _run_box(settings: FleetSettings, scenario: Scenario, box: Box, clock: Clock) -> None:
    """Run one box for ever; in an outage it is dark, and afterwards it starts anew on what is on its disk."""
    folder = settings.identities
    config = AgentConfig(
        box.box_id,
        box.nominal,
        settings.ingest,
        settings.data_dir / box.box_id,
        settings.ring_s,
        credentials=Credentials(identity_files(folder, box.box_id), own=True) if folder else None,
    )
    while True:
        while scenario.outage_at(box.box_id, clock.unix_ns()):
            await asyncio.sleep(_DARK_POLL_S)
        await Agent(config, SyntheticSource(scenario, box.box_id, clock), clock).run()


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(FleetSettings, "opq simulate", sys.argv[1:])
    configure_logs("fleet")

    async def serve(stop: asyncio.Event) -> None:
        if is_plan(settings.scenario):
            await run_grid(settings, SystemClock(), stop)
            return
        scenario = load_scenario(Path(settings.scenario))
        structlog.get_logger().info(
            "simulating", scenario=scenario.name, boxes=len(scenario.boxes), ingest=settings.ingest
        )
        with contextlib.suppress(asyncio.CancelledError):
            await run_fleet(settings, scenario, SystemClock(), stop)

    run_service("opq simulate", serve)


if __name__ == "__main__":
    main()
