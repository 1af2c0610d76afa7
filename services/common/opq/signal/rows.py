"""The record as rows of one cycle each, and what is usual and harmonic in them."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from opq.model.waveforms import VoltArray
from opq.signal.track import FundamentalTrack


@dataclass(frozen=True, slots=True, eq=False)
class CycleRows:
    """The cycles of a record, each from rising zero crossing to rising zero crossing, resampled to as many points.

    Attributes
    ----------
    volts : (k, p) float64
        Voltage [V].
    start : (k + 1,) float64
        Where the cycles begin, and the last ends [sample].
    """

    volts: VoltArray
    start: VoltArray

    @property
    def points(self) -> int:
        """Points of a cycle."""
        return int(self.volts.shape[1])

    def row_at(self, sample: float) -> int:
        """Return the cycle that a sample is in."""
        return int(np.clip(np.searchsorted(self.start, sample, side="right") - 1, 0, len(self.volts) - 1))


def cycle_rows(volts: VoltArray, track: FundamentalTrack) -> CycleRows:
    """Cut a record into its cycles by the tracked phase, with the cubic through four samples."""
    ends = track.phase_at(np.array([1.0, len(volts) - 3.0]))
    turns = 2 * np.pi * np.arange(np.ceil(ends[0] / (2 * np.pi)), np.floor(ends[1] / (2 * np.pi)) + 1)
    places = np.arange(-1, len(track) + 1) * float(track.block) + track.centre[0]
    start = np.interp(turns, np.maximum.accumulate(track.phase_at(places)), places)
    position = start[:-1, None] + np.diff(start)[:, None] * (np.arange(track.block) / track.block)
    index = np.clip(position.astype(np.intp), 1, len(volts) - 3)
    part = position - index
    rows = (
        -part * (part - 1) * (part - 2) / 6 * volts[index - 1]
        + (part + 1) * (part - 1) * (part - 2) / 2 * volts[index]
        - (part + 1) * part * (part - 2) / 2 * volts[index + 1]
        + (part + 1) * part * (part - 1) / 6 * volts[index + 2]
    )
    return CycleRows(rows, start)


def usual_cycle(rows: VoltArray) -> VoltArray:
    """Return the mean of the middle half of (k, p) rows at each point: some disturbed ones do not move it."""
    ordered = np.sort(rows, axis=0)
    skipped = len(rows) // 4
    result: VoltArray = ordered[skipped : len(rows) - skipped].mean(axis=0)
    return result


@lru_cache(maxsize=16)
def harmonic_basis(points: int, order: int) -> VoltArray:
    """Return (p, 2 order + 1) orthonormal columns that span harmonics 0 to `order` over a cycle."""
    angle = 2 * np.pi * np.outer(np.arange(points) / points, np.arange(order + 1))
    basis = np.concatenate([np.cos(angle), np.sin(angle[:, 1:])], axis=1)
    result: VoltArray = basis / np.sqrt(np.square(basis).sum(axis=0))
    result.flags.writeable = False
    return result


def without(volts: VoltArray, basis: VoltArray) -> VoltArray:
    """Return (p,) or (k, p) values less what (p, b) orthonormal columns explain of them."""
    result: VoltArray = volts - (volts @ basis) @ basis.T
    return result
