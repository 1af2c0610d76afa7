"""Magnitude, frequency and distortion against the limits of IEC 61000-4-30 class A and 61000-4-7 class I."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.features import WindowFlag, Windows
from opq.signal.segments import half_cycle_series, segment_windows
from opq.testing.waves import START_UNIX_NS, Step, Wave

SUPPLIES = [(f_hz, u_din_v) for f_hz in (50.0, 60.0) for u_din_v in (100.0, 120.0, 230.0, 240.0)]
OFF_NOMINAL = [(50.0, f) for f in (42.5, 47.3, 49.97, 50.0, 51.1, 57.5)] + [
    (60.0, f) for f in (51.0, 58.0, 59.93, 60.0, 62.0, 69.0)
]


def measure(wave: Wave, duration_s: float = 1.5, sample_rate_hz: float = 12000.0) -> Windows:
    return segment_windows(wave.segment(duration_s, sample_rate_hz), wave.nominal)


@pytest.mark.parametrize(("f_hz", "u_din_v"), SUPPLIES)
@pytest.mark.parametrize("pu", [0.1, 0.5, 1.0, 1.5])
def test_rms_is_right_to_a_thousandth_of_udin(f_hz: float, u_din_v: float, pu: float) -> None:
    windows = measure(Wave(Nominal(u_din_v, f_hz), f_hz=f_hz + 0.13, pu=pu, phase_deg=40, noise_v=0.0005 * u_din_v))
    assert len(windows) >= 6
    np.testing.assert_allclose(windows.column("u_rms_v"), pu * u_din_v, atol=0.001 * u_din_v)
    for name in ("u_rms_half_min_v", "u_rms_half_max_v"):
        np.testing.assert_allclose(windows.column(name), pu * u_din_v, atol=0.002 * u_din_v)


@pytest.mark.parametrize(("nominal_hz", "f_hz"), OFF_NOMINAL)
def test_off_nominal_frequency_spoils_neither_rms_nor_distortion(nominal_hz: float, f_hz: float) -> None:
    windows = measure(Wave(Nominal(230, nominal_hz), f_hz=f_hz, phase_deg=211))
    np.testing.assert_allclose(windows.column("u_rms_v"), 230, atol=0.001 * 230)
    np.testing.assert_allclose(windows.column("u_rms_half_min_v"), 230, atol=0.002 * 230)
    np.testing.assert_allclose(windows.column("u_rms_half_max_v"), 230, atol=0.002 * 230)
    assert windows.column("thd_pct").max() < 0.05
    assert not windows.flags.any()


@pytest.mark.parametrize(("nominal_hz", "f_hz"), OFF_NOMINAL)
def test_frequency_is_right_to_a_millihertz(nominal_hz: float, f_hz: float) -> None:
    wave = Wave(Nominal(120, nominal_hz), f_hz=f_hz, phase_deg=10, harmonics={3: 3, 5: 4, 7: 2}, noise_v=0.12, pu=0.97)
    windows = measure(wave)
    np.testing.assert_allclose(windows.column("f_hz"), f_hz, atol=0.001)
    assert windows.column("f_min_hz").min() > f_hz - 0.01
    assert windows.column("f_max_hz").max() < f_hz + 0.01


def test_a_sliding_frequency_is_followed() -> None:
    windows = measure(Wave(Nominal(230, 50), f_hz=50, f_slope_hz_per_s=-1.0), 3)
    middle_s = (windows.start_unix_ns + windows.duration_ns / 2 - START_UNIX_NS) / 1e9
    np.testing.assert_allclose(windows.column("f_hz"), 50 - middle_s, atol=0.005)
    assert (windows.column("f_min_hz") < windows.column("f_hz")).all()
    assert (windows.column("f_max_hz") > windows.column("f_hz")).all()


@pytest.mark.parametrize("f_hz", [50.0, 49.7, 60.0, 60.3])
@pytest.mark.parametrize("sample_rate_hz", [12000.0, 10000.0, 48000.0, 11997.3])
def test_harmonics_are_read_to_five_percent_of_reading(f_hz: float, sample_rate_hz: float) -> None:
    harmonics = {3: 5.0, 5: 6.0, 7: 5.0, 9: 1.5, 11: 3.5, 13: 3.0, 15: 0.5, 25: 1.5, 40: 1.0}
    wave = Wave(Nominal(230, round(f_hz, -1)), f_hz=f_hz, harmonics=harmonics, noise_v=0.02)
    windows = measure(wave, sample_rate_hz=sample_rate_hz)
    for order in (3, 5, 7, 9, 11, 13, 15):
        np.testing.assert_allclose(windows.column(f"h{order}_pct"), harmonics[order], rtol=0.05)
    thd_pct = np.sqrt(sum(value**2 for value in harmonics.values()))
    np.testing.assert_allclose(windows.column("thd_pct"), thd_pct, rtol=0.01)


@pytest.mark.parametrize("order", [2, 30, 45, 50])
def test_total_distortion_reaches_from_order_2_to_50(order: int) -> None:
    windows = measure(Wave(Nominal(120, 60), f_hz=60.02, harmonics={order: 2.0}))
    np.testing.assert_allclose(windows.column("thd_pct"), 2.0, rtol=0.05)


def test_distortion_beyond_order_50_does_not_count() -> None:
    assert measure(Wave(Nominal(120, 50), harmonics={53: 5.0})).column("thd_pct").max() < 0.05


def test_direct_component_and_crest_factor_are_measured() -> None:
    windows = measure(Wave(Nominal(120, 60), f_hz=60.07, dc_v=1.2, phase_deg=77))
    np.testing.assert_allclose(windows.column("dc_v"), 1.2, atol=0.01)
    np.testing.assert_allclose(windows.column("crest"), (np.sqrt(2) * 120 + 1.2) / np.hypot(120, 1.2), atol=0.002)


@pytest.mark.parametrize(("f_hz", "u_din_v"), SUPPLIES)
@pytest.mark.parametrize("pu", [0.05, 0.3, 0.7, 0.85, 1.2])
@pytest.mark.parametrize("phase_deg", [0, 60, 90])
def test_residual_voltage_and_duration_of_a_sag_are_class_a(
    f_hz: float, u_din_v: float, pu: float, phase_deg: float
) -> None:
    nominal = Nominal(u_din_v, f_hz)
    wave = Wave(nominal, f_hz=f_hz - 0.08, phase_deg=phase_deg, steps=[Step(0.5, 0.5 + 10 / f_hz, pu)])
    series = half_cycle_series(wave.segment(1.2), nominal)
    disturbed = (series.u_rms_half_v < 0.9 * u_din_v) | (series.u_rms_half_v > 1.1 * u_din_v)
    extreme = series.u_rms_half_v[np.abs(series.u_rms_half_v - u_din_v).argmax()]
    assert extreme == pytest.approx(pu * u_din_v, abs=0.002 * u_din_v)
    duration_s = (series.end_unix_ns - series.start_unix_ns)[disturbed].sum() / 1e9
    assert duration_s == pytest.approx(10 / f_hz, abs=1 / f_hz)


def test_windows_follow_each_other_without_gap_or_overlap() -> None:
    windows = measure(Wave(Nominal(120, 60), f_hz=60.11, steps=[Step(0.5, 0.9, 0.0)], noise_v=0.2), 4)
    np.testing.assert_array_equal(np.diff(windows.start_unix_ns), windows.duration_ns[:-1])
    assert (windows.duration_ns > 0).all()


def test_windows_begin_at_rising_zero_crossings() -> None:
    windows = measure(Wave(Nominal(120, 60), f_hz=60.0, phase_deg=-90))
    assert windows.start_unix_ns[0] - START_UNIX_NS == pytest.approx(1e9 / 240, abs=2000)
    np.testing.assert_allclose(windows.duration_ns, 200_000_000, atol=2000)


def test_a_dip_flags_its_windows_only() -> None:
    windows = measure(Wave(Nominal(120, 60), steps=[Step(0.65, 0.75, 0.6)]), 2)
    flagged = (windows.flags & WindowFlag.FLAGGED) > 0
    start_s = (windows.start_unix_ns - START_UNIX_NS) / 1e9
    end_s = start_s + windows.duration_ns / 1e9
    np.testing.assert_array_equal(flagged, (start_s < 0.75 + 1e-3) & (end_s > 0.65 + 1e-3))
