"""The flickermeter against the performance tables of IEC 61000-4-15 Ed. 2 (STANDARDS: verified by an independent meter)."""

import numpy as np
import pytest

from opq.signal.flicker import UNSETTLED_S, Flickermeter, Lamp, lamp_for, plt, pst

RECTANGULAR = {
    1: (3.181, 3.178, 2.719, 2.715),
    2: (2.564, 2.561, 2.194, 2.191),
    7: (1.694, 1.694, 1.450, 1.450),
    39: (1.040, 1.045, 0.895, 0.894),
    110: (0.844, 0.844, 0.723, 0.722),
    1620: (0.548, 0.545, 0.409, 0.407),
    4000: (None, 3.426, None, 2.343),
    4800: (4.837, None, 3.263, None),
}
"""dU/U [%] of rectangular changes per minute for Pst 1: 120 V 60 Hz, 120 V 50 Hz, 230 V 60 Hz, 230 V 50 Hz."""
SINE = {
    0.5: (2.454, 2.325),
    1.0: (1.465, 1.397),
    1.5: (1.126, 1.067),
    3.0: (0.717, 0.645),
    5.0: (0.466, 0.396),
    8.8: (0.321, 0.250),
    10.0: (0.341, 0.261),
    13.0: (0.469, 0.351),
    20.0: (0.978, 0.704),
}
SUPPLIES = [(Lamp.V120, 60.0), (Lamp.V120, 50.0), (Lamp.V230, 60.0), (Lamp.V230, 50.0)]


def wave(f_hz: float, modulation: np.ndarray, rate: float) -> np.ndarray:
    volts: np.ndarray = 325.0 * np.sin(2 * np.pi * f_hz * np.arange(len(modulation)) / rate) * (1 + modulation)
    return volts


def rectangular(per_minute: float, percent: float, seconds: float, rate: float) -> np.ndarray:
    changes = np.arange(round(seconds * rate)) / rate * per_minute / 60
    return percent / 200 * np.where(changes % 2 < 1, 1.0, -1.0)


@pytest.mark.parametrize(
    ("per_minute", "column"), [(p, c) for p, row in RECTANGULAR.items() for c in range(4) if row[c]]
)
def test_pst_of_rectangular_changes_is_one_to_two_percent(per_minute: int, column: int) -> None:
    lamp, f_hz = SUPPLIES[column]
    rate, percent = 4800.0, RECTANGULAR[per_minute][column]
    assert percent is not None
    meter = Flickermeter(rate, f_hz, lamp)
    _, p_inst = meter.feed(wave(f_hz, rectangular(per_minute, percent, 603, rate), rate))
    assert pst(p_inst[: round(600 * meter.rate_hz)]) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("modulation_hz", SINE)
@pytest.mark.parametrize(("lamp", "f_hz"), SUPPLIES)
def test_sine_modulation_is_just_felt_at_its_threshold(modulation_hz: float, lamp: Lamp, f_hz: float) -> None:
    rate = 12000.0
    percent = SINE[modulation_hz][0 if lamp is Lamp.V120 else 1]
    time = np.arange(round(40 * rate)) / rate
    meter = Flickermeter(rate, f_hz, lamp)
    _, p_inst = meter.feed(wave(f_hz, percent / 200 * np.sin(2 * np.pi * modulation_hz * time), rate))
    assert p_inst[len(p_inst) // 2 :].max() == pytest.approx(1.0, abs=0.02)


def test_twice_the_change_is_twice_the_severity() -> None:
    rate = 2400.0
    psts = []
    for percent in (1.45, 2.9):
        _, p_inst = Flickermeter(rate, 50, Lamp.V230).feed(wave(50, rectangular(7, percent, 200, rate), rate))
        psts.append(pst(p_inst))
    assert psts[1] == pytest.approx(2 * psts[0], rel=0.01)


def test_a_steady_voltage_has_no_flicker_whatever_its_distortion_and_frequency() -> None:
    rate = 12000.0
    turn = 2 * np.pi * 49.93 * np.arange(round(30 * rate)) / rate
    volts = 325 * (np.sin(turn) + 0.05 * np.sin(3 * turn + 1) + 0.05 * np.sin(5 * turn + 2) + 0.03 * np.sin(16 * turn))
    assert Flickermeter(rate, 50, Lamp.V230).feed(volts)[1].max() < 0.02


@pytest.mark.parametrize("block", [1, 777, 12000])
def test_any_block_size_gives_the_same_flicker(block: int) -> None:
    rate = 12000.0
    volts = wave(50, rectangular(110, 0.7, 4, rate), rate)
    if block == 1:
        volts = volts[: round(2.5 * rate)]
    whole = Flickermeter(rate, 50, Lamp.V230).feed(volts)[1]
    meter = Flickermeter(rate, 50, Lamp.V230)
    parts = np.concatenate([meter.feed(volts[at : at + block])[1] for at in range(0, len(volts), block)])
    np.testing.assert_allclose(parts, whole, rtol=1e-9, atol=1e-9)


def test_without_voltage_flicker_is_finite() -> None:
    volts = np.concatenate([wave(50, np.zeros(48000), 12000.0), np.zeros(48000), wave(50, np.zeros(48000), 12000.0)])
    for samples in (volts, np.zeros(60000)):
        assert np.isfinite(Flickermeter(12000.0, 50, Lamp.V230).feed(samples)[1]).all()


def test_the_first_two_seconds_give_nothing() -> None:
    meter = Flickermeter(12000.0, 60, Lamp.V120)
    _, p_inst = meter.feed(wave(60, np.zeros(60000), 12000.0))
    assert len(p_inst) == pytest.approx((5 - UNSETTLED_S) * meter.rate_hz, abs=5)


def test_plt_is_the_cube_root_of_the_mean_of_cubes() -> None:
    assert plt(np.array([1.0] * 11 + [3.0])) == pytest.approx(((11 + 27) / 12) ** (1 / 3))


def test_the_lamp_follows_the_supply() -> None:
    assert [lamp_for(u_din_v) for u_din_v in (100, 120, 127, 220, 230, 240)] == [Lamp.V120] * 3 + [Lamp.V230] * 3
