"""Series of a stored record: half-cycle voltage, windows, voltage within a cycle.

The same meter as live measurement, given the whole record at once.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.extractor import FeatureExtractor
from opq.signal.meter import CycleMeter, HalfCycles

TimeArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class HalfCycleSeries:
    """Urms(1/2) of a gapless record.

    Attributes
    ----------
    start_unix_ns, end_unix_ns : (n,) int64
        The half cycle each value stands for [ns since the epoch]: the middle half of the cycle it is the rms of, so that
        values neither overlap nor leave time out.
    u_rms_half_v : (n,) float64
        Urms(1/2) [V].
    """

    start_unix_ns: TimeArray
    end_unix_ns: TimeArray
    u_rms_half_v: VoltArray

    def __len__(self) -> int:
        return len(self.u_rms_half_v)


def half_cycle_series(segment: VoltageSegment, nominal: Nominal) -> HalfCycleSeries:
    """Return Urms(1/2) of a record; empty if it is shorter than five cycles.

    IEC 61000-4-30 stamps a dip with the start of the first cycle below the threshold and the end of the last, which makes
    it up to 1.5 cycles longer than it was. The middle of the cycle is used here instead: the values neither overlap nor leave
    time out. When the voltage stepped within them, `opq.standards.ieee1159` finds to a sixth of a cycle.
    """
    return middle_halves(_half_cycles(segment, nominal), lambda position: _times(segment, position))


def middle_halves(half_cycles: HalfCycles, times: Callable[[VoltArray], TimeArray]) -> HalfCycleSeries:
    """Give each Urms(1/2) the middle half of the cycle it is the rms of; `times` turns positions [sample] into times."""
    end = half_cycles.index + half_cycles.fraction
    middle = end[:-1]
    return HalfCycleSeries(
        start_unix_ns=times(middle - half_cycles.length[:-1] / 2),
        end_unix_ns=times(middle + half_cycles.length[1:] / 2),
        u_rms_half_v=half_cycles.u_rms_half_v[1:],
    )


def segment_windows(segment: VoltageSegment, nominal: Nominal, window_cycles: int = 0) -> Windows:
    """Return the feature windows of a record, as the box would have sent them."""
    extractor = FeatureExtractor(segment.sample_rate_hz, nominal, window_cycles)
    parts = [
        extractor.feed(segment.volts[begin:end], segment.start_unix_ns + round(begin * NS / segment.sample_rate_hz))
        for begin, end in _blocks(segment)
    ]
    return Windows.concatenate([*parts, extractor.finish()])


def sliding_rms(volts: VoltArray, length: float) -> VoltArray:
    """Return the rms [V] over `length` samples around each of (n,) samples; at the ends over the nearest whole piece.

    With half a cycle this is the magnitude of the voltage at every sample: free of ripple for odd harmonics, and
    right at a step to a quarter cycle.
    """
    total = np.concatenate([[0.0], np.cumsum(np.square(volts))])
    length = min(length, len(volts))
    centre = np.clip(np.arange(len(volts)) + 0.5, length / 2, len(volts) - length / 2)
    place = np.arange(len(total), dtype=np.float64)
    energy = np.interp(centre + length / 2, place, total) - np.interp(centre - length / 2, place, total)
    result: VoltArray = np.sqrt(np.maximum(energy, 0) / max(length, 1))
    return result


def _half_cycles(segment: VoltageSegment, nominal: Nominal) -> HalfCycles:
    meter = CycleMeter(segment.sample_rate_hz, nominal, 2 * nominal.cycles, spectra=False)
    fed = [meter.feed(segment.volts[begin:end]) for begin, end in _blocks(segment)]
    parts = [*(part for part in fed if part is not None), meter.finish()]
    return HalfCycles.concatenate([part.half_cycles for part in parts])


def _blocks(segment: VoltageSegment) -> list[tuple[int, int]]:
    """Cut a record into blocks of a second [sample]: they fit the processor's cache, an hour at once does not."""
    block = round(segment.sample_rate_hz)
    return [(begin, begin + block) for begin in range(0, len(segment.volts), block)]


def _times(segment: VoltageSegment, position: VoltArray) -> TimeArray:
    return segment.start_unix_ns + np.rint(position * (NS / segment.sample_rate_hz)).astype(np.int64)
