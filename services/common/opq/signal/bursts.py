"""Bursts: stretches in which the residual stands out of the noise, and what they look like.

A burst is only described here; what it is called is decided in `opq.standards.transients`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from opq.model.waveforms import VoltArray
from opq.signal.residual import Screening, Surroundings, surroundings
from opq.signal.track import FundamentalTrack

LONGEST_STRETCH_CYCLES = 40
"""Longest stretch that is compared with its neighbours at once [cycle]: over it the period may be taken as one value."""
SMOOTHED_S = 0.7e-3
"""Length over which the residual's energy is averaged to find where a burst ends: two thirds of a millisecond, two periods of the
lowest oscillation's third harmonic and less than any impulse of the millisecond class [s]."""
JOINED_S = 1.5e-3
"""Bursts this near are one [s]: an oscillation of 300 Hz passes zero each 1.7 ms, and is found for most of the time between."""
ONSET_SIGMAS = 2.6
"""Residual over the noise from which on a sample near the start belongs to the burst: one in a hundred of white noise."""
STEP_CYCLES = 0.4
"""Shortest burst that may be a change of the fundamental [cycle]: a dip is at least half a cycle long (IEEE 1159)."""
STEP_PART = 0.45
"""Least part of a burst's energy at the fundamental's frequency that makes it a change of it; an oscillation from 300 Hz on has
nothing there, and an impulse of 2.5 ms has less than half."""
NEAR_PART = 0.75
"""Noise of a residual against medians of five cycles over that of one against single cycles, about: so both keep to one limit."""
MEASURED_PART = 1.0
"""Least peak as measured over the least peak as found: at the edge of a dip the two differ by noise."""
END_SIGMAS = 1.7
"""Averaged residual over the noise under which a burst is over; of white noise the residual's rms is 0.8."""


@dataclass(frozen=True, slots=True)
class BurstLimits:
    """When a residual is a burst."""

    least_v: float
    """Least peak [V]."""
    peak_sigmas: float = 4.7
    """Least peak, of the residual or of three samples of it together, over the noise."""
    energy_sigmas2: float = 45.0
    """Least energy over the noise's variance [sample]; white noise has as much once a minute, so a single one needs more."""


@dataclass(frozen=True, slots=True, eq=False)
class Burst:
    """One stretch.

    Attributes
    ----------
    first, last : int
        First sample and the one after the last.
    residual_v : (n,) float64
        Measured residual from `first` on, to some milliseconds beyond `last` [V].
    background_v : (n,) float64
        What was usual at the same time [V].
    sigma_v : float
        Noise [V].
    energy_sigmas2 : float
        Energy as found over the noise's variance [sample].
    """

    first: int
    last: int
    residual_v: VoltArray
    background_v: VoltArray
    sigma_v: float
    energy_sigmas2: float

    @property
    def peak_index(self) -> int:
        """Place of the largest residual, from `first` [sample]."""
        return int(np.argmax(np.abs(self.residual_v[: self.last - self.first])))

    @property
    def peak_v(self) -> float:
        """Largest residual, with its sign [V]."""
        return float(self.residual_v[self.peak_index])


def find_bursts(
    volts: VoltArray, rate_hz: float, track: FundamentalTrack, screening: Screening, limits: BurstLimits
) -> list[Burst]:
    """Find all bursts of a record, oldest first."""
    longest = LONGEST_STRETCH_CYCLES * track.block
    found: list[Burst] = []
    for first, last in screening.regions:
        pieces = max(1, round((last - first) / longest))
        edges = np.linspace(first, last, pieces + 1).astype(int).tolist()
        for begin, end in pairwise(edges):
            sigma_v = screening.sigma_at((begin + end) // 2)
            margin = track.block + 1
            wide = max(begin - margin, 0), min(end + margin, len(volts))
            around, residual = _beyond_steps(volts, track, *wide, limits.least_v, sigma_v)
            residual[: begin - wide[0]] = 0.0
            residual[end - wide[0] :] = 0.0
            bursts = _bursts(around, residual, rate_hz, sigma_v, limits)
            found += [burst for burst in bursts if not _is_step(burst, track.period_at(burst.first))]
    return _join_touching(found, round(JOINED_S * rate_hz))


def _beyond_steps(
    volts: VoltArray, track: FundamentalTrack, first: int, last: int, least_v: float, sigma_v: float
) -> tuple[Surroundings, VoltArray]:
    """Return the surroundings of a stretch and its residual without changes of the fundamental.

    A dip of two to six cycles differs from the medians of five. Where the residual is mostly fundamental, it is taken against
    one cycle on each side instead, and what is then still fundamental, a dip of one cycle, is left to the rms. The middle of
    a dip of less than two cycles has no other dip cycle beside it, but a whole one around it: what is not the fundamental of
    that counts, if it is less. Where the voltage before is not that after, the smaller of both residuals counts.
    """
    period = track.period_at((first + last) / 2)
    around = surroundings(volts, track, first, last)
    residual = around.beyond()
    step = _is_fundamental(residual, period, least_v)
    changed = _differs(around, round(period), (least_v / 3) ** 2 + 1.5 * sigma_v**2)
    if not step.any() and not changed.any():
        return around, residual
    near = surroundings(volts, track, first, last, neighbours=1)
    beyond = near.beyond()
    centred = _without_fundamental(residual, period)
    residual = np.where(changed, _smaller(beyond, residual), residual)
    beside, inside = (np.where(step, NEAR_PART * plain, residual) for plain in (beyond, _smaller(beyond, centred)))
    around = Surroundings(
        first, around.volts, np.where(step, near.before, around.before), np.where(step, near.after, around.after)
    )
    rests = [np.where(_is_fundamental(rest, period, least_v), 0.0, rest) for rest in (beside, inside)]
    return around, _smaller(rests[0], rests[1])


def _differs(around: Surroundings, length: int, least: float) -> npt.NDArray[np.bool_]:
    """Return where the medians before and after differ by more than `least` [V^2] in the mean of a cycle."""
    if len(around.volts) < length:
        return np.zeros(len(around.volts), np.bool_)
    mean = _moving_sum(np.square(around.after - around.before), length) / length
    result: npt.NDArray[np.bool_] = mean > least
    return result


def _smaller(one: VoltArray, other: VoltArray) -> VoltArray:
    """Return of each two values the one nearer to zero."""
    return np.where(np.abs(one) < np.abs(other), one, other)


def _without_fundamental(residual: VoltArray, period: float) -> VoltArray:
    """Return (n,) values less the fundamental of the cycle around each."""
    length = round(period)
    turning = np.exp(2j * np.pi * np.arange(len(residual)) / period)
    around = _moving_sum((residual / turning).real, length) + 1j * _moving_sum((residual / turning).imag, length)
    rest: VoltArray = residual - 2 / length * (around * turning).real
    return rest


def _is_fundamental(residual: VoltArray, period: float, least_v: float) -> npt.NDArray[np.bool_]:
    """Return which of (n,) samples are in a cycle whose residual is mostly of the fundamental's frequency."""
    length = round(period)
    if len(residual) < length:
        return np.zeros(len(residual), np.bool_)
    turning = residual * np.exp(-2j * np.pi * np.arange(len(residual)) / period)
    total = np.concatenate([[0.0], np.cumsum(turning)])
    energy = np.concatenate([[0.0], np.cumsum(np.square(residual))])
    amplitude = 2 / length * np.abs(total[length:] - total[:-length])
    power = length / 2 * np.square(amplitude)
    mostly = (power > STEP_PART * (energy[length:] - energy[:-length])) & (amplitude > least_v / 2)
    marks = np.concatenate([mostly, np.zeros(length, np.bool_)]).astype(np.int64)
    covered = np.cumsum(marks)
    covered[length:] -= covered[:-length].copy()
    result: npt.NDArray[np.bool_] = covered[: len(residual)] > 0
    return result


def _is_step(burst: Burst, period: float) -> bool:
    """Say whether a burst of about half a cycle or more is a fundamental that came or went."""
    length = burst.last - burst.first
    if length < STEP_CYCLES * period:
        return False
    residual = burst.residual_v[:length]
    angle = 2 * np.pi * np.arange(length) / period
    basis = np.column_stack([np.cos(angle), np.sin(angle)])
    coefficients, *_ = np.linalg.lstsq(basis, residual, rcond=None)
    energy = float(residual @ residual) - length * burst.sigma_v**2
    return float(np.square(basis @ coefficients).sum()) > STEP_PART * energy


def _bursts(
    around: Surroundings, residual: VoltArray, rate_hz: float, sigma_v: float, limits: BurstLimits
) -> list[Burst]:
    sigma = max(sigma_v, limits.least_v / 50)
    high = _standing_out(residual, limits.least_v, limits.peak_sigmas * sigma)
    if not high.any():
        return []
    length = max(3, round(SMOOTHED_S * rate_hz))
    energy = _moving_sum(np.square(residual), length)
    low = energy > length * max(END_SIGMAS * sigma, limits.least_v / 4) ** 2
    groups = _groups(low | high, high, round(JOINED_S * rate_hz))
    energies = [float(np.square(residual[max(first - length, 0) : last + length]).sum()) for first, last in groups]
    found = [
        _burst(around, residual, group, sigma, rate_hz, energy / sigma**2)
        for group, energy in zip(groups, energies, strict=True)
        if energy > limits.energy_sigmas2 * sigma**2
    ]
    return [burst for burst in found if _loud(burst.residual_v, limits, sigma)]


def _loud(measured: VoltArray, limits: BurstLimits, sigma: float) -> bool:
    """Say whether a burst stands out also as measured, where the background is not the nearer of two."""
    return bool(_standing_out(measured, limits.least_v, MEASURED_PART * limits.peak_sigmas * sigma).any())


def _standing_out(residual: VoltArray, least_v: float, noise_v: float) -> npt.NDArray[np.bool_]:
    """Return where samples are above a limit and, alone or with both neighbours together, above the noise."""
    size = np.abs(residual)
    three = np.abs(_moving_sum(residual, 3)) / np.sqrt(3)
    result: npt.NDArray[np.bool_] = (size > least_v) & (np.maximum(size, three) > noise_v)
    return result


def _groups(inside: npt.NDArray[np.bool_], high: npt.NDArray[np.bool_], joined: int) -> list[tuple[int, int]]:
    """Return the runs of `inside` that have a `high` in them, those not farther apart than `joined` as one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    total = np.concatenate([[0], np.cumsum(high)])
    groups: list[tuple[int, int]] = []
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if total[last] == total[first]:
            continue
        if groups and first - groups[-1][1] <= joined:
            groups[-1] = (groups[-1][0], last)
        else:
            groups.append((first, last))
    return groups


def _burst(
    around: Surroundings, residual: VoltArray, group: tuple[int, int], sigma: float, rate_hz: float, energy: float
) -> Burst:
    """Place the edges of a group exactly and measure its residual against the background."""
    first, last = group
    size = np.abs(residual[first:last])
    edge = max(ONSET_SIGMAS * sigma, size.max() / 20)
    loud = np.flatnonzero(size > edge)
    if len(loud):
        first, last = first + int(loud[0]), first + int(loud[-1]) + 1
    base, end = around.first, around.first + len(around.volts)
    margin = round(SMOOTHED_S * rate_hz) * 2
    begin, stop = max(base + first - margin, base), min(base + last + margin, end)
    background = around.background(begin, stop, sigma)
    measured = around.volts[begin - base : stop - base] - background
    skipped = base + first - begin
    return Burst(base + first, base + last, measured[skipped:], background[skipped:], sigma, energy)


def _join_touching(bursts: list[Burst], joined: int) -> list[Burst]:
    """Join bursts that a cut between stretches parted."""
    result: list[Burst] = []
    for burst in sorted(bursts, key=lambda one: one.first):
        if result and burst.first - result[-1].last <= joined:
            before = result[-1]
            if burst.last <= before.last:
                continue
            take = burst.first - before.first
            gap = max(0, take - len(before.residual_v))
            result[-1] = Burst(
                before.first,
                burst.last,
                np.concatenate([before.residual_v[:take], np.zeros(gap), burst.residual_v]),
                np.concatenate([before.background_v[:take], np.zeros(gap), burst.background_v]),
                max(before.sigma_v, burst.sigma_v),
                before.energy_sigmas2 + burst.energy_sigmas2,
            )
        else:
            result.append(burst)
    return result


def _moving_sum(values: VoltArray, length: int) -> VoltArray:
    """Return the sum of the `length` values around each of (n,) values, fewer at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    place = np.arange(len(values)) - length // 2
    result: VoltArray = total[np.clip(place + length, 0, len(values))] - total[np.clip(place, 0, len(values))]
    return result
