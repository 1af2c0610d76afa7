"""Rapid voltage changes: how far, how long, when; what is none; and two records that show the same one."""

import numpy as np
import pytest

from opq.classifiers import RapidChangeClassifier, join_parts
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.signal.segments import HalfCycleSeries, half_cycle_series
from opq.standards.rapid_changes import RapidChange, RapidChangeLimits, find_rapid_changes
from opq.testing.waves import START_UNIX_NS, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
NOMINALS = pytest.mark.parametrize("nominal", [US, EU], ids=["60 Hz", "50 Hz"])


def changes(wave: Wave, duration_s: float, limits: RapidChangeLimits | None = None) -> list[RapidChange]:
    return find_rapid_changes(half_cycle_series(wave.segment(duration_s), wave.nominal), wave.nominal, limits)


def after_s(unix_ns: int) -> float:
    return (unix_ns - START_UNIX_NS) / NS


def series_of(u_pu: np.ndarray, nominal: Nominal) -> HalfCycleSeries:
    """Make a series with exact half cycles from values over Udin."""
    edges = np.rint(np.arange(len(u_pu) + 1) * NS / (2 * nominal.f_hz)).astype(np.int64)
    return HalfCycleSeries(edges[:-1], edges[1:], u_pu * nominal.u_din_v)


@NOMINALS
@pytest.mark.parametrize("phase_deg", [0, 45, 90, 200, 305])
@pytest.mark.parametrize("to_pu", [0.92, 0.94, 1.06, 1.09])
def test_a_step_is_one_change_with_its_size_start_and_duration(
    nominal: Nominal, phase_deg: float, to_pu: float
) -> None:
    wave = Wave(
        nominal,
        f_hz=nominal.f_hz + 0.03,
        phase_deg=phase_deg,
        steps=[Step(2.5, 99, to_pu)],
        noise_v=0.0005 * nominal.u_din_v,
    )
    (change,) = changes(wave, 5)
    assert change.largest_pu == pytest.approx(to_pu - 1, abs=0.002)
    assert change.steady_pu == pytest.approx(to_pu - 1, abs=0.002)
    assert change.before_pu == pytest.approx(1, abs=0.002)
    cycle_s = 1 / nominal.f_hz
    assert after_s(change.start_unix_ns) == pytest.approx(2.5, abs=cycle_s)
    # Steady again is a second within half the threshold: of a clean step the second begins with it.
    assert change.duration_s <= 1.0 + 2 * cycle_s
    assert not change.open_end


@NOMINALS
def test_a_change_that_comes_back_has_a_largest_and_no_steady_difference(nominal: Nominal) -> None:
    (change,) = changes(Wave(nominal, steps=[Step(2, 2.4, 0.93)]), 5)
    assert change.largest_pu == pytest.approx(-0.07, abs=0.002)
    assert change.steady_pu == pytest.approx(0, abs=0.002)
    assert 2 <= after_s(change.extreme_unix_ns) <= 2.4
    assert change.duration_s == pytest.approx(0.4, abs=2 / nominal.f_hz)


@NOMINALS
def test_the_farthest_value_may_be_beyond_the_new_steady_one(nominal: Nominal) -> None:
    (change,) = changes(Wave(nominal, steps=[Step(2, 99, 0.96), Step(2, 2.3, 0.92)]), 5)
    assert change.largest_pu == pytest.approx(-0.08, abs=0.002)
    assert change.steady_pu == pytest.approx(-0.04, abs=0.002)


@NOMINALS
@pytest.mark.parametrize("threshold_pu", [0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
def test_a_step_a_little_beyond_the_threshold_is_found_and_one_within_it_is_not(
    nominal: Nominal, threshold_pu: float
) -> None:
    limits = RapidChangeLimits(threshold_pu)
    count = round(2 * nominal.f_hz)
    for size_pu, found in ((threshold_pu * 1.02, 1), (threshold_pu * 0.98, 0)):
        u_pu = np.concatenate([np.ones(2 * count), np.full(3 * count, 1 - size_pu)])
        assert len(find_rapid_changes(series_of(u_pu, nominal), nominal, limits)) == found, size_pu


@pytest.mark.parametrize("to_pu", [0.89, 0.5, 0.0, 1.11, 1.3])
@NOMINALS
def test_what_contains_a_sag_swell_or_interruption_is_none(nominal: Nominal, to_pu: float) -> None:
    assert changes(Wave(nominal, steps=[Step(2, 2.3, to_pu)]), 5) == []


@NOMINALS
def test_a_change_that_a_sag_follows_before_the_voltage_is_steady_is_none(nominal: Nominal) -> None:
    assert changes(Wave(nominal, steps=[Step(2, 2.3, 0.93), Step(2.3, 2.4, 0.7)]), 6) == []


@pytest.mark.parametrize("pu", [0.88, 1.12])
def test_between_steady_voltages_of_which_one_is_outside_the_band_there_is_none(pu: float) -> None:
    assert changes(Wave(US, pu=pu, steps=[Step(2, 99, 1.0)]), 5) == []
    assert changes(Wave(US, steps=[Step(2, 99, pu)]), 5) == []


@NOMINALS
def test_a_slow_ramp_is_none_and_a_quick_one_is_one(nominal: Nominal) -> None:
    count = round(2 * nominal.f_hz)
    for length_s, found in ((20.0, 0), (0.2, 1)):
        ramp = np.linspace(1.0, 0.92, round(length_s * count))
        u_pu = np.concatenate([np.ones(2 * count), ramp, np.full(3 * count, 0.92)])
        rapid = find_rapid_changes(series_of(u_pu, nominal), nominal)
        assert len(rapid) == found
    (change,) = rapid
    # By the standard the first second within half the threshold counts as steady, the end of the ramp in it or not.
    assert change.steady_pu == pytest.approx(-0.08, abs=0.005)
    assert change.largest_pu == pytest.approx(-0.08, abs=0.005)


@NOMINALS
def test_two_steps_with_more_than_a_steady_second_between_them_are_two(nominal: Nominal) -> None:
    first, second = changes(Wave(nominal, steps=[Step(2, 99, 0.94), Step(4, 99, 1.02)]), 7)
    assert (first.largest_pu, second.largest_pu) == (pytest.approx(-0.06, abs=0.002), pytest.approx(0.08, abs=0.002))
    assert second.before_pu == pytest.approx(0.94, abs=0.002)


def test_a_record_without_a_steady_second_shows_none() -> None:
    assert changes(Wave(US, steps=[Step(0.4, 99, 0.93)]), 0.9) == []
    assert changes(Wave(US, steps=[Step(0.4, 99, 0.93)]), 3) == []
    assert changes(Wave(US), 0.0) == []


def test_a_change_that_lasts_at_the_end_of_the_record_is_open() -> None:
    (change,) = changes(Wave(US, steps=[Step(2, 99, 0.93)]), 2.4)
    assert change.open_end
    assert change.largest_pu == pytest.approx(-0.07, abs=0.002)


def test_two_records_that_show_the_same_change_give_one() -> None:
    wave = Wave(US, f_hz=60.02, steps=[Step(3, 3.5, 0.93)])
    whole = wave.segment(8)
    parts = []
    for first_s, last_s in ((0.0, 3.3), (1.5, 8.0)):
        first, last = round(first_s * 12000), round(last_s * 12000)
        segment = type(whole)(whole.start_unix_ns + round(first_s * NS), 12000.0, whole.volts[first:last])
        parts.append(find_rapid_changes(half_cycle_series(segment, US), US))
    (joined,) = join_parts(parts[0], parts[1], RapidChangeClassifier())
    assert joined.largest_pu == pytest.approx(-0.07, abs=0.002)
    assert joined.steady_pu == pytest.approx(0, abs=0.002)
    assert after_s(joined.start_unix_ns) == pytest.approx(3, abs=0.02)
    assert joined.duration_s == pytest.approx(0.5, abs=0.04)
    assert not joined.open_end
