"""Waveforms against the ITIC, SEMI F47 and IEEE 1668 curves, at several points on wave."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment
from opq.signal.segments import half_cycle_series
from opq.standards.envelopes import IEEE_1668_TYPE_I_II, IEEE_1668_TYPE_III, ITIC, SEMI_F47, Envelope
from opq.standards.ieee1159 import Direction
from opq.standards.tolerance import Excursion, find_excursions, join
from opq.testing.waves import START_UNIX_NS, Impulse, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
POINTS = [0, 45, 90, 160]
LOW, HIGH = Direction.LOW, Direction.HIGH


def excursions(segment: VoltageSegment, nominal: Nominal, envelope: Envelope) -> list[Excursion]:
    return find_excursions(segment, half_cycle_series(segment, nominal), nominal, envelope)


def broken(wave: Wave, envelope: Envelope, duration_s: float) -> list[Direction]:
    found = excursions(wave.segment(duration_s), wave.nominal, envelope)
    return [excursion.direction for excursion in found if excursion.broken]


def rectangle(nominal: Nominal, pu: float, duration_s: float, phase_deg: float) -> Wave:
    return Wave(
        nominal,
        f_hz=nominal.f_hz + 0.04,
        phase_deg=phase_deg,
        steps=[Step(0.4, 0.4 + duration_s, pu)],
        harmonics={3: 1, 5: 2},
        noise_v=0.001 * nominal.u_din_v,
    )


@pytest.mark.parametrize("nominal", [US, EU])
@pytest.mark.parametrize("phase_deg", POINTS)
@pytest.mark.parametrize(
    ("pu", "duration_s", "verdict"),
    [
        (0.0, 0.012, []),
        (0.0, 0.03, [LOW]),
        (0.4, 0.012, []),
        (0.4, 0.04, [LOW]),
        (0.68, 0.05, [LOW]),
        (0.72, 0.45, []),
        (0.72, 0.55, [LOW]),
        (0.78, 0.55, [LOW]),
        (0.82, 0.6, []),
        (1.15, 0.45, []),
        (1.15, 0.55, [HIGH]),
        (1.3, 0.02, [HIGH]),
        (1.3, 0.1, [HIGH]),
        (1.6, 0.05, [HIGH]),
    ],
)
def test_itic_verdicts_of_rectangular_disturbances(
    nominal: Nominal, phase_deg: float, pu: float, duration_s: float, verdict: list[Direction]
) -> None:
    assert broken(rectangle(nominal, pu, duration_s, phase_deg), ITIC, duration_s + 1) == verdict


@pytest.mark.parametrize("nominal", [US, EU])
@pytest.mark.parametrize("envelope", [ITIC, SEMI_F47])
@pytest.mark.parametrize(
    ("pu", "duration_s", "verdict"),
    [
        (0.82, 9.8, []),
        (0.82, 10.2, [LOW]),
        (0.88, 9.8, []),
        (0.88, 10.2, [LOW]),
        (0.91, 10.2, []),
        (1.09, 10.2, []),
    ],
)
def test_below_nine_tenths_ten_seconds_are_allowed(
    nominal: Nominal, envelope: Envelope, pu: float, duration_s: float, verdict: list[Direction]
) -> None:
    assert broken(rectangle(nominal, pu, duration_s, 20), envelope, duration_s + 1) == verdict


@pytest.mark.parametrize("phase_deg", POINTS)
@pytest.mark.parametrize(
    ("envelope", "pu", "duration_s", "verdict"),
    [
        (SEMI_F47, 0.0, 0.012, []),
        (SEMI_F47, 0.4, 0.04, [LOW]),
        (SEMI_F47, 0.6, 0.17, []),
        (SEMI_F47, 0.6, 0.23, [LOW]),
        (SEMI_F47, 0.75, 0.45, []),
        (SEMI_F47, 0.75, 0.55, [LOW]),
        (SEMI_F47, 1.5, 1.0, []),
        (IEEE_1668_TYPE_I_II, 0.55, 0.17, []),
        (IEEE_1668_TYPE_I_II, 0.55, 0.23, [LOW]),
        (IEEE_1668_TYPE_I_II, 0.4, 0.1, [LOW]),
        (IEEE_1668_TYPE_I_II, 0.75, 0.45, []),
        (IEEE_1668_TYPE_I_II, 0.75, 0.55, [LOW]),
        (IEEE_1668_TYPE_III, 0.55, 0.03, []),
        (IEEE_1668_TYPE_III, 0.55, 0.08, [LOW]),
        (IEEE_1668_TYPE_III, 0.75, 0.08, []),
        (IEEE_1668_TYPE_III, 0.75, 0.13, [LOW]),
        (IEEE_1668_TYPE_III, 0.85, 3.0, []),
    ],
)
def test_verdicts_of_the_other_envelopes(
    envelope: Envelope, phase_deg: float, pu: float, duration_s: float, verdict: list[Direction]
) -> None:
    assert broken(rectangle(US, pu, duration_s, phase_deg), envelope, duration_s + 1) == verdict


@pytest.mark.parametrize("nominal", [US, EU])
@pytest.mark.parametrize("phase_deg", POINTS)
@pytest.mark.parametrize(
    ("pu", "duration_s", "verdict"),
    [
        (4.9, 2 / 12000, []),
        (5.1, 1 / 12000, [HIGH]),
        (2.1, 2 / 12000, []),
        (2.1, 3 / 12000, [HIGH]),
        (1.9, 0.0008, []),
        (1.5, 0.0011, [HIGH]),
        (1.35, 0.0028, []),
        (1.35, 0.0032, [HIGH]),
    ],
)
def test_itic_verdicts_of_impulses_within_a_cycle(
    nominal: Nominal, phase_deg: float, pu: float, duration_s: float, verdict: list[Direction]
) -> None:
    segment = Wave(nominal, phase_deg=phase_deg).segment(1)
    begin = 6011
    segment.volts[begin : begin + round(duration_s * 12000)] = pu * np.sqrt(2) * nominal.u_din_v
    found = [each.direction for each in excursions(segment, nominal, ITIC) if each.broken]
    assert found == verdict


@pytest.mark.parametrize("pu", [0.8, 0.7, 0.9])
def test_a_sag_on_the_line_is_inside(pu: float) -> None:
    wave = Wave(US, f_hz=60.0, steps=[Step(0.4, 0.9, pu)])
    assert broken(wave, ITIC, 1.5) == []


@pytest.mark.parametrize("nominal", [US, EU])
@pytest.mark.parametrize("pu", [0.92, 1.0, 1.08])
def test_harmonics_and_noise_of_a_normal_voltage_are_no_disturbance(nominal: Nominal, pu: float) -> None:
    wave = Wave(nominal, pu=pu, harmonics={3: -6, 5: 6, 7: -5, 11: 3.5, 13: -3}, noise_v=0.01 * nominal.u_din_v, dc_v=1)
    assert broken(wave, ITIC, 5) == []
    assert broken(wave, SEMI_F47, 5) == []


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        ([Step(0.4, 0.55, 0.6), Step(0.55, 1.35, 0.85)], []),
        ([Step(0.4, 0.65, 0.6), Step(0.65, 1.35, 0.85)], [LOW]),
        ([Step(0.4, 0.55, 0.6), Step(0.55, 0.95, 0.75)], [LOW]),
        ([Step(0.4, 0.7, 0.75), Step(0.7, 0.8, 0.85), Step(0.8, 1.1, 0.75)], [LOW]),
    ],
)
def test_the_time_below_each_level_adds_up_over_the_disturbance(steps: list[Step], verdict: list[Direction]) -> None:
    assert broken(Wave(US, steps=steps), SEMI_F47, 2) == verdict


def test_each_violating_disturbance_is_one() -> None:
    wave = Wave(
        US,
        steps=[Step(0.4, 0.5, 0.3), Step(1.0, 1.1, 0.3), Step(1.5, 1.6, 0.95), Step(2.0, 2.1, 1.5)],
        impulses=[Impulse(2.5, 0.0005, 500)],
    )
    assert broken(wave, ITIC, 3) == [LOW, LOW, HIGH, HIGH]


def test_the_magnitude_of_an_impulse_is_its_peak() -> None:
    wave = Wave(US, phase_deg=90, impulses=[Impulse(0.5, 0.0005, 400)])
    (found,) = [each for each in excursions(wave.segment(1), US, ITIC) if each.broken]
    assert found.of_peak
    assert found.extreme_pu == pytest.approx((400 + 120 * np.sqrt(2)) / (120 * np.sqrt(2)), rel=0.01)


def test_times_of_two_parts_add_up() -> None:
    (earlier,) = excursions(Wave(US, steps=[Step(0.5, 9, 0.75)]).segment(0.8), US, SEMI_F47)
    (later,) = excursions(Wave(US, steps=[Step(0, 0.3, 0.72)]).segment(0.8), US, SEMI_F47)
    assert not earlier.broken
    assert not later.broken
    whole: Excursion = join(earlier, later)
    assert [time.level.pu for time in whole.broken] == [0.8]
    assert whole.extreme_pu == pytest.approx(0.72, abs=0.002)


def test_a_record_too_short_to_judge_gives_nothing() -> None:
    assert excursions(VoltageSegment(START_UNIX_NS, 12000, np.zeros(500)), US, ITIC) == []
