"""Synthetic mains voltage for tests: a sine with harmonics, noise, and changes of amplitude, phase and frequency.

Everything is a function of the time since the first sample, so a wave can be made at any rate and cut anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment, VoltArray

START_UNIX_NS = 1_700_000_000_000_000_000
"""A full second in November 2023, start of all waves."""


@dataclass(frozen=True, slots=True)
class Step:
    """From `start_s` to `end_s` [s] the amplitude is `pu` times Udin instead of 1."""

    start_s: float
    end_s: float
    pu: float


@dataclass(frozen=True, slots=True)
class Impulse:
    """From `start_s` on for `duration_s` [s], `volts` are added [V]."""

    start_s: float
    duration_s: float
    volts: float


@dataclass(frozen=True, slots=True)
class Wave:
    """A mains voltage.

    Attributes
    ----------
    nominal : Nominal
        Udin [V] and nominal frequency [Hz].
    f_hz : float
        Real frequency [Hz]; 0 is the nominal one.
    pu : float
        Fundamental rms over Udin outside of all `steps`.
    phase_deg : float
        Phase of the sine at the first sample [degree].
    harmonics : mapping of order to amplitude
        In percent of the fundamental, in phase with its rising zero crossing.
    steps, impulses
        Changes of amplitude and added pulses.
    f_slope_hz_per_s : float
        Steady change of frequency [Hz/s].
    dc_v, noise_v : float
        Direct component and rms of white noise [V].
    """

    nominal: Nominal
    f_hz: float = 0.0
    pu: float = 1.0
    phase_deg: float = 0.0
    harmonics: Mapping[int, float] = field(default_factory=dict)
    steps: Sequence[Step] = ()
    impulses: Sequence[Impulse] = ()
    f_slope_hz_per_s: float = 0.0
    dc_v: float = 0.0
    noise_v: float = 0.0
    seed: int = 1

    def volts(self, duration_s: float, sample_rate_hz: float = 12000.0) -> VoltArray:
        """Return (n,) samples [V] of the first `duration_s` seconds."""
        time = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
        angle = 2 * np.pi * ((self.f_hz or self.nominal.f_hz) * time + self.f_slope_hz_per_s * time**2 / 2)
        angle += np.deg2rad(self.phase_deg)
        wave = np.sin(angle)
        for order, percent in self.harmonics.items():
            wave += percent / 100 * np.sin(order * angle)
        pu = np.full(len(time), self.pu)
        for step in self.steps:
            pu[(time >= step.start_s) & (time < step.end_s)] = step.pu
        volts = np.sqrt(2) * self.nominal.u_din_v * pu * wave + self.dc_v
        for impulse in self.impulses:
            begin = round(impulse.start_s * sample_rate_hz)
            volts[begin : begin + round(impulse.duration_s * sample_rate_hz)] += impulse.volts
        result: VoltArray = volts + self.noise_v * np.random.default_rng(self.seed).standard_normal(len(time))
        return result

    def segment(self, duration_s: float, sample_rate_hz: float = 12000.0) -> VoltageSegment:
        """Return the same as a gapless record that starts at `START_UNIX_NS`."""
        return VoltageSegment(START_UNIX_NS, sample_rate_hz, self.volts(duration_s, sample_rate_hz))
