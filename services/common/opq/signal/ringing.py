"""Damped oscillations and unipolar pulses, fitted to a residual by least squares."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from opq.model.waveforms import VoltArray

LOWEST_HZ = 150.0
"""Below this nothing is an oscillation: capacitors of the supply ring from 300 Hz on (IEEE 1159 4.4.1), and the fundamental's
third harmonic is 150 Hz."""
HIGHEST_OF_RATE = 0.46
"""Highest frequency over the sample rate: the rest below the Nyquist frequency is what anti-alias filters take."""
_DECAYS_S = np.array([0.3e-3, 0.7e-3, 1.5e-3, 3e-3, 7e-3, 20e-3])
_NEAR = np.array([0.7, 0.85, 0.95, 1.0, 1.05, 1.15])
_STEPS = 8
_RISES_S = np.array([0.02e-3, 0.06e-3, 0.12e-3, 0.25e-3])
_PULSE_DECAYS_S = np.array([0.15e-3, 0.3e-3, 0.5e-3, 0.8e-3, 1.2e-3, 2e-3, 4e-3])
_EARLY = 3
"""By how many samples a pulse may have begun before the burst was seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Ringing:
    """A damped oscillation fitted to a residual.

    Attributes
    ----------
    f_hz : float
        Frequency [Hz].
    decay_s : float
        Time constant of the envelope [s].
    amplitude_v : float
        Envelope at the start [V].
    explained : float
        Part of the residual's energy, without the noise's, that the fit has; 0 to about 1.
    model_v : (n,) float64
        The fit [V].
    """

    f_hz: float
    decay_s: float
    amplitude_v: float
    explained: float
    model_v: VoltArray

    @property
    def cycles(self) -> float:
        """Periods until the envelope is down to 1/e."""
        return self.f_hz * self.decay_s


def fit_ringing(residual: VoltArray, rate_hz: float, sigma_v: float) -> Ringing:
    """Fit ``exp(-t/decay) (a cos wt + b sin wt)`` to (n,) samples [V], from the first on.

    Started from the peak of the spectrum with some frequencies near it and some decays, then refined by Gauss-Newton
    steps.
    """
    time = np.arange(len(residual)) / rate_hz
    frequency = _spectral_peak(residual, rate_hz)
    grid_f = np.clip(np.repeat(frequency * _NEAR, len(_DECAYS_S)), LOWEST_HZ, HIGHEST_OF_RATE * rate_hz)
    grid_a = np.tile(1 / _DECAYS_S, len(_NEAR))
    energy = _grid_energy(residual, time, grid_f, grid_a)
    best = int(np.argmax(energy))
    f_hz, damping, model = _refine(residual, time, float(grid_f[best]), float(grid_a[best]), rate_hz)
    total = float(residual @ residual)
    rest = float(np.square(residual - model).sum())
    explained = (total - rest) / _without_noise(residual, sigma_v)
    return Ringing(f_hz, 1 / damping, float(np.abs(model).max()), explained, model)


@dataclass(frozen=True, slots=True, eq=False)
class Pulse:
    """A unipolar double exponential fitted to a residual.

    Attributes
    ----------
    explained : float
        Part of the residual's energy, without the noise's, that the fit has; 0 to about 1.
    model_v : (n,) float64
        The fit [V].
    """

    explained: float
    model_v: VoltArray


def fit_pulse(residual: VoltArray, rate_hz: float, sigma_v: float) -> Pulse:
    """Fit ``a (exp(-t/decay) - exp(-t/rise))`` to (n,) samples [V], the best of some rises, decays and beginnings."""
    rise, decay = (grid.ravel() for grid in np.meshgrid(_RISES_S, _PULSE_DECAYS_S))
    usable = decay > 1.2 * rise
    rise, decay = rise[usable, None], decay[usable, None]
    best, model = -1.0, np.zeros(len(residual))
    for early in range(-_EARLY, _EARLY + 1):
        after = np.maximum((np.arange(len(residual)) + early + 0.5) / rate_hz, 0)
        shapes = np.exp(-after / decay) - np.exp(-after / rise)
        norms = np.maximum(np.einsum("ij,ij->i", shapes, shapes), np.finfo(float).tiny)
        products = shapes @ residual
        energy = np.square(products) / norms
        number = int(np.argmax(energy))
        if energy[number] > best:
            best, model = float(energy[number]), shapes[number] * (products[number] / norms[number])
    return Pulse(best / _without_noise(residual, sigma_v), model)


def _without_noise(residual: VoltArray, sigma_v: float) -> float:
    """Return the energy of a residual without that of the noise, and no less than a twentieth of it [V^2 sample]."""
    total = float(residual @ residual)
    return max(total - len(residual) * sigma_v**2, 0.05 * total, float(np.finfo(float).tiny))


def _spectral_peak(residual: VoltArray, rate_hz: float) -> float:
    size = 1 << max(11, int(np.ceil(np.log2(4 * len(residual)))))
    power = np.square(np.abs(fft.rfft(residual, size)))
    frequency = np.arange(len(power)) * (rate_hz / size)
    power[(frequency < LOWEST_HZ) | (frequency > HIGHEST_OF_RATE * rate_hz)] = 0
    return float(frequency[int(np.argmax(power))])


def _grid_energy(residual: VoltArray, time: VoltArray, f_hz: VoltArray, damping: VoltArray) -> VoltArray:
    """Return the energy that each of (g,) damped oscillations has of the residual."""
    envelope = np.exp(-damping[:, None] * time)
    angle = 2 * np.pi * f_hz[:, None] * time
    cosine, sine = envelope * np.cos(angle), envelope * np.sin(angle)
    cc, ss, cs = (np.einsum("ij,ij->i", a, b) for a, b in ((cosine, cosine), (sine, sine), (cosine, sine)))
    c, s = cosine @ residual, sine @ residual
    determinant = np.maximum(cc * ss - cs**2, 1e-12 * cc * ss + np.finfo(float).tiny)
    result: VoltArray = (ss * c**2 - 2 * cs * c * s + cc * s**2) / determinant
    return result


def _refine(
    residual: VoltArray, time: VoltArray, f_hz: float, damping: float, rate_hz: float
) -> tuple[float, float, VoltArray]:
    """Return frequency [Hz], damping [1/s] and model after Gauss-Newton steps that each lower the rest."""
    best = (np.inf, f_hz, damping, np.zeros(len(residual)))
    highest = HIGHEST_OF_RATE * rate_hz
    step = np.zeros(2)
    for _ in range(_STEPS):
        envelope = np.exp(-damping * time)
        angle = 2 * np.pi * f_hz * time
        base = np.column_stack([envelope * np.cos(angle), envelope * np.sin(angle)])
        (a, b), *_ = np.linalg.lstsq(base, residual, rcond=None)
        model = base @ np.array([a, b])
        rest = residual - model
        cost = float(rest @ rest)
        if cost < best[0]:
            gain = best[0] - cost
            best = (cost, f_hz, damping, model)
            by_f = 2 * np.pi * time * (b * base[:, 0] - a * base[:, 1])
            step, *_ = np.linalg.lstsq(np.column_stack([base, by_f, -time * model]), rest, rcond=None)
            step = step[2:]
            if gain < 1e-6 * cost:
                break
        else:
            step = step / 4
        f_hz = float(np.clip(best[1] + step[0], LOWEST_HZ, highest))
        damping = float(np.clip(best[2] + np.clip(step[1], -best[2] / 2, best[2]), 10.0, 2e4))
    return best[1], best[2], best[3]
