"""What every box sees when nothing happens: level, load, sun, small steps, distortion, noise.

It alone stays inside the hard limits by construction. Of the 5 % of voltage there are used at most: site, load, sun and
wander 2.8 (clipped), regulated bus half a tap step (0.63), two banks half of 1.1, small loads 0.5, noise 0.15.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.sim.grid.effects import Occurrence
from opq.sim.grid.kinds import HappeningKind
from opq.sim.grid.network import Float, Network

Float32 = npt.NDArray[np.float32]
WINDOW_S = 0.2
PER_MINUTE = 300
"""Windows of a box in a minute."""
APPLIANCES = 4
"""Small loads behind each service transformer that come and go."""
_SLOW_LIMIT = 0.028
_SMALL_LIMIT = 0.010
_NOISE_PU = 0.0002
_F_NOISE_HZ = 0.0012
_HOURS = 2 * np.pi / 24


@dataclass(frozen=True, slots=True, eq=False)
class Quiet:
    """One minute without happenings, each (boxes, 300) float32: voltages [pu], THD [%], frequency noise [Hz]."""

    rms: Float32
    low: Float32
    high: Float32
    thd: Float32
    f_noise: Float32
    transient: Float32


class Background:
    """The quiet supply of all boxes.

    Parameters
    ----------
    network : Network
    occurrences : sequence of Occurrence
        Whose lasting steps the level has after the minute in which they happen.
    start_unix_ns, utc_offset_h : int, float
        Of second 0, for the time of day.
    phase_s : (boxes,) float64
        Where in each 200 ms a box's windows begin [s].
    seed : int
    """

    def __init__(
        self, network: Network, occurrences: tuple[Occurrence, ...], start_unix_ns: int, utc_offset_h: float,
        phase_s: Float, seed: int,
    ) -> None:  # fmt: skip
        self._seed, self._net = seed, network
        boxes = len(phase_s)
        rng = np.random.default_rng((seed, 2))
        self._hour0 = start_unix_ns / NS / 3600 + utc_offset_h
        self._level = rng.uniform(-0.010, 0.010, boxes)
        self._load = rng.uniform(0.003, 0.010, boxes)
        self._sun = rng.uniform(0, 0.006, boxes) * (rng.random(boxes) < 0.6)
        self.thd_pct = rng.uniform(1.2, 2.8, boxes)
        self._thd_swing = rng.uniform(0.05, 0.2, boxes)
        self.floor_pu = rng.uniform(0.0015, 0.004, boxes)
        """Usual transient peak of each box [pu of Udin]."""
        self._prepare_small(rng)
        self._prepare_windows(phase_s, rng.uniform(0, 1, self._transformers))
        steps = [item for item in occurrences if item.step is not None]
        self._step_times = np.array([item.start_s for item in steps])
        changes = [item.step for item in steps if item.step is not None]
        self._step_sums = np.cumsum([np.zeros(boxes), *changes], axis=0)
        near = {item.bank: item.step for item in steps[::-1] if item.bank >= 0}
        # A bank starts off: half of its step below the middle.
        self._step_sums -= sum((np.abs(step) / 2 for step in near.values() if step is not None), np.zeros(boxes))
        self._bus_times, self._bus_drift = _regulated(steps)
        self.at_minute = lru_cache(64)(self._at_minute)
        self.small_in = lru_cache(4)(self._small_in)
        self.thd_at_minute = lru_cache(8)(self._thd_at_minute)

    def _prepare_small(self, rng: np.random.Generator) -> None:
        count = self._transformers = int(self._net.transformer.max()) + 1
        shape = (count, APPLIANCES)
        # Longer than a minute: then two turns of each cover any minute.
        self._turn_s = np.exp(rng.uniform(np.log(70), np.log(1200), shape))
        self._turn_offset_s = rng.uniform(0, 1, shape) * self._turn_s
        self._small_pu = np.exp(rng.uniform(np.log(0.001), np.log(0.007), shape))
        self._key = np.arange(count * APPLIANCES, dtype=np.uint64).reshape(shape) << np.uint64(40)

    def _prepare_windows(self, phase_s: Float, step_phase_s: Float) -> None:
        begin = phase_s[:, None] + WINDOW_S * np.arange(PER_MINUTE)
        self._part = ((begin + WINDOW_S / 2) / 60).astype(np.float32)
        self.step_phase_s = step_phase_s[self._net.transformer]
        since = begin - self.step_phase_s[:, None]
        second = np.floor(since).astype(np.int64)
        row = self._net.transformer[:, None] * 63 + 1
        self._before = (row + second).astype(np.intp)
        self._after = (row + np.floor(since + WINDOW_S).astype(np.int64)).astype(np.intp)
        # Share of the window that lies after the whole second on which small loads are switched.
        self._share = np.clip((since + WINDOW_S - (second + 1)) / WINDOW_S, 0, 1).astype(np.float32)

    def _hour(self, second: float) -> float:
        return (self._hour0 + second / 3600) % 24

    def _at_minute(self, minute: int) -> Float:
        """Return the slow voltage at the start of a minute without bus and banks, (boxes,) [pu from 1]."""
        hour = self._hour(60.0 * minute)
        load = 0.6 * np.cos(_HOURS * (hour - 19)) + 0.4 * np.cos(2 * _HOURS * (hour - 8))
        sun = max(0.0, float(np.cos(_HOURS * (hour - 12.5))))
        knot, part = divmod(minute, 3)
        clouds = self._clouds(knot) * (1 - part / 3) + self._clouds(knot + 1) * part / 3
        wander = np.random.default_rng((self._seed, 3, minute)).normal(0, 0.0004, self._transformers)
        slow = self._level - self._load * load + self._sun * sun * clouds[self._net.feeder]
        clipped: Float = np.clip(slow + wander[self._net.transformer], -_SLOW_LIMIT, _SLOW_LIMIT)
        return clipped

    def _clouds(self, knot: int) -> Float:
        draw: Float = np.random.default_rng((self._seed, 4, knot)).uniform(0.2, 1.0, int(self._net.feeder.max()) + 1)
        return draw

    def _bus(self, minute: int, second: float) -> Float:
        """Return what tap changer and banks make of the level, with the steps before a minute, (boxes,) [pu]."""
        done = int(np.searchsorted(self._step_times, 60.0 * minute, side="left"))
        drift = float(np.interp(second, self._bus_times, self._bus_drift))
        result: Float = self._step_sums[done] + drift
        return result

    def ends(self, minute: int) -> tuple[Float, Float]:
        """Return the slow level at both ends of a minute, (boxes,) [pu from 1], without steps of this minute."""
        first, last = 60.0 * minute, 60.0 * (minute + 1)
        return self.at_minute(minute) + self._bus(minute, first), self.at_minute(minute + 1) + self._bus(minute, last)

    def small(self, seconds: Float) -> Float:
        """Return what small loads make of the voltage, (transformers, n) [pu], for seconds within one minute or so."""
        at = seconds[None, None, :] + self._turn_offset_s[:, :, None]
        total = np.zeros((self._transformers, len(seconds)))
        first = np.floor((seconds[0] + self._turn_offset_s) / self._turn_s)
        for turn in (first, first + 1):
            key = self._key + (turn + 16).astype(np.uint64) * np.uint64(4)
            begin = (turn + 0.6 * _hashed(key, self._seed)) * self._turn_s
            end = begin + (0.05 + 0.3 * _hashed(key + np.uint64(1), self._seed)) * self._turn_s
            hours = self._hour0 + (turn * self._turn_s - self._turn_offset_s) / 3600
            busy = 0.3 + 0.2 * np.cos(_HOURS * (hours - 20))
            size = np.where(_hashed(key + np.uint64(2), self._seed) < busy, self._small_pu, 0.0)
            on = (at >= begin[:, :, None]) & (at < end[:, :, None])
            total -= np.einsum("ta,tan->tn", size, on)
        return np.maximum(total, -_SMALL_LIMIT) + _SMALL_LIMIT / 2

    def _small_in(self, minute: int) -> Float:
        """Return `small` for the seconds -1 to 61 of a minute, (transformers, 63) [pu]."""
        return self.small(np.arange(-1.0, 62.0) + 60.0 * minute)

    def level(self, second: float) -> Float:
        """Return the voltage of every box at one moment without noise and without steps since the minute, (boxes,) [pu]."""
        minute = int(second // 60)
        first, last = self.ends(minute)
        small = np.empty(len(first))
        # Each transformer's loads switch at its own part of a second.
        whole = np.floor(second - self.step_phase_s)
        for value in np.unique(whole):
            mine = whole == value
            small[mine] = self.small(np.array([value]))[self._net.transformer[mine], 0]
        return 1 + first + (last - first) * (second / 60 - minute) + small

    def steps_since_minute(self, second: float) -> Float:
        """Return the lasting steps from the start of the minute to before a moment, (boxes,) [pu]."""
        first, last = np.searchsorted(self._step_times, (60.0 * (second // 60), second), side="left")
        result: Float = self._step_sums[last] - self._step_sums[first]
        return result

    def _thd_at_minute(self, minute: int) -> Float:
        swing = self._thd_swing * np.cos(_HOURS * (self._hour(60.0 * minute) - 20))
        wander = np.random.default_rng((self._seed, 5, minute)).normal(0, 0.02, len(swing))
        result: Float = self.thd_pct * (1 + swing + np.clip(wander, -0.08, 0.08))
        return result

    def minute(self, minute: int) -> Quiet:
        """Return the quiet features of a minute."""
        rng = np.random.Generator(np.random.SFC64((self._seed, 6, minute)))
        shape = self._part.shape
        noise = rng.standard_normal((5, *shape), np.float32)
        first, last = (side.astype(np.float32)[:, None] for side in self.ends(minute))
        rms = self._part * (last - first)
        rms += 1 + first
        noise[0] *= _NOISE_PU
        rms += noise[0]
        table = self.small_in(minute).astype(np.float32).ravel()
        before, after = table[self._before], table[self._after]
        spread = np.abs(noise[1])
        spread *= _NOISE_PU
        low, high = rms + np.minimum(before, after), rms + np.maximum(before, after)
        low -= spread
        high += spread
        after -= before
        after *= self._share
        rms += before
        rms += after
        t0, t1 = (
            side.astype(np.float32)[:, None] for side in (self.thd_at_minute(minute), self.thd_at_minute(minute + 1))
        )
        thd = self._part * (t1 - t0)
        thd += t0
        noise[3] *= 0.03
        thd += noise[3]
        noise[2] *= _F_NOISE_HZ
        noise[4] *= 0.15
        transient = np.exp(noise[4], out=noise[4])
        transient *= self.floor_pu.astype(np.float32)[:, None]
        return Quiet(rms, low, high, thd, noise[2], transient)


def _regulated(steps: list[Occurrence]) -> tuple[Float, Float]:
    """Return times and values of the slow drift of the bus that makes the tap changer act when it does [s, pu].

    Each tap change finds the bus half a step off, on the side that its sign corrects, and leaves it half a step off on the other.
    """
    times, drift, done = [0.0], [0.0], 0.0
    for item in steps:
        if item.kind is not HappeningKind.TAP_CHANGE or item.step is None:
            continue
        step = float(item.step[0])
        times.append(item.start_s)
        drift.append(-step / 2 - done)
        done += step
    return np.array(times), np.array(drift)


def _hashed(key: npt.NDArray[np.uint64], seed: int) -> Float:
    """Return a uniform number in 0 to 1 for each key: splitmix64 (Steele, Lea and Flood 2014)."""
    z = key + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    result: Float = (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return result
