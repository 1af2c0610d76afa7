"""The parts under the search for transients: the tracked fundamental, the screening, the residual, the fits, the notches."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.notches import find_notches, suspect
from opq.signal.residual import screen, shifted, surroundings
from opq.signal.ringing import fit_pulse, fit_ringing
from opq.signal.rows import cycle_rows, harmonic_basis, usual_cycle, without
from opq.signal.track import FundamentalTrack, track_fundamental
from opq.testing.waves import Impulse, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
SUPPLIES = [US, EU]
RATE = 12000.0


def track(nominal: Nominal, volts: VoltArray) -> FundamentalTrack:
    found = track_fundamental(volts, RATE, nominal)
    assert found is not None
    return found


# --- the fundamental


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("f_off_hz", [-0.5, -0.1, 0.0, 0.3])
def test_the_period_is_right_under_noise_and_harmonics(nominal: Nominal, f_off_hz: float) -> None:
    f_hz = nominal.f_hz + f_off_hz
    volts = Wave(nominal, f_hz=f_hz, harmonics={3: 5, 5: 5}, noise_v=0.03 * nominal.u_din_v).volts(2)
    np.testing.assert_allclose(RATE / track(nominal, volts).period, f_hz, atol=0.01)


@pytest.mark.parametrize("nominal", SUPPLIES)
def test_neither_an_interruption_nor_a_jump_moves_the_period(nominal: Nominal) -> None:
    dead = Wave(nominal, f_hz=nominal.f_hz + 0.1, steps=[Step(0.8, 1.4, 0.0)], noise_v=0.1).volts(2)
    jumped = np.concatenate([Wave(nominal).volts(1), Wave(nominal, phase_deg=90).volts(1)])
    np.testing.assert_allclose(RATE / track(nominal, dead).period, nominal.f_hz + 0.1, atol=0.03)
    np.testing.assert_allclose(RATE / track(nominal, jumped).period, nominal.f_hz, atol=0.03)


@pytest.mark.parametrize("nominal", SUPPLIES)
def test_the_phase_is_that_of_the_sine_also_beyond_the_first_and_last_row(nominal: Nominal) -> None:
    found = track(nominal, Wave(nominal, phase_deg=40).volts(1))
    places = np.array([0.0, 17.0, 5000.5, RATE - 1])
    away = found.phase_at(places) - (np.deg2rad(40) + 2 * np.pi * nominal.f_hz * places / RATE)
    np.testing.assert_allclose((away + np.pi) % (2 * np.pi) - np.pi, 0, atol=0.01)


def test_less_than_four_cycles_have_no_track() -> None:
    assert track_fundamental(Wave(US).volts(0.06), RATE, US) is None


# --- what stands out


@pytest.mark.parametrize("nominal", SUPPLIES)
def test_nothing_stands_out_of_a_quiet_record_and_an_impulse_does(nominal: Nominal) -> None:
    quiet = Wave(nominal, f_hz=nominal.f_hz + 0.04, harmonics={5: 3, 11: 1}, noise_v=0.2)
    assert screen(quiet.volts(3), track(nominal, quiet.volts(3)), 5.0).regions == []
    hit = Wave(nominal, f_hz=nominal.f_hz + 0.04, impulses=[Impulse(1.5, 0.0005, 20)], noise_v=0.2).volts(3)
    (region,) = screen(hit, track(nominal, hit), 5.0).regions
    assert region[0] <= 1.5 * RATE < region[1]


@pytest.mark.parametrize("noise_v", [0.1, 1.0, 8.0])
def test_the_noise_is_measured(noise_v: float) -> None:
    volts = Wave(US, noise_v=noise_v, harmonics={3: 2}).volts(5)
    assert np.median(screen(volts, track(US, volts), 5.0).sigma_v) == pytest.approx(noise_v, rel=0.1)


@pytest.mark.parametrize("pu", [0.0, 0.6, 1.4])
@pytest.mark.parametrize("phase_deg", [0, 50, 90])
def test_a_step_leaves_no_residual(pu: float, phase_deg: float) -> None:
    volts = Wave(US, f_hz=60.05, phase_deg=phase_deg, steps=[Step(0.5, 9, pu)], harmonics={5: 3}).volts(1)
    assert np.abs(surroundings(volts, track(US, volts), 5000, 7000).beyond()).max() < 1.0


def test_an_impulse_is_its_own_residual_at_the_ends_of_a_record_too() -> None:
    clean = Wave(US, f_hz=60.05)
    for at in (30, 6000, 11950):
        volts = clean.volts(1)
        volts[at : at + 6] += 40
        first, last = max(at - 100, 0), min(at + 100, len(volts))
        residual = surroundings(volts, track(US, volts), first, last).beyond()
        assert residual[at - first : at - first + 6] == pytest.approx(40, abs=1.5)
        assert np.abs(np.delete(residual, np.s_[at - first : at - first + 6])).max() < 1.5


def test_a_shift_by_parts_of_a_sample_interpolates_and_is_nan_off_the_record() -> None:
    volts = np.sin(2 * np.pi * 60 * np.arange(400) / RATE)
    moved = shifted(volts, 100, 200, 0.4)
    np.testing.assert_allclose(moved, np.sin(2 * np.pi * 60 * (np.arange(100, 200) + 0.4) / RATE), atol=1e-6)
    assert np.isnan(shifted(volts, 0, 50, -60)).all()


# --- fits


@pytest.mark.parametrize("f_hz", [300, 777, 2345, 5000])
@pytest.mark.parametrize("decay_s", [0.002, 0.015])
def test_a_ringing_is_fitted_through_noise(f_hz: float, decay_s: float) -> None:
    time = np.arange(400) / RATE
    clean = 50 * np.exp(-time / decay_s) * np.sin(2 * np.pi * f_hz * time + 0.7)
    fit = fit_ringing(clean + 2 * np.random.default_rng(2).standard_normal(400), RATE, 2.0)
    assert fit.f_hz == pytest.approx(f_hz, rel=0.02)
    assert fit.decay_s == pytest.approx(decay_s, rel=0.25)
    assert fit.explained > 0.9


def test_a_pulse_explains_a_pulse_and_no_ringing() -> None:
    time = np.arange(60) / RATE
    assert fit_pulse(-30 * (np.exp(-time / 1e-3) - np.exp(-time / 1e-4)), RATE, 0.1).explained > 0.98
    assert fit_pulse(30 * np.exp(-time / 2e-3) * np.sin(2 * np.pi * 900 * time), RATE, 0.1).explained < 0.5


# --- cycles as rows


def test_rows_are_cycles_whatever_the_frequency() -> None:
    volts = Wave(EU, f_hz=50.3, phase_deg=77).volts(1)
    rows = cycle_rows(volts, track(EU, volts))
    expected = np.sqrt(2) * 230 * np.sin(2 * np.pi * np.arange(rows.points) / rows.points)
    np.testing.assert_allclose(rows.volts[3:-3], np.tile(expected, (len(rows.volts) - 6, 1)), atol=2.0)


def test_some_disturbed_rows_do_not_move_the_usual_cycle() -> None:
    rows = np.tile(np.sin(2 * np.pi * np.arange(200) / 200), (12, 1))
    rows[[2, 7]] += 5
    np.testing.assert_allclose(usual_cycle(rows), rows[0])


def test_harmonics_are_taken_out_and_nothing_else() -> None:
    angle = 2 * np.pi * np.arange(240) / 240
    low, high = 3 + np.sin(angle) + 0.2 * np.cos(13 * angle), np.sin(31 * angle)
    np.testing.assert_allclose(without(low + high, harmonic_basis(240, 13)), high, atol=1e-9)


@pytest.mark.parametrize("count", [2, 4, 6])
def test_notches_are_counted_and_measured_beside_harmonics(count: int) -> None:
    angle = 2 * np.pi * 50.04 * np.arange(round(1.5 * RATE)) / RATE
    within = np.rad2deg(angle) % 360
    wave = np.sin(angle) + 0.05 * np.sin(5 * angle) + 0.03 * np.sin(17 * angle)
    sign = np.sign(np.sin(angle))
    for place in 35 + 360 / count * np.arange(count):
        wave -= 0.2 * sign * ((within >= place) & (within < place + 10))
    rows = cycle_rows(wave, track(Nominal(50, 50), wave * 70))
    (found,) = find_notches(rows, RATE, 10, 0.001, 0.04)
    assert found.per_cycle == count
    assert found.depth_v == pytest.approx(0.2, rel=0.15)
    assert found.width_s == pytest.approx(10 / 360 / 50.04, rel=0.25)


def test_harmonics_are_not_even_suspect_while_they_are_usual() -> None:
    volts = Wave(EU, harmonics={3: 3, 5: 4, 7: 2, 11: 1, 13: 1}, noise_v=0.5).volts(2)
    assert not suspect(volts, track(EU, volts), RATE, 10, 0.5, 20.0)
