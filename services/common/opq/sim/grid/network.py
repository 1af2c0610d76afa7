"""The voltage everywhere from a current somewhere: a radial network in per unit.

Symmetrical components of a tree of equal phases: each branch has a positive-sequence impedance z1 and a zero-sequence
impedance z0, so within a phase it has ``zs = (2 z1 + z0) / 3`` and between phases ``zm = (z0 - z1) / 3`` (Grainger and
Stevenson, Power System Analysis, ch. 12). A current at node j changes the voltage at k by what the part of the path that both
share drops, ``V_k = E_k - Z_jk I``. Loads before are left out: they change a sag's depth by their own few per cent.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput
from opq.sim.grid.plan import Feeders, GridPlan

Index = npt.NDArray[np.intp]
Complex = npt.NDArray[np.complex128]
Float = npt.NDArray[np.float64]

PHASORS: Complex = np.exp(-2j * np.pi / 3 * np.arange(3))
"""Source voltages of phases A, B and C [pu]."""
_BASE_MVA = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """A radial network: `parent` (n,), -1 at the root and before its children; impedances of the branch above."""

    parent: Index
    z1: Complex
    """Positive sequence, (n,) [pu]."""
    z0: Complex
    """Zero sequence, (n,) [pu]."""

    def path(self, node: int) -> list[int]:
        """Return the nodes from the root to `node`."""
        nodes = []
        while node >= 0:
            nodes.append(node)
            node = int(self.parent[node])
        return nodes[::-1]


class Network:
    """The tree of a plan and where its boxes hang.

    Attributes
    ----------
    tree : Tree
    box_node, phase, feeder, lateral, transformer : (boxes,) int
        Node of each box; phase 0 to 2; number of its feeder, lateral and service transformer.
    head, main, lateral_node : (feeders,), (feeders, ...) and (laterals,) int
        Nodes of the first and of all sections of each feeder, and of each lateral.
    """

    def __init__(self, tree: Tree, box_node: Index, phase: Index) -> None:
        self.tree = tree
        self.box_node = box_node
        self.phase = phase
        self.feeder = self.lateral = self.transformer = np.zeros(len(box_node), np.intp)
        self.main: list[list[int]] = []
        self.lateral_node: list[int] = []
        paths = [tree.path(int(node)) for node in box_node]
        depth = max(len(path) for path in paths)
        self._paths: Index = np.array([path + [-2] * (depth - len(path)) for path in paths], np.intp)
        zs, zm = (2 * tree.z1 + tree.z0) / 3, (tree.z0 - tree.z1) / 3
        # Index 0 of each is "nothing shared".
        self._sums = tuple(self._from_root(z) for z in (tree.z1, zs, zm))

    def _from_root(self, z: Complex) -> Complex:
        sums = np.zeros(len(z) + 1, np.complex128)
        for node, parent in enumerate(self.tree.parent.tolist()):
            sums[node + 1] = sums[parent + 1] + z[node]
        return sums

    @property
    def from_source(self) -> Complex:
        """Positive-sequence impedance from the source to each node, (n,) [pu]."""
        return self._sums[0][1:]

    def last_shared(self, node: int) -> Index:
        """Return the last node that the paths to `node` and to each box have in common, -1 for none, as (boxes,)."""
        path = self.tree.path(node)
        depth = min(len(path), self._paths.shape[1])
        same = self._paths[:, :depth] == np.array(path[:depth])
        count = np.logical_and.accumulate(same, axis=1).sum(axis=1)
        return np.where(count > 0, np.array([-1, *path])[count], -1)

    def shared(self, node: int) -> Complex:
        """Return the positive-sequence common-path impedance Z_jk of `node` with each box, (boxes,) [pu]."""
        result: Complex = self._sums[0][self.last_shared(node) + 1]
        return result

    def remaining(self, node: int, phase: int | None, shunt: complex) -> Float:
        """Return the voltage at every box while a shunt hangs at `node`.

        Parameters
        ----------
        node : int
            Where.
        phase : int or None
            From one phase (0 to 2) to earth, or equally on all three.
        shunt : complex
            Its impedance [pu]; that of a fault is small.

        Returns
        -------
        (boxes,) float64
            Over the voltage before [pu].
        """
        last = self.last_shared(node) + 1
        z1, zs, zm = self._sums
        if phase is None:
            return _size(1 - z1[last] / (z1[node + 1] + shunt))
        current = PHASORS[phase] / (zs[node + 1] + shunt)
        z = np.where(self.phase == phase, zs[last], zm[last])
        return _size(PHASORS[self.phase] - z * current)

    def injected(self, node: int, phase: int, rise_pu: float) -> Float:
        """Return the voltage at every box while a source at `node` lifts it there by `rise_pu`, as `remaining` does."""
        last = self.last_shared(node) + 1
        _, zs, zm = self._sums
        current = PHASORS[phase] * rise_pu / zs[node + 1]
        z = np.where(self.phase == phase, zs[last], zm[last])
        return _size(PHASORS[self.phase] + z * current)

    def shunt_for(self, node: int, phase: int | None, remaining: float, angle: float) -> complex:
        """Return the impedance of `angle` [rad] that leaves `remaining` [pu] at `node` itself.

        From ``|x e^ja| = r |z + x e^ja|``, a quadratic equation in x.

        Raises
        ------
        InvalidInput
            If `remaining` is not between 0 and 1.
        """
        if not 0 < remaining < 1:
            raise InvalidInput(f"size: got {remaining:g} pu, expected a remaining voltage between 0 and 1 pu")
        z = complex(self._sums[0 if phase is None else 1][node + 1])
        turn = np.exp(1j * angle)
        a, b = 1 - remaining**2, -2 * remaining**2 * float(np.real(np.conj(z) * turn))
        c = -(remaining**2) * abs(z) ** 2
        return complex((-b + np.sqrt(b * b - 4 * a * c)) / (2 * a) * turn)

    def nearness(self, node: int) -> Float:
        """Return ``|Z_jk| / |Z_jj|``, the share of a current's voltage at `node` that reaches each box, (boxes,)."""
        result: Float = np.abs(self.shared(node)) / abs(self._sums[0][node + 1])
        return result


def damped(network: Network, node: int) -> Float:
    """Return the share of a fast transient at `node` that reaches each box, (boxes,).

    As `Network.nearness`, and less by what lies between: cables and loads on the way to a box's lateral take their part of it,
    half where that way is as long as the one from the source to `node`. A plain rule in the place of travelling waves.
    """
    z1 = network.from_source
    lateral = np.array(network.lateral_node, np.intp)[network.lateral]
    way = np.abs(z1[lateral] - network.shared(node)) / abs(z1[node])
    result: Float = network.nearness(node) / (1 + way)
    return result


def _size(phasors: Complex) -> Float:
    size: Float = np.abs(phasors)
    return size


class _Builder:
    def __init__(self) -> None:
        self.parent: list[int] = []
        self.z1: list[complex] = []
        self.z0: list[complex] = []

    def add(self, parent: int, z1: complex, zero_ratio: float = 1.0) -> int:
        self.parent.append(parent)
        self.z1.append(z1)
        self.z0.append(z1 * zero_ratio)
        return len(self.parent) - 1

    def tree(self) -> Tree:
        return Tree(np.array(self.parent, np.intp), np.array(self.z1), np.array(self.z0))


def _turned(size: float, x_over_r: float) -> complex:
    return complex(size * np.exp(1j * np.arctan(x_over_r)))


def build_network(plan: GridPlan) -> Network:
    """Make the tree of a plan: source, bus, feeders, laterals, service transformers, boxes."""
    builder = _Builder()
    substation = plan.substation
    # A transformer with an earthed star lets no zero-sequence current pass to transmission.
    source = builder.add(-1, _turned(_BASE_MVA / substation.short_circuit_mva, substation.source_x_over_r), 0.0)
    own = substation.transformer_pct / 100 * _BASE_MVA / substation.transformer_mva
    bus = builder.add(source, _turned(own, substation.transformer_x_over_r))
    places: list[tuple[int, int, int, int, int]] = []
    mains: list[list[int]] = []
    laterals: list[int] = []
    for group in plan.feeders:
        for _ in range(group.count):
            _add_feeder(builder, bus, group, plan.u_din_v, mains, laterals, places)
    node, phase, feeder, lateral, transformer = np.array(places, np.intp).T
    network = Network(builder.tree(), node, phase)
    network.feeder, network.lateral = feeder, lateral
    network.transformer = np.unique(transformer, return_inverse=True)[1]
    network.main, network.lateral_node = mains, laterals
    return network


def _add_feeder(
    builder: _Builder, bus: int, group: Feeders, u_din_v: float, mains: list[list[int]], laterals: list[int],
    places: list[tuple[int, int, int, int, int]],
) -> None:  # fmt: skip
    per_ohm = _BASE_MVA / group.line_kv**2
    # A service transformer has one phase: a third of the three-phase base.
    per_service_ohm = _BASE_MVA / 3 * 1e6 / u_din_v**2
    main: list[int] = []
    for _ in range(group.sections):
        above = main[-1] if main else bus
        main.append(builder.add(above, complex(*group.main_ohm_per_km) * group.section_km * per_ohm, group.zero_ratio))
    for number in range(group.laterals):
        at = main[number % group.sections]
        z = complex(*group.lateral_ohm_per_km) * group.lateral_km * per_ohm
        laterals.append(builder.add(at, z, group.zero_ratio))
        own = group.transformer_pct / 100 * (_BASE_MVA / 3) / (group.transformer_kva / 1000)
        secondaries = [
            builder.add(laterals[-1], _turned(own, 2.0)) for _ in range(min(group.transformers, group.boxes))
        ]
        for box in range(group.boxes):
            which = box % len(secondaries)
            node = builder.add(secondaries[which], complex(*group.service_ohm) * per_service_ohm)
            places.append((node, (number + which) % 3, len(mains), len(laterals) - 1, secondaries[which]))
    mains.append(main)
