"""The existing OPQ Box: frames of 408 bytes from ``/dev/opq0`` or a FIFO.

A frame is 200 little-endian int16 samples, then the timer captured at the last GPS pulse (u16), the timer at the
frame's last sample (u16), and flags (u32; bit 0: a pulse fell into this frame). The timer runs at a rate that is
learned from the frames themselves and wraps at 65 536.
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opq.clock import NS, Clock
from opq.errors import InvalidInput
from opq.model.features import TimeSource
from opq.model.waveforms import CountArray
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.source import SampleBlock

FRAME_SAMPLES = 200
FRAME_BYTES = 408
SAMPLE_RATE_HZ = 12_000
_TAIL = struct.Struct("<HHI")
_GPS_PULSE = 1
_FRAMES_PER_BLOCK = 12
_FRAME_NS = FRAME_SAMPLES * NS // SAMPLE_RATE_HZ


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


class FrameClock:
    """Says when each frame's first sample was taken, without I/O.

    Without GPS the time follows the clock of the host at the moment of reading, at most `_SLEW_NS` per frame, so
    that the jitter of reading does not tear the samples apart. A difference of `_STEP_NS` that lasts for
    `_STEP_FRAMES` is a step of the clock, or frames were lost; a shorter one is a busy host that reads late. A GPS
    pulse fixes the time of the sample at which the timer stood as captured: the full second next to the host's idea
    of it. GPS counts for `_HOLDOVER_FRAMES` after the last pulse.
    """

    _SLEW_NS = 2_000
    _STEP_NS = NS // 2
    _STEP_FRAMES = SAMPLE_RATE_HZ // FRAME_SAMPLES
    _HOLDOVER_FRAMES = 10 * SAMPLE_RATE_HZ // FRAME_SAMPLES
    _NTP_UNCERTAINTY_NS = 20_000_000
    _GPS_UNCERTAINTY_NS = 200_000

    def __init__(self) -> None:
        self._end_ns: int | None = None
        self._before: int | None = None
        self._ticks_per_frame = 0.0
        self._since_pulse = self._HOLDOVER_FRAMES
        self._off_frames = 0

    @property
    def source(self) -> tuple[TimeSource, int]:
        """What disciplines the time now, and its uncertainty [ns]."""
        if self._since_pulse < self._HOLDOVER_FRAMES:
            return TimeSource.GPS, self._GPS_UNCERTAINTY_NS
        return TimeSource.NTP, self._NTP_UNCERTAINTY_NS

    def start_ns(self, frame: OpqFrame, host_unix_ns: int) -> int:
        """Time of the first sample of the next frame, read at `host_unix_ns` by the host's clock."""
        expected = host_unix_ns if self._end_ns is None else self._end_ns + _FRAME_NS
        error = host_unix_ns - expected
        self._learn_ticks(frame)
        self._since_pulse += 1
        self._off_frames = self._off_frames + 1 if abs(error) > self._STEP_NS else 0
        if frame.gps_pulse and (pulse_error := self._pulse_error(frame, expected)) is not None:
            self._since_pulse = 0
            expected += (
                pulse_error if abs(pulse_error) > NS // 1000 else max(-self._SLEW_NS, min(self._SLEW_NS, pulse_error))
            )
        elif self._off_frames > self._STEP_FRAMES:
            expected = host_unix_ns
        elif self._since_pulse >= self._HOLDOVER_FRAMES:
            expected += max(-self._SLEW_NS, min(self._SLEW_NS, error))
        self._end_ns = expected
        return expected - _FRAME_NS + NS // SAMPLE_RATE_HZ

    def _learn_ticks(self, frame: OpqFrame) -> None:
        """Follow the number of timer ticks per frame."""
        if self._before is not None:
            ticks = (frame.current_counter - self._before) % 65536
            if not self._ticks_per_frame:
                self._ticks_per_frame = float(ticks)
            elif abs(ticks - self._ticks_per_frame) < 0.01 * self._ticks_per_frame:
                self._ticks_per_frame += 0.01 * (ticks - self._ticks_per_frame)
        self._before = frame.current_counter

    def _pulse_error(self, frame: OpqFrame, end_ns: int) -> int | None:
        """What is to be added to the frame's end so that the pulse falls on a full second; None if it cannot be told."""
        behind = (frame.current_counter - frame.last_gps_counter) % 65536
        if not self._ticks_per_frame or behind > 1.05 * self._ticks_per_frame:
            return None
        pulse = end_ns - round(behind / self._ticks_per_frame * _FRAME_NS)
        return round(pulse / NS) * NS - pulse


class OpqBoxSource:
    """Frames from a device or FIFO, in blocks of twelve."""

    def __init__(self, path: Path, volts_per_count: float, clock: Clock) -> None:
        self.sample_rate_hz = float(SAMPLE_RATE_HZ)
        self.volts_per_count = volts_per_count
        self.clip_counts = 32767
        self._path, self._clock = path, clock

    @classmethod
    def open(cls, settings: BoxSettings, path: Path, clock: Clock) -> "OpqBoxSource":
        """Check what `settings` say.

        Raises
        ------
        InvalidInput
            If the calibration is missing.
        """
        if settings.volts_per_count is None:
            raise InvalidInput("--volts-per-count: the source opqbox needs the calibration of the box, got none")
        return cls(path, settings.volts_per_count, clock)

    async def blocks(self) -> AsyncIterator[SampleBlock]:
        """Yield blocks until the writer closes the FIFO or the device ends.

        Raises
        ------
        InvalidInput
            If the device cannot be opened or ends inside a frame.
        """
        clock = FrameClock()
        held: list[CountArray] = []
        start = 0
        async for frame in self._frames():
            at = clock.start_ns(frame, self._clock.unix_ns())
            if held and abs(at - (start + len(held) * _FRAME_NS)) > 2 * NS // SAMPLE_RATE_HZ:
                yield SampleBlock(start, np.concatenate(held), *clock.source)
                held = []
            if not held:
                start = at
            held.append(frame.counts)
            if len(held) == _FRAMES_PER_BLOCK:
                yield SampleBlock(start, np.concatenate(held), *clock.source)
                held = []
        if held:
            yield SampleBlock(start, np.concatenate(held), *clock.source)

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
