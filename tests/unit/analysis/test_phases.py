"""Three phases by what a file says of them or by their names, and the unbalance with its times and flags."""

import numpy as np
import pytest

from opq.analysis import Analyzer
from opq.analysis.phases import ThreePhases, common_nominal, three_phases
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.testing.waves import Step, Wave


def named(*names: str) -> list[tuple[int, str, str]]:
    return [(number, name, "") for number, name in enumerate(names)]


@pytest.mark.parametrize(
    "names",
    [
        ("Ua", "Ub", "Uc"),
        ("VA", "VB", "VC"),
        ("Van", "Vbn", "Vcn"),
        ("UL1", "UL2", "UL3"),
        ("U1", "U2", "U3"),
        ("L1", "L2", "L3"),
        ("L1-N", "L2-N", "L3-N"),
        ("bus r", "bus s", "bus t"),
        ("R", "Y", "B"),
        ("U", "V", "W"),
        ("voltage_a", "voltage_b", "voltage_c"),
        ("feeder 7-A", "feeder 7-B", "feeder 7-C"),
        ("channel 1", "channel 2", "channel 3"),
    ],
)
def test_names_that_differ_in_the_phase_only_are_three_phases(names: tuple[str, str, str]) -> None:
    assert three_phases(named(*names)) == (0, 1, 2)
    assert three_phases(named(*reversed(names))) == (2, 1, 0)


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("mains",),
        ("Ua", "Ub"),
        ("Ua", "Ub", "Ia"),
        ("Ua", "Vb", "Uc"),
        ("Uab", "Ubc", "Uca"),
        ("one", "two", "three"),
        ("Ua", "Ub", "Ub"),
    ],
)
def test_other_names_are_not(names: tuple[str, ...]) -> None:
    assert three_phases(named(*names)) is None


def test_what_the_file_says_goes_before_names() -> None:
    assert three_phases([(0, "x", "c"), (1, "y", "A"), (2, "z", "B")]) == (1, 2, 0)
    assert three_phases([(0, "x", "C"), (1, "y", "A"), (2, "z", "B"), (3, "n", "N")]) == (1, 2, 0)


def test_of_two_buses_with_the_same_phases_one_is_told_by_its_names() -> None:
    channels = [
        (0, "A1", "A"),
        (1, "B1", "B"),
        (2, "C1", "C"),
        (3, "bus Ua", "A"),
        (4, "bus Ub", "B"),
        (5, "bus Uc", "C"),
    ]
    assert three_phases(channels) == (3, 4, 5)


def test_a_fourth_voltage_beside_three_named_phases_does_not_disturb() -> None:
    assert three_phases(named("U1", "U2", "U3", "U4")) == (0, 1, 2)
    assert three_phases(named("Ua", "Ub", "Uc", "Un")) == (0, 1, 2)


def test_three_phases_have_the_supply_of_the_middle_one() -> None:
    assert common_nominal([Nominal(220, 50), Nominal(230, 50), Nominal(230, 50)]) == Nominal(230, 50)
    assert common_nominal([Nominal(127, 60), Nominal(110, 60), Nominal(120, 60)]) == Nominal(120, 60)


@pytest.mark.parametrize("other", [Nominal(400, 50), Nominal(12, 50), Nominal(230, 60)])
def test_voltages_of_different_supplies_have_none_in_common(other: Nominal) -> None:
    assert common_nominal([Nominal(230, 50), other, Nominal(230, 50)]) is None


def test_windows_with_a_dip_in_one_phase_are_flagged_and_have_their_times() -> None:
    nominal, start = Nominal(230, 50), 1_700_000_000 * NS
    volts = [
        Wave(nominal, phase_deg=phase, steps=[Step(2.03, 2.2, 0.5)] if phase == 0 else []).volts(6)
        for phase in (0, 240, 120)
    ]
    phases = ThreePhases((0, 1, 2), 12000.0, nominal, start)
    analyses = []
    for row in volts:
        analyzer = Analyzer(12000.0, nominal, start)
        analyzer.feed(row)
        analyses.append(analyzer.finish())
    for at in range(0, len(volts[0]), 12_000):
        phases.feed(np.stack(volts)[:, at : at + 12_000])
    found = phases.result(analyses)
    at_s = (found.start_unix_ns - start) / NS
    np.testing.assert_allclose((found.end_unix_ns - found.start_unix_ns) / NS, 0.2, atol=1e-6)
    np.testing.assert_array_equal(found.start_unix_ns[1:], found.end_unix_ns[:-1])
    assert 0 <= at_s[0] < 0.05
    disturbed = found.u2_pct > 0.5
    assert found.flagged[disturbed].all()
    assert disturbed.any()
    assert found.flagged.sum() <= 4
    assert found.u2_pct[~found.flagged].max() < 0.01


def test_samples_that_are_no_numbers_do_not_spread() -> None:
    phases = ThreePhases((0, 1, 2), 12000.0, Nominal(230, 50))
    block = np.stack([Wave(Nominal(230, 50), phase_deg=phase).volts(2) for phase in (0, 240, 120)])
    block[0, 100], block[1, 200], block[2, 300] = np.nan, np.inf, -np.inf
    phases.feed(block)
    found = phases.result([])
    assert np.isfinite(found.u2_pct).all()
    assert not found.flagged.any()
