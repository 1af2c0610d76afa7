"""From samples to frames: calibration, features, and one frame per second of the clock."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.features import WindowFlag, Windows
from opq.signal.extractor import GAP_TOLERANCE_NS, FeatureExtractor
from opq_box_agent.sources.source import SampleBlock, Source

MAX_WINDOWS = 100
_MOST_LEFT_OUT_NS = 10 * NS
"""When the clock is set back by no more than this, what was measured at times that come again is left out; when by more,
measuring goes on at once, at times that were there before."""


class Framer:
    """Groups the windows of one source into frames: those that start in one second.

    A box's seconds begin `phase_ns` after those of UTC, so that the boxes of a site do not all send at the same moment.
    """

    def __init__(self, source: Source, nominal: Nominal, window_cycles: int = 0, phase_ns: int = 0) -> None:
        self._source, self._nominal, self._phase_ns = source, nominal, phase_ns
        self._extractor = FeatureExtractor(source.sample_rate_hz, nominal, window_cycles)
        self._window_cycles = window_cycles
        self._held: list[Windows] = []
        self._end_unix_ns = 0
        self._measured_unix_ns = 0
        self._not_before_unix_ns = 0
        self._after_step = False
        self.step_ns = 0
        """By how much the clock was set before the last block [ns]; 0 if it was not."""

    def set_window_cycles(self, window_cycles: int) -> None:
        """Measure in windows of another length from the next block on."""
        self._window_cycles = window_cycles
        self._extractor = FeatureExtractor(self._source.sample_rate_hz, self._nominal, window_cycles)

    def feed(self, block: SampleBlock) -> list[Windows]:
        """Take samples; return the frames that are now whole, oldest first.

        When the clock was set, what was held is a frame of its own, measuring begins anew at the new time, and the first
        window is flagged. Frames never overlap, unless the clock was set back by more than ten seconds.
        """
        off_ns = block.start_unix_ns - self._end_unix_ns if self._end_unix_ns else 0
        self.step_ns = block.clock_step_ns or (off_ns if off_ns < -GAP_TOLERANCE_NS else 0)
        before = self._begin_anew(block.start_unix_ns) if self.step_ns and self._end_unix_ns else []
        self._end_unix_ns = block.start_unix_ns + round(len(block.counts) * NS / self._source.sample_rate_hz)
        late = self._not_before_unix_ns - block.start_unix_ns
        skipped = max(0, int(np.ceil(late * self._source.sample_rate_hz / NS)))
        counts = block.counts[skipped:]
        start_unix_ns = block.start_unix_ns + round(skipped * NS / self._source.sample_rate_hz)
        volts = counts.astype(np.float64) * self._source.volts_per_count
        clipped = np.abs(counts.astype(np.int32)) >= self._source.clip_counts
        windows = self._flagged(self._extractor.feed(volts, start_unix_ns, clipped))
        if not len(windows):
            return before
        held = Windows.concatenate([*self._held, windows])
        groups = self._by_second(held)
        self._held = [groups[-1]]
        return before + [part for group in groups[:-1] for part in _parts(group)]

    def _begin_anew(self, start_unix_ns: int) -> list[Windows]:
        """End what was measured by the clock as it was before it was set."""
        frames = self.flush()
        overlap_ns = self._measured_unix_ns - start_unix_ns
        self._not_before_unix_ns = self._measured_unix_ns if 0 < overlap_ns <= _MOST_LEFT_OUT_NS else 0
        self._after_step = True
        return frames

    def _flagged(self, windows: Windows) -> Windows:
        """Note until when was measured, and flag the first window after the clock was set."""
        if not len(windows):
            return windows
        self._measured_unix_ns = int(windows.start_unix_ns[-1] + windows.duration_ns[-1])
        if not self._after_step:
            return windows
        self._after_step = False
        flags = windows.flags.copy()
        flags[0] |= WindowFlag.GAP | WindowFlag.CLOCK_STEP
        return replace(windows, flags=flags)

    def flush(self) -> list[Windows]:
        """End the stretch of samples: return all that is held back, as frames, and begin anew."""
        held = Windows.concatenate([*self._held, self._flagged(self._extractor.finish())])
        self._held = []
        self.set_window_cycles(self._window_cycles)
        return [part for group in self._by_second(held) for part in _parts(group)]

    def _by_second(self, windows: Windows) -> list[Windows]:
        """Cut windows where the second of their start changes."""
        if not len(windows):
            return []
        seconds = (windows.start_unix_ns - self._phase_ns) // NS
        cuts = [0, *(np.flatnonzero(np.diff(seconds)) + 1), len(windows)]
        return [windows[low:high] for low, high in pairwise(cuts)]


def _parts(group: Windows) -> list[Windows]:
    return [group[low : low + MAX_WINDOWS] for low in range(0, len(group), MAX_WINDOWS)]
