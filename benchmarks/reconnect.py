"""What it costs ingest when very many boxes come back at once, with mutual TLS and in clear text.

Two ingest processes on loopback, one with certificates and one without, get the same storms in turn: all boxes connect at
the same moment, each in a connection of its own and with its own certificate, greet, and are welcomed; then all hang up.
Counted is the CPU time of the ingest process until the last welcome, the time on the clock, and who was rejected.
"""

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
import psutil

from opq.clock import DAY_NS, SystemClock
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.rpc.channels import healthy, named_channel, open_channel
from opq.store import open_store
from opq.testing.processes import Processes, free_address
from opq.trust.authority import Authority, issue, make_authority
from opq.trust.authority_file import BUNDLE_FILE, save_authority
from opq.trust.certificates import dump_chain, dump_key, new_key
from opq.trust.names import Identity, Role
from opq.v1 import box_pb2

_FILES = 16_384
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What one storm cost."""

    server_s: float
    wall_s: float
    rejected: int


def allow_files(boxes: int) -> None:
    """Raise the limit of open files, for the servers too; they inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if wanted < 2 * boxes + 200:
        raise SystemExit(f"{boxes} boxes need {2 * boxes + 200} open files, {wanted} are allowed; use fewer --boxes")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def certified(authority: Authority, identity: Identity) -> tuple[bytes, bytes]:
    """Make a key and a certificate, PEM."""
    key = new_key()
    chain = issue(authority, identity, key.public_key(), SystemClock().unix_ns(), DAY_NS)
    return dump_key(key), dump_chain(chain)


async def one_box(channel: grpc.aio.Channel, number: int, start: asyncio.Event) -> bool:
    """Connect and greet once; whether a welcome came."""
    await start.wait()
    call = channel.stream_stream(
        "/opq.v1.BoxService/Connect", request_serializer=None, response_deserializer=box_pb2.BoxDown.FromString
    )()
    try:
        await call.write(box_pb2.BoxUp(hello=box_pb2.Hello(box_id=f"b-{number}", boot_id="x")).SerializeToString())
        welcome = await asyncio.wait_for(call.read(), _PATIENCE_S)
    except (grpc.aio.AioRpcError, TimeoutError, asyncio.InvalidStateError):
        return False
    return isinstance(welcome, box_pb2.BoxDown) and welcome.HasField("welcome")


async def storm(channels: list[grpc.aio.Channel], server: psutil.Process) -> Storm:
    """Let all connect at once; hang up afterwards."""
    start = asyncio.Event()
    boxes = [asyncio.create_task(one_box(channel, number, start)) for number, channel in enumerate(channels)]
    await asyncio.sleep(0.5)
    cpu, began = sum(server.cpu_times()[:2]), time.monotonic()
    start.set()
    welcomed = await asyncio.gather(*boxes)
    wall, cpu = time.monotonic() - began, sum(server.cpu_times()[:2]) - cpu
    await asyncio.gather(*(channel.close() for channel in channels))
    return Storm(cpu, wall, welcomed.count(False))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boxes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    allow_files(options.boxes)
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        folder = Path(name)
        authority = make_authority(SystemClock().unix_ns())
        save_authority(authority, folder / "ca", replace=False)
        key, chain = certified(authority, Identity(Role.INGEST))
        (folder / "ingest.pem").write_bytes(key + chain)
        mine = [certified(authority, Identity(Role.BOX, BoxId(f"b-{number}"))) for number in range(options.boxes)]
        secret = [grpc.ssl_channel_credentials(authority.bundle, *one) for one in mine]
        addresses = {kind: free_address() for kind in ("clear text", "mutual TLS")}
        probes = {kind: free_address() for kind in addresses}
        for kind, address in addresses.items():
            url = f"sqlite:{folder / kind.replace(' ', '-')}"
            store = open_store(url)
            for number in range(options.boxes):
                store.boxes.put(Box(BoxId(f"b-{number}"), GridId("g"), Nominal(120, 60)))
            store.close()
            pem, ca = str(folder / "ingest.pem"), str(folder / "ca" / BUNDLE_FILE)
            tls = ["--tls-cert", pem, "--tls-key", pem, "--tls-ca", ca] if kind == "mutual TLS" else []
            words = ["--listen", address, "--health-listen", probes[kind], "--makai", "127.0.0.1:1", "--store", url]
            processes.start(kind, *words, *tls, program="ingest")
        for probe in probes.values():
            while not asyncio.run(healthy(probe)):
                time.sleep(0.1)
        results: dict[str, list[Storm]] = {kind: [] for kind in addresses}

        async def round_of(kind: str) -> Storm:
            if kind == "mutual TLS":
                channels = [named_channel(addresses[kind], Role.INGEST, one) for one in secret]
            else:
                channels = [open_channel(addresses[kind]) for _ in range(options.boxes)]
            made = await storm(channels, psutil.Process(processes.pid(kind)))
            # What hanging up costs is not to be counted in the next storm.
            await asyncio.sleep(5)
            return made

        for _ in range(options.rounds):
            for kind, storms in results.items():
                storms.append(asyncio.run(round_of(kind)))
                one = storms[-1]
                print(
                    f"{kind}: {one.server_s:.2f} s of server time, {one.wall_s:.2f} s until the last welcome, "
                    f"{one.rejected} rejected",
                    flush=True,
                )
        plain, tls_cost = (statistics.median(one.server_s for one in storms) for storms in results.values())
        rejected = sum(one.rejected for storms in results.values() for one in storms)
        print(f"{options.boxes} boxes: clear text {plain:.2f} s, mutual TLS {tls_cost:.2f} s of server time")
        print(f"ratio {tls_cost / plain:.2f}, rejected {rejected} (goal: at most 5 s of server time, none rejected)")


if __name__ == "__main__":
    main()
