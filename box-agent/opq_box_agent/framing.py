"""From samples to frames: calibration, features, and one frame per second of the clock."""

from itertools import pairwise

import numpy as np

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.signal.extractor import FeatureExtractor
from opq_box_agent.sources.source import SampleBlock, Source

MAX_WINDOWS = 100


class Framer:
    """Groups the windows of one source into frames: those that start in one second of UTC."""

    def __init__(self, source: Source, nominal: Nominal, window_cycles: int = 0) -> None:
        self._source, self._nominal = source, nominal
        self._extractor = FeatureExtractor(source.sample_rate_hz, nominal, window_cycles)
        self._held: list[Windows] = []

    def set_window_cycles(self, window_cycles: int) -> None:
        """Measure in windows of another length from the next block on."""
        self._extractor = FeatureExtractor(self._source.sample_rate_hz, self._nominal, window_cycles)

    def feed(self, block: SampleBlock) -> list[Windows]:
        """Take samples; return the frames that are now whole, oldest first."""
        volts = block.counts.astype(np.float64) * self._source.volts_per_count
        clipped = np.abs(block.counts.astype(np.int32)) >= self._source.clip_counts
        windows = self._extractor.feed(volts, block.start_unix_ns, clipped)
        if not len(windows):
            return []
        held = Windows.concatenate([*self._held, windows])
        second = held.start_unix_ns // NS
        cuts = [0, *(np.flatnonzero(np.diff(second)) + 1), len(held)]
        groups = [held[low:high] for low, high in pairwise(cuts)]
        self._held = [groups[-1]]
        return [part for group in groups[:-1] for part in _parts(group)]

    def flush(self) -> list[Windows]:
        """Return what is held back, as frames."""
        held = Windows.concatenate(self._held)
        self._held = []
        return _parts(held) if len(held) else []


def _parts(group: Windows) -> list[Windows]:
    return [group[low : low + MAX_WINDOWS] for low in range(0, len(group), MAX_WINDOWS)]
