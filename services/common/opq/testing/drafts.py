"""A mains record while it is being drawn: a closed function of time, so that it can be looked at without noise and anywhere."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltArray

RATE_HZ = 12000.0
DURATION_S = 2.0
"""Length of a record [s]: ten basic windows, of which a sag of 0.6 s leaves enough for the three that distortion takes."""
LEAST_SIGMAS = {
    IncidentClass.IMPULSIVE_TRANSIENT: 7.0,
    IncidentClass.OSCILLATORY_TRANSIENT: 6.0,
    IncidentClass.ARCING_TRANSIENT: 7.0,
    IncidentClass.PERIODIC_NOTCHING: 3.0,
    IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT: 5.0,
}
"""Least peak of what is added over the standard deviation of the noise (for zero crossings: of the swing to the wrong side).
Notching is seen in the mean of many cycles."""


class NoAnswer(Exception):
    """What was drawn has no certain answer or no place; draw again."""


Added = Callable[[VoltArray], VoltArray]
"""From times [s] to what is added, over the nominal peak."""


@dataclass(slots=True)
class Draft:
    """A record while it is being drawn; all levels over the nominal peak, all times from the first sample [s]."""

    random: np.random.Generator
    nominal: Nominal
    f_hz: float
    phase: float
    snr_db: float
    level: float = 1.0
    harmonics: list[tuple[int, float, float]] = field(default_factory=list)
    steps: list[tuple[float, float, float, float]] = field(default_factory=list)
    jumps: list[tuple[float, float]] = field(default_factory=list)
    flicker: tuple[float, float] = (0.0, 1.0)
    added: list[Added] = field(default_factory=list)
    taken: list[tuple[float, float]] = field(default_factory=list)
    expected: set[IncidentClass] = field(default_factory=set)
    truth: dict[str, float] = field(default_factory=dict)
    samples: VoltArray | None = None

    def envelope(self, time: VoltArray) -> VoltArray:
        """Return the amplitude at times [s]."""
        size, f_hz = self.flicker
        result: VoltArray = self.level * (1 + size * np.sin(2 * np.pi * f_hz * time))
        for start, end, pu, edge in self.steps:
            inside = np.clip((time - start) / edge, 0, 1) - np.clip((time - end) / edge, 0, 1)
            result *= 1 + inside * (pu / self.level - 1)
        return result

    def angle(self, time: VoltArray) -> VoltArray:
        """Return the phase of the fundamental at times [rad]."""
        result: VoltArray = 2 * np.pi * self.f_hz * time + self.phase
        for at, by in self.jumps:
            result = result + by * (time >= at)
        return result

    def clean(self, time: VoltArray) -> VoltArray:
        """Return the voltage without noise at times [s], over the nominal peak."""
        angle = self.angle(time)
        turning = np.exp(1j * angle)
        square = turning * turning
        wave: VoltArray = turning.imag.copy()
        power, at = turning, 1
        for order, size, shift in self.harmonics:
            while at < order:
                power, at = power * square, at + 2
            wave += size * (np.cos(shift) * power.imag + np.sin(shift) * power.real)
        wave *= self.envelope(time)
        for more in self.added:
            wave += more(time)
        return wave

    def sampled(self) -> VoltArray:
        """Return the samples of the whole record without noise, over the nominal peak; nothing may be drawn after it."""
        if self.samples is None:
            self.samples = self.clean(np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ)
        return self.samples

    def sigma_pu(self) -> float:
        """Return the standard deviation of the noise over the nominal peak."""
        time = np.arange(0, DURATION_S, 0.002)
        return float(np.sqrt(np.mean(np.square(self.envelope(time))) / 2) * 10 ** (-self.snr_db / 20))

    def least(self, kind: IncidentClass, physical: float) -> float:
        """Return the smallest amplitude to draw: what the class has at least, and what can be seen."""
        return max(physical, LEAST_SIGMAS[kind] * self.sigma_pu())

    def place(self, duration_s: float, margin_s: float = 0.1) -> float:
        """Return a start for something of this duration that is at least 60 ms away from what was placed before."""
        for _ in range(1000):
            start = float(self.random.uniform(margin_s, DURATION_S - margin_s - duration_s))
            if all(start > end + 0.06 or start + duration_s < begin - 0.06 for begin, end in self.taken):
                self.taken.append((start, start + duration_s))
                return start
        raise NoAnswer(f"no place for {duration_s} s")
