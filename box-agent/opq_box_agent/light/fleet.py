"""All boxes of a world against a real ingest: frames go out when they would arrive, boxes fall silent when the world says so."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import structlog

from opq.clock import NS, Clock
from opq.rpc.channels import Dialer
from opq.rpc.service import wait_or_stop
from opq.sim.grid import Block, World
from opq.trust.names import Role
from opq_box_agent.identity import Access, Credentials, identity_files
from opq_box_agent.light.box import LightBox
from opq_box_agent.light.journal import Journal
from opq_box_agent.light.pace import Pace

BOXES_PER_CONNECTION = 64
_CONNECTS_PER_S = 1000
_REPORT_S = 10.0
_AT_ONCE = 32
"""After so many frames the links get their turn, however late it is."""
_LINGER_S = 8.0
"""After the last frame: acknowledgements and requests for the last moments still come."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """How to run a world."""

    ingest: str
    """``host:port``"""
    boxes: int
    """How many of the world's boxes, the first ones."""
    speed: float = 1.0
    own_connections: bool = False
    identities: Path | None = None
    """Folder with ``BOX_ID.pem`` and ``ca.crt``: each box shows its own certificate, in a connection of its own."""
    keep_s: float = 3600.0
    """How long a box keeps samples [s]."""
    spread_s: float = 0.0
    """Each box sends its frames later by its own part of this [s], as if its seconds began at another moment."""
    now_unix_ns: int | None = None
    """The time in the world when it begins to run; by default its start."""


class LightFleet:
    """The first boxes of one world in one process."""

    def __init__(self, options: FleetOptions, world: World, clock: Clock, journal: Journal | None = None) -> None:
        self._options, self._world, self._clock = options, world, clock
        now = world.start_unix_ns if options.now_unix_ns is None else options.now_unix_ns
        self._pace = Pace(clock, now, options.speed)
        self._log = structlog.get_logger()
        self.boxes = [
            LightBox(world, index, self._pace, options.keep_s, clock, journal) for index in range(options.boxes)
        ]
        self._offset_ns = np.random.default_rng(world.seed).uniform(0, options.spread_s * NS, options.boxes).astype(int)
        self._frames = 0
        self._late_ns = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Stream until the world ends or `stop` is set."""
        async with AsyncExitStack() as stack:
            mine = [await stack.enter_async_context(dialer) for dialer in self._dialers()]
            report = asyncio.create_task(self._report())
            try:
                await self._stream(mine, stop)
            finally:
                report.cancel()
                for box in self.boxes:
                    box.switch_off()
                await asyncio.gather(report, return_exceptions=True)

    def _dialers(self) -> list[AbstractAsyncContextManager[Dialer]]:
        """Return the way to ingest of each box: its own, or one for many."""
        options = self._options
        if options.identities is not None:
            return [
                Access(
                    options.ingest,
                    Credentials(identity_files(options.identities, box.box.box_id), own=True),
                    self._clock,
                    self._log.bind(box_id=box.box.box_id),
                ).dialer()
                for box in self.boxes
            ]
        per_channel = 1 if options.own_connections else BOXES_PER_CONNECTION
        count = -(-len(self.boxes) // per_channel)
        shared = [Dialer(options.ingest, Role.INGEST) for _ in range(count)]
        return [shared[index // per_channel] for index in range(len(self.boxes))]

    async def _stream(self, dialers: Sequence[Dialer], stop: asyncio.Event) -> None:
        dark = self._world.dark(0, 1)[:, 0]
        starts = [asyncio.create_task(self._start(box, dialer)) for box, dialer in self._lit(dialers, dark)]
        upcoming = self._ahead(0)
        try:
            for minute in range(-(-int(self._world.duration_s) // 60)):
                block = await upcoming
                upcoming = self._ahead(minute + 1)
                for second in range(min(60, int(self._world.duration_s) - 60 * minute)):
                    if stop.is_set():
                        return
                    await self._second(block, second, dialers)
            await wait_or_stop(stop, _LINGER_S)
        finally:
            for task in (*starts, upcoming):
                task.cancel()

    def _lit(self, dialers: Sequence[Dialer], dark: np.ndarray) -> list[tuple[LightBox, Dialer]]:
        pairs = zip(self.boxes, dialers, dark.tolist(), strict=False)
        return [(box, dialer) for box, dialer, is_dark in pairs if not is_dark]

    async def _start(self, box: LightBox, dialer: Dialer) -> None:
        # All at once would be a storm of connections that no real neighbourhood makes.
        await asyncio.sleep(random.uniform(0, len(self.boxes) / _CONNECTS_PER_S))
        box.switch_on(dialer)

    def _ahead(self, minute: int) -> asyncio.Task[Block]:
        """Compute a minute beside the stream, so that it does not wait at the change of minutes."""
        return asyncio.create_task(asyncio.to_thread(self._world.block, 60 * minute, 60))

    async def _second(self, block: Block, second: int, dialers: Sequence[Dialer]) -> None:
        """Send the frames of one second as they become due, and switch boxes for the next one."""
        count, at = len(self.boxes), block.first_s + second
        dark = self._world.dark(at, 2)[:count]
        arrivals = block.arrival_unix_ns[:count, second] + self._offset_ns
        order = np.argsort(arrivals, kind="stable").tolist()
        times, there = arrivals.tolist(), block.present[:count, second].tolist()
        ends, begins = (dark[:, 0] & ~dark[:, 1]).tolist(), (~dark[:, 0] & dark[:, 1]).tolist()
        for number, index in enumerate(order):
            box = self.boxes[index]
            await self._pace.until(times[index])
            if there[index]:
                box.measured(block.windows(index, second), int(block.uncertainty_ns[index]), at)
                self._frames += 1
            if ends[index]:
                box.switch_on(dialers[index])
            elif begins[index]:
                await asyncio.sleep(0)
                box.switch_off()
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        self._late_ns = max(self._late_ns, self._pace.now_unix_ns() - max(times))

    async def _report(self) -> None:
        """Say every few seconds how it goes; the boxes themselves are silent."""
        never = asyncio.Event()
        while not await wait_or_stop(never, _REPORT_S):
            refusals = [box.refusal for box in self.boxes if box.refusal]
            self._log.info(
                "streaming",
                boxes=len(self.boxes),
                connected=sum(box.connected for box in self.boxes),
                frames=self._frames,
                unacknowledged=sum(len(box.spool) for box in self.boxes),
                dropped=sum(box.spool.dropped for box in self.boxes),
                rejected=sum(box.session.rejected for box in self.boxes),
                late_ms=round(self._late_ns / 1e6 / self._options.speed, 1),
                **({"refused": len(refusals), "reason": refusals[0]} if refusals else {}),
            )
            self._late_ns = 0
