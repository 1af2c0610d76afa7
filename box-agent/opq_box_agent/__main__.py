"""``python -m opq_box_agent``: run the agent of one box."""

import asyncio
import contextlib
import sys
from collections.abc import Iterator, Mapping

import structlog

from opq import ids
from opq.clock import SystemClock
from opq.errors import InvalidInput, Unavailable
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.rpc.service import parse_settings, run_service
from opq.telemetry.logs import configure_logs
from opq_box_agent.agent import Agent, AgentConfig
from opq_box_agent.durable import alone
from opq_box_agent.enrolment import credentials
from opq_box_agent.notify import Notifier
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.factory import make_source
from opq_box_agent.status.local import FIELDS, save_local, with_local
from opq_box_agent.status.server import PageServer
from opq_box_agent.status.snapshot import Status, take


class Runner:
    """Runs the agent of one box, anew whenever something is set at its page."""

    def __init__(self, settings: BoxSettings) -> None:
        self._given = self._settings = settings
        self._box_id = ids.box_id(settings.box_id)
        self._folder = settings.data_dir / self._box_id
        self._clock = SystemClock()
        self._log = structlog.get_logger()
        self._agent: Agent | None = None
        self._changed = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Measure until the source ends or `stop`."""
        with alone(self._folder), self._page():
            while await self._measure(stop):
                self._log.info("begins anew with what was set at its page")

    async def _measure(self, stop: asyncio.Event) -> bool:
        """Run an agent to its end; whether another one is to follow."""
        self._changed.clear()
        try:
            self._settings = with_local(self._given)
        except InvalidInput as error:
            self._log.error("what was set at the box is not used", reason=str(error))
            self._settings = self._given
        settings = self._settings
        self._agent = agent = Agent(
            _config(settings, self._box_id),
            make_source(settings, self._clock),
            self._clock,
            Notifier.from_environment(),
        )
        self._log.info("measuring", box_id=self._box_id, source=settings.source, ingest=settings.ingest)
        running = asyncio.create_task(agent.run())
        ends = [asyncio.create_task(event.wait()) for event in (stop, self._changed)]
        done, _ = await asyncio.wait([running, *ends], return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        if running in done:
            running.result()
            return False
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return not stop.is_set()

    @contextlib.contextmanager
    def _page(self) -> Iterator[None]:
        """Serve the page; a box that cannot measures all the same."""
        with contextlib.ExitStack() as stack:
            if self._given.page:
                try:
                    server = PageServer(
                        self._given.page, self._folder, self._look, self._values, self._change, self._clock
                    )
                    stack.enter_context(server)
                    self._log.info("page", address=f"http://{server.address}")
                except InvalidInput as error:
                    self._log.warning("there is no page", reason=str(error))
            yield

    def _look(self) -> Status:
        if self._agent is None:
            raise Unavailable("page: the agent is about to start")
        return take(self._agent)

    def _values(self) -> dict[str, str]:
        return {name: str(getattr(self._settings, name)) for name in FIELDS}

    def _change(self, given: Mapping[str, str]) -> None:
        save_local(self._given, given)
        self._changed.set()


def _config(settings: BoxSettings, box_id: BoxId) -> AgentConfig:
    return AgentConfig(
        box_id,
        Nominal(settings.u_din_v, settings.f_nominal_hz),
        settings.ingest,
        settings.data_dir / box_id,
        ring_s=settings.ring_s,
        spool_max_bytes=settings.spool_max_mb << 20,
        backfill_per_s=settings.backfill_per_s,
        sys_class=settings.sys_class,
        credentials=credentials(settings, box_id),
        update_key=settings.update_key,
    )


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(BoxSettings, "opq box run", sys.argv[1:])
    configure_logs("box")
    run_service("opq box run", lambda stop: Runner(settings).run(stop))


if __name__ == "__main__":
    main()
