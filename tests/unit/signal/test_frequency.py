"""Frequency of windows and of 10 seconds: noise, harmonics, interharmonics, steps, the clock."""

import numpy as np
import pytest

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.signal.meter import CycleMeter, Measured
from opq.signal.ten_seconds import TenSecondFrequency, TenSecondMeter

RATE = 12000.0


def feed(volts: np.ndarray, nominal: Nominal) -> list[Measured]:
    meter = CycleMeter(RATE, nominal, 2 * nominal.cycles, spectra=False)
    parts = [meter.feed(volts[at : at + 12000]) for at in range(0, len(volts), 12000)]
    return [part for part in [*parts, meter.finish()] if part is not None]


def window_frequencies(volts: np.ndarray, nominal: Nominal) -> np.ndarray:
    found = [nominal.cycles * RATE / (part.basic.end - part.basic.start) for part in feed(volts, nominal)]
    return np.concatenate(found)


def ten_seconds(volts: np.ndarray, nominal: Nominal, start_unix_ns: int) -> TenSecondFrequency:
    meter = TenSecondMeter(RATE, start_unix_ns)
    found = [
        meter.feed(part.half_cycles.index + part.half_cycles.fraction, part.half_cycles.lost)
        for part in feed(volts, nominal)
    ]
    return TenSecondFrequency.concatenate([*found, meter.finish(len(volts))])


@pytest.mark.parametrize("nominal_hz", [50, 60])
@pytest.mark.parametrize(("snr_db", "sigma_hz"), [(60, 0.0001), (40, 0.001)])
def test_noise_moves_the_window_frequency_by_little(nominal_hz: float, snr_db: float, sigma_hz: float) -> None:
    rng = np.random.default_rng(4)
    for phase in (0.0, 2.0):
        f_hz = nominal_hz + 0.013
        turn = 2 * np.pi * f_hz * np.arange(round(60 * RATE)) / RATE + phase
        volts = 230 * np.sqrt(2) * np.sin(turn) + 230 * 10 ** (-snr_db / 20) * rng.standard_normal(len(turn))
        found = window_frequencies(volts, Nominal(230, nominal_hz))
        assert len(found) >= 295
        assert found.std() <= sigma_hz
        assert abs(found.mean() - f_hz) < sigma_hz / 5


@pytest.mark.parametrize(
    ("nominal_hz", "f_hz"),
    [(50, 42.5), (50, 46.0), (50, 50.0), (50, 57.5), (60, 51.0), (60, 60.0), (60, 64.3), (60, 69.0)],
)
def test_the_whole_range_of_class_a_is_measured(nominal_hz: float, f_hz: float) -> None:
    turn = 2 * np.pi * f_hz * np.arange(round(3 * RATE)) / RATE + 1
    np.testing.assert_allclose(window_frequencies(300 * np.sin(turn), Nominal(230, nominal_hz)), f_hz, atol=0.001)


@pytest.mark.parametrize("nominal_hz", [50, 60])
def test_ten_seconds_are_right_to_a_millihertz_with_harmonics_and_interharmonics(nominal_hz: float) -> None:
    rng = np.random.default_rng(7)
    time = np.arange(round(41 * RATE)) / RATE
    for offset in (-1.3, 0.0, 0.037):
        f_hz = nominal_hz + offset
        turn = 2 * np.pi * f_hz * time + rng.uniform(0, 6)
        wave = np.sin(turn)
        for order in (3, 5, 7, 9, 11):
            wave += 0.1 / np.sqrt(5) * np.sin(order * turn + rng.uniform(0, 6))
        for ratio in (0.37, 1.62, 2.41, 4.13):
            wave += 0.1 / np.sqrt(4) * np.sin(2 * np.pi * ratio * nominal_hz * time + rng.uniform(0, 6))
        found = ten_seconds(325 * wave, Nominal(230, nominal_hz), 0)
        assert len(found.f_hz) == 4
        np.testing.assert_allclose(found.f_hz, f_hz, atol=0.001)


@pytest.mark.parametrize("nominal_hz", [50, 60])
@pytest.mark.parametrize("phase", [0.0, 0.8, 2.5, 4.0])
def test_a_step_is_followed_within_two_cycles(nominal_hz: float, phase: float) -> None:
    f_hz = np.where(np.arange(24000) < 12000, nominal_hz, nominal_hz + 1.0)
    volts = 325 * np.sin(phase + 2 * np.pi * np.cumsum(f_hz) / RATE)
    half_cycles = [part.half_cycles for part in feed(volts, Nominal(230, nominal_hz))]
    end = np.concatenate([each.index + each.fraction for each in half_cycles])
    period_hz = RATE / (end[2:] - end[:-2])
    first_cycle_starts = end[:-2]
    settled = (first_cycle_starts >= 12000 + 2 * RATE / nominal_hz) & (end[2:] < 23000)
    np.testing.assert_allclose(period_hz[settled], nominal_hz + 1, atol=0.005)
    before = end[2:] <= 12000 - 2 * RATE / nominal_hz
    np.testing.assert_allclose(period_hz[before], nominal_hz, atol=0.005)


def test_slots_are_those_of_the_clock_and_whole() -> None:
    start = 1_700_000_003_250_000_000
    turn = 2 * np.pi * 50.02 * np.arange(round(38 * RATE)) / RATE
    found = ten_seconds(300 * np.sin(turn), Nominal(230, 50), start)
    assert found.start_unix_ns.tolist() == [1_700_000_010 * NS, 1_700_000_020 * NS, 1_700_000_030 * NS]
    np.testing.assert_allclose(found.f_hz, 50.02, atol=0.0001)


def test_a_slot_in_which_the_voltage_was_lost_has_no_frequency() -> None:
    turn = 2 * np.pi * 50.02 * np.arange(round(30 * RATE)) / RATE
    volts = 300 * np.sin(turn)
    volts[round(14 * RATE) : round(15 * RATE)] = 0
    assert ten_seconds(volts, Nominal(230, 50), 0).start_unix_ns.tolist() == [0, 20 * NS]


def test_a_frequency_that_changes_within_the_slot_is_its_mean() -> None:
    f_hz = 50 + 0.05 * np.sin(2 * np.pi * np.arange(round(20 * RATE)) / RATE / 14)
    turn = 2 * np.pi * np.cumsum(f_hz) / RATE
    found = ten_seconds(300 * np.sin(turn), Nominal(230, 50), 0)
    expected = [f_hz[: 10 * 12000].mean(), f_hz[10 * 12000 :].mean()]
    np.testing.assert_allclose(found.f_hz, expected, atol=0.001)
