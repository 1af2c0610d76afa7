"""Notches: what rectifiers cut out of every cycle when they commutate.

Steady notching is in no residual, for the neighbours of a cycle have it too. It is found by its steep edges in the mean of some
cycles instead, and measured by fitting it together with the harmonics.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.waveforms import VoltArray
from opq.signal.rows import CycleRows, harmonic_basis, usual_cycle, without
from opq.signal.track import FundamentalTrack

FITTED_ORDERS = (19, 13)
"""Highest harmonic that is fitted beside the notches: six-pulse rectifiers and single-phase loads make much to there. With 19,
strong harmonics are not taken for notches; with 13, flat notches stand out more of the noise."""
HIGHEST_ORDER = 31
"""Harmonics up to this must leave more than notches do: twelve-pulse rectifiers have strong orders to 25 without a notch."""
SUSPECT_SIGMAS = 4.0
"""Second difference of a mean cycle over its noise above which a record is looked at."""
SUSPECT_LAG_S = 0.17e-3
"""Lag of that difference [s]: shorter than any notch, longer than its edges."""
WIDTH_S = (0.15e-3, 1.3e-3)
"""Narrowest and widest notch [s]: two samples at 12 kHz; 28 degrees of overlap of a commutation at 60 Hz."""
EDGE_SIGMAS = 3.8
"""Least edge of a notch over the noise of the mean cycle's differences."""
MOST_NOTCHES = 12
"""Most notches a cycle: those of a twelve-pulse rectifier."""
EXPLAINED = 0.6
"""Least part of what the harmonics leave that notches explain; a high harmonic is half-waves of both signs, and at best one half
of it can be taken for notches."""
LONG_WINDOW = 4
"""Windows that notches are also looked for in, over the shorter: of steady ones under much noise."""
RIDGE = 1e-9
"""Added to the squares of rectangles, over the points of a cycle: far below any, and keeps those that are alike solvable."""
LOW_NOISE = 3.0
"""Notches are looked for where the voltage over the usual is this many times the noise of the comparison,"""
LOW_PART = (0.15, 0.6)
"""or at least the first and at most the second of these; where it is lower they may be there or not."""
GAP_LIKENESS = 0.3
"""Mean likeness of a gap between notched cycles that has them too."""
MOST_SPREAD = 0.4
"""Largest standard deviation of the notches from cycle to cycle, over their depth; what has its own shape each time is arcing."""
ALIKE = 0.35
"""Least depth of a notch over the deepest: the two deep and the four shallow of a six-pulse rectifier are about 1 to 0.5."""


@dataclass(frozen=True, slots=True, eq=False)
class Notches:
    """Notches of a stretch.

    Attributes
    ----------
    first, last : float
        Where they begin and end [sample].
    open_start, open_end : bool
        They were there in the record's first or last whole cycle.
    depth_v, width_s : float
        Mean depth [V] and width [s].
    per_cycle : int
        How many in a cycle.
    """

    first: float
    last: float
    open_start: bool
    open_end: bool
    depth_v: float
    width_s: float
    per_cycle: int
    place_deg: float


def suspect(
    volts: VoltArray, track: FundamentalTrack, rate_hz: float, cycles: int, sigma_v: float, least_v: float
) -> bool:
    """Say whether any window's mean cycle has edges as notches have; cheap, whole samples only."""
    period = track.period_at(len(volts) / 2)
    rows = int((len(volts) - 1) / period) - 1
    windows = max(rows // cycles, 1)
    used = min(windows * cycles, rows)
    if used < 2:
        return False
    begin = np.rint(np.arange(used) * period).astype(np.intp)
    cut = np.lib.stride_tricks.sliding_window_view(volts, track.block)[begin]
    mean = cut.reshape(windows, used // windows, -1).mean(axis=1)
    lag = max(1, round(SUSPECT_LAG_S * rate_hz))
    bend = np.abs(mean[:, 2 * lag :] - 2 * mean[:, lag:-lag] + mean[:, : -2 * lag])
    return bool(bend.max() > max(least_v, SUSPECT_SIGMAS * sigma_v * np.sqrt(6 * windows / used)))


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Notches of one usual cycle, as (n,) first points, points after the last, and depths [V]; and their sum (p,) [V]."""

    first: npt.NDArray[np.intp]
    last: npt.NDArray[np.intp]
    depth: VoltArray
    notched: VoltArray


def find_notches(rows: CycleRows, rate_hz: float, cycles: int, sigma_v: float, least_v: float) -> list[Notches]:
    """Find the stretches of a record with notches, oldest first.

    1. In the usual cycle of every `cycles` cycles: pairs of steep edges, the first toward zero, the second back.
    2. Harmonics and one rectangle for each pair are fitted together; the rectangles must explain what harmonics do not.
    3. Each cycle is compared with the notches of those windows: where they begin and end.
    """
    count = len(rows.volts)
    groups = [
        slice(first, min(first + length, count))
        for length in (cycles, LONG_WINDOW * cycles)
        for first in range(0, max(count - length // 2, 1), length)
    ]
    shapes = [_shape(rows.volts[group], rate_hz, rows, sigma_v, least_v) for group in groups]
    good = [group for group, shape in zip(groups, shapes, strict=True) if shape is not None]
    if not good:
        return []
    whole = np.concatenate([rows.volts[group] for group in good])
    shape = _shape(whole, rate_hz, rows, sigma_v, least_v) or next(one for one in shapes if one is not None)
    each, noise = _likeness(rows.volts, shape.notched, sigma_v)
    amplitude = _amplitude(rows.volts)
    clear = amplitude > np.clip(LOW_NOISE * noise, *LOW_PART) * np.median(amplitude)
    found = []
    for first, last in _runs(_steadied(each, clear) > 0.5, cycles, each * clear):
        inside = np.flatnonzero(clear[first:last]) + first
        spread = float(np.median(np.abs(each[inside] - np.median(each[inside])))) * 1.4826
        run = _shape(rows.volts[inside], rate_hz, rows, sigma_v, least_v)
        if run is not None and spread < max(MOST_SPREAD, 2 * noise):
            found.append(_describe(rows, first, last, rate_hz, run))
    return found


def _shape(volts: VoltArray, rate_hz: float, rows: CycleRows, sigma_v: float, least_v: float) -> _Shape | None:
    """Return the notches of the usual cycle of (k, p) rows; None if it is not that of a notched wave."""
    usual = usual_cycle(volts)
    sigma = 1.1 * sigma_v / np.sqrt(len(volts))
    widths = _points(rate_hz, rows)
    tried = (
        _shape_beside(usual, harmonic_basis(rows.points, order), widths, sigma, least_v) for order in FITTED_ORDERS
    )
    return next((shape for shape in tried if shape is not None), None)


def _shape_beside(
    usual: VoltArray, basis: VoltArray, widths: tuple[int, int], sigma: float, least_v: float
) -> _Shape | None:
    """Return the notches beside the harmonics of `basis` in (p,) values with noise `sigma` [V]."""
    smooth = without(usual, basis)
    pairs = _edges(smooth, max(least_v / 2, EDGE_SIGMAS * np.sqrt(2) * sigma), widths)
    if not 2 <= len(pairs) <= MOST_NOTCHES:
        return None
    notched, depth = _fit_boxes(usual, basis, pairs)
    for _ in range(2):
        deep = depth >= max(least_v, ALIKE * float(depth.max()))
        if deep.sum() < 2:
            return None
        if deep.all():
            break
        pairs = [pair for pair, kept in zip(pairs, deep.tolist(), strict=True) if kept]
        notched, depth = _fit_boxes(usual, basis, pairs)
    smoother = np.square(without(usual, harmonic_basis(len(usual), HIGHEST_ORDER))).sum()
    left = np.square(without(usual - notched, basis)).sum() - len(usual) * sigma**2
    before = np.square(smooth).sum() - len(usual) * sigma**2
    spread = sigma**2 * np.sqrt(2 * len(usual))
    more = smoother - (len(usual) - 2 * HIGHEST_ORDER) * sigma**2
    if left > (1 - EXPLAINED) * before or left + 2 * spread > more:
        return None
    first, last = np.array(pairs, np.intp).T
    return _Shape(first, last, depth, notched)


def _points(rate_hz: float, rows: CycleRows) -> tuple[int, int]:
    """Return the narrowest and widest notch in points of a row."""
    per_point = float(rows.start[1] - rows.start[0]) / rows.points / rate_hz
    return max(2, int(WIDTH_S[0] / per_point)), int(np.ceil(WIDTH_S[1] / per_point))


def _edges(residual: VoltArray, threshold: float, widths: tuple[int, int]) -> list[tuple[int, int]]:
    """Return (first, one after last) of notches: a steep edge toward zero, then the steepest back within the widest width.

    The first half of a cycle is positive. Edges are differences over two points: a notch's edge may lie between samples.
    """
    points = len(residual)
    toward = np.where(np.arange(points) < points // 2, -1.0, 1.0)
    edge = np.roll(residual, -1) - np.roll(residual, 1)
    down, up = edge * toward, -edge * toward
    # What the fit of harmonics leaves of an edge rings on both sides of it.
    threshold = max(threshold, ALIKE * float(down.max()))
    peaks = np.flatnonzero((down > threshold) & (down >= np.roll(down, 1)) & (down > np.roll(down, -1)))
    pairs: list[tuple[int, int]] = []
    for peak in peaks.tolist():
        if pairs and peak < pairs[-1][1]:
            continue
        span = np.arange(peak + widths[0], peak + widths[1] + 1)
        back = up[span % points]
        best = int(np.argmax(back))
        if back[best] > threshold:
            pairs.append((peak, int(span[best])))
    return pairs


def _fit_boxes(usual: VoltArray, basis: VoltArray, pairs: list[tuple[int, int]]) -> tuple[VoltArray, VoltArray]:
    """Fit a rectangle for each pair of edges together with the harmonics, the points on the edges free.

    Returns
    -------
    (p,) float64, (n,) float64
        All notches together [V], and their depths toward zero [V].
    """
    points, count = len(usual), len(pairs)
    boxes = np.zeros((points, 3 * count))
    for column, (first, last) in enumerate(pairs):
        sign = -1.0 if first < points // 2 else 1.0
        boxes[np.arange(first + 1, last) % points, column] = sign
        boxes[first % points, count + column] = sign
        boxes[last % points, 2 * count + column] = sign
    # Harmonics are orthonormal: with them taken out of the rectangles, only those are left to be solved for.
    alone = without(boxes.T, basis)
    normal = alone @ alone.T
    normal.flat[:: 3 * count + 1] += RIDGE * points
    coefficients = np.asarray(np.linalg.solve(normal, alone @ usual), np.float64)
    return boxes @ coefficients, coefficients[:count]


def _likeness(rows: VoltArray, notched: VoltArray, sigma_v: float) -> tuple[VoltArray, float]:
    """Return how much of the notches each of (k, p) rows has, about 1 or 0, and the standard deviation of that by noise.

    Notches are lower with the voltage, and so is what they are compared with.
    """
    shape = without(notched, harmonic_basis(len(notched), FITTED_ORDERS[-1]))
    amplitude = _amplitude(rows)
    usual = float(np.median(amplitude))
    each: VoltArray = rows @ shape / (shape @ shape) * (usual / np.maximum(amplitude, 0.1 * usual))
    return each, float(sigma_v / np.sqrt(shape @ shape))


def _steadied(each: VoltArray, clear: npt.NDArray[np.bool_]) -> VoltArray:
    """Return medians of five `clear` ones of the (k,) likenesses; in between the lower of those before and after."""
    number = np.flatnonzero(clear)
    padded = np.pad(each[number], 2, mode="edge")
    medians = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    rows = np.arange(len(each))
    before = np.maximum(np.searchsorted(number, rows, side="right") - 1, 0)
    after = np.minimum(np.searchsorted(number, rows), len(number) - 1)
    result: VoltArray = np.minimum(medians[before], medians[after])
    return result


def _amplitude(rows: VoltArray) -> VoltArray:
    """Return the fundamental of each of (k, p) rows [V]."""
    points = rows.shape[1]
    result: VoltArray = 2 / points * np.abs(rows @ np.exp(-2j * np.pi * np.arange(points) / points))
    return result


def _runs(has: npt.NDArray[np.bool_], least: int, each: VoltArray) -> list[tuple[int, int]]:
    """Return the runs of at least `least` cycles.

    Shorter gaps are taken as part of a run, and longer ones in which there are notches on average: noise can hide them in a dip.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], has.astype(np.int8), [0]])))
    joined: list[tuple[int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        gap = slice(joined[-1][1], first) if joined else slice(0, 0)
        if joined and (first - gap.start < least or each[gap].mean() > GAP_LIKENESS):
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [(first, last) for first, last in joined if last - first >= least]


def _describe(rows: CycleRows, first: int, last: int, rate_hz: float, shape: _Shape) -> Notches:
    period_s = float(np.diff(rows.start[[first, last]])[0]) / (last - first) / rate_hz
    return Notches(
        first=float(rows.start[first]),
        last=float(rows.start[last]),
        open_start=first == 0,
        open_end=last == len(rows.volts),
        depth_v=float(shape.depth.mean()),
        width_s=float((shape.last - shape.first).mean()) / rows.points * period_s,
        per_cycle=len(shape.depth),
        place_deg=360.0 * float(shape.first.min() + 0.5) / rows.points,
    )
