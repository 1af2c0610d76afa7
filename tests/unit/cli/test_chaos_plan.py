"""What is done to a site is drawn from the seed alone, and leaves no doubt what must be found."""

import itertools

import pytest

from opq.model.boxes import Nominal
from opq.sim.scenario import DisturbanceKind
from opq_cli.chaos.plan import CALM_S, Fault, FaultKind, Plan, make_plan

NS = 1_000_000_000
T0 = 1_760_000_000 * NS


def plan(seed: int, kinds: tuple[FaultKind, ...] = tuple(FaultKind)) -> Plan:
    return make_plan(seed, 50, 180.0, T0, Nominal(120.0, 60.0), kinds)


def test_the_same_seed_is_the_same_plan_and_another_seed_another() -> None:
    assert plan(7) == plan(7)
    assert plan(7).faults != plan(8).faults


@pytest.mark.parametrize("seed", range(1, 41))
def test_disturbances_are_apart_and_no_box_is_silenced_for_as_long_as_an_outage(seed: int) -> None:
    made = plan(seed)
    spans = [made.scenario.interval(item) for item in made.scenario.disturbances]
    assert all(later[0] - earlier[1] >= 6.5 * NS for earlier, later in itertools.pairwise(spans))
    assert made.scenario.disturbances[-1].kind is DisturbanceKind.OUTAGE
    assert spans[-1][1] <= T0 + 180 * NS
    assert all(fault.at_s < 180 - CALM_S and fault.length_s <= 10 for fault in made.faults)
    dark = [fault for fault in made.faults if (fault.kind, fault.target) == (FaultKind.PARTITION, "simulate")]
    assert all(later.at_s - (earlier.at_s + earlier.length_s) >= 8 for earlier, later in itertools.pairwise(dark))
    stepped = {step.box_id for step in made.scenario.clock_steps}
    assert not any(stepped & set(item.box_ids) for item in made.scenario.disturbances)


def test_boxes_are_not_killed_while_something_happens_to_them() -> None:
    for made in map(plan, range(1, 101)):
        for fault in made.faults:
            if fault == Fault(FaultKind.KILL, "simulate", fault.at_s, 0.0):
                assert not any(
                    item.start_s - 12 < fault.at_s < item.start_s + item.duration_s
                    for item in made.scenario.disturbances
                )


def test_every_kind_of_fault_comes_and_only_what_can_be_done() -> None:
    kinds = {fault.kind for seed in range(1, 11) for fault in plan(seed).faults}
    assert kinds == set(FaultKind)
    without = tuple(kind for kind in FaultKind if kind is not FaultKind.DISK_FULL)
    assert {fault.kind for seed in range(1, 11) for fault in plan(seed, without).faults} == set(without)
