"""``opq simulate`` with a grid plan: make the world, then list its boxes, write files or stream."""

import asyncio
from pathlib import Path

import structlog

from opq.clock import NS, Clock, seconds_ns
from opq.model.box_list import save_boxes
from opq.sim.grid import World, load_plan, save_truth
from opq.times import parse_moment
from opq_box_agent.light.files import write_files
from opq_box_agent.light.fleet import FleetOptions, LightFleet
from opq_box_agent.light.journal import Journal
from opq_box_agent.settings import FleetSettings


async def run_grid(settings: FleetSettings, clock: Clock, stop: asyncio.Event) -> None:
    """Do what the settings say with one world."""
    world = World(load_plan(settings.scenario), settings.seed, _start(settings, clock), settings.duration)
    count = min(settings.boxes or len(world.boxes), len(world.boxes))
    log = structlog.get_logger()
    if settings.write_boxes is not None:
        save_boxes(world.boxes[:count], settings.write_boxes)
        log.info("boxes written", boxes=count, file=str(settings.write_boxes))
        return
    if settings.truth is not None:
        save_truth(world.truth, settings.truth)
    if settings.output is not None:
        await asyncio.to_thread(write_files, world, count, settings.output, settings.waveforms)
        return
    # A grid that lives now goes by the clock; what was missed while it was made is sent at once.
    now = clock.unix_ns() if settings.speed == 1 and not settings.start else None
    options = FleetOptions(
        settings.ingest,
        count,
        settings.speed,
        settings.own_connections,
        settings.identities,
        settings.ring_s,
        settings.spread,
        now,
    )
    journal = None if settings.journal is None else Journal(settings.journal, world, clock)
    log.info("simulating", scenario=world.plan.name, boxes=count, ingest=settings.ingest)
    await LightFleet(options, world, clock, journal).run(stop)
    if journal is not None:
        journal.close()


def is_plan(scenario: str) -> bool:
    """Whether a scenario is a grid's, and not one of whole agents."""
    return Path(scenario).suffix.lower() != ".json"


def _start(settings: FleetSettings, clock: Clock) -> int:
    """Return second 0 of the world, on a whole second: what a box sends belongs to whole seconds of UTC."""
    now = clock.unix_ns()
    if settings.start:
        return parse_moment("--start", settings.start, now) // NS * NS
    ahead = seconds_ns(settings.duration * (1 - 1 / settings.speed)) if settings.speed > 1 else 0
    return (now - ahead) // NS * NS
