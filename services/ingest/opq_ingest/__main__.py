"""``opq ingest``: run one ingest process."""

import asyncio
import sys

import structlog

from opq.clock import SystemClock
from opq.rpc.channels import MAX_BOX_MESSAGE_BYTES, Server
from opq.rpc.service import parse_settings, run_service
from opq.store import open_store
from opq.telemetry.logs import configure_logs
from opq_ingest.server import Ingest
from opq_ingest.settings import IngestSettings

_GRACE_S = 2.0


async def serve(settings: IngestSettings, stop: asyncio.Event) -> None:
    """Serve boxes until `stop`, then drain: what came is stored and acknowledged before the streams end."""
    store = await asyncio.to_thread(open_store, settings.store)
    ingest = Ingest(settings, store, SystemClock())
    server = Server(MAX_BOX_MESSAGE_BYTES)
    server.grpc.add_generic_rpc_handlers((ingest.handlers(),))
    address = await server.start(settings.listen, ["opq.v1.BoxService"])
    structlog.get_logger().info("serving boxes", address=address, store=settings.store, makai=settings.makai)
    try:
        await ingest.run(stop)
    finally:
        await server.stop(_GRACE_S)
        await asyncio.to_thread(store.close)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(IngestSettings, "opq ingest", sys.argv[1:])
    configure_logs("ingest")
    run_service("opq ingest", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
