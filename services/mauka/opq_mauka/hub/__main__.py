"""``opq hub``: run the hub of Mauka."""

import asyncio
import contextlib
import sys

import structlog

from opq.clock import SystemClock
from opq.rpc.entrance import Entrance
from opq.rpc.service import parse_settings, run_service
from opq.store import open_store
from opq.store.certificates import Certificates
from opq.telemetry.logs import configure_logs
from opq.v1 import mauka_pb2_grpc
from opq_mauka.hub.server import Hub
from opq_mauka.settings import HubSettings

_GRACE_S = 2.0


async def serve(settings: HubSettings, stop: asyncio.Event) -> None:
    """Hand out tasks until `stop`."""
    store = await asyncio.to_thread(open_store, settings.store)
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as at_end:
        at_end.push_async_callback(asyncio.to_thread, store.close)
        hub = Hub(settings, store, clock)
        entrance = Entrance(settings.tls, clock, Certificates(store).revocations)
        await at_end.enter_async_context(entrance.watched())
        server = entrance.server()
        mauka_pb2_grpc.add_MaukaServiceServicer_to_server(hub, server.grpc)
        address = await server.start(settings.listen, ["opq.v1.MaukaService"], settings.health_listen)
        at_end.push_async_callback(server.stop, _GRACE_S)
        structlog.get_logger().info("handing out tasks", address=address, store=settings.store)
        await hub.run(stop)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(HubSettings, "opq hub", sys.argv[1:])
    configure_logs("hub")
    run_service("opq hub", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
