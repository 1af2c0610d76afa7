"""When the frames of an OPQ Box were measured: from its counters, GPS pulses and the clock of the host, without I/O."""

from typing import Protocol

from opq.clock import NS
from opq.model.features import TimeSource
from opq_box_agent.timekeeping import UNKNOWN_NS, Quality, grown

FRAME_SAMPLES = 200
SAMPLE_RATE_HZ = 12_000
FRAME_NS = FRAME_SAMPLES * NS // SAMPLE_RATE_HZ
_WRAP = 65_536


class Counters(Protocol):
    """What a frame says of time."""

    @property
    def last_gps_counter(self) -> int:
        """Timer at the last GPS pulse."""
        ...

    @property
    def current_counter(self) -> int:
        """Timer at the frame's last sample."""
        ...

    @property
    def gps_pulse(self) -> bool:
        """Whether a pulse fell into the frame."""
        ...


class FrameClock:
    """Says when each frame's first sample was taken.

    - A GPS pulse fixes the time of the sample at which the timer stood as captured: the full second next to the host's
      idea of it. Small errors are slewed away, at most `_SLEW_NS` per frame, so that the samples are not torn apart.
    - GPS counts for `_HOLDOVER_NS` after the last pulse. Then the time runs on by the crystal alone, with a bound that
      grows, until what the host's clock offers is better; then it follows that, which takes away the jitter of reading.
    - Frames that were lost are seen in the timer, up to the 38 after which it wraps; more are a step of the host's clock.
    - A difference to the host of more than `_STEP_NS` that lasts for `_STEP_FRAMES` is a step of the host's clock; a shorter
      one is a busy host that reads late. With GPS a step is one of whole seconds.
    """

    _SLEW_NS = 2_000
    _STEP_NS = NS // 2
    _STEP_FRAMES = SAMPLE_RATE_HZ // FRAME_SAMPLES
    _PULSE_STEP_NS = NS // 1000
    _HOLDOVER_NS = 10 * NS
    _GPS_NS = 200_000

    def __init__(self) -> None:
        self._end_ns: int | None = None
        self._before: int | None = None
        self._ticks_per_frame = 0.0
        self._since_pulse_ns: int | None = None
        self._owed_ns = 0
        self._off_ns = 0.0
        self._off_frames = 0
        self._follows_host = False
        self._host = Quality(TimeSource.FREE, UNKNOWN_NS)
        self.step_ns = 0
        """By how much the clock was set at the last frame [ns]; 0 if it was not."""

    @property
    def quality(self) -> Quality:
        """What disciplines the time now, and its uncertainty."""
        if self._locked:
            return Quality(TimeSource.GPS, self._holdover_ns)
        if self._follows_host:
            return Quality(self._host.source, self._host_ns)
        return Quality(TimeSource.FREE, self._holdover_ns)

    def start_ns(self, frame: Counters, host_unix_ns: int, host: Quality) -> int:
        """Time of the first sample of the next frame, read at `host_unix_ns` by the host's clock, which is as good as `host`."""
        self._host = host
        frames = 1 + self._lost(frame)
        self.step_ns = 0
        end = host_unix_ns if self._end_ns is None else self._end_ns + frames * FRAME_NS
        off = host_unix_ns - end
        if self._since_pulse_ns is not None:
            self._since_pulse_ns += frames * FRAME_NS
        self._off_ns = off if self._end_ns is None else self._off_ns + (off - self._off_ns) / self._STEP_FRAMES
        self._off_frames = self._off_frames + 1 if abs(off) > self._STEP_NS else 0
        if frame.gps_pulse and (error := self._pulse_error(frame, end)) is not None:
            self._take_pulse(error)
        elif self._off_frames > self._STEP_FRAMES:
            self._step(round(off / NS) * NS if self._locked else off)
        end += self.step_ns + self._slew(off)
        self._end_ns = end
        return end - FRAME_NS + NS // SAMPLE_RATE_HZ

    @property
    def _locked(self) -> bool:
        return self._since_pulse_ns is not None and self._since_pulse_ns < self._HOLDOVER_NS

    @property
    def _holdover_ns(self) -> int:
        """How far the time may be off by what the last pulse said."""
        if self._since_pulse_ns is None:
            return UNKNOWN_NS
        return grown(self._GPS_NS + abs(self._owed_ns), self._since_pulse_ns)

    @property
    def _host_ns(self) -> int:
        """How far the time may be off by what the host's clock says."""
        return min(UNKNOWN_NS, self._host.uncertainty_ns + abs(round(self._off_ns)))

    def _slew(self, off_ns: int) -> int:
        """Return how much the time is moved at this frame towards what is right."""
        if self._locked:
            moved = _within(self._owed_ns, self._SLEW_NS)
            self._owed_ns -= moved
            return moved
        self._follows_host = self._follows_host or self._host_ns <= self._holdover_ns
        return _within(off_ns - self.step_ns, self._SLEW_NS) if self._follows_host else 0

    def _take_pulse(self, error_ns: int) -> None:
        self._since_pulse_ns, self._follows_host = 0, False
        self._owed_ns = error_ns
        if abs(error_ns) > self._PULSE_STEP_NS:
            self._owed_ns = 0
            self._step(error_ns)

    def _step(self, step_ns: int) -> None:
        self.step_ns = step_ns
        self._off_ns -= step_ns
        self._off_frames = 0

    def _lost(self, frame: Counters) -> int:
        """Follow the number of timer ticks per frame; return how many frames are missing before this one."""
        before, self._before = self._before, frame.current_counter
        if before is None:
            return 0
        ticks = (frame.current_counter - before) % _WRAP
        if not self._ticks_per_frame:
            self._ticks_per_frame = float(ticks)
            return 0
        if abs(ticks - self._ticks_per_frame) < 0.01 * self._ticks_per_frame:
            self._ticks_per_frame += 0.01 * (ticks - self._ticks_per_frame)
        frames = ticks / self._ticks_per_frame
        return max(0, round(frames) - 1) if abs(frames - round(frames)) < 0.05 else 0

    def _pulse_error(self, frame: Counters, end_ns: int) -> int | None:
        """What is to be added to the frame's end so that the pulse falls on a full second; None if it cannot be told."""
        behind = (frame.current_counter - frame.last_gps_counter) % _WRAP
        if not self._ticks_per_frame or behind > 1.05 * self._ticks_per_frame:
            return None
        pulse = end_ns - round(behind / self._ticks_per_frame * FRAME_NS)
        return round(pulse / NS) * NS - pulse


def _within(value: int, limit: int) -> int:
    return max(-limit, min(limit, value))
