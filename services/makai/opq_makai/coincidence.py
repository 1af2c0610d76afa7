"""Soft triggers of many boxes at one moment, as in seismology: how many are too many for chance.

Only beginnings count: a box that stays off its habit says nothing new. Time is cut into bins of a window; a beginning
occupies the bins in which it may have been, given the box's clock. How often a box occupies a bin by chance is learned
per metric and side, and an event opens when more boxes share a bin than chance would bring once in many years.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from opq.clock import NS
from opq_makai.detectors.detector import Hits

BIN_NS = NS // 5
_BINS = 128
"""Bins remembered; later than this a beginning no longer counts."""
_AGAIN_NS = 2 * NS
"""A box that was quiet for less than this did not begin again."""
_LEVELS = (0.0, 6.0)
"""All soft triggers, and those of so many spreads: rarer by chance, so fewer boxes convince."""
_PRIOR_RATES = (0.02, 0.003)
_LEAST_RATES = (1e-3, 1e-4)
_RATE_MEMORY_BINS = 3600 * 5
_CHANCE = 1e-10
_CLUSTERS = 3
_MAX_UNCERTAINTY_NS = NS
_SHARED = ("f_hz",)
"""What all boxes measure of the same thing: chance moves them together, so that only half of them convince."""

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Coincidence:
    """Too many boxes for chance in one bin."""

    start_unix_ns: int
    end_unix_ns: int
    metric: str
    sign: int
    boxes: int
    needed: int


class _Channel:
    """One metric, side and level."""

    def __init__(self, prior: float, least: float) -> None:
        self.occupied = np.zeros((0, _BINS), np.bool_)
        self.bin = np.full(_BINS, -1, np.int64)
        """Which bin of absolute time each column holds."""
        self.last_start = np.zeros(0, np.int64)
        self.last_end = np.zeros(0, np.int64)
        self.rate, self._least = prior, least
        self._rated_bin = 0

    def add(self, slots: npt.NDArray[np.intp], low: Times, high: Times) -> list[int]:
        """Occupy bins ``low`` to ``high`` (n,); return the bins touched that are still remembered."""
        newest = int(self.bin.max())
        touched: set[int] = set()
        for offset in range(int((high - low).max()) + 1):
            at = low + offset
            good = (at <= high) & (at > newest - _BINS // 2)
            for each in np.unique(at[good]).tolist():
                column = each % _BINS
                if self.bin[column] != each:
                    self.occupied[:, column] = False
                    self.bin[column] = each
                touched.add(each)
            self.occupied[slots[good], at[good] % _BINS] = True
        return sorted(touched)

    def count(self, each: int) -> int:
        """How many boxes occupy a bin."""
        return int(self.occupied[:, each % _BINS].sum())

    def learn(self, now_bin: int, boxes: int, needed: int) -> None:
        """Take up the rate of the bins that are over; those with an event in them are none of chance."""
        end = now_bin - 25
        if self._rated_bin == 0:
            self._rated_bin = end
        bins = end - self._rated_bin
        if bins < 25 or not boxes:
            return
        over = (self.bin >= max(self._rated_bin, end - _BINS // 2)) & (self.bin < end)
        counts = self.occupied[:, over].sum(axis=0)
        bins = min(bins, _BINS // 2)
        rate = float(counts[counts < needed].sum()) / (bins * boxes)
        self.rate += min(bins / _RATE_MEMORY_BINS, 1.0) * (rate - self.rate)
        self._rated_bin = end

    def needed(self, boxes: int, least_boxes: int) -> int:
        """How many of `boxes` convince."""
        rate = max(self.rate, self._least)
        chance = int(binom.isf(_CHANCE, max(boxes, 1), min(rate, 0.5))) + 1
        # Boxes behind one transformer feel each other's loads: chance comes in clusters.
        return max(least_boxes, chance, min(_CLUSTERS * chance // 2, 2 * boxes // 5))


class Coincidences:
    """Counts beginnings of soft triggers in all boxes of one grid."""

    def __init__(self, least_boxes: int = 3) -> None:
        self._least_boxes = least_boxes
        self._channels: dict[tuple[str, int, int], _Channel] = {}
        self._needed: dict[tuple[tuple[str, int, int], int], tuple[float, int]] = {}

    def begin(self, hits: Hits) -> npt.NDArray[np.bool_]:
        """Say which of these hits begin, (n,) bool, and remember that they are on."""
        channel = self._channel((hits.metric, hits.sign, 0), int(hits.slot.max()) + 1)
        last_start, last_end = channel.last_start[hits.slot], channel.last_end[hits.slot]
        begins = hits.start_unix_ns > last_end + _AGAIN_NS
        channel.last_start[hits.slot] = np.where(begins, hits.start_unix_ns, last_start)
        np.maximum.at(channel.last_end, hits.slot, hits.end_unix_ns)
        # Late ones too, of a box that was cut off.
        return begins | (hits.end_unix_ns < last_start - _AGAIN_NS)

    def add(self, begun: Hits, uncertainty_ns: Times, streaming: int) -> list[Coincidence]:
        """Count hits that begin; return the moments that are now too much for chance."""
        found: list[Coincidence] = []
        reach = BIN_NS // 2 + np.minimum(uncertainty_ns, _MAX_UNCERTAINTY_NS)
        low, high = (begun.start_unix_ns - reach) // BIN_NS, (begun.start_unix_ns + reach) // BIN_NS
        for level, least_score in enumerate(_LEVELS):
            strong = begun.score >= least_score
            if not strong.any():
                continue
            key = (begun.metric, begun.sign, level)
            channel = self._channel(key, int(begun.slot.max()) + 1)
            touched = channel.add(begun.slot[strong], low[strong], high[strong])
            if not touched:
                continue
            needed = self._how_many(key, channel, streaming)
            for each in touched:
                if (boxes := channel.count(each)) >= needed:
                    start = each * BIN_NS
                    found.append(Coincidence(start, start + BIN_NS, begun.metric, begun.sign, boxes, needed))
            channel.learn(touched[-1], streaming, needed)
        return found

    def state(self) -> dict[str, float]:
        """Return the learned rates, JSON-like."""
        return {f"{metric}|{sign}|{level}": item.rate for (metric, sign, level), item in self._channels.items()}

    def restore(self, state: dict[str, float]) -> None:
        """Take up what `state` returned."""
        for key, rate in state.items():
            metric, sign, level = key.split("|")
            self._channel((metric, int(sign), int(level)), 0).rate = rate

    def _channel(self, key: tuple[str, int, int], count: int) -> _Channel:
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = _Channel(_PRIOR_RATES[key[2]], _LEAST_RATES[key[2]])
        missing = count - len(channel.last_end)
        if missing > 0:
            channel.last_start = np.concatenate([channel.last_start, np.zeros(missing, np.int64)])
            channel.last_end = np.concatenate([channel.last_end, np.zeros(missing, np.int64)])
            channel.occupied = np.concatenate([channel.occupied, np.zeros((missing, _BINS), np.bool_)])
        return channel

    def _how_many(self, key: tuple[str, int, int], channel: _Channel, streaming: int) -> int:
        rate, needed = self._needed.get((key, streaming), (0.0, 0))
        if not needed or abs(channel.rate - rate) > 0.1 * rate:
            rate, needed = channel.rate, channel.needed(streaming, self._least_boxes)
            if key[0] in _SHARED:
                needed = max(needed, -(-streaming // 2))
            self._needed[key, streaming] = (rate, needed)
        return needed


def strongest(found: Sequence[Coincidence]) -> Coincidence:
    """Return the one with the most boxes for what was needed."""
    return max(found, key=lambda each: each.boxes / each.needed)
