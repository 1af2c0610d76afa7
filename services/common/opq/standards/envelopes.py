"""Voltage tolerance envelopes as data: ITIC, SEMI F47, IEEE 1668, and any other by configuration.

Apart from `tolerance`, which judges a voltage by them, because curves are what operators add.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opq.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Step:
    """For a disturbance no longer than `until_s` [s], the limit is `pu` times Udin."""

    until_s: float
    pu: float


@dataclass(frozen=True, slots=True)
class Level:
    """Beyond `pu` (over Udin) the voltage may be for `allowed_s` [s] in one disturbance."""

    pu: float
    allowed_s: float


@dataclass(frozen=True, slots=True)
class Envelope:
    """A tolerance curve: steps by duration, the last without end; a side without steps is not judged.

    Raises
    ------
    InvalidInput
        If steps do not follow each other in duration, do not close in on 1 pu, or the last one ends.
    """

    name: str
    standard: str
    clause: str
    lower: tuple[Step, ...] = ()
    upper: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        _check_steps(f"{self.name}, lower", self.lower, 1)
        _check_steps(f"{self.name}, upper", self.upper, -1)

    @property
    def lower_levels(self) -> tuple[Level, ...]:
        """Levels below which the time is limited, deepest first."""
        return _levels(self.lower)

    @property
    def upper_levels(self) -> tuple[Level, ...]:
        """Levels above which the time is limited, highest first."""
        return _levels(self.upper)

    @staticmethod
    def from_mapping(curve: Mapping[str, Any]) -> "Envelope":
        """Make an envelope from configuration.

        ``{"name": ..., "standard": ..., "clause": ..., "lower": [[seconds, pu], ..., [null, pu]], "upper": [...]}``

        Raises
        ------
        InvalidInput
            Naming what is missing, unknown or not a curve.
        """
        unknown = set(curve) - {"name", "standard", "clause", "lower", "upper"}
        if unknown:
            raise InvalidInput(f"envelope: got key {min(unknown)!r}, expected name, standard, clause, lower, upper")
        name = str(curve.get("name", "custom"))
        return Envelope(
            name=name,
            standard=str(curve.get("standard", name)),
            clause=str(curve.get("clause", "")),
            lower=_steps(f"{name}, lower", curve.get("lower", ())),
            upper=_steps(f"{name}, upper", curve.get("upper", ())),
        )


def _levels(steps: Sequence[Step]) -> tuple[Level, ...]:
    """Turn steps into levels: the limit of a step may be passed as long as the step before it lasts."""
    before = (0.0, *(step.until_s for step in steps))
    return tuple(Level(step.pu, allowed_s) for allowed_s, step in zip(before, steps, strict=False) if step.pu > 0)


def _steps(name: str, points: Any) -> tuple[Step, ...]:
    try:
        return tuple(Step(math.inf if until is None else float(until), float(pu)) for until, pu in points)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{name}: got {points!r}, expected [[seconds or null, pu], ...]") from error


def _check_steps(name: str, steps: Sequence[Step], sign: int) -> None:
    """Raise unless steps get longer and closer to 1 pu, and the last has no end."""
    if not steps:
        return
    if steps[-1].until_s != math.inf:
        raise InvalidInput(f"{name}: last step ends at {steps[-1].until_s:g} s, expected no end (null)")
    for before, after in itertools.pairwise(steps):
        if not 0 < before.until_s < after.until_s or sign * (after.pu - before.pu) <= 0:
            raise InvalidInput(
                f"{name}: {before.pu:g} pu to {before.until_s:g} s is followed by {after.pu:g} pu to {after.until_s:g} s, "
                "expected longer steps closer to 1 pu"
            )
    if any(not math.isfinite(step.pu) or sign * (1 - step.pu) <= 0 for step in steps):
        raise InvalidInput(f"{name}: got a limit on the wrong side of 1 pu")


ITIC = Envelope(
    name="ITIC",
    standard="ITI (CBEMA) Curve 2000",
    clause="curve for 120 V equipment",
    lower=(Step(0.02, 0.0), Step(0.5, 0.7), Step(10.0, 0.8), Step(math.inf, 0.9)),
    upper=(Step(1 / 6000, 5.0), Step(0.001, 2.0), Step(0.003, 1.4), Step(0.5, 1.2), Step(math.inf, 1.1)),
)
SEMI_F47 = Envelope(
    name="SEMI F47",
    standard="SEMI F47-0706",
    clause="envelope of power quality tools",
    lower=(Step(0.02, 0.0), Step(0.2, 0.5), Step(0.5, 0.7), Step(10.0, 0.8), Step(math.inf, 0.9)),
)
"""Required are 0.5 pu for 0.2 s, 0.7 for 0.5 s and 0.8 for 1 s (the last M); the rest is recommended. Tools judge by all."""
IEEE_1668_TYPE_I_II = Envelope(
    name="IEEE 1668 type I/II",
    standard="IEEE 1668-2017",
    clause="type I and II",
    lower=(Step(0.2, 0.5), Step(0.5, 0.7), Step(math.inf, 0.8)),
)
"""The curve ends at 2 s and asks for nothing above 0.8 pu; below 0.8 pu it is passed long before."""
IEEE_1668_TYPE_III = Envelope(
    name="IEEE 1668 type III",
    standard="IEEE 1668-2017",
    clause="type III",
    lower=(Step(0.05, 0.5), Step(0.1, 0.7), Step(math.inf, 0.8)),
)
ENVELOPES: dict[str, Envelope] = {
    "itic": ITIC,
    "semi_f47": SEMI_F47,
    "ieee1668_1_2": IEEE_1668_TYPE_I_II,
    "ieee1668_3": IEEE_1668_TYPE_III,
}
"""Envelopes by the name used in configuration."""
