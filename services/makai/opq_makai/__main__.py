"""``opq makai``: run one Makai process."""

import asyncio
import sys

import structlog

from opq.analysis.heap import keep_freed_memory
from opq.clock import SystemClock
from opq.rpc.channels import Server
from opq.rpc.service import parse_settings, run_service
from opq.store import open_store
from opq.telemetry.logs import configure_logs
from opq_makai.server import Makai
from opq_makai.settings import MakaiSettings

_GRACE_S = 1.0


async def serve(settings: MakaiSettings, stop: asyncio.Event) -> None:
    """Watch until `stop`; then write what is left."""
    store = await asyncio.to_thread(open_store, settings.store)
    makai = Makai(settings, store, SystemClock())
    await makai.restore()
    server = Server()
    server.grpc.add_generic_rpc_handlers((makai.handlers(),))
    address = await server.start(settings.listen, ["opq.v1.MakaiService"])
    structlog.get_logger().info("watching", address=address, store=settings.store)
    try:
        await makai.run(stop)
    finally:
        await server.stop(_GRACE_S)
        await asyncio.to_thread(store.close)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(MakaiSettings, "opq makai", sys.argv[1:])
    configure_logs("makai")
    keep_freed_memory()
    run_service("opq makai", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
