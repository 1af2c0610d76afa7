"""Random mains records with known disturbances, to prove classification against.

Every record is a closed function of time: a fundamental with harmonics, an envelope, and what is added; white noise comes on
top. Ranges follow IEEE 1159-2019 table 2 and the integral models of the power-quality literature (R. Igual et al., "Integral
mathematical model of power quality disturbances", ICHQP 2018), narrowed where a case would have no right answer: each
narrowing is said where it is made.

Noise: white, its power `snr_db` under the mean power of the record's fundamental. An impulse, oscillation, burst, notch or
swing smaller than `LEAST_SIGMAS` times the noise is not drawn: it cannot be seen in the samples.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import fft

from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.testing.waves import START_UNIX_NS

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
THD_UNDECIDED_PCT = (4.4, 5.6)
"""A record whose true distortion lies between these has no certain answer to "more than 5 %" and is not drawn [%]."""
HIGHEST_ORDER = 50
LEAST_WINDOWS = 3
"""Windows that distortion must last (`opq.standards.distortion`)."""

MOST_NOTCHED = 0.25
"""Largest part of the time that notches take: six of 15 degrees, a usual overlap of commutation."""

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
        raise RuntimeError(f"no place for {duration_s} s")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A record and what must be found in it."""

    nominal: Nominal
    segment: VoltageSegment
    expected: frozenset[IncidentClass]
    truth: dict[str, float]
    """What the record was drawn with, by name: of tests and of a look at what went wrong."""


def draw_case(kinds: tuple[IncidentClass, ...], snr_db: float, seed: tuple[int, ...]) -> Case:
    """Draw a record with the disturbances `kinds`, none for a normal one; the same seed gives the same record.

    Supplies are 100 to 240 V at 50 or 60 Hz, 0.1 to 0.5 Hz off; levels 0.96 to 1.04; background harmonics up to 4 % THD.
    """
    random = np.random.default_rng(seed)
    while True:
        draft = _supply(random, snr_db)
        for kind in sorted(kinds, key=lambda one: _ORDER.index(one)):
            _DRAW[kind](draft)
            draft.expected.add(kind)
        if not kinds:
            _harmless(draft)
        if _rms_is_certain(draft) and _distortion_is_certain(draft):
            return _finish(draft)


def _supply(random: np.random.Generator, snr_db: float) -> Draft:
    f_nominal = float(random.choice([50.0, 60.0]))
    nominal = Nominal(float(random.uniform(100, 240)), f_nominal)
    f_hz = f_nominal + float(random.choice([-1, 1]) * random.uniform(0, random.choice([0.1, 0.5])))
    draft = Draft(random, nominal, f_hz, float(random.uniform(0, 2 * np.pi)), snr_db, float(random.uniform(0.96, 1.04)))
    _add_harmonics(draft, float(random.uniform(0, 0.04)))
    return draft


def _add_harmonics(draft: Draft, thd: float) -> None:
    """Set harmonics of `thd` in total, of the odd orders of rectifiers and single-phase loads, falling with the order."""
    orders = np.array([3, 5, 7, 9, 11, 13, 17, 19])
    sizes = draft.random.uniform(0.1, 1, len(orders)) / orders
    sizes *= thd / np.sqrt(np.square(sizes).sum())
    shifts = draft.random.uniform(0, 2 * np.pi, len(orders))
    draft.harmonics = list(zip(orders.tolist(), sizes.tolist(), shifts.tolist(), strict=True))


def _harmless(draft: Draft) -> None:
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
    _add_harmonics(draft, float(draft.random.uniform(0.06, 0.15)))


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
        at = int(turns[np.argmin(np.abs(away[turns]))])
        roots.append(float(away[at]))
        highest.append(float(max(abs(wave[at - span]), abs(wave[at + span]))))
    return (roots[0], roots[1]), (highest[0], highest[1])


_DRAW: dict[IncidentClass, Callable[[Draft], None]] = {
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
_ORDER = list(_DRAW)


def _rms_is_certain(draft: Draft) -> bool:
    """Whether the rms of every cycle is on the side of the limits that the drawn sags and swells put it on.

    The rms of a cycle contains everything (IEC 61000-4-30): a long oscillation of 1 pu is a swell as well, and in a sag it can
    part it in two. Such records have no single right answer and are not drawn. The margin is one percent and four and a half
    standard deviations of what noise does to the rms of a cycle.
    """
    time = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    energy = np.concatenate([[0.0], np.cumsum(2 * np.square(draft.clean(time)))])
    cycle = round(RATE_HZ / draft.f_hz)
    begin = np.arange(0, len(time) - cycle, cycle // 8)
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


def _distortion_is_certain(draft: Draft) -> bool:
    """Add EXCESSIVE_THD to what is expected if the record has it, whatever it comes from; False if that is uncertain.

    Notches, long arcing and the noise itself are distortion to a meter of harmonics: white noise at 20 dB alone is 3.5 %.
    A record has it if three windows in a row are above the limit wherever the windows begin, and has it not if that is so
    nowhere.
    """
    runs = [_window_thd_pct(draft, quarter / 4) for quarter in range(4)]
    low, high = THD_UNDECIDED_PCT
    if all(_longest_run(thd > high) >= LEAST_WINDOWS for thd in runs):
        draft.expected.add(IncidentClass.EXCESSIVE_THD)
        return True
    none = all(_longest_run(thd > low) < LEAST_WINDOWS for thd in runs)
    return none and IncidentClass.EXCESSIVE_THD not in draft.expected


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


def _finish(draft: Draft) -> Case:
    time = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    wave = draft.clean(time) + draft.sigma_pu() * draft.random.standard_normal(len(time))
    peak_v = np.sqrt(2) * draft.nominal.u_din_v
    segment = VoltageSegment(START_UNIX_NS, RATE_HZ, peak_v * wave)
    draft.truth |= {"f_hz": draft.f_hz, "phase": draft.phase, "sigma_pu": draft.sigma_pu()}
    return Case(draft.nominal, segment, frozenset(draft.expected), draft.truth)
