"""``opq hub``: run the hub of Mauka."""

import asyncio
import sys

import structlog

from opq.clock import SystemClock
from opq.rpc.channels import Server
from opq.rpc.service import parse_settings, run_service
from opq.store import open_store
from opq.telemetry.logs import configure_logs
from opq.v1 import mauka_pb2_grpc
from opq_mauka.hub.server import Hub
from opq_mauka.settings import HubSettings

_GRACE_S = 2.0


async def serve(settings: HubSettings, stop: asyncio.Event) -> None:
    """Hand out tasks until `stop`."""
    store = await asyncio.to_thread(open_store, settings.store)
    hub = Hub(settings, store, SystemClock())
    server = Server()
    mauka_pb2_grpc.add_MaukaServiceServicer_to_server(hub, server.grpc)
    address = await server.start(settings.listen, ["opq.v1.MaukaService"])
    structlog.get_logger().info("handing out tasks", address=address, store=settings.store)
    try:
        await hub.run(stop)
    finally:
        await server.stop(_GRACE_S)
        await asyncio.to_thread(store.close)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(HubSettings, "opq hub", sys.argv[1:])
    configure_logs("hub")
    run_service("opq hub", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
