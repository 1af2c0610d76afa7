"""What a voltage does that the cycles around it do not: the residual in which transients stand out.

Two steps, because nearly all of a record is quiet. `screen` compares every half cycle with the one a period before, by
subtraction of whole samples, and says which stand out. Only there `Surroundings` takes the trouble of medians over the five
cycles before and after, each shifted by a fraction of a sample.

A sample between the median before and the median after is not a transient: so neither a step of amplitude or phase (a sag's
edge, a load, a jump), however slow, nor steady harmonics leave anything.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.waveforms import VoltArray
from opq.signal.track import FundamentalTrack

NEIGHBOURS = 5
"""Cycles on each side that the medians are taken of: robust to two that are disturbed themselves."""
PEAK_SIGMAS = 4.2
"""Peak of a half cycle's difference over its noise above which the half cycle is looked at: of white noise, three half cycles in
a thousand, so that a look costs little."""
ENERGY_SIGMAS = 4.0
"""The same for the energy of the half cycle, over the spread of white noise's energy."""
LEAST_PART = 6.0
"""Energy of the shortest burst that is looked for over the square of its peak [sample]: half a millisecond of ringing."""
_MAD = 1.4826
"""From the median of absolute values to the standard deviation, for a normal distribution."""
_THINNING = 17
"""Each how many samples the noise is taken of: the median of 800 is right to 5 %, and not in step with cycles of 200 or 240."""
CHUNK_CELLS = 120
"""Half cycles that are compared with one period and noise: about a second, which fits the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Screening:
    """What a first look at a record gives.

    Attributes
    ----------
    cell : int
        Length of a half cycle [sample].
    sigma_v : (c,) float64
        Standard deviation of the noise around each half cycle [V].
    regions : list of (int, int)
        First sample and the one after the last of what stands out.
    """

    cell: int
    sigma_v: VoltArray
    regions: list[tuple[int, int]]

    def sigma_at(self, sample: int) -> float:
        """Return the noise around a sample [V]."""
        return float(self.sigma_v[min(max(sample, 0) // self.cell, len(self.sigma_v) - 1)])


def screen(volts: VoltArray, track: FundamentalTrack, least_v: float) -> Screening:
    """Find the half cycles that differ from those one period before by more than noise and by more than `least_v` [V]."""
    cell = track.block // 2
    cells = len(volts) // cell
    peak, energy, sigma = np.empty(cells), np.empty(cells), np.empty(cells)
    starts = np.arange(0, CHUNK_CELLS * cell, cell)
    for first in range(0, cells, CHUNK_CELLS):
        last = min(first + CHUNK_CELLS, cells)
        size = _difference(volts, track, first * cell, last * cell)
        np.abs(size, out=size)
        rows = size.reshape(-1, cell)
        np.maximum.reduceat(size, starts[: last - first], out=peak[first:last])
        energy[first:last] = np.matmul(rows[:, None, :], rows[:, :, None])[:, 0, 0]
        thinned = size[::_THINNING].copy()
        thinned.partition(len(thinned) // 2)
        sigma[first:last] = _MAD * thinned[len(thinned) // 2]
    standing_out = peak > np.maximum(least_v, PEAK_SIGMAS * sigma)
    standing_out |= _much(energy, sigma, cell, least_v)
    both = _much(energy[1:] + energy[:-1], sigma[1:], 2 * cell, least_v)
    standing_out[1:] |= both
    standing_out[:-1] |= both
    return Screening(cell, sigma / np.sqrt(2), _regions(standing_out, cell, len(volts)))


def _much(energy: VoltArray, sigma: VoltArray, length: int, least_v: float) -> npt.NDArray[np.bool_]:
    """Return which energies of `length` samples are more than noise and than a burst of `least_v` has."""
    noise = length * np.square(sigma)
    result: npt.NDArray[np.bool_] = energy > noise * (1 + ENERGY_SIGMAS * np.sqrt(2 / length)) + LEAST_PART * least_v**2
    return result


def _difference(volts: VoltArray, track: FundamentalTrack, first: int, last: int) -> VoltArray:
    """Return samples minus those one period before, in the first period of the record minus those after."""
    period = round(track.period_at((first + last) / 2))
    if first >= period:
        earlier: VoltArray = volts[first:last] - volts[first - period : last - period]
        return earlier
    head = min(period, last)
    result = np.empty(last - first)
    np.subtract(volts[first:head], volts[first + period : head + period], out=result[: head - first])
    np.subtract(volts[head:last], volts[head - period : last - period], out=result[head - first :])
    return result


def _regions(standing_out: npt.NDArray[np.bool_], cell: int, samples: int) -> list[tuple[int, int]]:
    """Widen what stands out by a half cycle on both sides and join what then touches."""
    wide = standing_out.copy()
    wide[1:] |= standing_out[:-1]
    wide[:-1] |= standing_out[1:]
    edges = np.flatnonzero(np.diff(np.concatenate([[0], wide.astype(np.int8), [0]])))
    pairs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(first * cell, samples if last == len(wide) else last * cell) for first, last in pairs]


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """What is usual around each sample of a stretch.

    Attributes
    ----------
    first : int
        First sample of the stretch in its record.
    volts, before, after : (n,) float64
        The stretch, and the medians of the five cycles before and after [V]. At the ends of the record, where there are
        none on one side, both are the other side's.
    """

    first: int
    volts: VoltArray
    before: VoltArray
    after: VoltArray

    def beyond(self) -> VoltArray:
        """Return (n,) by how much each sample is above or below both medians [V]: the residual for finding."""
        low, high = np.minimum(self.before, self.after), np.maximum(self.before, self.after)
        result: VoltArray = self.volts - np.clip(self.volts, low, high)
        return result

    def background(self, first: int, last: int, noise_v: float) -> VoltArray:
        """Return the usual voltage from `first` to `last` (of the record), for measuring [V].

        Where both medians agree it is their mean. Otherwise something changed for good in between, and it is the one before
        up to the sample that leaves the least residual, the one after from there.
        """
        rows = slice(first - self.first, last - self.first)
        before, after, volts = self.before[rows], self.after[rows], self.volts[rows]
        if np.mean(np.square(before - after)) < 2.5 * noise_v**2:
            middle: VoltArray = (before + after) / 2
            return middle
        cost_before = np.concatenate([[0.0], np.cumsum(np.abs(volts - before))])
        cost_after = np.concatenate([[0.0], np.cumsum(np.abs(volts - after))])
        change = int(np.argmin(cost_before - cost_after))
        return np.concatenate([before[:change], after[change:]])


def surroundings(
    volts: VoltArray, track: FundamentalTrack, first: int, last: int, neighbours: int = NEIGHBOURS
) -> Surroundings:
    """Take the medians of the `neighbours` cycles on each side around the samples from `first` to `last`."""
    period = track.period_at((first + last) / 2)
    before = [shifted(volts, first, last, -turn * period) for turn in range(1, neighbours + 1)]
    after = [shifted(volts, first, last, turn * period) for turn in range(1, neighbours + 1)]
    medians = []
    for rows in (np.array(before), np.array(after)):
        rows.sort(axis=0)
        count = np.count_nonzero(~np.isnan(rows), axis=0)
        low, high = np.maximum(count - 1, 0) // 2, count // 2
        columns = np.arange(last - first)
        medians.append((rows[low, columns] + rows[np.minimum(high, neighbours - 1), columns]) / 2)
        medians[-1][count == 0] = np.nan
    early, late = (np.where(np.isnan(one), other, one) for one, other in (medians, medians[::-1]))
    return Surroundings(first, volts[first:last], early, late)


def shifted(volts: VoltArray, first: int, last: int, shift: float) -> VoltArray:
    """Return the samples from `first` to `last` moved by `shift` [sample], by the cubic through four; NaN off the record."""
    whole = int(np.floor(shift))
    part = shift - whole
    result = np.full(last - first, np.nan)
    low, high = max(first + whole, 1), min(last + whole, len(volts) - 2)
    if high <= low:
        return result
    weights = (
        -part * (part - 1) * (part - 2) / 6,
        (part + 1) * (part - 1) * (part - 2) / 2,
        -(part + 1) * part * (part - 2) / 2,
        (part + 1) * part * (part - 1) / 6,
    )
    into = result[low - first - whole : high - first - whole]
    into[:] = 0.0
    for place, weight in enumerate(weights, start=-1):
        into += weight * volts[low + place : high + place]
    return result
