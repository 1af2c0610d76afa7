"""What each kind of happening does to every box, by the equations of the network; drawn at time 0 and shifted from there."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from opq.errors import InvalidInput
from opq.sim.grid.courses import Course, Peak, Ring, shaped
from opq.sim.grid.kinds import HappeningKind
from opq.sim.grid.network import Float, Index, Network, damped

LEAST_PU = 0.0005
"""Changes of voltage below this are left out: less than the noise [pu]."""
_LEAST_THD = 0.1
_GONE = -0.998
"""What an interruption takes: a little is left by what still turns [pu]."""
_BUS = 1
"""Node of the substation's bus, see `build_network`."""
_RISE_S = 2.0
"""Distortion comes and goes in this time [s]; in half a second its change would be a transient."""
_MOTOR_ANGLE = 1.3
"""A starting motor draws nearly reactive current [rad]."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a plan fixes of a happening; the rest is drawn."""

    box: int | None = None
    size: float | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Occurrence:
    """A happening as changes of quantities over time."""

    kind: HappeningKind
    origin: str
    start_s: float
    end_s: float
    voltage: tuple[Course, ...] = ()
    """Relative to the voltage without it [pu]."""
    distortion: tuple[Course, ...] = ()
    """Added at right angles to what is there [% of the fundamental]."""
    rings: tuple[Ring, ...] = ()
    edges: tuple[Peak, ...] = ()
    """What the jumps of voltage leave in the residual, see `opq.sim.grid.edges`."""
    frequency: Course | None = None
    """One row for all boxes [Hz]."""
    step: Float | None = None
    """Change of every box's level that stays, (boxes,) [pu]."""
    bank: int = -1
    off: tuple[tuple[float, float, Index], ...] = field(default=())
    """From, to [s], and the boxes without power."""

    def shifted(self, by_s: float) -> "Occurrence":
        """Return the same, later."""
        return replace(
            self,
            start_s=self.start_s + by_s,
            end_s=self.end_s + by_s,
            voltage=tuple(course.shifted(by_s) for course in self.voltage),
            distortion=tuple(course.shifted(by_s) for course in self.distortion),
            rings=tuple(ring.shifted(by_s) for ring in self.rings),
            frequency=self.frequency and self.frequency.shifted(by_s),
            off=tuple((first + by_s, last + by_s, boxes) for first, last, boxes in self.off),
        )


class Effects:
    """Draws happenings on a network.

    Parameters
    ----------
    network : Network
    f_hz : float
        Nominal frequency: protection acts after so many cycles [Hz].
    tap_pu : float
        A tap changer's step [pu].
    names : sequence of str
        Of the boxes, for origins.
    """

    def __init__(self, network: Network, f_hz: float, tap_pu: float, names: tuple[str, ...]) -> None:
        self._net, self._cycle_s, self._tap_pu, self._names = network, 1 / f_hz, tap_pu, names
        self._boxes = len(names)
        kind = HappeningKind
        self._makers: dict[HappeningKind, Callable[[np.random.Generator, Wish], Occurrence]] = {
            kind.TRANSMISSION_FAULT: self._transmission_fault,
            kind.FEEDER_FAULT: self._feeder_fault,
            kind.LATERAL_FAULT: self._lateral_fault,
            kind.MOTOR_START: self._motor_start,
            kind.CAPACITOR: self._capacitor,
            kind.TAP_CHANGE: self._tap_change,
            kind.LIGHTNING: self._lightning,
            kind.DISTORTION: self._distortion,
            kind.FREQUENCY_EXCURSION: self._frequency_excursion,
            kind.LOCAL_SAG: self._local_sag,
            kind.LOCAL_SWELL: self._local_swell,
            kind.STORM: self._storm,
        }

    def draw(self, kind: HappeningKind, rng: np.random.Generator, wish: Wish = Wish()) -> Occurrence:
        """Return a happening that begins at 0 s.

        Raises
        ------
        InvalidInput
            If the size wished for makes no sense for the kind.
        """
        try:
            return self._makers[kind](rng, wish)
        except InvalidInput as error:
            raise InvalidInput(f"happening {kind.value}: {error}") from error

    def bank(self, number: int) -> tuple[int, Float]:
        """Return the node of a capacitor bank, 0 or 1, and the share of its effect that reaches each box, (boxes,)."""
        main = self._net.main[0] if self._net.main else [_BUS]
        node = _BUS if number == 0 else main[len(main) // 2]
        return node, self._net.nearness(node)

    def _box(self, rng: np.random.Generator, wish: Wish) -> int:
        drawn = int(rng.integers(self._boxes))
        return drawn if wish.box is None else wish.box

    def _cycles(self, rng: np.random.Generator, wish: Wish, low: float, high: float) -> float:
        drawn = float(rng.uniform(low, high)) * self._cycle_s
        return wish.duration_s or drawn

    def _transmission_fault(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        length = self._cycles(rng, wish, 3, 12)
        shallow = rng.random() < 0.25
        drawn = float(rng.uniform(0.955, 0.98) if shallow else rng.uniform(0.4, 0.93))
        # Through the substation's delta-star transformer no phase stays untouched.
        parts = np.array(((1, 1, 1), (1, 0.9, 0.3), (1, 0.5, 0.4))[int(rng.integers(3))])
        depth = (1 - _below(wish.size, drawn)) * np.roll(parts, int(rng.integers(3)))[self._net.phase]
        sag = shaped(-depth, [0, length], [1, 1], LEAST_PU)
        return Occurrence(HappeningKind.TRANSMISSION_FAULT, "transmission", 0, length, (sag,))

    def _fault(self, rng: np.random.Generator, node: int) -> tuple[int | None, Float]:
        """Draw a short circuit at a node: its phase and the change at every box [pu]."""
        phase = None if rng.random() < 0.3 else int(rng.integers(3))
        return phase, self._net.remaining(node, phase, complex(rng.uniform(0.005, 0.05), 0)) - 1

    def _feeder_fault(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        feeder = int(self._net.feeder[self._box(rng, wish)])
        node = int(rng.choice(self._net.main[feeder]))
        _, change = self._fault(rng, node)
        dead = np.where(self._net.feeder == feeder, _GONE, 0.0)
        times, values, at = [], [], 0.0
        for shot in range(1 if rng.random() < 0.7 else 2):
            burning, waiting = self._cycles(rng, Wish(), 4, 10), (0.5, 5.0)[shot] * float(rng.uniform(0.8, 1.4))
            times += [at, at + burning, at + burning, at + burning + waiting]
            values += [change, change, dead, dead]
            at += burning + waiting
        course = _combined(times, values)
        return Occurrence(HappeningKind.FEEDER_FAULT, f"f{feeder + 1}", 0, at, (course,))

    def _lateral_fault(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        box = self._box(rng, wish)
        lateral = int(self._net.lateral[box])
        phase, change = self._fault(rng, self._net.lateral_node[lateral])
        melting = self._cycles(rng, wish, 2, 6)
        behind = (self._net.lateral == lateral) & ((self._net.phase == phase) | (phase is None))
        # A box lives some seconds without mains; then it is off until somebody has replaced the fuse and it has started again.
        alive, repair, start = float(rng.uniform(2, 4)), float(rng.uniform(600, 2400)), float(rng.uniform(20, 40))
        dead = np.where(behind, _GONE, 0.0)
        course = _combined([0, melting, melting, repair], [change, change, dead, dead])
        off = ((alive, repair + start, np.flatnonzero(behind)),)
        end = alive if behind.any() else melting
        return Occurrence(HappeningKind.LATERAL_FAULT, f"f{self._net.feeder[box] + 1}", 0, end, (course,), off=off)

    def _motor_start(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        box = self._box(rng, wish)
        large = rng.random() < 0.5
        node = self._net.lateral_node[int(self._net.lateral[box])] if large else int(self._net.box_node[box])
        phase = None if large else int(self._net.phase[box])
        remaining = _below(wish.size, float(rng.uniform(0.86, 0.985)))
        shunt = self._net.shunt_for(node, phase, remaining, _MOTOR_ANGLE)
        hold, drawn = float(rng.uniform(0.05, 0.2)), float(rng.uniform(0.2, 2.0))
        recovery = wish.duration_s or drawn
        part = np.linspace(0, 1, 12)
        shape = np.concatenate([[1], (np.exp(-4 * part) - np.exp(-4)) / (1 - np.exp(-4))])
        times = np.concatenate([[0], hold + recovery * part])
        course = shaped(self._net.remaining(node, phase, shunt) - 1, times, shape, LEAST_PU)
        return Occurrence(HappeningKind.MOTOR_START, self._names[box], 0, hold + recovery, (course,))

    def _capacitor(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        bank = int(rng.random() < 0.4)
        share = damped(self._net, self.bank(bank)[0])
        peak = _above(wish.size, float(np.exp(rng.uniform(np.log(0.04), np.log(0.45)))))
        ring = _ring(peak * share, float(rng.uniform(400, 900)), float(rng.uniform(0.001, 0.002)))
        origin = ("substation", "f1")[bank]
        # What the bank's step is, and its sign, follow from what it did before: see `opq.sim.grid.schedule`.
        return Occurrence(HappeningKind.CAPACITOR, origin, 0, 0.01, rings=(ring,), bank=bank)

    def _tap_change(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        step = np.full(self._boxes, self._tap_pu if rng.random() < 0.5 else -self._tap_pu)
        return Occurrence(HappeningKind.TAP_CHANGE, "substation", 0, 0.01, step=step)

    def _lightning(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        feeder = int(self._net.feeder[self._box(rng, wish)])
        share = damped(self._net, int(rng.choice(self._net.main[feeder])))
        ring = _ring(_above(wish.size, float(rng.uniform(0.1, 0.6))) * share, float(rng.uniform(700, 1100)), 0.0006)
        return Occurrence(HappeningKind.LIGHTNING, f"f{feeder + 1}", 0, 0.004, rings=(ring,))

    def _distortion(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        box = self._box(rng, wish)
        share = self._net.nearness(self._net.lateral_node[int(self._net.lateral[box])])
        drawn = float(rng.uniform(2, 3.5) if rng.random() < 0.25 else rng.uniform(5, 10))
        length = wish.duration_s or float(rng.uniform(10, 120))
        rise = min(_RISE_S, length / 4)
        course = shaped(_above(wish.size, drawn) * share, [0, rise, length - rise, length], [0, 1, 1, 0], _LEAST_THD)
        return Occurrence(HappeningKind.DISTORTION, self._names[box], 0, length, distortion=(course,))

    def _frequency_excursion(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        drawn = float(rng.uniform(0.05, 0.3)) * (-1 if rng.random() < 0.8 else 1)
        fall = float(rng.uniform(2, 6))
        recovery = wish.duration_s or float(rng.uniform(20, 120))
        part = np.linspace(0, 1, 10)
        shape = np.concatenate([[0], (np.exp(-3 * part) - np.exp(-3)) / (1 - np.exp(-3))])
        times = np.concatenate([[0], fall + recovery * part])
        course = Course(times, np.arange(1), (drawn if wish.size is None else wish.size) * shape[None, :])
        return Occurrence(HappeningKind.FREQUENCY_EXCURSION, "transmission", 0, float(times[-1]), frequency=course)

    def _local_sag(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        box = self._box(rng, wish)
        node, phase = int(self._net.box_node[box]), int(self._net.phase[box])
        shunt = self._net.shunt_for(node, phase, _below(wish.size, float(rng.uniform(0.55, 0.93))), rng.uniform(0, 1))
        length = wish.duration_s or float(np.exp(rng.uniform(np.log(0.05), 0)))
        course = shaped(self._net.remaining(node, phase, shunt) - 1, [0, length], [1, 1], LEAST_PU)
        return Occurrence(HappeningKind.LOCAL_SAG, self._names[box], 0, length, (course,))

    def _local_swell(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        box = self._box(rng, wish)
        size = _above(wish.size, float(rng.uniform(1.1, 1.25)), 1.0)
        node, phase = int(self._net.box_node[box]), int(self._net.phase[box])
        length = wish.duration_s or float(np.exp(rng.uniform(np.log(0.05), 0)))
        course = shaped(self._net.injected(node, phase, size - 1) - 1, [0, length], [1, 1], LEAST_PU)
        return Occurrence(HappeningKind.LOCAL_SWELL, self._names[box], 0, length, (course,))

    def _storm(self, rng: np.random.Generator, wish: Wish) -> Occurrence:
        length = wish.duration_s or 3600.0
        sags, at = [], 0.0
        while at < length - 1:
            depth = (1 - _below(wish.size, float(rng.uniform(0.5, 0.9)))) * rng.uniform(0.9, 1.1, self._boxes)
            sags.append(shaped(-depth, [at, at + self._cycles(rng, Wish(), 3, 30)], [1, 1], LEAST_PU))
            at += float(rng.uniform(2, 8))
        rise = min(_RISE_S, length / 4)
        hum = shaped(np.full(self._boxes, 7.0), [0, rise, length - rise, length], [0, 1, 1, 0], _LEAST_THD)
        return Occurrence(HappeningKind.STORM, "everywhere", 0, length, tuple(sags), (hum,))


def _combined(times: list[float], values: list[Float]) -> Course:
    table = np.stack(values, axis=1)
    boxes = np.flatnonzero(np.abs(table).max(axis=1) >= LEAST_PU)
    return Course(np.array(times), boxes, table[boxes])


def _ring(peak: Float, f_hz: float, tau_s: float) -> Ring:
    boxes = np.flatnonzero(peak >= 0.001)
    return Ring(0.0, boxes, peak[boxes], f_hz, tau_s)


def _below(size: float | None, drawn: float) -> float:
    """Return a remaining voltage [pu]."""
    if size is not None and not 0 < size < 1:
        raise InvalidInput(f"size: got {size:g} pu, expected a remaining voltage between 0 and 1 pu")
    return drawn if size is None else size


def _above(size: float | None, drawn: float, low: float = 0.0) -> float:
    if size is not None and not size > low:
        raise InvalidInput(f"size: got {size:g}, expected more than {low:g}")
    return drawn if size is None else size
