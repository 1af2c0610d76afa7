"""The simulated supply: the same samples however they are asked for, and disturbances that are what they say."""

from dataclasses import replace

import numpy as np
import pytest

from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import FEATURE_INDEX, Windows
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.segments import half_cycle_series, segment_windows
from opq.sim.scenario import Disturbance, DisturbanceKind, Scenario, demo_scenario, quiet_scenario
from opq.sim.waveform import BoxWaveform

T0 = 1_760_000_000 * NS
RATE = 12_000
US, EU = Nominal(120, 60), Nominal(230, 50)
B1, B2 = BoxId("sim-01"), BoxId("sim-02")


def scenario(
    kind: DisturbanceKind, level: float, start_s: float = 2.0, duration_s: float = 0.5, repeat_s: float = 0.0,
    nominal: Nominal = US,
) -> Scenario:  # fmt: skip
    quiet = quiet_scenario(4, T0, nominal)
    return replace(quiet, disturbances=(Disturbance(kind, (B1,), start_s, duration_s, level, ()),), repeat_s=repeat_s)


def wave(made: Scenario, box_id: BoxId = B1, rate: float = RATE) -> BoxWaveform:
    return BoxWaveform(made, box_id, rate)


def record(made: Scenario, first_s: float, last_s: float, box_id: BoxId = B1) -> VoltageSegment:
    supply = wave(made, box_id)
    first = round(first_s * RATE)
    return VoltageSegment(supply.unix_ns(first), RATE, supply.volts(first, round(last_s * RATE) - first))


def half_cycles(made: Scenario, first_s: float, last_s: float, box_id: BoxId = B1) -> tuple[VoltArray, VoltArray]:
    """Middle [s] and Urms(1/2) [pu]."""
    nominal = made.box(box_id).nominal
    series = half_cycle_series(record(made, first_s, last_s, box_id), nominal)
    middle = (series.start_unix_ns - T0) / NS + (series.end_unix_ns - series.start_unix_ns) / 2 / NS
    return middle, series.u_rms_half_v / nominal.u_din_v


def windows(made: Scenario, first_s: float, last_s: float, box_id: BoxId = B1) -> Windows:
    return segment_windows(record(made, first_s, last_s, box_id), made.box(box_id).nominal)


def feature(made: Windows, name: str) -> VoltArray:
    return made.values[:, FEATURE_INDEX[name]].astype(float)


# --- the same samples


@pytest.mark.parametrize("block", [1, 7, 2400, 12_000, 12_001, 50_000])
@pytest.mark.parametrize("rate", [12_000.0, 11_999.63], ids=["even rate", "uneven rate"])
def test_samples_do_not_depend_on_the_size_of_the_blocks(block: int, rate: float) -> None:
    made = replace(demo_scenario(4, T0, US), repeat_s=9.0)
    first, count = round(5.9 * rate), 5 * round(rate) if block > 100 else 4000
    whole = wave(made, rate=rate).volts(first, count)
    supply = wave(made, rate=rate)
    pieces = [supply.volts(at, min(block, first + count - at)) for at in range(first, first + count, block)]
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-9)


def test_samples_do_not_depend_on_where_one_begins_or_in_which_order() -> None:
    made = demo_scenario(4, T0, US)
    whole = wave(made).volts(-3 * RATE, 12 * RATE)
    supply = wave(made)
    for first in (8, -2, 3, 0, -3, 6):
        piece = supply.volts(first * RATE + 123, 5000)
        np.testing.assert_allclose(piece, whole[(first + 3) * RATE + 123 :][:5000], rtol=0, atol=1e-9)


def test_a_block_with_a_whole_repetition_in_it_has_its_disturbance() -> None:
    made = scenario(DisturbanceKind.SAG, 0.5, start_s=1.0, duration_s=0.4, repeat_s=2.0)
    whole = wave(made).volts(RATE // 2, round(4.1 * RATE))
    np.testing.assert_allclose(whole[RATE : 2 * RATE], wave(made).volts(3 * RATE // 2, RATE), rtol=0, atol=1e-9)
    at, level = half_cycles(made, 0.5, 4.6)
    assert (np.abs(at[level < 0.75][[0, -1]] - [1.0, 3.4]) < 0.02).all()


def test_boxes_differ_and_a_seed_makes_the_same_again() -> None:
    made = quiet_scenario(2, T0, US)
    first = wave(made).volts(0, 1000)
    np.testing.assert_array_equal(wave(made).volts(0, 1000), first)
    assert np.abs(wave(made, B2).volts(0, 1000) - first).max() > 0.1
    assert np.abs(wave(replace(made, seed=2)).volts(0, 1000) - first).max() > 0.1


def test_times_of_samples_start_with_the_scenario() -> None:
    supply = wave(quiet_scenario(1, T0, US))
    assert supply.unix_ns(0) == T0
    assert supply.unix_ns(RATE) == T0 + NS
    assert supply.unix_ns(-1) == T0 - 83_333


# --- what was promised


@pytest.mark.parametrize("nominal", [US, EU])
def test_a_quiet_supply_is_within_every_limit(nominal: Nominal) -> None:
    made = quiet_scenario(4, T0, nominal)
    for box in made.boxes:
        seen = windows(made, 0, 20, box.box_id)
        assert np.abs(feature(seen, "u_rms_v") / nominal.u_din_v - 1).max() < 0.03
        assert np.abs(feature(seen, "f_hz") - nominal.f_hz).max() < 0.05
        assert 0.5 < feature(seen, "thd_pct").max() < 3
        assert feature(seen, "transient_peak_v").max() < 8 / 120 * nominal.u_din_v


@pytest.mark.parametrize("nominal", [US, EU])
@pytest.mark.parametrize(
    ("kind", "level"),
    [(DisturbanceKind.SAG, 0.7), (DisturbanceKind.SWELL, 1.2), (DisturbanceKind.INTERRUPTION, 0.03)],
    ids=["sag", "swell", "interruption"],
)
@pytest.mark.parametrize("duration_s", [0.1, 1.0])
def test_a_change_of_voltage_has_the_level_and_duration_it_says(
    nominal: Nominal, kind: DisturbanceKind, level: float, duration_s: float
) -> None:
    made = scenario(kind, level, 2.0, duration_s, nominal=nominal)
    at, measured = half_cycles(made, 1.0, 2.0 + duration_s + 1)
    beyond = measured < (1 + level) / 2 if level < 1 else measured > (1 + level) / 2
    assert at[beyond][0] == pytest.approx(2.0, abs=0.02)
    assert beyond.sum() / (2 * nominal.f_hz) == pytest.approx(duration_s, abs=0.02)
    inside = (at > 2.03) & (at < 2.0 + duration_s - 0.03)
    np.testing.assert_allclose(measured[inside], level, atol=0.005)
    outside = (at < 1.95) | (at > 2.0 + duration_s + 0.05)
    assert np.abs(measured[outside] - 1).max() < 0.03


def test_other_boxes_see_nothing_of_a_sag() -> None:
    _, measured = half_cycles(scenario(DisturbanceKind.SAG, 0.5), 1, 4, B2)
    assert np.abs(measured - 1).max() < 0.03


@pytest.mark.parametrize("nominal", [US, EU])
def test_distortion_has_the_thd_it_says(nominal: Nominal) -> None:
    made = scenario(DisturbanceKind.DISTORTION, 9.0, 2.0, 3.0, nominal=nominal)
    seen = windows(made, 0.5, 7)
    at = (seen.start_unix_ns - T0) / NS
    thd = feature(seen, "thd_pct")
    inside = (at > 2.05) & (at < 4.7)
    background = thd[at < 1.7].mean()
    # The harmonics that are there already are in 5th and 7th order too, in any phase.
    assert thd[inside].mean() == pytest.approx(np.hypot(9, background), abs=2 * background)
    assert thd[at > 5.05].max() < 3


def test_a_frequency_excursion_has_the_deviation_it_says_and_ramps_of_half_a_second_at_every_box() -> None:
    made = scenario(DisturbanceKind.FREQUENCY, -0.8, 3.0, 4.0)
    quiet = replace(made, disturbances=())
    for box_id in (B1, B2):
        seen, normal = windows(made, 0.5, 10, box_id), windows(quiet, 0.5, 10, box_id)
        at = (seen.start_unix_ns - T0) / NS
        deviation = feature(seen, "f_hz") - np.interp(at, (normal.start_unix_ns - T0) / NS, feature(normal, "f_hz"))
        np.testing.assert_allclose(deviation[(at > 3.55) & (at < 6.25)], -0.8, atol=0.01)
        np.testing.assert_allclose(deviation[(at < 2.75) | (at > 7.05)], 0, atol=0.01)
        assert ((deviation > -0.75) & (deviation < -0.05))[(at > 2.8) & (at < 3.5)].any(), "it goes there in a ramp"


def cycles(supply: BoxWaveform, until_s: float) -> int:
    volts = supply.volts(0, round(until_s * RATE))
    return int(((volts[:-1] < 0) & (volts[1:] >= 0)).sum())


@pytest.mark.parametrize(("repeat_s", "times"), [(0.0, 1), (8.0, 3)], ids=["once", "repeated"])
def test_an_excursion_leaves_the_phase_where_its_integral_says(repeat_s: float, times: int) -> None:
    """-2 Hz over 5 s with ramps of half a second at both ends is 9 cycles less, for ever."""
    made = scenario(DisturbanceKind.FREQUENCY, -2.0, 1.0, 5.0, repeat_s)
    quiet = replace(made, disturbances=())
    until = repeat_s * (times - 1) + 7.5
    assert cycles(wave(quiet), until) - cycles(wave(made), until) == 9 * times
    # A whole number of cycles: where no excursion lasts, the samples are the same but for the phase of the harmonics.
    first = round((until - 0.5) * RATE)
    np.testing.assert_allclose(wave(made).volts(first, 500), wave(quiet).volts(first, 500), atol=1e-3)


def test_the_voltage_has_no_jump_at_the_seams_of_repetitions_and_ramps() -> None:
    made = scenario(DisturbanceKind.FREQUENCY, -2.0, 1.0, 5.0, 8.0)
    volts = wave(made).volts(0, 20 * RATE)
    steepest = np.sqrt(2) * 120 * 2 * np.pi * 60 / RATE
    assert np.abs(np.diff(volts)).max() < 1.2 * steepest


def test_disturbances_happen_again_every_repetition_and_not_before_the_first() -> None:
    made = scenario(DisturbanceKind.SAG, 0.5, 2.0, 0.5, repeat_s=5.0)
    for repetition in range(3):
        at, level = half_cycles(made, 5 * repetition + 1, 5 * repetition + 4)
        low = at[level < 0.75] - 5 * repetition
        assert (low[0], low[-1]) == pytest.approx((2.0, 2.5), abs=0.02)
    _, level = half_cycles(made, -4, -0.5)
    assert level.min() > 0.95
