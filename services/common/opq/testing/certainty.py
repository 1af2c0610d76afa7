"""Whether a drawn record has one right answer, from the wave without noise: the true rms of every cycle and distortion of every
window.
"""

import numpy as np
import numpy.typing as npt
from scipy import fft

from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltArray
from opq.testing.drafts import DURATION_S, RATE_HZ, Draft

THD_UNDECIDED_PCT = (4.2, 5.6)
"""A record whose true distortion lies between these has no certain answer to "more than 5 %" and is not drawn [%]."""
STEP_MARGIN_PCT = 0.6
HIGHEST_ORDER = 50
LEAST_WINDOWS = 3
"""Windows that distortion must last (`opq.standards.distortion`)."""


def rms_is_certain(draft: Draft) -> bool:
    """Whether the rms of every cycle is on the side of the limits that the drawn sags and swells put it on.

    The rms of a cycle contains everything (IEC 61000-4-30): a long oscillation of 1 pu is a swell as well, and in a sag it can
    part it in two. Such records have no single right answer and are not drawn. The margin is one percent and four and a half
    standard deviations of what noise does to the rms of a cycle.
    """
    wave = draft.sampled()
    energy = np.concatenate([[0.0], np.cumsum(2 * np.square(wave))])
    cycle = round(RATE_HZ / draft.f_hz)
    begin = np.arange(0, len(wave) - cycle, cycle // 8)
    rms = np.sqrt((energy[begin + cycle] - energy[begin]) / cycle + 2 * draft.sigma_pu() ** 2)
    margin = 0.01 + 4.5 * draft.sigma_pu() * np.sqrt(2 / cycle)
    low, high = np.zeros(len(begin), np.bool_), np.zeros(len(begin), np.bool_)
    edge = np.zeros(len(begin), np.bool_)
    for start, end, pu, ramp in draft.steps:
        inside = (begin >= (start + ramp) * RATE_HZ) & (begin + cycle <= end * RATE_HZ)
        low |= inside & (pu < 0.9)
        high |= inside & (pu > 1.1)
        edge |= (begin + cycle > start * RATE_HZ) & (begin < (end + ramp) * RATE_HZ) & ~inside
    may_be_high = high | (edge & any(pu > 1.1 for _, _, pu, _ in draft.steps))
    right = np.where(high, rms > 1.1 + margin, may_be_high | (rms < 1.1 - margin))
    right &= np.where(low, rms < 0.9 - margin, edge | (rms > 0.9 + margin))
    return bool(right.all())


def distortion_is_certain(draft: Draft) -> bool:
    """Add EXCESSIVE_THD to what is expected if the record has it, whatever it comes from; False if that is uncertain.

    Notches, long arcing and the noise itself are distortion to a meter of harmonics: white noise at 20 dB alone is 3.5 %.
    A record has it if three windows in a row are above the limit wherever the windows begin, and has it not if that is so
    nowhere.
    """
    runs = [_window_thd_pct(draft, quarter / 4) for quarter in range(4)]
    low, high = THD_UNDECIDED_PCT
    if any(not 0.9 < pu < 1.1 for _, _, pu, _ in draft.steps):
        # A window that a dip only just touches is judged, and the step in it is distortion.
        low -= STEP_MARGIN_PCT
    if all(_longest_run(thd > high) >= LEAST_WINDOWS and _is_one(thd, low, high) for thd in runs):
        draft.expected.add(IncidentClass.EXCESSIVE_THD)
        return True
    none = all(_longest_run(thd > low) < LEAST_WINDOWS for thd in runs)
    return none and IncidentClass.EXCESSIVE_THD not in draft.expected


def _is_one(thd: VoltArray, low: float, high: float) -> bool:
    """Whether the windows from the first above the limit to the last all are, well above where a run ends."""
    above = np.flatnonzero(thd > low)
    inside = thd[above[0] : above[-1] + 1]
    return bool((inside > (low + high) / 2).all() if len(above) < len(thd) else (inside > high).all())


def _window_thd_pct(draft: Draft, offset: float) -> VoltArray:
    """Return the true THD of the basic windows from `offset` windows on [%], noise included, without those a step touches.

    A window's noise is white: its power in the three bins around each of 49 harmonics is that share of all bins.
    """
    cycles, points = draft.nominal.cycles, 128
    length = cycles / draft.f_hz
    starts = np.arange(offset * length, DURATION_S - length, length)
    for start, end, pu, _ in draft.steps:
        if not 0.9 < pu < 1.1:
            starts = starts[(starts + length < start - 0.01) | (starts > end + 0.01)]
    time = starts[:, None] + np.arange(cycles * points) * (length / (cycles * points))
    clean = draft.clean(time.ravel()).reshape(time.shape)
    power = 2 * np.square(np.abs(fft.rfft(clean, axis=1)) / (cycles * points))
    centre = cycles * np.arange(1, HIGHEST_ORDER + 1)
    groups = power[:, centre - 1] + power[:, centre] + power[:, centre + 1]
    noise = draft.sigma_pu() ** 2 * 3 * (HIGHEST_ORDER - 1) / (length * RATE_HZ / 2)
    thd: VoltArray = 100 * np.sqrt((groups[:, 1:].sum(axis=1) + noise) / groups[:, 0])
    return thd


def _longest_run(values: npt.NDArray[np.bool_]) -> int:
    longest = run = 0
    for value in values.tolist():
        run = run + 1 if value else 0
        longest = max(longest, run)
    return longest
