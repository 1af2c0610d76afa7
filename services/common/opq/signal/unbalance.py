"""Unbalance of three phases from their fundamentals (IEC 61000-4-30, 5.7; symmetrical components of Fortescue)."""

from dataclasses import dataclass

import numpy as np

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.fundamental import HOPS_PER_CYCLE, FundamentalFilter
from opq.signal.spectrum import share_pct

_TURN = np.exp(2j * np.pi / 3)
_COMPONENTS = np.array([[1, 1, 1], [1, _TURN, _TURN**2], [1, _TURN**2, _TURN]]) / 3
"""Zero, positive and negative sequence from phases A, B, C."""


@dataclass(frozen=True, slots=True, eq=False)
class Unbalance:
    """Unbalance of w windows of N cycles as columns.

    Attributes
    ----------
    u0_pct, u2_pct : (w,) float64
        Zero and negative sequence over the positive one [%].
    u1_v : (w,) float64
        Positive sequence, rms [V].
    """

    u0_pct: VoltArray
    u2_pct: VoltArray
    u1_v: VoltArray


class UnbalanceMeter:
    """Measure the unbalance of three voltages sampled together, in blocks of any size.

    Where the file has the phases in the order A, C, B, positive and negative sequence are taken for each other by every
    meter; here the larger one is called the positive.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    nominal : Nominal
        Declared supply; windows have its number of cycles.

    Attributes
    ----------
    begin, length : float
        Where the first window begins, and how long each is [sample].
    """

    def __init__(self, sample_rate_hz: float, nominal: Nominal) -> None:
        self._filters = [FundamentalFilter(sample_rate_hz, nominal.f_hz) for _ in range(3)]
        self._hops = HOPS_PER_CYCLE * nominal.cycles
        first = self._filters[0]
        self.begin, self.length = first.delay - first.hop / 2, float(self._hops * first.hop)
        self._rest = np.empty((0, 3))

    def feed(self, volts: VoltArray) -> Unbalance:
        """Take (3, n) samples [V] and return the windows that became complete."""
        phasors = np.stack([one.feed(row) for one, row in zip(self._filters, volts, strict=True)], axis=1)
        squares = np.concatenate([self._rest, np.square(np.abs(phasors @ _COMPONENTS.T)) / 2])
        whole = len(squares) // self._hops * self._hops
        self._rest = squares[whole:]
        zero, one, two = np.sqrt(squares[:whole].reshape(-1, self._hops, 3).mean(axis=1)).T
        u1_v = np.maximum(one, two)
        return Unbalance(share_pct(zero, u1_v), share_pct(np.minimum(one, two), u1_v), u1_v)
