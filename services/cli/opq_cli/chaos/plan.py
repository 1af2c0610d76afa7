"""What is done to a site, drawn from a seed before it begins: the same seed is the same plan.

Disturbances are far enough apart to be told from each other, and nothing keeps a box from being heard for as long as an
outage takes to be one: what must be found is then known exactly.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.sim.scenario import ClockStep, Disturbance, DisturbanceKind, Scenario, quiet_scenario

CALM_S = 24.0
"""At the end no more faults begin: what is under way comes to its end, and an outage is told from them."""
_OUTAGE_S = 13.0
_FIRST_S = 6.0
_APART_S = 7.0
_HEARD_S = 8.0
"""Between two faults that keep boxes from being heard."""
_STEPPED = 2
"""Boxes whose clocks are set, back or a little ahead; nothing else happens to them. Frames far ahead are refused."""


class FaultKind(Enum):
    """What is done to a program, a connection, the store or the disk."""

    KILL = "kill"
    """SIGKILL; the program is started again."""
    PAUSE = "pause"
    """SIGSTOP, and SIGCONT after a while."""
    DELAY = "delay"
    """Everything on a connection arrives later."""
    PARTITION = "partition"
    """Nothing on a connection arrives; then it breaks."""
    SPOIL = "spoil"
    """Bytes on a connection are changed; TLS must notice and end it."""
    ROTATE = "rotate"
    """Every program gets another certificate."""
    STORE_LOCKED = "store_locked"
    """Nobody else can write to the store."""
    DISK_FULL = "disk_full"
    """The disk of store, spools and ring buffers has no room."""
    GARBAGE = "garbage"
    """A stranger sends bytes that are no HTTP/2, and a box frames that are none."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is done."""

    kind: FaultKind
    target: str
    """Program or connection; empty for the store and the disk."""
    at_s: float
    """From the start of the scenario [s]."""
    length_s: float
    """How long it lasts [s]; 0 for what happens at once."""
    amount_s: float = 0.0
    """Of a delay [s]."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that happens in a run."""

    scenario: Scenario
    faults: tuple[Fault, ...]


_PROGRAMS = ("ingest", "makai", "hub", "worker")
LINKS = ("simulate", "ingest", "worker")
"""Connections by who opened them: boxes to ingest, ingest to Makai, worker to hub."""
_KINDS = {
    FaultKind.KILL: 4,
    FaultKind.PAUSE: 3,
    FaultKind.DELAY: 2,
    FaultKind.PARTITION: 3,
    FaultKind.SPOIL: 2,
    FaultKind.ROTATE: 1,
    FaultKind.STORE_LOCKED: 2,
    FaultKind.DISK_FULL: 1,
    FaultKind.GARBAGE: 2,
}
_SILENCING = {
    (FaultKind.KILL, "simulate"), (FaultKind.PAUSE, "simulate"), (FaultKind.PARTITION, "simulate"),
    (FaultKind.DELAY, "simulate"), (FaultKind.SPOIL, "simulate"), (FaultKind.PAUSE, "ingest"), (FaultKind.KILL, "ingest"),
}  # fmt: skip


def make_plan(
    seed: int, count: int, duration_s: float, start_unix_ns: int, nominal: Nominal, kinds: Sequence[FaultKind]
) -> Plan:
    """Draw a plan.

    Parameters
    ----------
    count : int
        Boxes.
    duration_s : float
        How long the run is [s].
    kinds : sequence of FaultKind
        What can be done on this machine.
    """
    rng = random.Random(seed)
    quiet = quiet_scenario(count, start_unix_ns, nominal, seed)
    boxes = [box.box_id for box in quiet.boxes]
    stepped = rng.sample(boxes[1:], min(_STEPPED, len(boxes) - 1))
    steps = tuple(
        ClockStep(box_id, rng.uniform(10, duration_s - CALM_S), rng.choice([-rng.uniform(2, 20), rng.uniform(1, 4)]))
        for box_id in stepped
    )
    feeders: dict[str, tuple[BoxId, ...]] = {}
    for box in quiet.boxes:
        if box.box_id not in stepped:
            feeders[box.feeder] = (*feeders.get(box.feeder, ()), box.box_id)
    disturbances = _disturbances(rng, list(feeders.values()), duration_s)
    scenario = Scenario(f"chaos-{seed}", seed, start_unix_ns, quiet.boxes, disturbances, clock_steps=steps)
    return Plan(scenario, _faults(rng, disturbances, duration_s, kinds))


def _disturbances(
    rng: random.Random, feeders: Sequence[tuple[BoxId, ...]], duration_s: float
) -> tuple[Disturbance, ...]:
    kind, found = DisturbanceKind, IncidentClass
    interruption = (
        found.VOLTAGE_INTERRUPTION, found.ITIC_NO_DAMAGE, found.SEMI_F47_VIOLATION, found.IEEE_1668_VIOLATION
    )  # fmt: skip
    drawn: list[Disturbance] = []
    at = _FIRST_S
    while at < duration_s - CALM_S:
        feeder = rng.choice(feeders)
        one = (rng.choice(feeder),)
        short = rng.uniform(0.2, 0.45)
        item = rng.choice(
            [
                Disturbance(kind.SAG, feeder, at, short, rng.uniform(0.74, 0.86), (found.VOLTAGE_SAG,)),
                Disturbance(kind.SAG, one, at, short, rng.uniform(0.74, 0.86), (found.VOLTAGE_SAG,)),
                Disturbance(kind.SWELL, one, at, short, rng.uniform(1.13, 1.18), (found.VOLTAGE_SWELL,)),
                Disturbance(kind.INTERRUPTION, one, at, rng.uniform(0.3, 0.5), 0.03, interruption),
                Disturbance(kind.DISTORTION, one, at, 3.0, 9.0, (found.EXCESSIVE_THD,)),
            ]
        )
        drawn.append(item)
        at += item.duration_s + _APART_S + rng.uniform(0, 3)
    outage = (rng.choice(rng.choice(feeders)),)
    end = duration_s - CALM_S + _APART_S + 3
    return (*drawn, Disturbance(kind.OUTAGE, outage, end, _OUTAGE_S, 0.0, (found.OUTAGE,)))


def _faults(
    rng: random.Random, disturbances: Sequence[Disturbance], duration_s: float, kinds: Sequence[FaultKind]
) -> tuple[Fault, ...]:
    drawn: list[Fault] = []
    at, heard_again = _FIRST_S, 0.0
    weights = [_KINDS[kind] for kind in kinds]
    while at < duration_s - CALM_S:
        fault = _fault(rng, rng.choices(kinds, weights)[0], at)
        silencing = (fault.kind, fault.target) in _SILENCING
        dark = fault.kind is FaultKind.KILL and fault.target == "simulate" and _near(disturbances, at)
        if not dark and not (silencing and at < heard_again):
            drawn.append(fault)
            if silencing:
                heard_again = at + fault.length_s + _HEARD_S
        at += rng.uniform(1, 4)
    return tuple(drawn)


def _fault(rng: random.Random, kind: FaultKind, at_s: float) -> Fault:
    if kind is FaultKind.KILL:
        return Fault(kind, rng.choice([*_PROGRAMS, *_PROGRAMS, "simulate"]), at_s, 0.0)
    if kind is FaultKind.PAUSE:
        return Fault(kind, rng.choice([*_PROGRAMS, "simulate"]), at_s, rng.uniform(0.3, 4))
    if kind is FaultKind.DELAY:
        return Fault(kind, rng.choice(LINKS), at_s, rng.uniform(3, 10), rng.uniform(0.05, 1))
    if kind is FaultKind.PARTITION:
        return Fault(kind, rng.choice(LINKS), at_s, rng.uniform(0.5, 5))
    if kind is FaultKind.SPOIL:
        return Fault(kind, rng.choice(LINKS), at_s, rng.uniform(0.2, 2))
    if kind is FaultKind.ROTATE:
        return Fault(kind, "", at_s, 0.0)
    if kind is FaultKind.GARBAGE:
        return Fault(kind, "ingest", at_s, 0.0)
    return Fault(kind, "", at_s, rng.uniform(0.5, 4))


def _near(disturbances: Sequence[Disturbance], at_s: float) -> bool:
    """Whether something happens while boxes that are killed now are not yet back."""
    return any(item.start_s - 12 < at_s < item.start_s + item.duration_s + 2 for item in disturbances)
