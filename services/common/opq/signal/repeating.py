"""What repeats in every cycle: the record as rows of one cycle each, their usual shape, and notches in it.

Steady notching is in no residual, for the neighbours of a cycle have it too. It is found against a fit of low harmonics to the
mean cycle instead, one that samples far off do not pull.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.waveforms import VoltArray
from opq.signal.track import FundamentalTrack

FITTED_ORDER = 13
"""Highest harmonic of the fit: what six-pulse rectifiers and single-phase loads make much of; a notch of a millisecond has
most of its energy above."""
FIT_STEPS = 25
SUSPECT_SIGMAS = 4.0
"""Second difference of a mean cycle over its noise above which the window is looked at."""
SUSPECT_LAG_S = 0.17e-3
"""Lag of that difference [s]: shorter than any notch, longer than its edges."""
LEAST_WIDTH_S = 0.15e-3
"""Narrowest notch [s]: two samples at 12 kHz."""
MOST_NOTCHED = 0.35
"""Largest part of a cycle that notches may take; a wave that is off its fit for longer is no notched one."""
TOWARD_ZERO = 0.8
"""Least part of the notches' energy that lowers the voltage: harmonics beyond the fit do that half of the time."""
FLOORS = 3.5
"""Least depth of notches over the rest of the residual."""


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
        return self.volts.shape[1]

    def row_at(self, sample: float) -> int:
        """Return the cycle that a sample is in."""
        return int(np.clip(np.searchsorted(self.start, sample, side="right") - 1, 0, len(self.volts) - 1))


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
    mean = volts[begin[:, None] + np.arange(track.block)].reshape(windows, used // windows, -1).mean(axis=1)
    lag = max(1, round(SUSPECT_LAG_S * rate_hz))
    bend = np.abs(mean[:, 2 * lag :] - 2 * mean[:, lag:-lag] + mean[:, : -2 * lag])
    return bool(bend.max() > max(least_v, SUSPECT_SIGMAS * sigma_v * np.sqrt(6 * windows / used)))


def usual_cycle(rows: VoltArray) -> VoltArray:
    """Return the mean of the middle half of (k, p) rows at each point: some disturbed ones do not move it."""
    ordered = np.sort(rows, axis=0)
    skipped = len(rows) // 4
    result: VoltArray = ordered[skipped : len(rows) - skipped].mean(axis=0)
    return result


def fit_harmonics(cycles: VoltArray, order: int = FITTED_ORDER) -> VoltArray:
    """Fit harmonics 0 to `order` to each of (w, p) cycles so that the sum of absolute residuals is least [V].

    By weighted least squares over and over; unlike plain least squares, points that are far off pull no more than near ones.
    """
    angle = 2 * np.pi * np.outer(np.arange(cycles.shape[1]) / cycles.shape[1], np.arange(order + 1))
    basis = np.concatenate([np.cos(angle), np.sin(angle[:, 1:])], axis=1)
    fitted = cycles @ basis @ np.linalg.pinv(basis.T @ basis) @ basis.T
    floor = 1e-3 * np.abs(cycles).max(axis=1, keepdims=True) + np.finfo(float).tiny
    for _ in range(FIT_STEPS):
        weight = 1 / np.maximum(np.abs(cycles - fitted), floor)
        normal = np.einsum("pi,wp,pj->wij", basis, weight, basis, optimize=True)
        right = np.einsum("pi,wp->wi", basis, weight * cycles)
        fitted = np.linalg.solve(normal, right[:, :, None])[:, :, 0] @ basis.T
    return fitted


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """Notches in one usual cycle: their residual, and which points are in one."""

    residual: VoltArray
    inside: npt.NDArray[np.bool_]
    depth: float
    count: int
    toward_zero: float


def find_notches(rows: CycleRows, rate_hz: float, cycles: int, sigma_v: float, least_v: float) -> list[Notches]:
    """Find the stretches of a record with notches, oldest first.

    1. The usual cycle of every `cycles` cycles, and its robust fit of harmonics.
    2. A window is notched if its residual has two or more steep-sided stretches toward zero, clear of the rest.
    3. Each cycle is compared with the mean residual of those windows, without the fundamental to third harmonic: where they
       begin and end.
    """
    count = len(rows.volts)
    edges = list(range(0, max(count - cycles // 2, 1), cycles))
    groups = [slice(first, min(first + cycles, count)) for first in edges]
    usual = np.array([usual_cycle(rows.volts[group]) for group in groups])
    fitted = fit_harmonics(usual)
    residuals = usual - fitted
    noise = np.array([1.1 * sigma_v / np.sqrt(group.stop - group.start) for group in groups])
    shapes = [
        _notched(residual, fit, max(least_v, 3.3 * sigma), rate_hz)
        for residual, fit, sigma in zip(residuals, fitted, noise, strict=True)
    ]
    good = [number for number, shape in enumerate(shapes) if shape is not None]
    if not good:
        return []
    likeness = _likeness(rows.volts, fitted, groups, np.median(residuals[good], axis=0))
    runs = _runs(likeness > 0.5, cycles)
    return [
        notches
        for first, last in runs
        if (notches := _describe(rows, first, last, rate_hz, sigma_v, least_v)) is not None
    ]


def _notched(residual: VoltArray, fit: VoltArray, threshold: float, rate_hz: float) -> _Shape | None:
    """Return the notches of a residual; None if it is not that of a notched wave."""
    inside = np.abs(residual) > threshold
    if inside.sum() < 4:
        return None
    depth = float(np.median(np.abs(residual[inside])))
    inside = _wide_enough(np.abs(residual) > max(depth / 2, threshold * 0.7), max(2, round(LEAST_WIDTH_S * rate_hz)))
    if not inside.any() or inside.mean() > MOST_NOTCHED:
        return None
    depth = float(np.median(np.abs(residual[inside])))
    energy = np.square(residual)
    lowering = float(energy[inside & (residual * fit < 0)].sum() / energy[inside].sum())
    floor = 1.4826 * float(np.median(np.abs(residual[~inside])))
    number = int(np.count_nonzero(inside & ~np.roll(inside, 1)))
    if number < 2 or lowering < TOWARD_ZERO or depth < FLOORS * floor:
        return None
    return _Shape(residual, inside, depth, number, lowering)


def _wide_enough(inside: npt.NDArray[np.bool_], least: int) -> npt.NDArray[np.bool_]:
    """Drop runs of less than `least` points, the cycle taken as a ring."""
    turn = int(np.argmin(inside))
    rolled = np.roll(inside, -turn)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], rolled.astype(np.int8), [0]])))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first < least:
            rolled[first:last] = False
    return np.roll(rolled, turn)


def _likeness(rows: VoltArray, fitted: VoltArray, groups: list[slice], shape: VoltArray) -> VoltArray:
    """Return how much of `shape` each of (k, p) rows has, about 1 or 0."""
    angle = 2 * np.pi * np.outer(np.arange(len(shape)) / len(shape), np.arange(4))
    basis = np.concatenate([np.cos(angle), np.sin(angle[:, 1:])], axis=1)
    shape = shape - basis @ (np.linalg.pinv(basis) @ shape)
    base = np.concatenate(
        [np.repeat(fit[None], group.stop - group.start, axis=0) for fit, group in zip(fitted, groups, strict=True)]
    )
    result = np.zeros(len(rows))
    known = min(len(base), len(rows))
    result[:known] = (rows[:known] - base[:known]) @ shape / (shape @ shape)
    result[known:] = (rows[known:] - base[-1]) @ shape / (shape @ shape)
    return result


def _runs(has: npt.NDArray[np.bool_], least: int) -> list[tuple[int, int]]:
    """Return the runs of at least `least` cycles, gaps up to half of that taken as part of a run."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], has.astype(np.int8), [0]])))
    joined: list[tuple[int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if joined and first - joined[-1][1] <= least // 2:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return [(first, last) for first, last in joined if last - first >= least]


def _describe(rows: CycleRows, first: int, last: int, rate_hz: float, sigma_v: float, least_v: float) -> Notches | None:
    usual = usual_cycle(rows.volts[first:last])[None]
    fit = fit_harmonics(usual)[0]
    sigma = 1.1 * sigma_v / np.sqrt(last - first)
    shape = _notched(usual[0] - fit, fit, max(least_v, 4 * sigma), rate_hz)
    if shape is None:
        return None
    period_s = float(np.diff(rows.start[[first, last]])[0]) / (last - first) / rate_hz
    edge = int(np.flatnonzero(shape.inside & ~np.roll(shape.inside, 1))[0])
    return Notches(
        first=float(rows.start[first]),
        last=float(rows.start[last]),
        open_start=first == 0,
        open_end=last == len(rows.volts),
        depth_v=shape.depth,
        width_s=float(shape.inside.sum()) / shape.count / rows.points * period_s,
        per_cycle=shape.count,
        place_deg=360.0 * edge / rows.points,
    )
