"""Voltages of a radial network, against numbers computed by hand and what must hold of any network."""

import numpy as np
import pytest

from opq.errors import InvalidInput
from opq.sim.grid.network import Network, Tree, build_network, damped
from opq.sim.grid.plan import load_plan


@pytest.fixture
def three_bus() -> Network:
    """Source j0.1 to bus 0; from there j0.2 to bus 1 and j0.3 to bus 2; one box at each, all on phase A; z0 = z1."""
    z = np.array([0.1j, 0.2j, 0.3j])
    return Network(Tree(np.array([-1, 0, 0]), z, z), np.array([0, 1, 2]), np.zeros(3, np.intp))


def test_the_common_path_impedance_is_the_sum_over_the_branches_that_two_paths_share(three_bus: Network) -> None:
    np.testing.assert_allclose(three_bus.shared(1), [0.1j, 0.3j, 0.1j])
    np.testing.assert_allclose(three_bus.shared(2), [0.1j, 0.1j, 0.4j])


def test_a_short_circuit_leaves_nothing_at_its_bus_and_two_thirds_beside_it(three_bus: Network) -> None:
    # I = 1 / j0.3; the shared j0.1 drops 0.1 / 0.3.
    np.testing.assert_allclose(three_bus.remaining(1, None, 0j), [2 / 3, 0, 2 / 3], atol=1e-12)
    np.testing.assert_allclose(three_bus.remaining(1, 0, 0j), [2 / 3, 0, 2 / 3], atol=1e-12)


def test_a_resistive_shunt_drops_at_right_angles(three_bus: Network) -> None:
    # I = 1 / (0.3 + j0.3): at the bus |0.3 / (0.3 + j0.3)| = 1 / sqrt 2, beside it |1 - j0.1 / (0.3 + j0.3)| = |5 - j| / 6.
    np.testing.assert_allclose(
        three_bus.remaining(1, None, 0.3 + 0j), [np.sqrt(26) / 6, np.sqrt(0.5), np.sqrt(26) / 6], atol=1e-12
    )


def test_small_currents_superpose(three_bus: Network) -> None:
    one = 1 - three_bus.remaining(1, None, 1000j)
    two = 1 - three_bus.remaining(1, None, 500j)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-3)


def test_a_fault_to_earth_lifts_the_sound_phases_where_the_zero_sequence_impedance_is_higher() -> None:
    # zs = (2 + 3) / 3, zm = (3 - 1) / 3, so the sound phases see |a^2 - 0.4| = |-0.9 - j0.866|.
    z1 = np.array([1j])
    network = Network(Tree(np.array([-1]), z1, 3 * z1), np.zeros(3, np.intp), np.arange(3))
    np.testing.assert_allclose(
        network.remaining(0, 0, 0j), [0, np.hypot(0.9, np.sqrt(0.75)), np.hypot(0.9, np.sqrt(0.75))]
    )


@pytest.mark.parametrize("remaining", [0.1, 0.5, 0.93])
def test_a_shunt_made_for_a_remaining_voltage_leaves_that(three_bus: Network, remaining: float) -> None:
    shunt = three_bus.shunt_for(2, None, remaining, 1.3)
    assert three_bus.remaining(2, None, shunt)[2] == pytest.approx(remaining)
    assert np.angle(shunt) == pytest.approx(1.3)


def test_no_shunt_leaves_more_than_there_was(three_bus: Network) -> None:
    with pytest.raises(InvalidInput, match="remaining voltage between 0 and 1"):
        three_bus.shunt_for(1, None, 1.1, 0.0)


def test_a_swell_is_as_wished_at_its_origin_and_smaller_elsewhere(three_bus: Network) -> None:
    np.testing.assert_allclose(three_bus.injected(1, 0, 0.15), [1.05, 1.15, 1.05])


def test_a_sag_decays_with_electrical_distance() -> None:
    network = build_network(load_plan("city"))
    box = 0
    node, phase = int(network.box_node[box]), int(network.phase[box])
    depth = 1 - network.remaining(node, phase, network.shunt_for(node, phase, 0.7, 0.3))
    same = network.phase == phase
    house = network.transformer == network.transformer[box]
    street = same & (network.lateral == network.lateral[box]) & ~house
    feeder = same & (network.feeder == network.feeder[box]) & (network.lateral != network.lateral[box])
    far = same & (network.feeder != network.feeder[box])
    house[box] = False
    assert depth[box] == pytest.approx(0.3)
    assert depth[box] > depth[house].max() > depth[street].max() > depth[feeder].max() > depth[far].max() > 0
    assert depth[street].max() < 0.05, "behind another transformer it is under every threshold"


@pytest.mark.parametrize(
    ("name", "boxes", "feeders"), [("campus", 16, 2), ("neighbourhood", 200, 4), ("city", 2000, 10)]
)
def test_presets_have_the_network_they_say(name: str, boxes: int, feeders: int) -> None:
    network = build_network(load_plan(name))
    assert len(network.box_node) == boxes
    assert len(network.main) == feeders == network.feeder.max() + 1
    assert set(network.phase.tolist()) == {0, 1, 2}


def test_a_fast_transient_falls_with_electrical_distance() -> None:
    network = build_network(load_plan("campus"))
    node = network.main[0][2]
    share = damped(network, node)
    mine = network.feeder == 0
    assert 0 < share[~mine].max() < share[mine].min() < share.max() <= 1
