"""Zero crossings of the fundamental, followed through noise, jumps and interruptions without ever stalling.

Phases are counted in half cycles, modulo 2: 0 is the rising zero crossing, 1 the falling one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.boxes import Nominal
from opq.signal.fundamental import HOPS_PER_CYCLE, FundamentalFilter, PhasorArray

LOST_PU = 0.05
"""Fundamental over Udin below which there is nothing to lock on; the lowest voltage class A asks for is 10 %."""
PULL = 0.25
"""How far the tracked frequency may leave nominal, relative: wider than class A's 15 %, and it holds a 50 Hz supply at a
box declared for 60 Hz. After a jump the phase is pulled in at this rate, so a cycle is never longer than 4/3."""
HELD_HOPS = 120
"""Time constant of the period that is continued when the voltage is lost [hop]: 30 cycles, so that the two in which the filter
already sees the loss hardly count."""
_HELD_GAIN = 1 / HELD_HOPS
_FEW = 8
"""So few phasors are followed one by one: arrays cost more than they save."""


@dataclass(frozen=True, slots=True, eq=False)
class Crossings:
    """Consecutive zero crossings of the fundamental: rising, falling, rising, ...

    Attributes
    ----------
    index : (n,) int64
        Whole part of the position, counted from the first sample of the stretch [sample].
    fraction : (n,) float64
        Rest of the position, ``0 <= fraction < 1`` [sample].
    lost : (n,) bool
        True if between the crossing before and this one the phase was continued or pulled in, not measured.
    """

    index: npt.NDArray[np.int64]
    fraction: npt.NDArray[np.float64]
    lost: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: slice) -> "Crossings":
        return Crossings(self.index[rows], self.fraction[rows], self.lost[rows])

    def relative_to(self, base: int) -> npt.NDArray[np.float64]:
        """Return the positions counted from sample `base` [sample]."""
        return (self.index - base) + self.fraction

    @staticmethod
    def concatenate(*parts: "Crossings") -> "Crossings":
        """Join what follows each other, at least one part."""
        return Crossings(
            np.concatenate([part.index for part in parts]),
            np.concatenate([part.fraction for part in parts]),
            np.concatenate([part.lost for part in parts]),
        )

    @staticmethod
    def empty() -> "Crossings":
        """Return no crossings."""
        return Crossings(np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_))


class CycleTracker:
    """Zero crossings of the filtered fundamental of one gapless stretch.

    1. The filter gives a phasor each quarter cycle, referred to the middle of its taps (no delay remains).
    2. While its amplitude is above `LOST_PU`, the tracked phase follows it, at most `PULL` faster or slower than
       nominal; a farther phase (after a jump or an interruption) is pulled in at that rate.
    3. While there is no amplitude, the phase goes on with the last good period.
    4. A crossing is where the phase, linear between phasors, passes a whole half cycle. The first one given is rising.

    The first two cycles of a stretch lie before the first phasor: the phase is continued backward from the first
    phasors. `finish` continues it forward to the end in the same way.
    """

    def __init__(self, sample_rate_hz: float, nominal: Nominal) -> None:
        self._filter = FundamentalFilter(sample_rate_hz, nominal.f_hz)
        self._nominal_step = 2 * nominal.f_hz * self._filter.hop / sample_rate_hz
        self._limit = PULL * self._nominal_step
        self._floor = LOST_PU * nominal.u_din_v * np.sqrt(2)
        self._held_step = self._nominal_step
        self._lead = self._filter.parts // 2
        self._hop = -self._lead
        self._phase = 0.0
        self._first = -self._filter.delay / self._filter.hop
        self._rose = False
        self._lost = False
        self._locked = False
        self._hops: list[int] = []
        self._offsets: list[float] = []
        self._losts: list[bool] = []
        self._early: PhasorArray | None = np.empty(0, np.complex128)

    def feed(self, volts: npt.NDArray[np.float64]) -> Crossings:
        """Take (n,) samples [V] and return the crossings that became certain."""
        phasors = self._filter.feed(volts)
        if self._early is not None:
            self._early = np.concatenate([self._early, phasors])
            if len(self._early) <= HOPS_PER_CYCLE:
                return Crossings.empty()
            phasors, self._early = self._begin(self._early), None
        amplitudes: npt.NDArray[np.float64] = np.abs(phasors)
        return self._follow(amplitudes, _half_cycles(phasors))

    def finish(self) -> Crossings:
        """Return the crossings up to the end of the last sample; nothing may be fed after it.

        A stretch shorter than five cycles has none.
        """
        if self._early is not None:
            return Crossings.empty()
        count = self._lead + HOPS_PER_CYCLE
        amplitude = np.inf if self._locked else 0.0
        phases = np.asarray((self._phase + (np.arange(count) + 1) * self._held_step) % 2, np.float64)
        amplitudes = np.full(count, amplitude, np.float64)
        return self._follow(amplitudes, phases)

    def _begin(self, phasors: PhasorArray) -> PhasorArray:
        """Continue the first phasors backward to the first sample, and start the phase there."""
        first = _half_cycles(phasors)
        if abs(phasors[0]) >= self._floor:
            turned = _wrap(first[HOPS_PER_CYCLE] - first[0] - HOPS_PER_CYCLE * self._nominal_step) / HOPS_PER_CYCLE
            self._held_step += float(np.clip(turned, -self._limit, self._limit))
        behind = np.arange(-self._lead, 0)
        before = phasors[0] * np.exp(1j * np.pi * behind * self._held_step)
        self._phase = float(first[0] - (self._lead + 1) * self._held_step) % 2
        return np.concatenate([before, phasors])

    def _follow(self, amplitudes: npt.NDArray[np.float64], phases: npt.NDArray[np.float64]) -> Crossings:
        """Advance the tracked phase by one hop per phasor and note where it passes whole half cycles.

        One hop at a time where the phase is not the measured one, all at once as long as it is.
        """
        if len(phases) <= _FEW:
            for amplitude, measured in zip(amplitudes.tolist(), phases.tolist(), strict=True):
                self._step(amplitude, measured)
            return self._take_found()
        good = amplitudes >= self._floor
        error = np.concatenate([[np.inf], (np.diff(phases) - self._nominal_step + 1) % 2 - 1])
        departs = np.flatnonzero(~(good & (np.abs(error) <= self._limit)))
        at = 0
        while at < len(phases):
            self._step(float(amplitudes[at]), float(phases[at]))
            at += 1
            if self._locked:
                later = int(np.searchsorted(departs, at))
                end = int(departs[later]) if later < len(departs) else len(phases)
                self._run(phases[at - 1 : end], self._nominal_step + error[at:end])
                at = end
        return self._take_found()

    def _step(self, amplitude: float, measured: float) -> None:
        """Advance by one hop: to the measured phase if it can be followed, else toward it, or on as before."""
        error = (measured - self._phase - self._nominal_step + 1) % 2 - 1
        self._locked = amplitude >= self._floor and abs(error) <= self._limit
        before, step = self._phase, self._held_step
        if self._locked:
            step = self._nominal_step + error
            self._held_step = step * _HELD_GAIN + self._held_step * (1 - _HELD_GAIN)
            self._phase = measured
        else:
            if amplitude >= self._floor:
                step = self._nominal_step + (self._limit if error > 0 else -self._limit)
            self._phase = (before + step) % 2
        self._lost = self._lost or not self._locked
        if int(self._phase) != int(before):
            half = 1 if before < 1 else 2
            self._note([self._hop - 1], [(half - before) / step], rising=half == 2)
        self._hop += 1

    def _run(self, phases: npt.NDArray[np.float64], steps: npt.NDArray[np.float64]) -> None:
        """Advance from the first of (n + 1,) `phases` by (n,) `steps` that can all be followed."""
        if not len(steps):
            return
        fading = (1 - _HELD_GAIN) ** np.arange(len(steps) - 1, -1, -1)
        self._held_step = self._held_step * (1 - _HELD_GAIN) ** len(steps) + _HELD_GAIN * float(fading @ steps)
        self._phase = float(phases[-1])
        half = phases.astype(np.int64)
        passed = np.flatnonzero(half[1:] != half[:-1])
        if len(passed):
            begun = half[passed]
            offsets = (begun + 1 - phases[passed]) / steps[passed]
            self._note((self._hop - 1 + passed).tolist(), offsets.tolist(), rising=bool(begun[0]))
        self._hop += len(steps)

    def _note(self, hops: list[int], offsets: list[float], *, rising: bool) -> None:
        """Note crossings, each in its hop, the first `rising` or not; nothing before the first rising one of the stretch."""
        if not self._rose:
            inside = (at for at in range(not rising, len(hops), 2) if hops[at] + offsets[at] >= self._first)
            first = next(inside, None)
            if first is None:
                return
            self._rose = True
            hops, offsets = hops[first:], offsets[first:]
        self._hops += hops
        self._offsets += offsets
        self._losts += [self._lost, *[False] * (len(hops) - 1)]
        self._lost = False

    def _take_found(self) -> Crossings:
        """Turn what was noted into positions in samples."""
        if not self._hops:
            return Crossings.empty()
        delay = int(self._filter.delay)
        within = np.array(self._offsets) * self._filter.hop + (self._filter.delay - delay)
        whole = np.floor(within).astype(np.int64)
        found = Crossings(
            np.array(self._hops, np.int64) * self._filter.hop + delay + whole, within - whole, np.array(self._losts)
        )
        self._hops, self._offsets, self._losts = [], [], []
        return found


def _half_cycles(phasors: PhasorArray) -> npt.NDArray[np.float64]:
    """Return the phase of (n,) phasors as that of a sine, in half cycles from 0 to 2."""
    phase: npt.NDArray[np.float64] = (np.angle(phasors) / np.pi + 0.5) % 2
    return phase


def _wrap(half_cycles: float) -> float:
    """Return the same phase between -1 and 1 half cycle."""
    return (half_cycles + 1) % 2 - 1
