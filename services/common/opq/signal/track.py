"""Where the fundamental is in a stored record: its period and phase at every sample, cheaply and robustly.

Apart from `cycles` because transients need no certain zero crossings but a period that no jump, dip or burst moves: one
phasor a cycle, and medians over half a second of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.decimation import DecimatingFilter

LAG_CYCLES = 8
"""Cycles between the two phasors that give one frequency: noise counts an eighth, and a phase jump spoils only eight."""
MEDIAN_CYCLES = 41
"""Cycles of the running median of the frequency, more than four times the lag: a jump is less than half of them [cycle]."""
LOST_PU = 0.1
"""Fundamental over Udin below which a phasor says nothing of the frequency (an interruption, IEEE 1159)."""
PULL = 0.02
"""The period stays within this of nominal, relative: class A's supplies are within it but for a grid about to fall."""


@dataclass(frozen=True, slots=True, eq=False)
class FundamentalTrack:
    """The fundamental of a gapless record, one row a nominal cycle.

    Attributes
    ----------
    block : int
        Distance between rows [sample].
    centre : (k,) float64
        Places of the rows [sample].
    period : (k,) float64
        Samples of one period.
    phase : (k,) float64
        Phase of the sine, going on without a jump [rad].
    amplitude_v : (k,) float64
        Peak of the fundamental [V].
    """

    block: int
    centre: VoltArray
    period: VoltArray
    phase: VoltArray
    amplitude_v: VoltArray

    def __len__(self) -> int:
        return len(self.centre)

    def period_at(self, sample: float) -> float:
        """Return the period around a place [sample]."""
        row = round((sample - float(self.centre[0])) / self.block)
        return float(self.period[min(max(row, 0), len(self) - 1)])

    def phase_at(self, samples: npt.ArrayLike) -> VoltArray:
        """Return the phase of the sine at places [rad], before the first and after the last row with their period."""
        places = np.asarray(samples, np.float64)
        inside = np.interp(places, self.centre, self.phase)
        before = np.minimum(places - self.centre[0], 0) * (2 * np.pi / self.period[0])
        after = np.maximum(places - self.centre[-1], 0) * (2 * np.pi / self.period[-1])
        result: VoltArray = inside + before + after
        return result


def track_fundamental(volts: VoltArray, sample_rate_hz: float, nominal: Nominal) -> FundamentalTrack | None:
    """Follow the fundamental through (n,) samples [V]; None in a record of less than four cycles."""
    cycle = sample_rate_hz / nominal.f_hz
    block = round(cycle)
    rows = len(volts) // block
    if rows < 4:
        return None
    phasors = _phasors(volts[: rows * block], block, cycle)
    turn = 2 * np.pi * block / cycle
    frequency_ratio = _frequency_ratio(phasors, turn, LOST_PU * np.sqrt(2) * nominal.u_din_v)
    period = cycle / np.clip(frequency_ratio, 1 - PULL, 1 + PULL)
    advance = np.angle(phasors[1:] * np.conj(phasors[:-1]) * np.exp(-1j * turn)) + turn
    phase = np.concatenate([[0.0], np.cumsum(advance)]) + np.angle(phasors[0]) + np.pi / 2
    centre: VoltArray = block * np.arange(1, rows, dtype=np.float64) - 0.5
    return FundamentalTrack(block, centre, period, phase, np.abs(phasors))


def _phasors(volts: VoltArray, block: int, cycle: float) -> npt.NDArray[np.complex128]:
    """Return the phasor of each two cycles under a Hann window, referred to their middle."""
    offset = np.arange(2 * block) - (block - 0.5)
    window = 1 + np.cos(np.pi * offset / block)
    turning = (window * (2 / window.sum())) * np.exp(-2j * np.pi * offset / cycle)
    both = DecimatingFilter(np.stack([turning.real, turning.imag]), block).feed(volts)
    phasors: npt.NDArray[np.complex128] = both[:, 0] + 1j * both[:, 1]
    return phasors


def _frequency_ratio(phasors: npt.NDArray[np.complex128], turn: float, floor_v: float) -> VoltArray:
    """Return the frequency over nominal at (k,) phasors: running median, held where there is no voltage."""
    lag = min(LAG_CYCLES, len(phasors) - 1)
    turned = np.angle(phasors[lag:] * np.conj(phasors[:-lag]) * np.exp(-1j * turn * lag))
    ratio = 1 + turned / (turn * lag)
    alive = np.abs(phasors) > floor_v
    good = alive[lag:] & alive[:-lag]
    if not good.any():
        return np.ones(len(phasors))
    ratio = np.where(good, ratio, np.median(ratio[good]))
    size = min(MEDIAN_CYCLES, len(ratio))
    starts = np.clip(np.arange(0, len(ratio), max(size // 4, 1)) - size // 2, 0, len(ratio) - size)
    medians = np.median(np.lib.stride_tricks.sliding_window_view(ratio, size)[starts], axis=1)
    at = starts + size / 2 + lag / 2
    result: VoltArray = np.interp(np.arange(len(phasors)), at, medians)
    return result
