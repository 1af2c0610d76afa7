"""Harmonics, interharmonics and bands against waves of known content, at and off nominal frequency."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.signal.meter import CycleMeter, Measured, Ticks
from opq.signal.spectrum import Spectra, total_distortion_pct

RATE = 12000.0
U_V = 230.0
PEAK = U_V * np.sqrt(2)
FREQUENCIES = [
    *((50, f_hz) for f_hz in (42.5, 48, 49.97, 50, 52, 57.5)),
    *((60, f_hz) for f_hz in (51, 58, 59.97, 60, 62, 69)),
]


def feed(volts: np.ndarray, nominal: Nominal, block: int = 12000, **options: object) -> list[Measured]:
    meter = CycleMeter(RATE, nominal, 2 * nominal.cycles, **options)  # type: ignore[arg-type]
    parts = [meter.feed(volts[at : at + block]) for at in range(0, len(volts), block)]
    return [part for part in [*parts, meter.finish()] if part is not None]


def spectra(volts: np.ndarray, nominal: Nominal, **options: object) -> Spectra:
    return Spectra.concatenate([part.basic.spectra for part in feed(volts, nominal, **options)])


def angle(f_hz: float, seconds: float = 2.0, phase: float = 0.7) -> np.ndarray:
    return 2 * np.pi * f_hz * np.arange(round(seconds * RATE)) / RATE + phase


@pytest.mark.parametrize(("nominal_hz", "f_hz"), FREQUENCIES)
@pytest.mark.parametrize("phase", [0.0, 1.1, 2.7])
def test_all_harmonics_to_order_50_are_read_to_half_a_percent(nominal_hz: float, f_hz: float, phase: float) -> None:
    turn = angle(f_hz, phase=phase)
    volts = PEAK * (np.sin(turn) + 0.01 * sum(np.sin(order * turn + order) for order in range(2, 51)))
    found = spectra(volts, Nominal(U_V, nominal_hz))
    assert len(found) >= 7
    np.testing.assert_allclose(found.harmonics_v[:, 1:], 0.01 * U_V, rtol=0.005)
    np.testing.assert_allclose(found.harmonics_v[:, 0], U_V, rtol=0.0005)
    np.testing.assert_allclose(found.thd_pct, np.sqrt(49), rtol=0.005)


@pytest.mark.parametrize(("nominal_hz", "f_hz"), [(50, 49.97), (50, 50), (50, 50.4), (60, 59.6), (60, 60), (60, 60.03)])
def test_every_interharmonic_group_sees_what_lies_in_it(nominal_hz: float, f_hz: float) -> None:
    turn = angle(f_hz)
    nominal = Nominal(U_V, nominal_hz)
    edges = (2, nominal.cycles - 2)
    for bins in edges:
        # At the first and the last bin of each group: 7 bins at 50 Hz, 9 at 60 Hz.
        lines = sum(np.sin((order + bins / nominal.cycles) * turn + order) for order in range(50))
        found = spectra(PEAK * (np.sin(turn) + 0.005 * lines), nominal)
        np.testing.assert_allclose(found.interharmonics_v, 0.005 * U_V, rtol=0.05)
        assert total_distortion_pct(found.harmonics_v).max() < 0.1


def test_what_lies_between_the_groups_counts_for_the_harmonic() -> None:
    nominal = Nominal(U_V, 60)
    turn = angle(60.0)
    found = spectra(PEAK * (np.sin(turn) + 0.01 * np.sin((5 + 1 / 12) * turn)), nominal)
    np.testing.assert_allclose(found.harmonics_v[:, 4], 0.01 * U_V, rtol=0.01)
    assert found.components_v[:, 4].max() < 0.0005 * U_V
    assert found.interharmonics_v.max() < 0.0005 * U_V


@pytest.mark.parametrize("f_hz", [57.0, 58.0, 59.0, 59.9, 60.0, 60.1, 61.5, 63.0])
def test_a_clean_sine_has_no_distortion(f_hz: float) -> None:
    assert spectra(PEAK * np.sin(angle(f_hz)), Nominal(U_V, 60)).thd_pct.max() < 0.05


@pytest.mark.parametrize("nominal_hz", [50, 60])
@pytest.mark.parametrize("line_hz", [2107.0, 2950.0, 3990.0, 4321.0, 5512.0])
def test_a_line_above_2_khz_is_in_its_band_of_200_hz(nominal_hz: float, line_hz: float) -> None:
    volts = PEAK * np.sin(angle(nominal_hz)) + 2 * np.sqrt(2) * np.sin(angle(line_hz))
    found = spectra(volts, Nominal(U_V, nominal_hz)).bands_v
    band = int((line_hz - 2000) // 200)
    np.testing.assert_allclose(np.sqrt(np.square(found[:, max(0, band - 1) : band + 2]).sum(axis=1)), 2.0, rtol=0.02)
    assert found[:, band].min() > 1.9
    others = np.delete(found, [max(0, band - 1), band, min(19, band + 1)], axis=1)
    assert others.max() < 0.15


@pytest.mark.parametrize("signal_hz", [167.0, 183.3, 316.7, 425.0, 1042.0])
def test_mains_signalling_is_read_to_five_percent(signal_hz: float) -> None:
    volts = PEAK * np.sin(angle(50.02)) + 0.03 * PEAK * np.sin(angle(signal_hz))
    found = spectra(volts, Nominal(U_V, 50), signalling_hz=signal_hz).signalling_v
    np.testing.assert_allclose(found, 0.03 * U_V, rtol=0.05)


def test_at_a_low_sample_rate_what_cannot_be_seen_is_zero() -> None:
    nominal = Nominal(U_V, 50)
    meter = CycleMeter(1200.0, nominal, 20)
    turn = 2 * np.pi * 50.03 * np.arange(3600) / 1200
    meter.feed(PEAK * (np.sin(turn) + 0.05 * np.sin(3 * turn)))
    found = meter.finish().basic.spectra
    assert not found.harmonics_v[:, 13:].any()
    assert not found.bands_v.any()


@pytest.mark.parametrize("block", [7, 200, 1234])
def test_spectra_do_not_depend_on_the_blocks(block: int) -> None:
    turn = angle(59.7)
    noise = np.random.default_rng(1).standard_normal(len(turn))
    volts = PEAK * (np.sin(turn) + 0.03 * np.sin(5 * turn)) + noise
    nominal = Nominal(U_V, 60)
    whole = spectra(volts, nominal)
    parts = Spectra.concatenate([part.basic.spectra for part in feed(volts, nominal, block)])
    np.testing.assert_allclose(parts.harmonics_v, whole.harmonics_v, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parts.interharmonics_v, whole.interharmonics_v, rtol=1e-9, atol=1e-9)


def test_windows_begin_anew_at_a_tick_and_the_one_before_overlaps() -> None:
    nominal = Nominal(U_V, 50)
    volts = PEAK * np.sin(angle(49.8, 6.0, 0.0))
    for block in (12000, 501):
        measured = feed(volts, nominal, block, ticks=Ticks(25_000.0, 30_000.0))
        start = np.concatenate([part.basic.start for part in measured])
        end = np.concatenate([part.basic.end for part in measured])
        for tick in (25_000, 55_000):
            first = start[start >= tick][0]
            assert first - tick < RATE / 49.8
            before = end[start < tick][-1]
            assert before >= first - 1e-6
        steps = np.diff(start)
        assert np.sum(np.abs(steps - 10 * RATE / 49.8) > 1) == 2


def test_the_rms_of_windows_is_right_to_two_hundredths_of_a_percent_with_distortion() -> None:
    for nominal_hz, f_hz in FREQUENCIES:
        turn = angle(f_hz)
        orders = (3, 5, 7, 11, 13, 17, 23, 25)
        share = 0.10 / np.sqrt(len(orders))
        volts = PEAK * (np.sin(turn) + share * sum(np.sin(order * turn + 3 * order) for order in orders))
        found = np.concatenate([part.basic.u_rms_v for part in feed(volts, Nominal(U_V, nominal_hz))])
        np.testing.assert_allclose(found, U_V * np.sqrt(1.01), atol=0.0002 * U_V)


@pytest.mark.parametrize(("nominal_hz", "f_hz"), FREQUENCIES)
def test_urms_half_is_right_to_five_hundredths_of_a_percent_off_nominal(nominal_hz: float, f_hz: float) -> None:
    for phase in (0.0, 0.9, 2.2):
        measured = feed(PEAK * np.sin(angle(f_hz, phase=phase)), Nominal(U_V, nominal_hz))
        u_half_v = np.concatenate([part.half_cycles.u_rms_half_v for part in measured])[1:]
        np.testing.assert_allclose(u_half_v, U_V, rtol=0.0005)
