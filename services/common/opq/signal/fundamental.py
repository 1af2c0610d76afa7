"""The fundamental as a phasor, four times a cycle, by a linear-phase band-pass filter.

Apart from the cycle tracker because this is the only place where samples are filtered: everything after it works on
240 phasors a second instead of 12000 samples.
"""

import numpy as np
import numpy.typing as npt

from opq.model.waveforms import VoltArray
from opq.signal.decimation import DecimatingFilter

PhasorArray = npt.NDArray[np.complex128]

HOPS_PER_CYCLE = 4
FILTER_CYCLES = 4
"""Width of the filter: at 4 cycles of Blackman the direct component, the mirror image at -f and all harmonics lie on zeros,
off nominal frequency under 80 dB; the delay is half of it, two cycles."""


class FundamentalFilter:
    """Decimating filter from samples to phasors of the fundamental.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    f_hz : float
        Nominal frequency [Hz], centre of the pass band.

    Attributes
    ----------
    hop : int
        Distance between phasors [sample].
    delay : float
        Position of the first phasor [sample]: the middle of the filter.
    parts : int
        Blocks of `hop` samples under the filter.
    """

    def __init__(self, sample_rate_hz: float, f_hz: float) -> None:
        cycle = sample_rate_hz / f_hz
        self.hop = max(1, round(cycle / HOPS_PER_CYCLE))
        self.parts = -(-round(FILTER_CYCLES * cycle) // self.hop)
        length = self.parts * self.hop
        self.delay = (length - 1) / 2
        offset = np.arange(length) - self.delay
        taps: VoltArray = _blackman(np.asarray(offset / (FILTER_CYCLES * cycle)))
        taps *= 2 / taps.sum()
        turning = taps * np.exp(-2j * np.pi * offset / cycle)
        self._filter = DecimatingFilter(np.stack([turning.real, turning.imag]), self.hop)

    def feed(self, volts: VoltArray) -> PhasorArray:
        """Take (n,) samples [V] and return the phasors that became complete [V peak], phase of a cosine."""
        parts = self._filter.feed(volts)
        phasors: PhasorArray = parts[:, 0] + 1j * parts[:, 1]
        return phasors


def _blackman(x: VoltArray) -> VoltArray:
    """Blackman window over ``-0.5 <= x <= 0.5``, zero outside; continuous, so the width need not be whole samples."""
    turn = 2 * np.pi * x
    inside: VoltArray = np.where(np.abs(x) <= 0.5, 0.42 + 0.5 * np.cos(turn) + 0.08 * np.cos(2 * turn), 0.0)
    return inside
