"""Dips, swells and interruptions of any depth and length through the whole analysis: none missed, none doubled, rightly named."""

import numpy as np
import pytest

from opq.analysis import Analyzer
from opq.model.boxes import Nominal
from opq.model.incidents import DurationClass, Finding, IncidentClass
from opq.standards.ieee1159 import duration_class
from opq.testing.waves import Step, Wave

VOLTAGE = {
    IncidentClass.VOLTAGE_SAG,
    IncidentClass.VOLTAGE_SWELL,
    IncidentClass.VOLTAGE_INTERRUPTION,
    IncidentClass.UNDERVOLTAGE,
    IncidentClass.OVERVOLTAGE,
}


def analyse(wave: Wave, duration_s: float, rate: float = 12000.0) -> list[Finding]:
    analyzer = Analyzer(rate, wave.nominal)
    analyzer.feed(wave.volts(duration_s, rate))
    found = analyzer.finish().incidents
    others = {each.incident_class for each in found} - VOLTAGE
    assert not {name for name in others if "TRANSIENT" in name.value or "FREQUENCY" in name.value}, others
    return [each for each in found if each.incident_class in VOLTAGE]


def expected_class(pu: float, duration_s: float) -> IncidentClass:
    if pu < 0.1:
        return IncidentClass.VOLTAGE_INTERRUPTION
    if pu < 1:
        return IncidentClass.UNDERVOLTAGE if duration_s > 60 else IncidentClass.VOLTAGE_SAG
    return IncidentClass.OVERVOLTAGE if duration_s > 60 else IncidentClass.VOLTAGE_SWELL


def random_cases(seed: int, count: int) -> list[tuple[float, float, float, float, float]]:
    """Nominal frequency, real frequency, residual voltage, cycles, phase."""
    rng = np.random.default_rng(seed)
    cases = []
    for number in range(count):
        nominal_hz = (50.0, 60.0)[number % 2]
        low = rng.random() < 0.7
        pu = rng.choice([0.0, 0.03, 0.07, *np.linspace(0.13, 0.86, 20)]) if low else rng.uniform(1.13, 1.7)
        cycles = float(np.exp(rng.uniform(np.log(1.0), np.log(400.0))))
        # Not within a cycle of a limit between two classes of duration.
        while min(abs(cycles - 30), abs(cycles / nominal_hz - 3) * nominal_hz) < 1.2:
            cycles += 2.5
        cases.append((nominal_hz, nominal_hz + rng.uniform(-0.08, 0.08), float(pu), cycles, rng.uniform(0, 360)))
    return cases


def test_two_hundred_random_disturbances_are_each_one_incident_of_the_right_class() -> None:
    for nominal_hz, f_hz, pu, cycles, phase in random_cases(11, 200):
        nominal = Nominal(230 if nominal_hz == 50 else 120, nominal_hz)
        duration_s = cycles / nominal_hz
        wave = Wave(
            nominal,
            f_hz=f_hz,
            phase_deg=phase,
            steps=[Step(1.5, 1.5 + duration_s, pu)],
            noise_v=0.0002 * nominal.u_din_v,
        )
        case = f"{nominal_hz:g} Hz, {f_hz:.3f} Hz, {pu:.3f} pu, {cycles:.2f} cycles, {phase:.0f} degrees"
        found = analyse(wave, duration_s + 3)
        assert len(found) == 1, f"{case}: {[(each.incident_class, each.duration_ns) for each in found]}"
        (incident,) = found
        assert incident.duration_ns / 1e9 == pytest.approx(duration_s, abs=0.3 / nominal_hz), case
        if cycles < 2:
            continue
        assert incident.incident_class is expected_class(pu, duration_s), case
        # Class A asks for 0.2 % of Udin up to 1.5 pu; beyond it is of the reading.
        assert incident.extreme_pu == pytest.approx(pu, abs=0.002 * (pu if pu > 1.5 else 1)), case
        wanted = duration_class(duration_s, nominal_hz)
        if pu < 0.1:
            length_s = incident.evidence["interruption_to_s"] - incident.evidence["interruption_from_s"]
            assert length_s == pytest.approx(duration_s, abs=0.3 / nominal_hz), case
            wanted = DurationClass.MOMENTARY if wanted is DurationClass.INSTANTANEOUS else wanted
        assert incident.duration_class is wanted, case


@pytest.mark.parametrize(("nominal_hz", "pu"), [(50, 0.0), (60, 0.05), (60, 0.5), (50, 0.85), (50, 1.15)])
@pytest.mark.parametrize("duration_s", [12.0, 70.0])
def test_long_disturbances_cross_many_pieces_and_stay_one(nominal_hz: float, pu: float, duration_s: float) -> None:
    nominal = Nominal(120, nominal_hz)
    wave = Wave(nominal, f_hz=nominal_hz + 0.02, phase_deg=100, steps=[Step(15, 15 + duration_s, pu)], noise_v=0.02)
    (incident,) = analyse(wave, duration_s + 30)
    assert incident.incident_class is expected_class(pu, duration_s)
    assert incident.duration_ns / 1e9 == pytest.approx(duration_s, abs=0.3 / nominal_hz)
    assert incident.extreme_pu == pytest.approx(pu, abs=0.002)
    assert not incident.open_start
    assert not incident.open_end
    assert incident.duration_class is not None
    assert incident.duration_class.value == ("temporary" if duration_s < 60 else "sustained")


def test_two_dips_close_to_each_other_are_two() -> None:
    wave = Wave(Nominal(120, 60), steps=[Step(2, 2.1, 0.5), Step(2.2, 2.3, 0.6)])
    assert len(analyse(wave, 5)) == 2


def test_a_deep_dip_in_a_shallow_one_is_one_incident_of_the_deep_one() -> None:
    wave = Wave(Nominal(120, 60), steps=[Step(2, 3, 0.8), Step(2.4, 2.5, 0.3)])
    (incident,) = analyse(wave, 5)
    assert incident.extreme_pu == pytest.approx(0.3, abs=0.002)
    assert incident.duration_ns / 1e9 == pytest.approx(1.0, abs=1 / 60)
