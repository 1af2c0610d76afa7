"""Random mains records with known disturbances, to prove classification against.

Every record is a closed function of time: a fundamental with harmonics, an envelope, and what is added; white noise comes on
top. Ranges follow IEEE 1159-2019 table 2 and the integral models of the power-quality literature (R. Igual et al., "Integral
mathematical model of power quality disturbances", ICHQP 2018), narrowed where a case would have no right answer: each
narrowing is said where it is made.

Noise: white, its power `snr_db` under the mean power of the record's fundamental. An impulse, oscillation, burst, notch or
swing smaller than `LEAST_SIGMAS` times the noise is not drawn: it cannot be seen in the samples.
"""

from dataclasses import dataclass

import numpy as np

from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltageSegment
from opq.testing.certainty import distortion_is_certain, rms_is_certain
from opq.testing.drafts import DURATION_S, LEAST_SIGMAS, RATE_HZ, Draft, NoAnswer
from opq.testing.drawing import DRAW, add_harmonics, draw_harmless
from opq.testing.waves import START_UNIX_NS

__all__ = ["LEAST_SIGMAS", "Case", "draw_case"]

_ORDER = list(DRAW)


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

    Supplies are 100 to 240 V at 50 or 60 Hz, 0.1 to 0.5 Hz off; levels 0.97 to 1.03; background harmonics up to 4 % THD.
    """
    random = np.random.default_rng(seed)
    while True:
        draft = _supply(random, snr_db)
        try:
            for kind in sorted(kinds, key=lambda one: _ORDER.index(one)):
                DRAW[kind](draft)
                draft.expected.add(kind)
            if not kinds:
                draw_harmless(draft)
        except NoAnswer:
            continue
        if rms_is_certain(draft) and distortion_is_certain(draft):
            return _finish(draft)


def _supply(random: np.random.Generator, snr_db: float) -> Draft:
    f_nominal = float(random.choice([50.0, 60.0]))
    nominal = Nominal(float(random.uniform(100, 240)), f_nominal)
    f_hz = f_nominal + float(random.choice([-1, 1]) * random.uniform(0, random.choice([0.1, 0.5])))
    draft = Draft(random, nominal, f_hz, float(random.uniform(0, 2 * np.pi)), snr_db, float(random.uniform(0.97, 1.03)))
    add_harmonics(draft, float(random.uniform(0, 0.04)))
    return draft


def _finish(draft: Draft) -> Case:
    wave = draft.sampled() + draft.sigma_pu() * draft.random.standard_normal(round(DURATION_S * RATE_HZ))
    peak_v = np.sqrt(2) * draft.nominal.u_din_v
    segment = VoltageSegment(START_UNIX_NS, RATE_HZ, peak_v * wave)
    draft.truth |= {"f_hz": draft.f_hz, "phase": draft.phase, "sigma_pu": draft.sigma_pu()}
    return Case(draft.nominal, segment, frozenset(draft.expected), draft.truth)
