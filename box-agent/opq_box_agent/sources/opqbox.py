"""The existing OPQ Box: frames of 408 bytes from ``/dev/opq0`` or a FIFO.

A frame is 200 little-endian int16 samples, then the timer captured at the last GPS pulse (u16), the timer at the
frame's last sample (u16), and flags (u32; bit 0: a pulse fell into this frame). What they say of time is read in
`frame_clock`.
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opq.clock import NS, Clock
from opq.errors import InvalidInput
from opq.model.waveforms import CountArray
from opq_box_agent.kernel_clock import kernel_state
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.frame_clock import FRAME_NS, FRAME_SAMPLES, SAMPLE_RATE_HZ, FrameClock
from opq_box_agent.sources.source import SampleBlock
from opq_box_agent.timekeeping import HostDiscipline, KernelState

FRAME_BYTES = 408
_TAIL = struct.Struct("<HHI")
_GPS_PULSE = 1
_FRAMES_PER_BLOCK = 12
_HOST_EVERY_FRAMES = SAMPLE_RATE_HZ // FRAME_SAMPLES
"""How often the kernel is asked: once a second."""


@dataclass(frozen=True, slots=True, eq=False)
class OpqFrame:
    """One frame of an OPQ Box."""

    counts: CountArray
    last_gps_counter: int
    current_counter: int
    gps_pulse: bool

    @staticmethod
    def parse(data: bytes) -> "OpqFrame":
        """Read 408 bytes.

        Raises
        ------
        InvalidInput
            If there are more or fewer.
        """
        if len(data) != FRAME_BYTES:
            raise InvalidInput(f"OPQ Box frame: got {len(data)} bytes, expected {FRAME_BYTES}")
        last_gps, current, flags = _TAIL.unpack_from(data, 2 * FRAME_SAMPLES)
        return OpqFrame(np.frombuffer(data[: 2 * FRAME_SAMPLES], "<i2"), last_gps, current, bool(flags & _GPS_PULSE))


class OpqBoxSource:
    """Frames from a device or FIFO, in blocks of twelve."""

    def __init__(
        self,
        path: Path,
        volts_per_count: float,
        clock: Clock,
        kernel: Callable[[], KernelState] = kernel_state,
    ) -> None:
        self.sample_rate_hz = float(SAMPLE_RATE_HZ)
        self.volts_per_count = volts_per_count
        self.clip_counts = 32767
        self._path, self._clock, self._kernel = path, clock, kernel

    @classmethod
    def open(cls, settings: BoxSettings, path: Path, clock: Clock) -> "OpqBoxSource":
        """Check what `settings` say.

        Raises
        ------
        InvalidInput
            If the calibration is missing.
        """
        if settings.volts_per_count is None:
            raise InvalidInput(
                "--volts-per-count: the source opqbox needs the calibration of the box, got none; opq box calibrate finds it"
            )
        return cls(path, settings.volts_per_count, clock)

    async def blocks(self) -> AsyncIterator[SampleBlock]:
        """Yield blocks until the writer closes the FIFO or the device ends.

        Raises
        ------
        InvalidInput
            If the device cannot be opened or ends inside a frame.
        """
        clock, host = FrameClock(), HostDiscipline()
        held: list[CountArray] = []
        start = step = number = 0
        quality = host.read(self._kernel(), self._clock.monotonic_ns())
        async for frame in self._frames():
            number += 1
            if number % _HOST_EVERY_FRAMES == 0:
                quality = host.read(self._kernel(), self._clock.monotonic_ns())
            at = clock.start_ns(frame, self._clock.unix_ns(), quality)
            if held and abs(at - (start + len(held) * FRAME_NS)) > 2 * NS // SAMPLE_RATE_HZ:
                yield _block(start, held, clock, step)
                held, step = [], 0
            step = step or clock.step_ns
            if not held:
                start = at
            held.append(frame.counts)
            if len(held) == _FRAMES_PER_BLOCK:
                yield _block(start, held, clock, step)
                held, step = [], 0
        if held:
            yield _block(start, held, clock, step)

    async def _frames(self) -> AsyncIterator[OpqFrame]:
        reader = asyncio.StreamReader()
        try:
            # Opening without waiting lets the agent be stopped while nobody has the other end open.
            pipe = os.fdopen(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK), "rb", 0)
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(reader), pipe
            )
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"--input: cannot read frames from {self._path}, a device or FIFO is expected: {error}"
            ) from error
        try:
            while True:
                try:
                    yield OpqFrame.parse(await reader.readexactly(FRAME_BYTES))
                except asyncio.IncompleteReadError as error:
                    if error.partial:
                        raise InvalidInput(
                            f"{self._path}: ended inside a frame, after {len(error.partial)} of {FRAME_BYTES} bytes"
                        ) from error
                    return
        finally:
            transport.close()


def _block(start_unix_ns: int, held: list[CountArray], clock: FrameClock, step_ns: int) -> SampleBlock:
    quality = clock.quality
    return SampleBlock(start_unix_ns, np.concatenate(held), quality.source, quality.uncertainty_ns, step_ns)
