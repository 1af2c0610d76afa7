"""Transients: what is one, what is none, and whether what is written of it is true."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.standards.transients import Transient, TransientLimits, find_transients, join
from opq.testing.waves import START_UNIX_NS, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
SUPPLIES = [US, EU]
RATE = 12000.0
DURATION_S = 1.2
AT_S = 0.6


def peak_v(nominal: Nominal) -> float:
    return float(np.sqrt(2) * nominal.u_din_v)


def noise_of(nominal: Nominal, snr_db: float) -> float:
    return nominal.u_din_v * 10 ** (-snr_db / 20)


def find(nominal: Nominal, volts: VoltArray, rate_hz: float = RATE) -> list[Transient]:
    return find_transients(VoltageSegment(START_UNIX_NS, rate_hz, volts), nominal)


def seconds(transient: Transient) -> float:
    return (transient.start_unix_ns - START_UNIX_NS) / 1e9


def after(at_s: float, rate_hz: float = RATE, duration_s: float = DURATION_S) -> tuple[VoltArray, VoltArray]:
    """Return since when [s], 0 before, and whether since, for each sample."""
    time = np.arange(round(duration_s * rate_hz)) / rate_hz - at_s
    return np.maximum(time, 0), (time >= -1e-9).astype(float)


def pulse(at_s: float, decay_s: float = 0.8e-3, rise_s: float = 1e-4) -> VoltArray:
    """A double exponential of height 1."""
    since, _ = after(at_s)
    top = rise_s * decay_s / (decay_s - rise_s) * np.log(decay_s / rise_s)
    height = np.exp(-top / decay_s) - np.exp(-top / rise_s)
    return (np.exp(-since / decay_s) - np.exp(-since / rise_s)) / height


def ring(at_s: float, f_hz: float, decay_s: float = 4e-3, rate_hz: float = RATE) -> VoltArray:
    """A damped oscillation that begins at its height of 1."""
    since, inside = after(at_s, rate_hz)
    return inside * np.exp(-since / decay_s) * np.cos(2 * np.pi * f_hz * since)


def phase_for(nominal: Nominal, point_on_wave_deg: float) -> float:
    """Phase at the first sample that has the wave at this point at `AT_S` [degree]."""
    return (point_on_wave_deg - 360 * nominal.f_hz * AT_S) % 360


# --- impulses and oscillations, and what is written of them


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("point_on_wave_deg", range(0, 360, 25))
@pytest.mark.parametrize("size_pu", [0.4, -1.2])
def test_an_impulse_is_found_at_every_point_on_wave(nominal: Nominal, point_on_wave_deg: int, size_pu: float) -> None:
    wave = Wave(
        nominal, phase_deg=phase_for(nominal, point_on_wave_deg), harmonics={5: 2}, noise_v=noise_of(nominal, 30)
    )
    (found,) = find(nominal, wave.volts(DURATION_S) + size_pu * peak_v(nominal) * pulse(AT_S))
    assert found.incident_class is IncidentClass.IMPULSIVE_TRANSIENT
    assert found.polarity == np.sign(size_pu)
    assert found.peak_pu == pytest.approx(size_pu, rel=0.1, abs=3 * noise_of(nominal, 30) / peak_v(nominal))
    assert seconds(found) == pytest.approx(AT_S, abs=3 / RATE)
    away = (found.point_on_wave_deg - point_on_wave_deg + 180) % 360 - 180
    assert abs(away) < 5
    assert 0.5e-3 < found.duration_s < 5e-3
    assert found.rise_s < 0.5e-3
    assert 0.3e-3 < found.decay_s < 1e-3


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("f_hz", [300, 480, 700, 900, 1500, 2600, 4000])
def test_an_oscillation_has_its_frequency_decay_and_peak(nominal: Nominal, f_hz: float) -> None:
    wave = Wave(nominal, f_hz=nominal.f_hz + 0.05, phase_deg=30, harmonics={3: 2}, noise_v=noise_of(nominal, 30))
    (found,) = find(nominal, wave.volts(DURATION_S) + 0.6 * peak_v(nominal) * ring(AT_S, f_hz))
    assert found.incident_class is IncidentClass.OSCILLATORY_TRANSIENT
    assert found.oscillation_hz == pytest.approx(f_hz, rel=0.05)
    assert found.peak_pu == pytest.approx(0.6, rel=0.1)
    assert found.decay_s == pytest.approx(4e-3, rel=0.2)
    assert 8e-3 < found.duration_s < 20e-3
    assert found.energy_v2s == pytest.approx((0.6 * peak_v(nominal)) ** 2 * 4e-3 / 4, rel=0.2)


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize(
    ("point_on_wave_deg", "size_pu", "f_hz", "cause"),
    [
        (90, -0.5, 600, "capacitor switching"),
        (250, 0.5, 400, "capacitor switching"),
        (90, 0.5, 600, ""),
        (90, -0.5, 1500, ""),
        (2, -0.5, 600, ""),
    ],
)
def test_a_first_swing_toward_zero_at_300_to_900_hz_is_a_capacitor(
    nominal: Nominal, point_on_wave_deg: float, size_pu: float, f_hz: float, cause: str
) -> None:
    wave = Wave(nominal, phase_deg=phase_for(nominal, point_on_wave_deg), noise_v=noise_of(nominal, 40))
    (found,) = find(nominal, wave.volts(DURATION_S) + size_pu * peak_v(nominal) * ring(AT_S, f_hz))
    assert found.incident_class is IncidentClass.OSCILLATORY_TRANSIENT
    assert found.cause == cause


def test_the_voltage_a_capacitor_leaves_behind_is_told() -> None:
    wave = Wave(US, phase_deg=phase_for(US, 80), steps=[Step(AT_S, 9, 1.02)], noise_v=0.1)
    (found,) = find(US, wave.volts(DURATION_S) - 0.5 * peak_v(US) * ring(AT_S, 500))
    assert found.lasting_change_pu == pytest.approx(0.02, abs=0.003)


def test_eight_volts_at_120_are_the_least_that_counts() -> None:
    volts = Wave(US, noise_v=0.02).volts(DURATION_S)
    assert find(US, volts + 6.5 * pulse(AT_S)) == []
    assert len(find(US, volts + 10 * pulse(AT_S))) == 1


def test_two_apart_are_two_and_each_has_its_class() -> None:
    volts = Wave(EU, noise_v=1).volts(DURATION_S)
    found = find(EU, volts + 120 * pulse(0.4) + 150 * ring(0.7, 800))
    assert [one.incident_class for one in found] == [
        IncidentClass.IMPULSIVE_TRANSIENT,
        IncidentClass.OSCILLATORY_TRANSIENT,
    ]


# --- lasting ones


def notched(nominal: Nominal, duration_s: float = DURATION_S, depth: float = 0.25) -> VoltArray:
    angle = 2 * np.pi * nominal.f_hz * np.arange(round(duration_s * RATE)) / RATE
    within = np.rad2deg(angle % np.pi)
    cuts = sum(((within >= place) & (within < place + 12)).astype(float) for place in (30, 90, 150))
    noise = 0.005 * np.random.default_rng(3).standard_normal(len(angle))
    return peak_v(nominal) * (np.sin(angle) - depth * np.sign(np.sin(angle)) * cuts + noise)


@pytest.mark.parametrize("nominal", SUPPLIES)
def test_six_notches_a_cycle_are_one_notching_that_touches_both_ends(nominal: Nominal) -> None:
    (found,) = find(nominal, notched(nominal))
    assert found.incident_class is IncidentClass.PERIODIC_NOTCHING
    assert found.per_cycle == 6
    assert found.notch_depth_v == pytest.approx(0.25 * peak_v(nominal), rel=0.15)
    assert found.notch_width_s == pytest.approx(12 / 360 / nominal.f_hz, rel=0.2)
    assert (found.open_start, found.open_end) == (True, True)


@pytest.mark.parametrize("nominal", SUPPLIES)
def test_bursts_at_zero_crossings_each_of_its_own_are_one_arcing(nominal: Nominal) -> None:
    random = np.random.default_rng(7)
    volts = Wave(nominal, noise_v=noise_of(nominal, 40)).volts(DURATION_S)
    for half in range(24):
        at_s = 0.3 + half / (2 * nominal.f_hz) + random.uniform(-5e-4, 5e-4)
        size = random.uniform(0.3, 0.6) * random.choice([-1, 1]) * peak_v(nominal)
        volts += size * ring(at_s, random.uniform(1000, 3000), 5e-4)
    (found,) = find(nominal, volts)
    assert found.incident_class is IncidentClass.ARCING_TRANSIENT
    assert found.bursts == pytest.approx(24, abs=2)
    assert found.duration_s == pytest.approx(23 / (2 * nominal.f_hz), rel=0.1)


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("cycles", [3, 8])
def test_extra_zero_crossings_alike_in_each_half_cycle_are_one_incident(nominal: Nominal, cycles: int) -> None:
    turns = 2 * nominal.f_hz * np.arange(round(DURATION_S * RATE)) / RATE
    away_s = (turns - np.rint(turns)) / (2 * nominal.f_hz)
    inside = (np.abs(away_s) < 8e-4) & (turns > 40.5) & (turns < 40.5 + 2 * cycles)
    swing = -0.4 * np.cos(np.pi * np.rint(turns)) * np.sin(np.pi * away_s / 8e-4) * inside
    (found,) = find(nominal, Wave(nominal, noise_v=noise_of(nominal, 40)).volts(DURATION_S) + peak_v(nominal) * swing)
    assert found.incident_class is IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT
    assert found.crossings == 3
    assert found.bursts == 2 * cycles
    assert found.likeness > 0.9


# --- what is none


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("phase_deg", range(0, 180, 20))
@pytest.mark.parametrize("pu", [0.0, 0.3, 0.85, 1.2, 1.7])
@pytest.mark.parametrize("cycles", [0.5, 1.0, 2.3, 6.0])
def test_the_edges_of_sags_swells_and_interruptions_are_no_transients(
    nominal: Nominal, phase_deg: float, pu: float, cycles: float
) -> None:
    step = Step(AT_S, AT_S + cycles / nominal.f_hz, pu)
    wave = Wave(
        nominal, f_hz=nominal.f_hz - 0.08, phase_deg=phase_deg, steps=[step], harmonics={3: 2, 7: 1}, noise_v=0.3
    )
    assert find(nominal, wave.volts(DURATION_S)) == []


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize(
    "orders", [(2,), (3,), (5,), (7,), (11,), (13,), (17,), (23,), (25,), (31,), (37,), (49,), (11, 13), (23, 25)]
)
@pytest.mark.parametrize("f_off_hz", [-0.1, 0.07])
def test_steady_harmonics_of_twenty_percent_are_no_transient(
    nominal: Nominal, orders: tuple[int, ...], f_off_hz: float
) -> None:
    harmonics = {order: 20 / np.sqrt(len(orders)) for order in orders}
    wave = Wave(nominal, f_hz=nominal.f_hz + f_off_hz, phase_deg=50, harmonics=harmonics, noise_v=noise_of(nominal, 40))
    assert find(nominal, wave.volts(DURATION_S)) == []


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("jump_deg", [5, 30, 90, 180])
@pytest.mark.parametrize("at_deg", [0, 60, 90])
def test_a_phase_jump_is_no_transient(nominal: Nominal, jump_deg: float, at_deg: float) -> None:
    half = round(AT_S * RATE)
    phase = phase_for(nominal, at_deg)
    before, behind = (Wave(nominal, phase_deg=phase + jump, noise_v=0.2).volts(DURATION_S) for jump in (0, jump_deg))
    assert find(nominal, np.concatenate([before[:half], behind[half:]])) == []


@pytest.mark.parametrize("nominal", SUPPLIES)
def test_what_is_steady_or_slow_is_no_transient(nominal: Nominal) -> None:
    time = np.arange(round(3 * RATE)) / RATE
    sine = peak_v(nominal) * np.sin(2 * np.pi * nominal.f_hz * time)
    noise = 0.2 * np.random.default_rng(5).standard_normal(len(time))
    flicker = 1 + 0.035 * np.sign(np.sin(2 * np.pi * 8.8 * time))
    swing = 1 + 0.02 * np.sin(2 * np.pi * 8.8 * time)
    interharmonic = 0.02 * peak_v(nominal) * np.sin(2 * np.pi * 178.3 * time)
    drift = np.sin(2 * np.pi * ((nominal.f_hz - 0.1) * time + 0.2 / 3 * time**2 / 2))
    load = np.where(time < 1.5031, 1, 0.96)
    for volts in (sine * flicker, sine * swing, sine + interharmonic, sine + 3, peak_v(nominal) * drift, sine * load):
        assert find(nominal, volts + noise) == []


def test_the_start_of_steady_distortion_is_no_transient() -> None:
    wave, more = Wave(EU, noise_v=0.3), Wave(EU, harmonics={5: 9, 7: 6}, noise_v=0.3)
    half = round(AT_S * RATE)
    assert find(EU, np.concatenate([wave.volts(DURATION_S)[:half], more.volts(DURATION_S)[half:]])) == []


# --- records


@pytest.mark.parametrize("cut_s", [AT_S - 0.05, AT_S - 0.001, AT_S + 0.05])
def test_a_cut_beside_a_transient_neither_hides_nor_doubles_it(cut_s: float) -> None:
    volts = Wave(US, phase_deg=33, noise_v=0.1).volts(DURATION_S) + 90 * ring(AT_S, 700)
    sample = round(cut_s * RATE)
    found = [*find(US, volts[:sample]), *find(US, volts[sample:])]
    assert [one.incident_class for one in found] == [IncidentClass.OSCILLATORY_TRANSIENT]


def test_lasting_ones_that_records_cut_apart_are_joined() -> None:
    volts = notched(US, 2.4)
    half = len(volts) // 2
    (first,) = find(US, volts[:half])
    (later,) = find_transients(VoltageSegment(START_UNIX_NS + round(half * 1e9 / RATE), RATE, volts[half:]), US)
    whole = join(first, later)
    assert (first.open_end, later.open_start) == (True, True)
    assert whole.duration_s == pytest.approx(2.4, abs=0.05)
    assert whole.per_cycle == 6


@pytest.mark.parametrize("rate_hz", [2000.0, 4000.0, 7680.0, 12800.0, 30000.0])
@pytest.mark.parametrize("nominal", SUPPLIES)
def test_any_rate_from_two_kilohertz_on_will_do(nominal: Nominal, rate_hz: float) -> None:
    wave = Wave(nominal, phase_deg=phase_for(nominal, 70), noise_v=noise_of(nominal, 40))
    volts = wave.volts(DURATION_S, rate_hz) - 0.6 * peak_v(nominal) * ring(AT_S, 420, 6e-3, rate_hz)
    (found,) = find(nominal, volts, rate_hz)
    assert found.incident_class is IncidentClass.OSCILLATORY_TRANSIENT
    assert found.oscillation_hz == pytest.approx(420, rel=0.05)


def test_below_two_kilohertz_and_in_less_than_four_cycles_nothing_is_said() -> None:
    volts = Wave(US).volts(DURATION_S, 1600)
    volts[800:803] += 100
    assert find(US, volts, 1600) == []
    assert find(US, Wave(US).volts(0.05)) == []
    assert find(US, np.empty(0)) == []


def test_a_record_of_a_fifth_of_a_second_is_enough() -> None:
    (found,) = find(
        US, (Wave(US, noise_v=0.1).volts(DURATION_S) + 90 * pulse(AT_S))[round(0.5 * RATE) : round(0.7 * RATE)]
    )
    assert found.incident_class is IncidentClass.IMPULSIVE_TRANSIENT


def test_limits_are_what_they_say() -> None:
    limits = TransientLimits()
    assert limits.least_peak_pu * np.sqrt(2) * 120 == pytest.approx(8)
    segment = VoltageSegment(START_UNIX_NS, RATE, Wave(US, noise_v=0.1).volts(DURATION_S) + 90 * pulse(AT_S))
    assert find_transients(segment, US, TransientLimits(least_peak_pu=0.7)) == []
    assert find_transients(segment, US) == find_transients(segment, US, limits)
