"""How long software takes from a disturbance to its stored waveform, waits by design left out.

Real processes on loopback: a store (SQLite), Makai, ingest, and a fleet of light boxes that stream one frame a second.
Every two seconds one box sees a sag. Counted is

    event opened - frame with the sag handed to gRPC              (a box measures for a second before that: design)
    + waveform known to be stored - moment the event was due      (the quiet time after the trigger: design)

where the event is due when the quiet time after its only hard trigger is over, or when the last wanted sample is measured
if that is later. The floor, measured in the same run, is an empty unary call plus one fsync.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from opq.clock import NS, seconds_ns
from opq.model.events import AcquisitionState
from opq.rpc.channels import healthy, open_channel
from opq.sim.grid import GridPlan, World, load_plan, load_truth
from opq.sim.grid.plan import Rates
from opq.store import Store, open_store
from opq.store.port import EventFilter
from opq.testing.processes import Processes, free_address

_WARM_UP_S = 12
_EVERY_S = 2
_QUIET_S = 2.5
_GOAL_MS = 150.0
_SEED = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """One happening, all in ms."""

    open_ms: float
    """Frame handed to gRPC by the fleet, to event opened: ingest stores and forwards, Makai detects."""
    ask_ms: float
    """Event due, to request on record and sent: Makai's loop and a write."""
    answer_ms: float
    """Request sent, to Makai told that the waveform is stored: down to the box, samples, upload, commit, back."""
    all_ms: float
    """Request sent, to all waveforms of the event stored, those of the neighbours too."""

    @property
    def total_ms(self) -> float:
        """Software time of the happening."""
        return self.open_ms + self.ask_ms + self.answer_ms


def make_plan(boxes: int, happenings: int) -> GridPlan:
    """Return the city with nothing but local sags, each at one box of another feeder than the one before."""
    city = load_plan("city")
    world = World(city, _SEED, 0, 60)
    feeders = sorted({box.feeder for box in world.boxes[:boxes]})
    # The first boxes of a feeder are asked as neighbours of the others: a sag there would join the event before it.
    by_feeder = [[box.box_id for box in world.boxes[:boxes] if box.feeder == feeder][10:] for feeder in feeders]
    planned = [
        {
            "kind": "local_sag",
            "at_s": _WARM_UP_S + _EVERY_S * number + 0.35,
            "duration_s": 0.2,
            "size": 0.85,
            "box": by_feeder[number % len(feeders)][7 * (number // len(feeders)) % len(by_feeder[0])],
        }
        for number in range(happenings)
    ]
    content = city.model_dump(mode="json") | {"rates": dict.fromkeys(Rates.model_fields, 0), "happenings": planned}
    return GridPlan.model_validate_json(json.dumps(content))


async def floor(address: str, folder: Path, stop: asyncio.Event) -> list[float]:
    """Return what an empty unary call plus an fsync takes, once a second [ms]."""
    found = []
    async with open_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while not stop.is_set():
            began = time.perf_counter()
            await stub.Check(health_pb2.HealthCheckRequest())
            with (folder / "floor").open("wb") as file:
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())
            found.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(1)
    return found[1:]


def timings(store: Store, world: World, journal: Path) -> list[Timing]:
    """Match happenings, frames, events and acquisitions."""
    lines = map(json.loads, journal.read_text().splitlines())
    sent = {(line["box_id"], line["second"]): line["sent_unix_ns"] for line in lines}
    events = store.events.list(EventFilter(grid_id=world.plan.grid_id), limit=10_000)
    found = []
    for happening in world.truth:
        (box,) = happening.hard_boxes()
        box_id = world.boxes[box].box_id
        frame = sent[box_id, (happening.start_unix_ns - world.start_unix_ns) // NS]
        for event in events:
            near = abs(event.start_unix_ns - happening.start_unix_ns) < NS
            if not near or not event.opened_by.startswith(f"{box_id}: "):
                continue
            items = store.acquisitions.of_event(event.event_id)
            for item in items:
                if item.box_id != box_id or item.state is not AcquisitionState.STORED:
                    continue
                measured = item.end_unix_ns - world.clock_error_ns(box, item.end_unix_ns)
                due = max(event.opened_unix_ns + round(_QUIET_S * NS), measured)
                asked, answered = item.requested_unix_ns, item.answered_unix_ns
                last = max(one.answered_unix_ns for one in items)
                steps = (event.opened_unix_ns - frame, asked - due, answered - asked, last - asked)
                found.append(Timing(*(step / 1e6 for step in steps)))
    return found


def show(name: str, values: list[float]) -> None:
    p50, p95, most = np.percentile(values, [50, 95, 100])
    print(f"{name:<42} p50 {p50:7.1f}  p95 {p95:7.1f}  max {most:7.1f} ms")


async def run(options: argparse.Namespace, folder: Path, processes: Processes) -> tuple[list[Timing], list[float]]:
    """Run the site and the fleet; return what was measured."""
    plan = make_plan(options.boxes, options.happenings)
    path, journal, truth = (folder / name for name in ("plan.yaml", "journal.jsonl", "truth.json"))
    path.write_text(plan.model_dump_json())
    url = f"sqlite:{folder}/store"
    store = open_store(url)
    duration = _WARM_UP_S + _EVERY_S * options.happenings + 8
    for box in World(plan, _SEED, 0, 60).boxes[: options.boxes]:
        store.boxes.put(box)
    makai, ingest = free_address(), free_address()
    processes.start("makai", "--listen", makai, "--store", url, "--quiet-s", str(_QUIET_S))
    processes.start("ingest", "--listen", ingest, "--makai", makai, "--store", url)
    for address in (makai, ingest):
        while not await healthy(address):
            await asyncio.sleep(0.1)
    processes.start(
        "simulate",
        *("--scenario", str(path), "--boxes", str(options.boxes), "--ingest", ingest, "--seed", str(_SEED)),
        *("--duration", str(duration), "--journal", str(journal), "--truth", str(truth)),
        *("--spread", str(options.spread)),
    )
    stop = asyncio.Event()
    measuring = asyncio.create_task(floor(makai, folder, stop))
    await asyncio.sleep(10)
    used = {name: psutil.Process(processes.pid(name)) for name in ("makai", "ingest", "simulate")}
    before, began = {name: sum(process.cpu_times()[:2]) for name, process in used.items()}, time.monotonic()
    await asyncio.sleep(duration - 12)
    for name, process in used.items():
        share = (sum(process.cpu_times()[:2]) - before[name]) / (time.monotonic() - began)
        print(f"{name}: {100 * share:.0f} % of a core")
    if await asyncio.to_thread(processes.wait, "simulate", 60):
        raise SystemExit(processes.log_text("simulate")[-2000:])
    stop.set()
    # The fleet begins on the second in which it was started, which only it knows.
    start = load_truth(truth)[0].start_unix_ns - seconds_ns(plan.happenings[0].at_s)
    world = World(plan, _SEED, start, duration)
    return timings(store, world, journal), await measuring


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--happenings", type=int, default=60)
    parser.add_argument("--spread", type=float, default=0.5, help="0: all boxes send right after the second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        found, floors = asyncio.run(run(options, Path(name), processes))
    print(f"{options.boxes} boxes, {len(found)} of {options.happenings} happenings with a stored waveform")
    show("frame sent to event opened", [one.open_ms for one in found])
    show("event due to request sent", [one.ask_ms for one in found])
    show("request sent to waveform stored", [one.answer_ms for one in found])
    show("   to all waveforms of the event stored", [one.all_ms for one in found])
    show("software time", [one.total_ms for one in found])
    show("floor: empty call and fsync", floors)
    p95 = float(np.percentile([one.total_ms for one in found], 95))
    ratio = p95 / float(np.percentile(floors, 95))
    print(f"p95 {p95:.0f} ms (goal: at most {_GOAL_MS:g}), {ratio:.0f} times the floor")


if __name__ == "__main__":
    main()
