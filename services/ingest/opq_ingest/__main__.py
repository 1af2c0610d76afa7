"""``opq ingest``: run one ingest process."""

import asyncio
import contextlib
import sys

import structlog

from opq.clock import DAY_NS, SystemClock
from opq.rpc.channels import MAX_BOX_MESSAGE_BYTES
from opq.rpc.entrance import Entrance
from opq.rpc.service import parse_settings, run_service
from opq.store import open_store
from opq.store.certificates import Certificates
from opq.telemetry.logs import configure_logs
from opq_ingest.enrolment import MAX_MESSAGE_BYTES, Enrolment
from opq_ingest.server import Ingest
from opq_ingest.settings import IngestSettings

_GRACE_S = 2.0


async def serve(settings: IngestSettings, stop: asyncio.Event) -> None:
    """Serve boxes until `stop`, then drain: what came is stored and acknowledged before the streams end."""
    clock, log = SystemClock(), structlog.get_logger()
    store = await asyncio.to_thread(open_store, settings.store)
    async with contextlib.AsyncExitStack() as at_end:
        at_end.push_async_callback(asyncio.to_thread, store.close)
        certificates = Certificates(store)
        entrance = Entrance(settings.tls, clock, certificates.revocations, certificates.good_until)
        await at_end.enter_async_context(entrance.watched())
        enrolment = Enrolment(store, clock, settings.ca, round(settings.certificate_days * DAY_NS))
        ingest = Ingest(settings, store, clock)
        server = entrance.server(MAX_BOX_MESSAGE_BYTES)
        server.grpc.add_generic_rpc_handlers((ingest.handlers(), enrolment.renew_handlers()))
        address = await server.start(
            settings.listen, ["opq.v1.BoxService", "opq.v1.EnrolmentService"], settings.health_listen
        )
        at_end.push_async_callback(server.stop, _GRACE_S)
        log.info("serving boxes", address=address, store=settings.store, makai=settings.makai)
        if settings.enrol_listen:
            newcomers = entrance.open_server(MAX_MESSAGE_BYTES)
            newcomers.grpc.add_generic_rpc_handlers((enrolment.enrol_handlers(),))
            enrol_address = await newcomers.start(settings.enrol_listen, ["opq.v1.EnrolmentService"])
            at_end.push_async_callback(newcomers.stop, _GRACE_S)
            log.info("enrolling boxes", address=enrol_address)
        await ingest.run(stop)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(IngestSettings, "opq ingest", sys.argv[1:])
    configure_logs("ingest")
    run_service("opq ingest", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
