"""Extra zero crossings: where the voltage goes through zero more often than its fundamental.

Crossings count with a hysteresis above the noise, in samples smoothed a little: noise alone crosses zero several times at
every crossing of the fundamental.
"""

from dataclasses import dataclass

import numpy as np

from opq.model.waveforms import VoltArray
from opq.signal.rows import CycleRows, harmonic_basis, usual_cycle, without
from opq.signal.track import FundamentalTrack

SMOOTHED_S = 0.25e-3
"""Length of the smoothing [s]: half of the shortest swing that is looked for."""
SIGMAS = 3.5
"""Hysteresis on each side of zero over the smoothed noise."""
LEAST_HALF_CYCLES = 5
"""Half cycles with extra crossings that make them repeated."""
LONGEST_GAP = 1
"""Half cycles between two of them: a disturbance of only the rising crossings leaves one out."""
NEAR = 0.12
"""Part of a cycle on each side of a crossing that counts as near it."""
FITTED_ORDER = 31
"""Highest harmonic that counts as such: strong ones can make a wave cross zero more often, and are no transient. What crosses
zero alike in most of a record can not be told from them."""
OUTSIDE = 6
"""Cycles on each side that a run is compared with."""


@dataclass(frozen=True, slots=True)
class CrossingRun:
    """Consecutive half cycles with extra zero crossings.

    Attributes
    ----------
    first, last : float
        From a quarter cycle before the first to a quarter cycle after the last of the fundamental's crossings [sample].
    half_cycles : int
        How many have extra crossings.
    crossings : int
        Most crossings of one half cycle.
    likeness : float
        How alike the disturbances are: 1 if all are the same, 0 if each has its own shape and sign.
    peak_v : float
        Largest usual deviation from the cycles around [V].
    """

    first: float
    last: float
    half_cycles: int
    crossings: int
    likeness: float
    peak_v: float


def find_crossing_runs(
    volts: VoltArray, rate_hz: float, track: FundamentalTrack, rows: CycleRows, sigma_v: float, least_v: float
) -> list[CrossingRun]:
    """Find the runs of half cycles with extra crossings, oldest first."""
    number, count = _count(volts, rate_hz, track, sigma_v, least_v)
    usual = _usual_count(rows)
    marked = number[count > np.where(number % 2 == 0, *usual)]
    if len(marked) < LEAST_HALF_CYCLES:
        return []
    cuts = np.flatnonzero(np.diff(marked) > LONGEST_GAP + 1) + 1
    of = dict(zip(number.tolist(), count.tolist(), strict=True))
    runs = []
    for part in np.split(marked, cuts):
        if len(part) >= LEAST_HALF_CYCLES:
            first, last = (_place(track, half) for half in (part[0] - 0.5, part[-1] + 0.5))
            likeness, peak_v = _compare(rows, first, last, sigma_v)
            most = max(of[half] for half in part.tolist())
            runs.append(CrossingRun(max(first, 0.0), min(last, float(len(volts))), len(part), most, likeness, peak_v))
    return runs


def _count(
    volts: VoltArray, rate_hz: float, track: FundamentalTrack, sigma_v: float, least_v: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the fundamental's crossings, and how often the voltage crosses zero near each."""
    length = max(1, round(SMOOTHED_S * rate_hz))
    smooth = np.convolve(volts, np.full(length, 1 / length), mode="same")
    band = max(SIGMAS * sigma_v / np.sqrt(length), least_v)
    side = np.flatnonzero(np.abs(smooth) > band)
    positive = smooth[side] > 0
    turns = np.flatnonzero(positive[1:] != positive[:-1])
    middle = (side[turns] + side[turns + 1]) / 2
    numbers, counts = np.unique(np.rint(track.phase_at(middle) / np.pi).astype(np.int64), return_counts=True)
    return numbers, counts


def _usual_count(rows: CycleRows) -> tuple[int, int]:
    """Return how often the harmonics of the usual cycle cross zero near the rising and the falling crossing."""
    cycle = usual_cycle(rows.volts)
    smooth = np.roll(cycle - without(cycle, harmonic_basis(rows.points, FITTED_ORDER)), rows.points // 4) > 0
    turns = smooth[1:] != smooth[:-1]
    half = rows.points // 2
    return max(int(turns[:half].sum()), 1), max(int(turns[half:].sum()), 1)


def _place(track: FundamentalTrack, half_cycles: float) -> float:
    places = np.arange(-1, len(track) + 1) * float(track.block) + track.centre[0]
    return float(np.interp(np.pi * half_cycles, np.maximum.accumulate(track.phase_at(places)), places))


def _compare(rows: CycleRows, first: float, last: float, sigma_v: float) -> tuple[float, float]:
    """Return how alike the disturbed cycles are, and their largest usual deviation [V]."""
    begin, end = rows.row_at(first), rows.row_at(last) + 1
    inner = rows.volts[begin + 1 : end - 1] if end - begin > 3 else rows.volts[begin:end]
    outer = np.concatenate([rows.volts[max(begin - OUTSIDE, 0) : begin], rows.volts[end : end + OUTSIDE]])
    if len(outer) >= 3:
        usual = usual_cycle(outer) * (_fundamental(usual_cycle(inner)) / max(_fundamental(usual_cycle(outer)), 1e-9))
    else:
        usual = usual_cycle(inner)
        usual = usual - without(usual, harmonic_basis(rows.points, FITTED_ORDER))
    place = np.arange(rows.points) / rows.points
    near = np.abs((place + NEAR) % 0.5 - NEAR) < NEAR
    away = (inner - usual)[:, near]
    mean = away.mean(axis=0)
    common = np.square(mean).sum() * len(away)
    total = max(np.square(away).sum() - sigma_v**2 * away.size, 1e-12 * np.square(away).sum() + np.finfo(float).tiny)
    # The mean of k rows of chance has 1/k of their energy.
    part = 1 / len(away)
    likeness = (min(common / total, 1.0) - part) / (1 - part) if len(away) > 1 else 0.0
    return float(likeness), float(np.abs(mean).max())


def _fundamental(cycle: VoltArray) -> float:
    """Return the amplitude of the fundamental of (p,) points [V]."""
    return float(2 / len(cycle) * np.abs(np.exp(-2j * np.pi * np.arange(len(cycle)) / len(cycle)) @ cycle))
