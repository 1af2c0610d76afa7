"""Windows of features from a live stream of samples, with gaps, clipping and lost voltage said and survived."""

from collections import deque

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.errors import InvalidInput, check_range
from opq.model.boxes import Nominal
from opq.model.features import FEATURE_INDEX, FEATURES, WindowFlag, Windows
from opq.model.waveforms import VoltArray
from opq.signal.flicker import Flickermeter, lamp_for
from opq.signal.meter import BoolArray, CycleMeter
from opq.signal.severity import SeverityMeter
from opq.signal.windows import FormedWindows, WindowFormer

GAP_TOLERANCE_NS = 1_000_000
"""A block that starts this close to where the block before ended follows it: more than a clock's jitter, less than any
lost block."""
SAMPLE_MAX_V = 4000.0
"""Samples are held inside this, twice the highest voltage a feature can have, and count as clipped [V]."""
LONGEST_WINDOW_CYCLES = 3600

_LOW = np.array([feature.low for feature in FEATURES])
_HIGH = np.array([feature.high for feature in FEATURES])
_P_INST_MAX, _PST = FEATURE_INDEX["p_inst_max"], FEATURE_INDEX["pst"]


class FeatureExtractor:
    """Turn blocks of samples of any size into windows of features.

    Windows follow each other without gap or overlap, each `window_cycles` cycles of the fundamental long, from one
    rising zero crossing to another. They come at most three cycles after their last sample. The answer does not depend on
    how the samples are cut into blocks.

    - Where samples are missing, the cycles before are given as a shorter window flagged ``GAP`` (if there is not one
      whole cycle, the first window after is flagged instead), and the fundamental is found anew.
    - Without voltage, windows go on with the last good period, flagged ``VOLTAGE_LOST``.
    - Flicker is that of the lamp of the supply, in whole seconds of samples: a window has that of the latest that ended by its
      end. Pst is that of the last whole 10-minute interval of the clock.
    - Samples that are not finite or beyond `SAMPLE_MAX_V` count as clipped; values are always finite and in range.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz]; times inside a block follow it.
    nominal : Nominal
        Declared supply.
    window_cycles : int
        Cycles per window, up to 3600; 0 is the basic window of 10 (50 Hz) or 12 (60 Hz). Distortion is always that of
        basic windows: held in shorter windows, aggregated in longer ones.
    """

    def __init__(self, sample_rate_hz: float, nominal: Nominal, window_cycles: int = 0) -> None:
        check_range("sample_rate_hz", sample_rate_hz, 4000, 1_000_000, "Hz")
        check_range("window_cycles", window_cycles, 0, LONGEST_WINDOW_CYCLES)
        self._sample_rate_hz = sample_rate_hz
        self._nominal = nominal
        self._window_cycles = window_cycles or nominal.cycles
        self._former = WindowFormer(sample_rate_hz, nominal, self._window_cycles)
        self._second = round(sample_rate_hz)
        self._pst = 0.0
        self._end_unix_ns = 0
        self._gap = False
        self._begin(0)
        self._severity = SeverityMeter(self._flickermeter.rate_hz)

    def feed(self, volts: VoltArray, start_unix_ns: int, clipped: BoolArray | None = None) -> Windows:
        """Take a block of samples and return the windows that became complete.

        Parameters
        ----------
        volts : (n,) float64
            Samples [V].
        start_unix_ns : int
            Time of the first [ns since the epoch]. Samples older than what was fed before are left out.
        clipped : (n,) bool, optional
            Which samples are at the end of the converter's range.

        Raises
        ------
        InvalidInput
            If `clipped` has another length than `volts`.
        """
        if clipped is not None and len(clipped) != len(volts):
            raise InvalidInput(f"clipped: got {len(clipped)} values, expected {len(volts)}, as many as volts")
        if not len(volts):
            return Windows.empty()
        off_ns = start_unix_ns - self._time(self._fed) if self._fed else 0
        if off_ns < -GAP_TOLERANCE_NS:
            late = min(len(volts), round(-off_ns * self._sample_rate_hz / NS))
            start_unix_ns += round(late * NS / self._sample_rate_hz)
            return self.feed(volts[late:], start_unix_ns, None if clipped is None else clipped[late:])
        before = self._close_gap() if off_ns > GAP_TOLERANCE_NS else Windows.empty()
        self._follow_clock(start_unix_ns)
        volts = self._note_clipped(volts, clipped)
        self._fed += len(volts)
        self._feel(volts)
        measured = self._meter.feed(volts)
        now = Windows.empty() if measured is None else self._stamp(self._former.feed(measured))
        return Windows.concatenate([before, now]) if len(before) else now

    def finish(self) -> Windows:
        """Return the windows that are complete at the end of the samples; the next block begins a new stretch."""
        windows = self._stamp(self._former.feed(self._meter.finish()))
        self._begin(0)
        return windows

    def _begin(self, start_unix_ns: int) -> None:
        """Begin a gapless stretch."""
        self._meter = CycleMeter(self._sample_rate_hz, self._nominal, 2 * self._window_cycles)
        self._former.restart()
        self._flickermeter = Flickermeter(self._sample_rate_hz, self._nominal.f_hz, lamp_for(self._nominal.u_din_v))
        self._unfelt: list[VoltArray] = []
        self._unfelt_samples = self._felt_samples = 0
        self._felt: deque[tuple[int, float, float]] = deque()
        self._latest = (0.0, self._pst)
        self._fed = 0
        self._anchor = (0, start_unix_ns)
        self._clipped = np.empty(0, np.int64)
        self._stretch_begins = True

    def _close_gap(self) -> Windows:
        """Give what is complete before a gap and the cycles left over, and begin anew."""
        parts = [self._stamp(self._former.feed(self._meter.finish()))]
        rest = self._former.rest()
        if rest is None:
            self._gap = True
        else:
            parts.append(self._stamp(rest, WindowFlag.GAP))
        self._begin(0)
        return Windows.concatenate(parts)

    def _follow_clock(self, start_unix_ns: int) -> None:
        """Let sample `_fed` be at `start_unix_ns`, unless it is within one sample of that anyway.

        Without the exception, the rounding of block times to nanoseconds would make times depend on the blocks.
        """
        if not self._fed or abs(start_unix_ns - self._time(self._fed)) > NS / self._sample_rate_hz:
            self._anchor = (self._fed, start_unix_ns)

    def _time(self, index: int) -> int:
        """Return the time of a sample of this stretch [ns since the epoch]."""
        anchor_index, anchor_ns = self._anchor
        return anchor_ns + round((index - anchor_index) * NS / self._sample_rate_hz)

    def _note_clipped(self, volts: VoltArray, clipped: BoolArray | None) -> VoltArray:
        """Remember which samples are clipped, and return `volts` finite and in range."""
        within = np.abs(volts) <= SAMPLE_MAX_V
        if not within.all():
            clipped = ~within if clipped is None else ~within | clipped
            volts = np.clip(np.nan_to_num(volts, nan=0.0), -SAMPLE_MAX_V, SAMPLE_MAX_V)
        if clipped is not None and clipped.any():
            self._clipped = np.concatenate([self._clipped, self._fed + np.flatnonzero(clipped)])
        return volts

    def _stamp(self, formed: FormedWindows, flag: int = 0) -> Windows:
        """Give windows their times and the flags that only the stream knows."""
        if not len(formed):
            return Windows.empty()
        self._add_flicker(formed)
        edges = np.concatenate([[self._first_edge(formed)], self._times(*formed.end)])
        edges = np.maximum.accumulate(edges)
        self._end_unix_ns = int(edges[-1])
        flags = formed.flags | np.uint32(flag)
        if self._gap:
            flags[0] |= WindowFlag.GAP
            self._gap = False
        if len(self._clipped):
            counts = np.searchsorted(self._clipped, np.append(formed.start[0][:1], formed.end[0]), side="right")
            flags[np.diff(counts) > 0] |= np.uint32(WindowFlag.CLIPPED)
            self._clipped = self._clipped[counts[-1] :]
        values = np.clip(formed.values, _LOW, _HIGH).astype(np.float32)
        return Windows(edges[:-1], np.diff(edges), flags, values)

    def _feel(self, volts: VoltArray) -> None:
        """Measure flicker in whole seconds of the stretch: its filters cost more per call than per second."""
        self._unfelt.append(volts)
        self._unfelt_samples += len(volts)
        if self._unfelt_samples < self._second:
            return
        samples = np.concatenate(self._unfelt)
        whole = len(samples) // self._second * self._second
        for begin in range(0, whole, self._second):
            position, p_inst = self._flickermeter.feed(samples[begin : begin + self._second])
            self._felt_samples += self._second
            times = self._times(np.floor(position).astype(np.int64), position % 1)
            if ended := self._severity.feed(times, p_inst):
                self._pst = ended[-1][1]
            self._felt.append((self._felt_samples, float(p_inst.max(initial=0.0)), self._pst))
        self._unfelt, self._unfelt_samples = [samples[whole:]], len(samples) - whole

    def _add_flicker(self, formed: FormedWindows) -> None:
        """Give each window the flicker of the seconds of samples that ended in it, or of the latest before."""
        for row, end in enumerate((formed.end[0] + formed.end[1]).tolist()):
            fresh = []
            while self._felt and self._felt[0][0] <= end:
                fresh.append(self._felt.popleft())
            if fresh:
                self._latest = (max(p_inst for _, p_inst, _ in fresh), fresh[-1][2])
            formed.values[row, [_P_INST_MAX, _PST]] = self._latest

    def _first_edge(self, formed: FormedWindows) -> int:
        """Return the start of the first window: the end of the one before, or where a new stretch begins."""
        if not self._stretch_begins:
            return self._end_unix_ns
        self._stretch_begins = False
        return max(self._end_unix_ns, int(self._times(formed.start[0][:1], formed.start[1][:1])[0]))

    def _times(self, index: npt.NDArray[np.int64], fraction: VoltArray) -> npt.NDArray[np.int64]:
        """Return the times of positions [ns since the epoch]."""
        anchor_index, anchor_ns = self._anchor
        return anchor_ns + np.rint((index - anchor_index + fraction) * (NS / self._sample_rate_hz)).astype(np.int64)
