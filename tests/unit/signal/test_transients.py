"""The transient metric shows what is quick and not steady, and nothing else."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.signal.segments import segment_windows
from opq.testing.waves import Impulse, Step, Wave

LIMIT_V = 8.0
"""The hard limit on a 120 V supply [V]."""


def measure(wave: Wave, duration_s: float = 2.0) -> Windows:
    return segment_windows(wave.segment(duration_s), wave.nominal)


@pytest.mark.parametrize("f_hz", [58.0, 59.97, 60.0, 62.0])
def test_a_clean_sine_has_no_transient(f_hz: float) -> None:
    assert measure(Wave(Nominal(120, 60), f_hz=f_hz)).column("transient_peak_v").max() < 0.05


@pytest.mark.parametrize("f_hz", [49.9, 50.0, 50.2])
def test_steady_distortion_is_no_transient(f_hz: float) -> None:
    harmonics = {3: 6, 5: 6, 7: 5, 11: 3.5, 13: 3, 17: 2, 23: 1.5}
    assert measure(Wave(Nominal(230, 50), f_hz=f_hz, harmonics=harmonics)).column("transient_peak_v").max() < 1.0


def test_noise_shows_as_noise() -> None:
    windows = measure(Wave(Nominal(120, 60), noise_v=0.5), 5)
    assert windows.column("transient_peak_v").max() < 2.5
    np.testing.assert_allclose(windows.column("transient_rms_v"), 0.4, atol=0.1)


@pytest.mark.parametrize("phase_deg", [0, 45, 90, 137])
@pytest.mark.parametrize("volts", [20.0, -60.0])
def test_an_impulse_shows_its_height(phase_deg: float, volts: float) -> None:
    wave = Wave(
        Nominal(120, 60), f_hz=60.03, phase_deg=phase_deg, impulses=[Impulse(1.01, 0.00025, volts)], noise_v=0.1
    )
    peaks = measure(wave).column("transient_peak_v")
    assert peaks.max() == pytest.approx(abs(volts), rel=0.2)
    assert np.count_nonzero(peaks > LIMIT_V) == 1


def test_an_oscillation_as_of_a_switched_capacitor_shows() -> None:
    wave = Wave(Nominal(120, 60))
    segment = wave.segment(2)
    time = np.arange(120) / 12000
    segment.volts[12000:12120] += 60 * np.exp(-time / 0.003) * np.sin(2 * np.pi * 720 * time)
    windows = segment_windows(segment, wave.nominal)
    assert windows.column("transient_peak_v").max() == pytest.approx(50, rel=0.3)


@pytest.mark.parametrize("pu", [0.8, 0.5])
def test_a_sag_at_a_zero_crossing_is_no_transient(pu: float) -> None:
    windows = measure(Wave(Nominal(120, 60), steps=[Step(1.0, 1.5, pu)], harmonics={3: 2, 5: 3}))
    assert windows.column("transient_peak_v").max() < LIMIT_V


def test_a_sag_at_the_peak_shows_no_more_than_its_step() -> None:
    windows = measure(Wave(Nominal(120, 60), phase_deg=90, steps=[Step(1.0, 1.5, 0.5)]))
    assert windows.column("transient_peak_v").max() < 0.5 * 120 * np.sqrt(2)


def test_slow_modulation_is_no_transient() -> None:
    wave = Wave(Nominal(120, 60))
    segment = wave.segment(2)
    segment.volts[:] *= 1 + 0.02 * np.sin(2 * np.pi * 8.8 * np.arange(24000) / 12000)
    assert segment_windows(segment, wave.nominal).column("transient_peak_v").max() < LIMIT_V / 20
