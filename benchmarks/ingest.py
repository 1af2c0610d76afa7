"""What a frame costs ingest, over what it costs a bare grpc.aio server that throws it away.

Both servers get the same load in turn, several times: so many boxes, each its own connection and phase, one frame a
second. Counted is the CPU time of the server's process. Ingest decodes, checks, stores (SQLite), forwards to a real
Makai and acknowledges.
"""

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import psutil

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.features import TimeSource
from opq.rpc.channels import MAX_BOX_MESSAGE_BYTES, Server, healthy
from opq.rpc.frames import encode_frame
from opq.rpc.service import run_service
from opq.rpc.twins import BoxUpTwin
from opq.store import open_store
from opq.testing.frames import good_frame
from opq.testing.processes import Processes, free_address
from opq.v1 import box_pb2

_WARM_UP_S = 3.0


async def sink(address: str, stop: asyncio.Event) -> None:
    """Serve Connect by reading and throwing away."""

    async def connect(_: Any, context: Any) -> None:
        while await context.read() is not grpc.aio.EOF:
            pass

    server = Server(MAX_BOX_MESSAGE_BYTES)
    handler = grpc.stream_stream_rpc_method_handler(connect, None, None)
    server.grpc.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("opq.v1.BoxService", {"Connect": handler}),)
    )
    await server.start(address, ["opq.v1.BoxService"])
    await stop.wait()
    await server.stop(0)


async def one_box(address: str, number: int, seconds: float, sent: list[int]) -> None:
    """Send one frame a second, from a random phase on."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        call = channel.stream_stream("/opq.v1.BoxService/Connect")()
        await call.write(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=f"b-{number}", boot_id="x")).SerializeToString())
        reader = asyncio.create_task(_read(call))
        began = time.monotonic() + random.random()
        sequence = 0
        while sequence < seconds:
            await asyncio.sleep(max(0.0, began + sequence - time.monotonic()))
            sequence += 1
            frame = encode_frame(good_frame(f"b-{number}", sequence, time.time_ns()), TimeSource.NTP)
            await call.write(BoxUpTwin(frame=frame).SerializeToString())
            sent[0] += 1
        reader.cancel()
        call.cancel()


async def _read(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def load(address: str, boxes: int, seconds: float, server: psutil.Process) -> float:
    """Return the server's CPU per frame [us] in the steady part of the load."""
    sent = [0]
    tasks = [asyncio.create_task(one_box(address, number, seconds + _WARM_UP_S, sent)) for number in range(boxes)]
    await asyncio.sleep(_WARM_UP_S)
    cpu, frames = sum(server.cpu_times()[:2]), sent[0]
    await asyncio.sleep(seconds - 1)
    cpu, frames = sum(server.cpu_times()[:2]) - cpu, sent[0] - frames
    await asyncio.gather(*tasks, return_exceptions=True)
    return cpu / frames * 1e6


def wait_healthy(address: str) -> None:
    """Wait until a server serves."""
    while not asyncio.run(healthy(address)):
        time.sleep(0.1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boxes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sink", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink:
        run_service("sink", lambda stop: sink(options.sink, stop))
        return
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        store_url = f"sqlite:{folder}/store"
        store = open_store(store_url)
        for number in range(options.boxes):
            store.boxes.put(Box(BoxId(f"b-{number}"), GridId("g"), Nominal(120, 60)))
        addresses = {name: free_address() for name in ("sink", "ingest", "makai")}
        processes.start_command("sink", [sys.executable, __file__, "--sink", addresses["sink"]])
        processes.start("makai", "--listen", addresses["makai"], "--store", store_url)
        processes.start("ingest", "--listen", addresses["ingest"], "--makai", addresses["makai"], "--store", store_url)
        for address in addresses.values():
            wait_healthy(address)
        results: dict[str, list[float]] = {"sink": [], "ingest": []}
        for _ in range(options.rounds):
            for name, costs in results.items():
                process = psutil.Process(processes.pid(name))
                costs.append(asyncio.run(load(addresses[name], options.boxes, options.seconds, process)))
                print(f"{name}: {costs[-1]:.0f} us per frame", flush=True)
        stored = store.measurements.count()
        floor, cost = (statistics.median(results[name]) for name in ("sink", "ingest"))
        print(f"{options.boxes} boxes, {stored} measurements stored")
        print(f"bare sink {floor:.0f} us, ingest {cost:.0f} us per frame: ratio {cost / floor:.2f} (goal: at most 2)")


if __name__ == "__main__":
    main()
