"""The declared supply found from a recording."""

import numpy as np
import pytest

from opq.analysis import find_nominal
from opq.analysis.nominal import USUAL_V
from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq.testing.waves import Step, Wave


@pytest.mark.parametrize("u_din_v", USUAL_V)
@pytest.mark.parametrize("f_hz", [50, 60])
@pytest.mark.parametrize("pu", [0.99, 1.01])
def test_usual_supplies_are_found(u_din_v: float, f_hz: float, pu: float) -> None:
    wave = Wave(Nominal(u_din_v, f_hz), pu=pu, f_hz=f_hz + 0.07, phase_deg=12, noise_v=0.003 * u_din_v)
    assert find_nominal(wave.volts(3, 6000), 6000) == Nominal(u_din_v, f_hz)


@pytest.mark.parametrize(("pu", "u_din_v"), [(0.94, 230), (0.978, 230), (1.02, 230), (0.958, 220)])
def test_the_nearest_of_several_near_ones_is_taken(pu: float, u_din_v: float) -> None:
    assert find_nominal(Wave(Nominal(230, 50), pu=pu).volts(2), 12000).u_din_v == min(
        USUAL_V, key=lambda each: abs(230 * pu / each - 1)
    )
    assert u_din_v in USUAL_V


@pytest.mark.parametrize("rate", [600.0, 1200.0, 8000.0, 50000.0])
def test_the_sample_rate_does_not_matter(rate: float) -> None:
    assert find_nominal(Wave(Nominal(120, 60), f_hz=59.9).volts(2, rate), rate) == Nominal(120, 60)


@pytest.mark.parametrize("f_hz", [42.6, 47.0, 54.0, 57.0, 66.0])
def test_far_from_nominal_the_nearer_of_50_and_60_hz_is_taken(f_hz: float) -> None:
    wave = Wave(Nominal(230, 50), f_hz=f_hz)
    assert find_nominal(wave.volts(3), 12000, 230).f_hz == (50 if f_hz < 55 else 60)


@pytest.mark.parametrize("phase_deg", [0, 30, 60, 90, 120, 150])
@pytest.mark.parametrize("f_hz", [50, 60])
def test_five_cycles_are_enough(f_hz: float, phase_deg: float) -> None:
    wave = Wave(Nominal(230, f_hz), phase_deg=phase_deg, harmonics={3: 5, 5: 4})
    assert find_nominal(wave.volts(6 / f_hz), 12000) == Nominal(230, f_hz)


def test_distortion_noise_and_a_direct_component_do_not_mislead() -> None:
    wave = Wave(Nominal(230, 50), harmonics={3: 5, 5: 6, 7: 5}, noise_v=4, dc_v=8)
    assert find_nominal(wave.volts(5), 12000) == Nominal(230, 50)


@pytest.mark.parametrize("pu", [0.0, 0.3, 0.8, 1.4])
def test_a_disturbance_at_the_beginning_does_not_mislead(pu: float) -> None:
    wave = Wave(Nominal(120, 60), steps=[Step(0, 1.4, pu)], noise_v=0.02)
    assert find_nominal(wave.volts(10), 12000) == Nominal(120, 60)


def test_a_recording_that_begins_in_an_outage_is_known_by_what_follows() -> None:
    volts = np.concatenate([np.zeros(12000 * 7), Wave(Nominal(400, 50)).volts(9)])
    assert find_nominal(volts, 12000) == Nominal(400, 50)
    unusual = np.concatenate([np.zeros(12000 * 7), Wave(Nominal(64_000, 50)).volts(9)])
    assert find_nominal(unusual, 12000).u_din_v == pytest.approx(64_000, rel=0.001)


@pytest.mark.parametrize("level", [0.5, 64.0, 1500.0, 11_900.0, 63_500.0])
def test_where_no_usual_supply_is_near_the_first_second_is_the_reference(level: float) -> None:
    wave = Wave(Nominal(level, 50), steps=[Step(1.3, 6, 0.2)])
    nominal = find_nominal(wave.volts(6), 12000)
    assert nominal.f_hz == 50
    assert nominal.u_din_v == pytest.approx(level, rel=0.001)


def test_counts_of_a_converter_with_an_offset_are_per_unit_of_themselves() -> None:
    counts = np.rint(2048 + 1500 * np.sin(2 * np.pi * 60 * np.arange(24_000) / 12_000))
    nominal = find_nominal(counts - 2048, 12000)
    assert nominal.u_din_v == pytest.approx(1500 / np.sqrt(2), rel=0.001)


def test_samples_that_are_no_numbers_count_as_zero() -> None:
    volts = Wave(Nominal(120, 60)).volts(3)
    volts[::997] = np.nan
    volts[1::4999] = np.inf
    assert find_nominal(volts, 12000) == Nominal(120, 60)


def test_what_is_given_is_taken() -> None:
    volts = Wave(Nominal(120, 60)).volts(1)
    assert find_nominal(volts, 12000, 115) == Nominal(115, 60)
    assert find_nominal(volts, 12000, None, 60) == Nominal(120, 60)
    assert find_nominal(np.zeros(12000), 12000, 230, 50) == Nominal(230, 50)


@pytest.mark.parametrize(
    ("volts", "rate", "message"),
    [
        (np.empty(0), 12000.0, "got 0 samples"),
        (Wave(Nominal(120, 60)).volts(0.08), 12000.0, "at least 5 cycles"),
        (np.zeros(24_000), 12000.0, "does not change"),
        (np.full(24_000, 3.3), 12000.0, "does not change"),
        (Wave(Nominal(120, 60), f_hz=400).volts(2), 12000.0, "400.0 Hz, expected something near 50 or 60 Hz"),
        (Wave(Nominal(120, 60)).volts(2), 24000.0, "120.0 Hz, expected something near 50 or 60 Hz"),
        (Wave(Nominal(120, 60)).volts(2, 300), 300.0, "at least 8 samples in a cycle"),
        (np.random.default_rng(1).standard_normal(24_000), 12000.0, "expected something near 50 or 60 Hz"),
    ],
    ids=["nothing", "too short", "zeros", "a constant", "400 Hz", "wrong rate", "few samples", "noise"],
)
def test_what_is_no_mains_voltage_is_refused_with_the_reason(volts: np.ndarray, rate: float, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_nominal(volts, rate)


def test_no_voltage_with_a_given_frequency_asks_for_the_voltage() -> None:
    with pytest.raises(InvalidInput, match="--u-din"):
        find_nominal(np.zeros(24_000), 12000, None, 50)
