"""Unbalance from known symmetrical components."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.signal.unbalance import Unbalance, UnbalanceMeter

US, EU = Nominal(120, 60), Nominal(230, 50)
NOMINALS = pytest.mark.parametrize("nominal", [US, EU], ids=["60 Hz", "50 Hz"])
TURN = np.exp(2j * np.pi / 3)


def voltages(
    nominal: Nominal,
    u0: complex,
    u1: complex,
    u2: complex,
    f_hz: float = 0.0,
    seconds: float = 3.0,
    rate: float = 12000.0,
) -> np.ndarray:
    """Return (3, n) samples [V] of phases A, B, C with these components, over Udin."""
    phases = np.array([u0 + u1 + u2, u0 + u1 * TURN**2 + u2 * TURN, u0 + u1 * TURN + u2 * TURN**2])
    angle = 2 * np.pi * (f_hz or nominal.f_hz) * np.arange(round(seconds * rate)) / rate
    return np.asarray(np.sqrt(2) * nominal.u_din_v * np.real(phases[:, None] * np.exp(1j * angle)))


def measure(volts: np.ndarray, nominal: Nominal, rate: float = 12000.0) -> Unbalance:
    return UnbalanceMeter(rate, nominal).feed(volts)


@NOMINALS
@pytest.mark.parametrize("df_hz", [-2.5, -0.5, 0.0, 0.07, 0.5, 2.5])
@pytest.mark.parametrize(("u0_pct", "u2_pct"), [(0.0, 0.0), (0.0, 2.0), (3.0, 0.0), (1.3, 0.7), (5.0, 20.0)])
def test_known_components_are_measured_to_a_hundredth_of_a_percent(
    nominal: Nominal, df_hz: float, u0_pct: float, u2_pct: float
) -> None:
    u1 = 0.98 * np.exp(0.3j)
    volts = voltages(
        nominal, u0_pct / 100 * u1 * np.exp(1.1j), u1, u2_pct / 100 * u1 * np.exp(-2j), nominal.f_hz + df_hz
    )
    found = measure(volts, nominal)
    assert len(found.u2_pct) >= 13
    # Far from nominal the filters let a little of the mirrored frequency through.
    within = 0.01 if abs(df_hz) <= 1 else 0.02
    np.testing.assert_allclose(found.u2_pct, u2_pct, atol=within)
    np.testing.assert_allclose(found.u0_pct, u0_pct, atol=within)


@NOMINALS
def test_the_positive_sequence_is_in_volts(nominal: Nominal) -> None:
    found = measure(voltages(nominal, 0.01, 1.02, 0.03), nominal)
    np.testing.assert_allclose(found.u1_v, 1.02 * nominal.u_din_v, rtol=1e-4)


@NOMINALS
def test_phases_in_the_order_a_c_b_give_the_same(nominal: Nominal) -> None:
    volts = voltages(nominal, 0.01, 1.0, 0.02)
    direct, swapped = measure(volts, nominal), measure(volts[[0, 2, 1]], nominal)
    np.testing.assert_allclose(swapped.u2_pct, direct.u2_pct, atol=1e-9)
    np.testing.assert_allclose(swapped.u0_pct, direct.u0_pct, atol=1e-9)


def test_one_phase_a_tenth_lower_is_3_45_percent_of_both() -> None:
    volts = voltages(EU, 0, 1, 0)
    volts[0] *= 0.9
    # |0.9 + 2| / 3 = 0.9667 positive, |0.9 - 1| / 3 = 0.0333 negative and zero.
    found = measure(volts, EU)
    np.testing.assert_allclose(found.u2_pct, 100 * 0.1 / 2.9, atol=0.01)
    np.testing.assert_allclose(found.u0_pct, 100 * 0.1 / 2.9, atol=0.01)


@NOMINALS
def test_harmonics_noise_and_direct_components_change_little(nominal: Nominal) -> None:
    volts = voltages(nominal, 0, 1, 0.01)
    time = np.arange(volts.shape[1]) / 12000
    volts += 0.05 * nominal.u_din_v * np.sin(2 * np.pi * 5 * nominal.f_hz * time)
    volts += np.array([[3.0], [-2.0], [0.5]]) + 0.3 * np.random.default_rng(1).standard_normal(volts.shape)
    np.testing.assert_allclose(measure(volts, nominal).u2_pct, 1.0, atol=0.02)


@pytest.mark.parametrize("rate", [600.0, 1200.0, 8000.0, 15360.0, 50000.0])
@NOMINALS
def test_any_sample_rate_will_do(nominal: Nominal, rate: float) -> None:
    found = measure(voltages(nominal, 0.01, 1, 0.02, nominal.f_hz + 0.05, rate=rate), nominal, rate)
    np.testing.assert_allclose(found.u2_pct, 2, atol=0.01)


@pytest.mark.parametrize("rate", [8000.0, 12000.0])
def test_windows_are_where_the_meter_says(rate: float) -> None:
    meter = UnbalanceMeter(rate, EU)
    seconds = 20.0
    volts = voltages(EU, 0, 1, 0, seconds=seconds, rate=rate)
    change = round(10 * rate)
    volts[0, change:] *= 0.9
    u2_pct = meter.feed(volts).u2_pct
    crossed = int((u2_pct < 100 * 0.05 / 2.95).sum())  # the window in which it is half way
    middle = meter.begin + meter.length * (crossed + np.array([-1, 1]))
    assert middle[0] <= change <= middle[1]
    assert len(u2_pct) * meter.length <= len(volts[0])


@pytest.mark.parametrize("block", [1, 333, 12_000])
def test_any_blocks_give_the_same(block: int) -> None:
    volts = voltages(US, 0.01, 1, 0.02, 60.1, seconds=0.5 if block == 1 else 2)
    whole = measure(volts, US)
    meter = UnbalanceMeter(12000.0, US)
    parts = [meter.feed(volts[:, at : at + block]) for at in range(0, volts.shape[1], block)]
    np.testing.assert_allclose(np.concatenate([part.u2_pct for part in parts]), whole.u2_pct, atol=1e-9)


def test_no_voltage_is_no_unbalance() -> None:
    found = measure(np.zeros((3, 12_000)), US)
    assert not found.u2_pct.any()
    assert not found.u0_pct.any()
