"""``opq makai``: run one Makai process."""

import asyncio
import contextlib
import sys

import structlog

from opq.analysis.heap import keep_freed_memory
from opq.clock import SystemClock
from opq.rpc.entrance import Entrance
from opq.rpc.service import parse_settings, run_service
from opq.store import open_store
from opq.store.certificates import Certificates
from opq.telemetry.logs import configure_logs
from opq_makai.server import Makai
from opq_makai.settings import MakaiSettings

_GRACE_S = 1.0


async def serve(settings: MakaiSettings, stop: asyncio.Event) -> None:
    """Watch until `stop`; then write what is left."""
    store = await asyncio.to_thread(open_store, settings.store)
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as at_end:
        at_end.push_async_callback(asyncio.to_thread, store.close)
        makai = Makai(settings, store, clock)
        await makai.restore()
        entrance = Entrance(settings.tls, clock, Certificates(store).revocations)
        await at_end.enter_async_context(entrance.watched())
        server = entrance.server()
        server.grpc.add_generic_rpc_handlers((makai.handlers(),))
        address = await server.start(settings.listen, ["opq.v1.MakaiService"], settings.health_listen)
        at_end.push_async_callback(server.stop, _GRACE_S)
        structlog.get_logger().info("watching", address=address, store=settings.store)
        await makai.run(stop)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(MakaiSettings, "opq makai", sys.argv[1:])
    configure_logs("makai")
    keep_freed_memory()
    run_service("opq makai", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
