"""``opq worker``: run plugins."""

import asyncio
import os
import sys

import structlog

from opq.rpc.service import parse_settings, run_service
from opq.telemetry.logs import configure_logs
from opq_mauka.settings import WorkerSettings
from opq_mauka.worker.registry import make_plugins
from opq_mauka.worker.runner import PluginHung, Worker

EXIT_HUNG = 3


async def serve(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Work until `stop`."""
    names = [name.strip() for name in settings.plugins.split(",") if name.strip()]
    plugins = make_plugins(names, settings.config)
    log = structlog.get_logger()
    log.info("working", hub=settings.hub, plugins=sorted(plugins))
    try:
        await Worker(settings.worker_id, settings.hub, plugins, settings.tls).run(stop)
    except PluginHung as error:
        log.error("worker ends, to be started anew", reason=str(error))
        # The hung thread would keep a normal exit waiting for ever.
        os._exit(EXIT_HUNG)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(WorkerSettings, "opq worker", sys.argv[1:])
    configure_logs("worker")
    run_service("opq worker", lambda stop: serve(settings, stop))


if __name__ == "__main__":
    main()
