"""``opq box run``: run the agent of one box."""

import asyncio
import sys

import structlog

from opq import ids
from opq.clock import SystemClock
from opq.model.boxes import Nominal
from opq.rpc.service import parse_settings, run_service
from opq.telemetry.logs import configure_logs
from opq_box_agent.agent import Agent, AgentConfig
from opq_box_agent.durable import alone
from opq_box_agent.enrolment import credentials
from opq_box_agent.notify import Notifier
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.factory import make_source


async def run_box(settings: BoxSettings, stop: asyncio.Event) -> None:
    """Measure until the source ends or `stop`."""
    clock = SystemClock()
    box_id = ids.box_id(settings.box_id)
    config = AgentConfig(
        box_id=box_id,
        nominal=Nominal(settings.u_din_v, settings.f_nominal_hz).check_supply(),
        ingest=settings.ingest,
        data_dir=settings.data_dir / box_id,
        ring_s=settings.ring_s,
        spool_max_bytes=settings.spool_max_mb << 20,
        backfill_per_s=settings.backfill_per_s,
        sys_class=settings.sys_class,
        credentials=credentials(settings, box_id),
        update_key=settings.update_key,
    )
    source = make_source(settings, clock)
    structlog.get_logger().info("measuring", box_id=box_id, source=settings.source, ingest=settings.ingest)
    with alone(config.data_dir):
        running = asyncio.create_task(Agent(config, source, clock, Notifier.from_environment()).run())
        stopping = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait([running, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if running in done:
            running.result()
        else:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(BoxSettings, "opq box run", sys.argv[1:])
    configure_logs("box")
    run_service("opq box run", lambda stop: run_box(settings, stop))


if __name__ == "__main__":
    main()
