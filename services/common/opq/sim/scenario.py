"""What happens in a simulation, written down before it happens.

A scenario is data: it travels as JSON from the program that judges the outcome to the one that makes the
samples, and both compute from it the same times and the same truth.
"""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from opq.clock import NS, seconds_ns
from opq.errors import InvalidInput
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.incidents import IncidentClass


class DisturbanceKind(Enum):
    """What is done to the supply."""

    SAG = "sag"
    SWELL = "swell"
    INTERRUPTION = "interruption"
    DISTORTION = "distortion"
    FREQUENCY = "frequency"
    OUTAGE = "outage"
    """The box loses its own power: no samples, no session, a restart afterwards."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing that happens, and what must be found of it."""

    kind: DisturbanceKind
    box_ids: tuple[BoxId, ...]
    start_s: float
    """From the start of the scenario [s]."""
    duration_s: float
    level: float
    """Sag, swell, interruption: remaining voltage [pu]. Distortion: added THD [%]. Frequency: deviation [Hz]."""
    classes: tuple[IncidentClass, ...]
    """Exactly one incident of each at every box named; the first is the main one."""


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The clock of a box is set, by somebody or something that is wrong."""

    box_id: BoxId
    at_s: float
    """From the start of the scenario [s]."""
    step_s: float
    """By how much; negative is back."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A grid of boxes and all that happens on it."""

    name: str
    seed: int
    start_unix_ns: int
    boxes: tuple[Box, ...]
    disturbances: tuple[Disturbance, ...]
    repeat_s: float = 0.0
    """The disturbances happen again every so many seconds; 0 is once."""
    clock_steps: tuple[ClockStep, ...] = ()

    def box(self, box_id: BoxId) -> Box:
        """Return one box of the scenario."""
        for box in self.boxes:
            if box.box_id == box_id:
                return box
        raise InvalidInput(f"box_id: got {box_id!r}, expected one of {', '.join(box.box_id for box in self.boxes)}")

    def interval(self, disturbance: Disturbance, repetition: int = 0) -> tuple[int, int]:
        """Start and end of a disturbance's occurrence, by default the first [ns since the epoch]."""
        start = self.start_unix_ns + seconds_ns(repetition * self.repeat_s + disturbance.start_s)
        return start, start + seconds_ns(disturbance.duration_s)

    def clock_error_ns(self, box_id: BoxId, unix_ns: int) -> int:
        """How far the clock of a box is ahead at a time [ns]."""
        at = (unix_ns - self.start_unix_ns) / NS
        return sum(seconds_ns(step.step_s) for step in self.clock_steps if step.box_id == box_id and step.at_s <= at)

    def outage_at(self, box_id: BoxId, unix_ns: int) -> bool:
        """Whether the box is without power at a time."""
        at = (unix_ns - self.start_unix_ns) / NS
        if self.repeat_s and at >= 0:
            at %= self.repeat_s
        return any(
            box_id in item.box_ids and item.start_s <= at < item.start_s + item.duration_s
            for item in self.disturbances
            if item.kind is DisturbanceKind.OUTAGE
        )


_SCENARIO = TypeAdapter(Scenario)


def save_scenario(scenario: Scenario, path: Path) -> None:
    """Write as JSON."""
    path.write_bytes(_SCENARIO.dump_json(scenario, indent=1))


def load_scenario(path: Path) -> Scenario:
    """Read what `save_scenario` wrote.

    Raises
    ------
    InvalidInput
        If the file is missing or no scenario, naming the place.
    """
    try:
        return _SCENARIO.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"scenario: cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"scenario: {path}: {place}: {first['msg']}") from error


def quiet_scenario(count: int, start_unix_ns: int, nominal: Nominal, seed: int = 1) -> Scenario:
    """Make `count` boxes ``sim-01`` ... on grid ``demo``, on feeders of four, to which nothing happens."""
    boxes = tuple(
        Box(
            box_id=BoxId(f"sim-{number:02d}"),
            grid_id=GridId("demo"),
            nominal=nominal,
            name=f"Simulated house {number}",
            feeder=f"feeder-{(number - 1) // 4 + 1}",
        )
        for number in range(1, count + 1)
    )
    return Scenario("quiet", seed, start_unix_ns, boxes, ())


def demo_scenario(count: int, start_unix_ns: int, nominal: Nominal, seed: int = 1) -> Scenario:
    """Make the demonstration: one disturbance of each kind within 75 s, again every ten minutes."""
    quiet = quiet_scenario(count, start_unix_ns, nominal, seed)
    everyone = tuple(box.box_id for box in quiet.boxes)
    feeder = tuple(box.box_id for box in quiet.boxes if box.feeder == quiet.boxes[0].feeder)
    first, last = everyone[:1], everyone[-1:]
    kind, found = DisturbanceKind, IncidentClass
    interruption = (
        found.VOLTAGE_INTERRUPTION,
        found.ITIC_NO_DAMAGE,
        found.SEMI_F47_VIOLATION,
        found.IEEE_1668_VIOLATION,
    )
    disturbances = (
        Disturbance(kind.SAG, feeder, 6.0, 0.3, 0.75, (found.VOLTAGE_SAG,)),
        Disturbance(kind.SAG, last, 14.0, 0.45, 0.83, (found.VOLTAGE_SAG,)),
        Disturbance(kind.INTERRUPTION, first, 22.0, 0.4, 0.03, interruption),
        Disturbance(kind.SWELL, last, 30.0, 0.35, 1.16, (found.VOLTAGE_SWELL,)),
        Disturbance(kind.DISTORTION, first, 38.0, 3.0, 9.0, (found.EXCESSIVE_THD,)),
        Disturbance(kind.FREQUENCY, everyone, 49.0, 5.0, -0.35, (found.FREQUENCY_SAG,)),
        Disturbance(kind.OUTAGE, last, 60.0, 14.0, 0.0, (found.OUTAGE,)),
    )
    return Scenario("demo", seed, start_unix_ns, quiet.boxes, disturbances, repeat_s=600.0)
