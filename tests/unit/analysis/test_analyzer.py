"""The analysis of a whole recording: the same for any blocks, one finding per thing, aggregates on the clock, bounded memory."""

from dataclasses import replace

import numpy as np
import pytest

from opq.analysis import Analysis, Analyzer
from opq.analysis.result import HARMONICS
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.testing.waves import Impulse, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
BUSY = Wave(
    US,
    f_hz=60.03,
    phase_deg=77,
    harmonics={3: 2, 5: 3},
    steps=[Step(3, 3.2, 0.6), Step(14, 14.5, 0.0), Step(22, 23, 0.93), Step(27.9, 36, 1.2)],
    impulses=[Impulse(10.02, 0.0005, 120)],
    noise_v=0.1,
)


def analyse(volts: np.ndarray, nominal: Nominal, block: int = 120_000, start_unix_ns: int = 0) -> Analysis:
    analyzer = Analyzer(12000.0, nominal, start_unix_ns)
    for at in range(0, len(volts), block):
        analyzer.feed(volts[at : at + block])
    return analyzer.finish()


@pytest.mark.parametrize("block", [977, 12_000, 48_000])
def test_any_block_size_gives_the_same_analysis(block: int) -> None:
    volts = BUSY.volts(45)
    whole, parts = analyse(volts, US, len(volts)), analyse(volts, US, block)
    assert [replace(each, evidence={}) for each in parts.incidents] == [
        replace(each, evidence={}) for each in whole.incidents
    ]
    np.testing.assert_array_equal(parts.windows.start_unix_ns, whole.windows.start_unix_ns)
    np.testing.assert_allclose(parts.windows.values, whole.windows.values, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(parts.short.values, whole.short.values, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(parts.frequency.f_hz, whole.frequency.f_hz)
    assert parts.u_half_pu == pytest.approx(whole.u_half_pu)
    assert parts.quality == whole.quality


def test_everything_that_happened_is_found_once() -> None:
    found = [each.incident_class.value for each in analyse(BUSY.volts(45), US).incidents]
    assert sorted(found) == sorted(
        [
            *("VOLTAGE_SAG", "ITIC_NO_DAMAGE"),
            "IMPULSIVE_TRANSIENT",
            *("VOLTAGE_INTERRUPTION", "ITIC_NO_DAMAGE", "SEMI_F47_VIOLATION"),
            "RAPID_VOLTAGE_CHANGE",
            *("VOLTAGE_SWELL", "ITIC_PROHIBITED"),
        ]
    )


def test_aggregates_follow_the_absolute_clock() -> None:
    start = 1_700_000_000 * NS  # 22:13:20, so the next tick of 10 minutes is 400 s later
    wave = Wave(EU, f_hz=49.9, noise_v=0.1, steps=[Step(700, 700.2, 0.5)], harmonics={5: 4})
    found = analyse(wave.volts(1650), EU, start_unix_ns=start)
    ticks = found.ten_minutes
    assert ticks.complete.tolist() == [False, True, True, False]
    assert ticks.flagged.tolist() == [False, True, False, False]
    offset = (ticks.start_unix_ns - start) / NS
    assert offset[0] == pytest.approx(0, abs=0.03)
    np.testing.assert_allclose(offset[1:], [400, 1000, 1600], atol=0.02)
    np.testing.assert_allclose(ticks.values[2, HARMONICS][4], 0.04 * 230, rtol=0.005)
    np.testing.assert_allclose(ticks.values[2, 0], 230 * np.sqrt(1 + 0.04**2), rtol=0.0002)
    short = found.short
    assert (short.flagged).sum() == 1
    whole = short[short.complete]
    np.testing.assert_allclose((whole.end_unix_ns - whole.start_unix_ns) / NS, 150 / 49.9, atol=1e-4)
    assert found.flicker.start_unix_ns.tolist() == [start + 400 * NS, start + 1000 * NS]
    assert found.flicker.flagged.tolist() == [True, False]


def test_a_recording_without_time_counts_its_intervals_from_its_beginning() -> None:
    found = analyse(Wave(EU, noise_v=0.1).volts(601), EU)
    assert found.ten_minutes.complete.tolist() == [True, False]
    assert len(found.flicker.pst) == 1


def test_ten_minutes_are_the_root_of_the_mean_of_squares_of_their_windows() -> None:
    volts = Wave(EU, steps=[Step(100, 300, 0.95)]).volts(600.5)
    found = analyse(volts, EU)
    expected = 230 * np.sqrt((400 + 200 * 0.95**2) / 600)
    assert found.ten_minutes.values[0, 0] == pytest.approx(expected, rel=1e-4)


def test_samples_that_are_no_numbers_are_counted_and_nothing_becomes_nan() -> None:
    volts = Wave(US).volts(5)
    volts[[20_000, 20_001, 40_000]] = [np.nan, np.inf, -np.inf]
    found = analyse(volts, US)
    assert found.quality["not_finite_samples"] == 3
    assert np.isfinite(found.windows.values).all()
    assert np.isfinite(found.short.values).all()


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.1, 0.25])
def test_short_recordings_give_what_they_can(seconds: float) -> None:
    found = analyse(Wave(US).volts(seconds), US)
    assert found.duration_s == pytest.approx(seconds)
    assert len(found.windows) == (1 if seconds >= 0.1 else 0)
    assert not found.incidents


def test_no_voltage_at_all_is_one_interruption_and_nothing_else() -> None:
    found = analyse(np.zeros(12000 * 15), US)
    classes = {each.incident_class for each in found.incidents}
    assert classes == {
        IncidentClass.VOLTAGE_INTERRUPTION,
        IncidentClass.ITIC_NO_DAMAGE,
        IncidentClass.SEMI_F47_VIOLATION,
    }
    assert np.isfinite(found.windows.values).all()


def test_waveforms_are_kept_for_incidents_and_not_for_all_of_a_storm() -> None:
    steps = [Step(2 + 0.5 * number, 2.1 + 0.5 * number, 0.5) for number in range(150)]
    found = analyse(Wave(US, steps=steps).volts(80), US)
    sags = [each for each in found.incidents if each.incident_class is IncidentClass.VOLTAGE_SAG]
    assert len(sags) == 150
    assert 50 <= len(found.slices) <= 400
    first = found.slices[0]
    assert first.segment.start_unix_ns / NS == pytest.approx(1.9, abs=0.01)
    assert len(first.half_cycles) > 10


def test_what_a_recording_holds_grows_by_little() -> None:
    analyzer = Analyzer(12000.0, US)
    volts = Wave(US, f_hz=60.01, noise_v=0.2).volts(60)
    for _ in range(5):
        analyzer.feed(volts)
    held = sum(block.nbytes for block in analyzer._pieces._blocks)
    assert held <= 8 * 12000 * 75
