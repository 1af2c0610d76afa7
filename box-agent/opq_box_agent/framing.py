"""From samples to frames: calibration, features, and one frame per second of the clock."""

from itertools import pairwise

import numpy as np

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.signal.extractor import FeatureExtractor
from opq_box_agent.sources.source import SampleBlock, Source

MAX_WINDOWS = 100
_CLOCK_STEP_NS = NS
"""A block that begins this long before the end of the last one comes from a clock that was set back."""


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

    def set_window_cycles(self, window_cycles: int) -> None:
        """Measure in windows of another length from the next block on."""
        self._window_cycles = window_cycles
        self._extractor = FeatureExtractor(self._source.sample_rate_hz, self._nominal, window_cycles)

    def feed(self, block: SampleBlock) -> list[Windows]:
        """Take samples; return the frames that are now whole, oldest first.

        When the clock was set back, measuring begins anew at the new time, and what was held is a frame of its own.
        """
        before = self.flush() if block.start_unix_ns < self._end_unix_ns - _CLOCK_STEP_NS else []
        self._end_unix_ns = block.start_unix_ns + round(len(block.counts) * NS / self._source.sample_rate_hz)
        volts = block.counts.astype(np.float64) * self._source.volts_per_count
        clipped = np.abs(block.counts.astype(np.int32)) >= self._source.clip_counts
        windows = self._extractor.feed(volts, block.start_unix_ns, clipped)
        if not len(windows):
            return before
        held = Windows.concatenate([*self._held, windows])
        groups = self._by_second(held)
        self._held = [groups[-1]]
        return before + [part for group in groups[:-1] for part in _parts(group)]

    def flush(self) -> list[Windows]:
        """End the stretch of samples: return all that is held back, as frames, and begin anew."""
        held = Windows.concatenate([*self._held, self._extractor.finish()])
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
