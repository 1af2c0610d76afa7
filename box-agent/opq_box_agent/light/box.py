"""One light box: what its link, its session and the site need of a box, on top of a simulated world."""

import asyncio
import logging
import secrets
import sys
from pathlib import Path

import structlog

import opq
from opq.clock import NS, Clock
from opq.model.features import FeatureFrame, TimeSource, Windows
from opq.rpc.channels import Dialer
from opq.rpc.frames import TIME_SOURCE_NUMBERS, encode_frame
from opq.sim.grid import World
from opq.v1 import box_pb2, waveform_pb2
from opq_box_agent.light.journal import Journal
from opq_box_agent.light.memory import MemorySpool
from opq_box_agent.light.pace import Pace
from opq_box_agent.light.samples import WorldSamples
from opq_box_agent.link import Link
from opq_box_agent.session import Phase, Session
from opq_box_agent.updates.slots import Slots
from opq_box_agent.updates.updater import Updater

_HUSHED = structlog.make_filtering_bound_logger(logging.ERROR)
"""Thousands of boxes do not each say that ingest is away: the fleet says how many are connected."""


class LightBox:
    """A box without disk, converter or clock of its own.

    Parameters
    ----------
    world, index : World, int
        The grid and the row of the box in it.
    keep_s : float
        How long its samples can be asked for [s].
    """

    def __init__(
        self, world: World, index: int, pace: Pace, keep_s: float, clock: Clock, journal: Journal | None = None
    ) -> None:
        self._world, self._index, self._pace, self._journal = world, index, pace, journal
        self.box = world.boxes[index]
        self._source = world.time_source(index)
        self._uncertainty_ns = 0
        # Runs of the same fleet one after the other never use a number twice.
        taken = None if journal is None else journal.taker(self.box.box_id)
        self.spool = MemorySpool(world.start_unix_ns // NS, taken)
        self.session = Session(self.spool, self._hello)
        self._samples = WorldSamples(world, index, pace, keep_s)
        log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), wrapper_class=_HUSHED).bind(
            box_id=self.box.box_id
        )
        # It has no disk and no launcher: offers of updates are refused with that reason.
        updater = Updater(self.box.box_id, Slots(Path()), None, False, log)
        self._link = Link(self.box.box_id, self, self.session, self._samples, clock, log, updater)
        self._running: asyncio.Task[None] | None = None
        self._boot_id = ""

    @property
    def connected(self) -> bool:
        """Whether ingest has welcomed it."""
        return self.session.phase is Phase.READY

    @property
    def refusal(self) -> str:
        """Why ingest does not let it in; empty if it does or is away."""
        return self._link.refusal

    def switch_on(self, dialer: Dialer) -> None:
        """Start: connect, and stay connected."""
        if self._running is None:
            self._boot_id = secrets.token_hex(8)
            self._running = asyncio.create_task(self._link.run(dialer))

    def switch_off(self) -> None:
        """Break the link as a loss of power does; frames that are not acknowledged stay."""
        if self._running is not None:
            self._running.cancel()
            self._running = None

    def measured(self, windows: Windows, uncertainty_ns: int, second: int) -> None:
        """Take the windows of one second and send them as soon as the site lets it."""
        self._uncertainty_ns = uncertainty_ns
        sequence = self.spool.append(
            lambda number: encode_frame(FeatureFrame(self.box.box_id, number, windows, uncertainty_ns), self._source)
        )
        if self._journal is not None:
            self._journal.measured(self._index, self.box.box_id, sequence, second)
        self.session.frame_spooled(sequence)
        self._link.wake()

    # --- what the link asks of a box

    @property
    def time(self) -> tuple[TimeSource, int]:
        """See `Device`."""
        return self._source, self._uncertainty_ns

    def configure(self, window_cycles: int) -> str:
        """See `Device`. The world is computed in windows of 200 ms and no others."""
        basic = self.box.nominal.cycles
        if window_cycles in (0, basic):
            return ""
        return f"window_cycles: got {window_cycles}, a simulated box of a fleet has 0 (the basic {basic}) only"

    def info(self) -> dict[str, str]:
        """See `Device`."""
        return {
            "agent_version": opq.__version__,
            "boot_id": self._boot_id,
            "simulated": f"{self._world.plan.name}, seed {self._world.seed}",
            "waiting_frames": str(len(self.spool)),
            "buffered_from_unix_ns": str(self._samples.oldest_unix_ns),
        }

    def _hello(self) -> box_pb2.Hello:
        return box_pb2.Hello(
            box_id=self.box.box_id,
            agent_version=opq.__version__,
            boot_id=self._boot_id,
            u_din_v=self.box.nominal.u_din_v,
            f_nominal_hz=self.box.nominal.f_hz,
            sample_rate_hz=self._samples.sample_rate_hz,
            volts_per_count=self._samples.volts_per_count,
            time_source=TIME_SOURCE_NUMBERS[self._source],
            clock_uncertainty_ns=self._uncertainty_ns,
            buffered_from_unix_ns=self._samples.oldest_unix_ns,
            spooled_frames=len(self.spool),
            codecs=[waveform_pb2.WAVEFORM_CODEC_DELTA_SHUFFLE_ZSTD, waveform_pb2.WAVEFORM_CODEC_RAW_INT16],
        )
