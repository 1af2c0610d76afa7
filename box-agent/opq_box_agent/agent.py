"""The agent: one source, one spool, one ring buffer, one link to ingest."""

import asyncio
import itertools
import os
import random
import secrets
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

import structlog

import opq
from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import FeatureFrame, TimeSource, Windows
from opq.rpc.frames import POWER_NUMBERS, TIME_SOURCE_NUMBERS, encode_frame
from opq.v1 import box_pb2, waveform_pb2
from opq_box_agent.durable import write_out
from opq_box_agent.framing import Framer
from opq_box_agent.identity import Access, Credentials
from opq_box_agent.link import Link
from opq_box_agent.notify import Notifier
from opq_box_agent.power import PowerState, read_power, read_temperature_c
from opq_box_agent.ring import Ring
from opq_box_agent.samples import RingSamples
from opq_box_agent.session import BACKFILL_PER_S, Phase, Session
from opq_box_agent.sources.source import PowerLost, SampleBlock, Source
from opq_box_agent.spool import Spool
from opq_box_agent.updates.child import LAUNCHED
from opq_box_agent.updates.slots import Slots
from opq_box_agent.updates.updater import Updater

_HEALTH_PERIOD_S = 30.0
_DRAIN_S = 30.0
_LINGER_S = 15.0
"""After the last acknowledgement a request for the last moments may still come."""
_GASP_S = 0.3
_POWER_PERIOD_S = 1.0
_ALIVE_PERIOD_S = 1.0
_WRITE_OUT_S = 5.0
"""What was not acknowledged and is younger than this can be lost when the power goes; each writing out wears the card."""
_RING_WRITE_OUTS = 12
"""Raw samples are written out every so many times: a minute."""
MAX_WINDOW_CYCLES = 3600


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """What an agent needs to know."""

    box_id: BoxId
    nominal: Nominal
    ingest: str
    """``host:port``"""
    data_dir: Path
    ring_s: float = 3600.0
    spool_max_bytes: int = 512 << 20
    backfill_per_s: float = BACKFILL_PER_S
    sys_class: Path | None = None
    """Where the kernel tells of power supplies and temperatures; None: nothing is known of them."""
    credentials: Credentials | None = None
    update_key: Path | None = None
    """Public key that updates are checked with; None: there are none."""


class Agent:
    """Runs one box until its source ends or it is cancelled.

    Whatever happens to the link, samples go on into the ring buffer and frames into the spool.
    """

    def __init__(self, config: AgentConfig, source: Source, clock: Clock, notifier: Notifier | None = None) -> None:
        self._notifier = notifier or Notifier("")
        self.config, self._source, self.clock = config, source, clock
        self._log = structlog.get_logger().bind(box_id=config.box_id)
        self._boot_id = secrets.token_hex(8)
        self._random = random.Random(zlib.crc32(config.box_id.encode()) ^ clock.monotonic_ns())
        self.spool = Spool(config.data_dir / "spool", config.spool_max_bytes)
        self.ring = Ring(config.data_dir / "ring.dat", source.sample_rate_hz, config.ring_s)
        self.session = Session(self.spool, self._hello, self._health, config.backfill_per_s)
        self._samples = RingSamples(source, self.ring)
        self.slots = Slots(config.data_dir / "updates")
        updater = Updater(config.box_id, self.slots, config.update_key, LAUNCHED in os.environ, self._log)
        self.link = Link(config.box_id, self, self.session, self._samples, clock, self._log, updater)
        self._framer = Framer(source, config.nominal, phase_ns=zlib.crc32(config.box_id.encode()) * NS >> 32)
        self._window_cycles = 0
        self._time = (TimeSource.FREE, 0)
        self.latest: Windows | None = None
        """The newest windows; None before the first."""
        self.disk_problem = ""
        self.power = PowerState()
        self.temperature_c: float | None = None

    async def run(self) -> None:
        """Measure until the source ends, then hand over what is left (up to half a minute) and say goodbye.

        When the power of the box goes there is only time for a last gasp.
        """
        jobs = (
            self._connect(),
            self._report_health(),
            self._keep_written(),
            self._watch_power(),
            self._give_signs_of_life(),
        )
        tasks = [asyncio.create_task(job) for job in jobs]
        try:
            async for block in self._source.blocks():
                self._measure(block)
            self._spool_frames(self._framer.flush())
            self._samples.end()
            await self._drain()
        except PowerLost:
            self._last_gasp()
            await asyncio.sleep(_GASP_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._write_out([*self.spool.take_unsynced(), self.ring.path])
            self.ring.close()

    def _last_gasp(self) -> None:
        self.session.say(box_pb2.BoxUp(last_gasp=box_pb2.LastGasp(unix_ns=self.clock.unix_ns())))
        self.link.wake()

    # --- measuring

    def _measure(self, block: SampleBlock) -> None:
        self._time = (block.time_source, block.clock_uncertainty_ns)
        self._samples.append(block.start_unix_ns, block.counts)
        self._spool_frames(self._framer.feed(block))
        if self._framer.step_ns:
            self._log.warning("the clock was set", by_s=self._framer.step_ns / NS, source=block.time_source.value)

    def _spool_frames(self, frames: list[Windows]) -> None:
        source, uncertainty = self._time
        for windows in frames:
            sequence = self.spool.next_sequence()
            frame = FeatureFrame(self.config.box_id, sequence, windows, uncertainty)
            self.spool.append(sequence, encode_frame(frame, source))
            self.session.frame_spooled(sequence)
        if frames:
            self.latest = frames[-1]
            self._notifier.ready()
            self._tell_of_disk()
            self.link.wake()

    def _tell_of_disk(self) -> None:
        """Say once when the disk takes no more, and once when it does again."""
        problem = self.spool.problem or self.ring.problem
        if problem == self.disk_problem:
            return
        self.disk_problem = problem
        if problem:
            self._log.error(
                "the disk takes no more; it goes on measuring and sending",
                reason=problem,
                spool=self.spool.problem,
                ring=self.ring.problem,
                dropped_frames=self.spool.dropped,
            )
        else:
            self._log.info("the disk takes data again", dropped_frames=self.spool.dropped)

    # --- what the link asks of the box

    async def _connect(self) -> None:
        access = Access(self.config.ingest, self.config.credentials, self.clock, self._log)
        async with access.dialer() as dialer:
            await self.link.run(dialer)

    @property
    def time(self) -> tuple[TimeSource, int]:
        """See `Device`."""
        return self._time

    def configure(self, window_cycles: int) -> str:
        """See `Device`."""
        if not 0 <= window_cycles <= MAX_WINDOW_CYCLES:
            return f"window_cycles: got {window_cycles}, expected 0 to {MAX_WINDOW_CYCLES}"
        if window_cycles != self._window_cycles:
            self._window_cycles = window_cycles
            self._framer.set_window_cycles(window_cycles)
            self._log.info("configured", window_cycles=window_cycles)
        return ""

    def _hello(self) -> box_pb2.Hello:
        source, uncertainty = self._time
        return box_pb2.Hello(
            box_id=self.config.box_id,
            agent_version=opq.__version__,
            boot_id=self._boot_id,
            u_din_v=self.config.nominal.u_din_v,
            f_nominal_hz=self.config.nominal.f_hz,
            sample_rate_hz=self._source.sample_rate_hz,
            volts_per_count=self._source.volts_per_count,
            time_source=TIME_SOURCE_NUMBERS[source],
            clock_uncertainty_ns=uncertainty,
            buffered_from_unix_ns=self.ring.oldest_unix_ns,
            spooled_frames=len(self.spool),
            codecs=[waveform_pb2.WAVEFORM_CODEC_DELTA_SHUFFLE_ZSTD, waveform_pb2.WAVEFORM_CODEC_RAW_INT16],
        )

    def info(self) -> dict[str, str]:
        """See `Device`."""
        return {
            "agent_version": opq.__version__,
            "boot_id": self._boot_id,
            "sample_rate_hz": f"{self._source.sample_rate_hz:g}",
            "volts_per_count": f"{self._source.volts_per_count:.9g}",
            "window_cycles": str(self._window_cycles),
            "waiting_frames": str(len(self.spool)),
            "buffered_from_unix_ns": str(self.ring.oldest_unix_ns),
        }

    async def _report_health(self) -> None:
        told_dropped = 0
        while True:
            await asyncio.sleep(_HEALTH_PERIOD_S * self._random.uniform(0.8, 1.2))
            if self.spool.dropped != told_dropped:
                told_dropped = self.spool.dropped
                self._log.warning("no room for all that waits; the oldest frames are lost", dropped_frames=told_dropped)
            self._say_health()

    def _say_health(self) -> None:
        self.session.say(box_pb2.BoxUp(health=self._health()))
        self.link.wake()

    def _health(self) -> box_pb2.Health:
        return box_pb2.Health(
            power=POWER_NUMBERS[self.power.power],
            spooled_frames=len(self.spool),
            dropped_frames=self.spool.dropped,
            disk_free_bytes=shutil.disk_usage(self.config.data_dir).free,
            rejected_frames=self.session.rejected,
            battery_pct=self.power.battery_pct,
            temperature_c=self.temperature_c,
        )

    async def _watch_power(self) -> None:
        """Look what the box runs on; when its power goes, tell the site and write out what waits, and go on measuring."""
        while self.config.sys_class is not None:
            before = self.power
            self.power = await asyncio.to_thread(read_power, self.config.sys_class)
            self.temperature_c = await asyncio.to_thread(read_temperature_c, self.config.sys_class)
            if self.power.is_going(before):
                self._log.warning("the power goes", power=self.power.power.value, undervoltage=self.power.undervoltage)
                self._last_gasp()
                await self._write_out(self.spool.take_unsynced())
            if self.power.power is not before.power:
                self._log.info("runs on", power=self.power.power.value, battery_pct=self.power.battery_pct)
                self._say_health()
            await asyncio.sleep(_POWER_PERIOD_S)

    async def _give_signs_of_life(self) -> None:
        while True:
            self._notifier.alive(self.session.phase is Phase.READY)
            await asyncio.sleep(_ALIVE_PERIOD_S)

    async def _keep_written(self) -> None:
        """Let what was measured reach the disk from time to time, and say when it takes no more."""
        for round_ in itertools.count(1):
            await asyncio.sleep(_WRITE_OUT_S)
            ring = [self.ring.path] if round_ % _RING_WRITE_OUTS == 0 else []
            await self._write_out([*self.spool.take_unsynced(), *ring])

    async def _write_out(self, paths: list[Path]) -> None:
        try:
            await asyncio.to_thread(write_out, paths)
        except OSError as error:
            self._log.error("the disk does not write out", reason=str(error))

    async def _drain(self) -> None:
        """Wait until everything is acknowledged, and a little for requests about the last moments."""
        deadline = self.clock.monotonic_ns() + round(_DRAIN_S * NS)
        quiet_since = self.clock.monotonic_ns()
        while self.clock.monotonic_ns() < deadline:
            if self.session.waiting:
                quiet_since = self.clock.monotonic_ns()
            elif self.clock.monotonic_ns() - quiet_since > _LINGER_S * NS:
                break
            await asyncio.sleep(0.1)
        self.session.say(box_pb2.BoxUp(goodbye=box_pb2.Goodbye(reason="the source has ended")))
        self.link.wake()
        await asyncio.sleep(0.2)
