"""The disturbances themselves: what is drawn of each class, from which range, and why from that.

Ranges follow IEEE 1159-2019 table 2 and the integral models of the power-quality literature (R. Igual et al., "Integral
mathematical model of power quality disturbances", ICHQP 2018), narrowed where a case would have no right answer.
"""

from collections.abc import Callable

import numpy as np

from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltArray
from opq.testing.drafts import DURATION_S, Draft, NoAnswer

MOST_NOTCHED = 0.25
"""Largest part of the time that notches take: six of 15 degrees, a usual overlap of commutation."""


def add_harmonics(draft: Draft, thd: float) -> None:
    """Set harmonics of `thd` in total, of the odd orders of rectifiers and single-phase loads, falling with the order."""
    orders = np.array([3, 5, 7, 9, 11, 13, 17, 19])
    sizes = draft.random.uniform(0.1, 1, len(orders)) / orders
    sizes *= thd / np.sqrt(np.square(sizes).sum())
    shifts = draft.random.uniform(0, 2 * np.pi, len(orders))
    draft.harmonics = list(zip(orders.tolist(), sizes.tolist(), shifts.tolist(), strict=True))


def draw_harmless(draft: Draft) -> None:
    """Add what is no incident: a load step to 3 %, a phase jump to 10 degrees, flicker to 1 %."""
    random = draft.random
    if random.random() < 0.3:
        start = draft.place(0.5)
        level = draft.level * (1 + float(random.uniform(-0.03, 0.03)))
        draft.steps.append((start, start + 0.5, level, float(random.uniform(1e-5, 1e-3))))
    if random.random() < 0.2:
        draft.jumps.append((draft.place(0.01), float(np.deg2rad(random.uniform(-10, 10)))))
    if random.random() < 0.2:
        draft.flicker = (float(random.uniform(0, 0.01)), float(random.uniform(0.5, 15)))


def _step(draft: Draft, pu: float, duration_s: float) -> None:
    """Change the voltage to `pu`; edges at any point on wave, sudden to 1 ms long."""
    start = draft.place(duration_s, 0.15)
    draft.steps.append((start, start + duration_s, pu, float(draft.random.uniform(1e-5, 1e-3))))
    draft.truth["step_s"] = start


def _sag(draft: Draft) -> None:
    """Draw 0.15 to 0.85 pu for 2 cycles to 0.6 s (IEEE 1159: 0.1 to 0.9 from half a cycle; a shorter one shows its depth only
    in part in the rms of one cycle).
    """
    _step(draft, float(draft.random.uniform(0.15, 0.85)), float(draft.random.uniform(2 / draft.f_hz, 0.6)))


def _swell(draft: Draft) -> None:
    """Draw 1.15 to 1.8 pu for 2 cycles to 0.6 s (IEEE 1159: 1.1 to 1.8)."""
    _step(draft, float(draft.random.uniform(1.15, 1.8)), float(draft.random.uniform(2 / draft.f_hz, 0.6)))


def _interruption(draft: Draft) -> None:
    """Draw 0 to 0.03 pu for 0.5 to 1.2 s: long enough for the noise at 20 dB, which counts in the rms, to stay under 0.1 pu."""
    _step(draft, float(draft.random.uniform(0, 0.03)), float(draft.random.uniform(0.5, 1.2)))


def _distorted(draft: Draft) -> None:
    """Draw 6 to 15 % of total harmonic distortion."""
    add_harmonics(draft, float(draft.random.uniform(0.06, 0.15)))


def _impulse(draft: Draft) -> None:
    """Draw a double exponential of either polarity (IEEE 1159 millisecond class: 0.1 ms rise, over 1 ms long), 0.2 to 2 pu."""
    random = draft.random
    least = draft.least(IncidentClass.IMPULSIVE_TRANSIENT, 0.2)
    size = float(random.uniform(least, max(2.0, least)) * random.choice([-1, 1]))
    rise, decay = float(random.uniform(0.5e-4, 1.5e-4)), float(random.uniform(0.45e-3, 1.5e-3))
    start = draft.place(3 * decay)
    top = rise * decay / (decay - rise) * np.log(decay / rise)
    scale = size / (np.exp(-top / decay) - np.exp(-top / rise))

    def added(time: VoltArray) -> VoltArray:
        after = np.maximum(time - start, 0)
        result: VoltArray = scale * (np.exp(-after / decay) - np.exp(-after / rise))
        return result

    draft.added.append(added)
    draft.truth |= {"impulse_s": start, "impulse_pu": size, "impulse_decay_s": decay}


def _oscillation(draft: Draft) -> None:
    """Draw a damped oscillation, 0.2 to 1.5 pu, 300 Hz to 4 kHz, gone to 5 % within 3 to 50 ms (IEEE 1159: below 5 kHz, 0.3 to
    50 ms, to 4 pu), of at least 1.2 periods before it is down to 1/e: a shorter one is hardly one.
    """
    random = draft.random
    least = draft.least(IncidentClass.OSCILLATORY_TRANSIENT, 0.2)
    size = float(random.uniform(least, max(1.5, least)) * random.choice([-1, 1]))
    f_hz = float(np.exp(random.uniform(np.log(300), np.log(4000))))
    decay = float(random.uniform(max(1e-3, 1.2 / f_hz), 50e-3 / 3))
    shift = float(random.choice([0, np.pi / 2]))
    start = draft.place(3 * decay)

    def added(time: VoltArray) -> VoltArray:
        inside = (time >= start).astype(np.float64)
        ringing = np.maximum(time - start, 0)
        result: VoltArray = inside * size * np.exp(-ringing / decay) * np.sin(2 * np.pi * f_hz * ringing + shift)
        return result

    draft.added.append(added)
    draft.truth |= {
        "oscillation_s": start,
        "oscillation_pu": size,
        "oscillation_hz": f_hz,
        "oscillation_decay_s": decay,
    }


def _arcing(draft: Draft) -> None:
    """Draw bursts around zero crossings for 0.15 to 0.8 s: in nine of ten half cycles, each a damped oscillation of 0.8 to 3.5
    kHz and some tenths of a millisecond, of its own sign, size (0.6 to 1.4 of 0.15 to 0.7 pu) and place (to 10 % of a half
    cycle off): the re-ignitions of an arc, which dies at each zero of the current.
    """
    random = draft.random
    duration = float(random.uniform(0.15, 0.8))
    start = draft.place(duration)
    least = draft.least(IncidentClass.ARCING_TRANSIENT, 0.15)
    size = float(random.uniform(least, max(0.7, least)))
    first = np.ceil(draft.angle(np.array([start]))[0] / np.pi)
    count = int(duration * 2 * draft.f_hz)
    half = 1 / (2 * draft.f_hz)
    crossing = (np.pi * (first + np.arange(count)) - draft.phase) / (2 * np.pi * draft.f_hz)
    at = crossing + half * random.uniform(-0.1, 0.1, count)
    sizes = size * random.uniform(0.6, 1.4, count) * random.choice([-1, 1], count) * (random.random(count) < 0.9)
    f_hz, decay = random.uniform(800, 3500, count), random.uniform(0.3e-3, 0.8e-3, count)

    def added(time: VoltArray) -> VoltArray:
        which = np.clip(np.searchsorted(at, time, side="right") - 1, 0, count - 1)
        after = time - at[which]
        inside = after >= 0
        after = np.where(inside, after, 0)
        ring = np.exp(-after / decay[which]) * np.cos(2 * np.pi * f_hz[which] * after)
        result: VoltArray = np.where(inside, sizes[which] * ring, 0.0)
        return result

    draft.added.append(added)
    draft.truth |= {"arcing_s": start, "arcing_duration_s": duration, "arcing_pu": size}


def _notching(draft: Draft) -> None:
    """Draw two, four or six notches a cycle, 0.25 to 1 ms wide and 0.1 to 0.4 pu deep, toward zero, for 0.8 s to always: the
    commutation of rectifiers (IEEE 519 clause 5; the literature's models). Not deeper than 0.7 of the voltage where they
    are, for then they would cross zero and be another class.
    """
    random = draft.random
    count = int(random.choice([2, 4, 6]))
    spacing = 2 * np.pi / count
    first = {2: (20, 150), 4: (20, 65), 6: (18, 40)}[count]
    at = np.deg2rad(random.uniform(*first))
    places = (at + spacing * np.arange(count // 2)) % np.pi
    width = float(random.uniform(0.25e-3, 1e-3)) * 2 * np.pi * draft.f_hz
    lowest = min(np.sin(places).min(), np.sin(np.minimum(places + width, np.pi)).min())
    least = draft.least(IncidentClass.PERIODIC_NOTCHING, 0.1)
    depth = float(random.uniform(least, max(0.4, least)))
    if depth > 0.7 * lowest or count * width > MOST_NOTCHED * 2 * np.pi:
        _notching(draft)
        return
    whole = random.random() < 0.5
    duration = float(random.uniform(0.8, 1.5))
    start, end = (-1.0, DURATION_S + 1) if whole else (begin := float(random.uniform(0.1, 0.4)), begin + duration)

    def added(time: VoltArray) -> VoltArray:
        angle = draft.angle(time) % (2 * np.pi)
        sign, within = np.where(angle < np.pi, 1.0, -1.0), angle % np.pi
        notched = np.zeros(len(time))
        for place in places:
            notched += (within >= place) & (within < place + width)
        result: VoltArray = -depth * sign * notched * draft.envelope(time) * ((time >= start) & (time < end))
        return result

    draft.added.append(added)
    draft.truth |= {"notches": count, "notch_width_s": width / (2 * np.pi * draft.f_hz), "notch_pu": depth}
    draft.truth |= {"notching_s": start, "notching_end_s": end}


def _crossings(draft: Draft) -> None:
    """Draw a swing to the wrong side and back at each zero crossing for 3 to 12 cycles, 0.08 to 0.3 pu beyond zero, 0.5 to 1 ms
    on each side: the commutation notch of a rectifier at full control, which makes clocks run fast (IEEE 519 clause 5).
    """
    random = draft.random
    count = int(random.integers(6, 25))
    half = 1 / (2 * draft.f_hz)
    width = float(random.uniform(0.5e-3, 1e-3))
    least = draft.least(IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT, 0.08)
    swing = float(random.uniform(least, max(0.3, least)))
    roots, highest = _zero_crossings(draft, width / 2)
    start = draft.place(count * half)
    first = int(np.ceil(draft.angle(np.array([start]))[0] / np.pi))
    even = (np.arange(count) + first) % 2 == 0
    sizes = (swing + np.where(even, *highest)) * random.uniform(0.9, 1.1, count)

    def added(time: VoltArray) -> VoltArray:
        turns = draft.angle(time) / np.pi
        nearest = np.rint(turns).astype(int)
        rising = nearest % 2 == 0
        away = (turns - nearest - np.where(rising, *roots) / np.pi) * half
        number = nearest - first
        inside = (np.abs(away) < width) & (number >= 0) & (number < count)
        sign = np.where(rising, 1.0, -1.0)
        result: VoltArray = np.where(
            inside, -sign * sizes[np.clip(number, 0, count - 1)] * np.sin(np.pi * away / width), 0.0
        )
        return result

    draft.added.append(added)
    draft.truth |= {"crossings": count, "crossings_s": start, "crossings_width_s": width, "crossings_pu": swing}


def _zero_crossings(draft: Draft, away_s: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return where the wave with its harmonics crosses zero, from the fundamental's rising and falling crossing [rad], and how
    far it is from zero `away_s` before or after that at most.
    """
    away = np.linspace(-0.9, 0.9, 3601)
    span = round(away_s * 2 * np.pi * draft.f_hz / (away[1] - away[0]))
    roots, highest = [], []
    for crossing in (0.0, np.pi):
        angle = crossing + away
        wave = np.sin(angle)
        for order, size, shift in draft.harmonics:
            wave = wave + size * np.sin(order * angle + shift)
        wave = wave * draft.level
        turns = np.flatnonzero(np.sign(wave[1:]) != np.sign(wave[:-1]))
        if len(turns) != 1:
            raise NoAnswer("the harmonics alone cross zero more than once")
        at = int(turns[0])
        roots.append(float(away[at]))
        highest.append(float(max(abs(wave[at - span]), abs(wave[at + span]))))
    return (roots[0], roots[1]), (highest[0], highest[1])


DRAW: dict[IncidentClass, Callable[[Draft], None]] = {
    IncidentClass.VOLTAGE_SAG: _sag,
    IncidentClass.VOLTAGE_SWELL: _swell,
    IncidentClass.VOLTAGE_INTERRUPTION: _interruption,
    IncidentClass.EXCESSIVE_THD: _distorted,
    IncidentClass.IMPULSIVE_TRANSIENT: _impulse,
    IncidentClass.OSCILLATORY_TRANSIENT: _oscillation,
    IncidentClass.ARCING_TRANSIENT: _arcing,
    IncidentClass.PERIODIC_NOTCHING: _notching,
    IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT: _crossings,
}
