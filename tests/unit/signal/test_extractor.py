"""Gaps, clipping, lost voltage and garbage: said, survived, never NaN."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opq.clock import NS
from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq.model.features import WindowFlag, Windows, check_values
from opq.signal.extractor import FeatureExtractor
from opq.testing.waves import START_UNIX_NS, Step, Wave

US = Nominal(120, 60)
RATE = 12000.0


def at(sample: float) -> int:
    return START_UNIX_NS + round(sample * NS / RATE)


def flagged(windows: Windows, flag: WindowFlag) -> np.ndarray:
    return (windows.flags & np.uint32(flag)) > 0


def run(wave: Wave, duration_s: float, window_cycles: int = 0) -> Windows:
    extractor = FeatureExtractor(RATE, wave.nominal, window_cycles)
    return Windows.concatenate([extractor.feed(wave.volts(duration_s), at(0)), extractor.finish()])


def test_missing_samples_flag_the_window_they_are_missing_from() -> None:
    volts = Wave(US).volts(4)
    extractor = FeatureExtractor(RATE, US)
    parts = [extractor.feed(volts[:13000], at(0)), extractor.feed(volts[14500:], at(14500)), extractor.finish()]
    windows = Windows.concatenate(parts)
    gap = np.flatnonzero(flagged(windows, WindowFlag.GAP))
    assert len(gap) == 1
    assert windows.start_unix_ns[gap[0]] == pytest.approx(at(12000), abs=2000)
    assert windows.duration_ns[gap[0]] == pytest.approx(NS / 15, rel=0.001)
    assert (np.diff(windows.start_unix_ns) >= windows.duration_ns[:-1]).all()
    np.testing.assert_allclose(windows.column("u_rms_v"), 120, atol=0.12)
    np.testing.assert_allclose(windows.column("f_hz"), 60, atol=0.001)


def test_a_gap_at_a_window_edge_flags_the_next_window() -> None:
    volts = Wave(US).volts(4)
    extractor = FeatureExtractor(RATE, US)
    parts = [extractor.feed(volts[:12050], at(0)), extractor.feed(volts[14500:], at(14500)), extractor.finish()]
    windows = Windows.concatenate(parts)
    gap = np.flatnonzero(flagged(windows, WindowFlag.GAP))
    assert len(gap) == 1
    assert windows.start_unix_ns[gap[0]] >= at(14500)


def test_clock_jitter_below_half_a_millisecond_is_no_gap() -> None:
    volts = Wave(US, f_hz=60.01).volts(10)
    extractor = FeatureExtractor(RATE, US)
    jitter = np.random.default_rng(3).integers(-450_000, 450_000, 100)
    parts = [
        extractor.feed(volts[block * 1200 :][:1200], at(block * 1200) + int(jitter[block])) for block in range(100)
    ]
    windows = Windows.concatenate(parts)
    assert not windows.flags.any()
    np.testing.assert_array_equal(np.diff(windows.start_unix_ns), windows.duration_ns[:-1])
    np.testing.assert_allclose(windows.column("f_hz"), 60.01, atol=0.001)


def test_window_times_follow_a_sample_clock_that_is_off() -> None:
    true_rate = 12000 * (1 + 50e-6)
    volts = Wave(US).volts(60, true_rate)
    extractor = FeatureExtractor(RATE, US)
    parts = [
        extractor.feed(volts[begin : begin + 12000], START_UNIX_NS + round(begin * NS / true_rate))
        for begin in range(0, len(volts), 12000)
    ]
    windows = Windows.concatenate(parts)
    expected = START_UNIX_NS + np.arange(len(windows)) * 200_000_000
    np.testing.assert_allclose(windows.start_unix_ns - expected, 0, atol=200_000)


def test_samples_sent_twice_are_left_out() -> None:
    volts = Wave(US).volts(3)
    once, twice = FeatureExtractor(RATE, US), FeatureExtractor(RATE, US)
    expected = Windows.concatenate([once.feed(volts, at(0)), once.finish()])
    parts = [twice.feed(volts[:20000], at(0)), twice.feed(volts[10000:], at(10000)), twice.finish()]
    got = Windows.concatenate(parts)
    np.testing.assert_array_equal(got.start_unix_ns, expected.start_unix_ns)
    np.testing.assert_allclose(got.values, expected.values, rtol=1e-6, atol=1e-6)


def test_clipped_samples_flag_their_window_only() -> None:
    volts = Wave(US).volts(2)
    clipped = np.zeros(len(volts), bool)
    clipped[12100] = True
    windows = FeatureExtractor(RATE, US).feed(volts, at(0), clipped)
    np.testing.assert_array_equal(np.flatnonzero(flagged(windows, WindowFlag.CLIPPED)), [5])


def test_samples_that_are_no_numbers_count_as_clipped() -> None:
    volts = Wave(US).volts(2)
    volts[12100], volts[12101] = np.nan, np.inf
    windows = FeatureExtractor(RATE, US).feed(volts, at(0))
    np.testing.assert_array_equal(np.flatnonzero(flagged(windows, WindowFlag.CLIPPED)), [5])
    check_values(windows.values)


def test_marks_of_another_length_than_the_samples_are_refused() -> None:
    with pytest.raises(InvalidInput, match="clipped: got 3 values, expected 2"):
        FeatureExtractor(RATE, US).feed(np.zeros(2), at(0), np.zeros(3, bool))


@pytest.mark.parametrize(("sample_rate_hz", "window_cycles"), [(0, 0), (float("nan"), 0), (12000, 3601), (12000, -1)])
def test_impossible_settings_are_refused(sample_rate_hz: float, window_cycles: int) -> None:
    with pytest.raises(InvalidInput):
        FeatureExtractor(sample_rate_hz, US, window_cycles)


@pytest.mark.parametrize("u_din_v", [100.0, 230.0])
def test_lost_voltage_holds_frequency_and_distortion_and_locks_again(u_din_v: float) -> None:
    wave = Wave(
        Nominal(u_din_v, 50), f_hz=50.06, harmonics={5: 4}, steps=[Step(1.0, 2.5, 0.0)], noise_v=0.001 * u_din_v
    )
    windows = run(wave, 4)
    lost = flagged(windows, WindowFlag.VOLTAGE_LOST)
    assert 6 <= lost.sum() <= 9
    np.testing.assert_allclose(windows.column("f_hz")[lost], 50.06, atol=0.002)
    np.testing.assert_allclose(windows.duration_ns[lost], 0.2 * NS, rtol=0.01)
    quiet = ~lost & ~flagged(windows, WindowFlag.FLAGGED)
    np.testing.assert_allclose(windows.column("thd_pct")[quiet], 4, atol=0.1)
    after = windows[len(windows) - 4 :]
    assert not after.flags.any()
    np.testing.assert_allclose(after.column("f_hz"), 50.06, atol=0.001)


def test_a_sag_that_leaves_a_tenth_keeps_the_lock() -> None:
    windows = run(Wave(US, f_hz=60.05, steps=[Step(1.0, 2.0, 0.1)]), 3)
    assert not flagged(windows, WindowFlag.VOLTAGE_LOST).any()
    np.testing.assert_allclose(windows.column("f_hz")[6:9], 60.05, atol=0.002)


@pytest.mark.parametrize("jump_deg", [20, 60, 180])
def test_a_phase_jump_neither_stalls_nor_fakes_a_sag(jump_deg: float) -> None:
    volts = np.concatenate([Wave(US).volts(1.0), Wave(US, phase_deg=jump_deg).volts(2.0)])
    windows = FeatureExtractor(RATE, US).feed(volts, at(0))
    assert not flagged(windows, WindowFlag.FLAGGED).any()
    np.testing.assert_allclose(windows.column("f_hz")[-5:], 60, atol=0.001)
    np.testing.assert_allclose(windows.column("u_rms_v")[-5:], 120, atol=0.12)


def test_a_box_declared_for_60_hz_reads_a_50_hz_supply() -> None:
    windows = run(Wave(US, f_hz=50.0), 2)
    np.testing.assert_allclose(windows.column("f_hz"), 50, atol=0.001)
    np.testing.assert_allclose(windows.column("u_rms_v"), 120, atol=0.12)


def test_no_voltage_at_all_gives_windows_of_nominal_length() -> None:
    extractor = FeatureExtractor(RATE, US)
    windows = extractor.feed(np.zeros(36000), at(0))
    assert len(windows) == 14
    assert flagged(windows, WindowFlag.VOLTAGE_LOST).all()
    np.testing.assert_allclose(windows.column("f_hz"), 60)
    np.testing.assert_allclose(windows.duration_ns, 0.2 * NS, rtol=1e-6)


def test_short_windows_have_their_own_voltage_and_the_latest_distortion() -> None:
    wave = Wave(US, harmonics={5: 4}, steps=[Step(1.0, 1.05, 0.5)])
    windows = run(wave, 2, window_cycles=1)
    assert len(windows) in (119, 120)
    start_s = (windows.start_unix_ns - START_UNIX_NS) / NS
    inside = (start_s > 1.01) & (start_s < 1.03)
    np.testing.assert_allclose(windows.column("u_rms_v")[inside], 60, atol=0.002 * 120)
    np.testing.assert_allclose(windows.column("thd_pct")[:11], 0)
    np.testing.assert_allclose(windows.column("thd_pct")[11:59], 4, atol=0.01)


def test_long_windows_aggregate_basic_ones() -> None:
    wave = Wave(US, harmonics={5: 4}, steps=[Step(1.0, 2.0, 0.95)])
    basic, long = run(wave, 3.2), run(wave, 3.2, window_cycles=180)
    assert len(long) == 1
    used = basic[:15]
    expected = np.sqrt(np.mean(np.square(used.column("u_rms_v"), dtype=np.float64)))
    assert long.column("u_rms_v")[0] == pytest.approx(expected, rel=1e-6)
    assert long.column("u_rms_half_min_v")[0] == used.column("u_rms_half_min_v").min()
    assert long.column("f_max_hz")[0] == used.column("f_max_hz").max()
    assert long.column("transient_peak_v")[0] == used.column("transient_peak_v").max()
    assert long.column("f_hz")[0] == pytest.approx(60, abs=1e-4)
    assert long.column("thd_pct")[0] == pytest.approx(4, abs=0.05)


@pytest.mark.parametrize("window_cycles", [0, 1, 180])
def test_memory_does_not_grow(window_cycles: int) -> None:
    extractor = FeatureExtractor(RATE, US, window_cycles)
    volts = Wave(US, f_hz=60.1).volts(10)
    for second in range(10):
        extractor.feed(volts[second * 12000 :][:12000], at(second * 12000), np.ones(12000, bool))
    assert len(extractor._meter._volts) < 6000
    assert len(extractor._meter._crossings) < 60
    assert len(extractor._clipped) <= 12000 * 4


BLOCKS = st.lists(
    st.tuples(
        st.sampled_from(["sine", "noise", "zeros", "huge", "nan", "dc", "square", "other"]),
        st.integers(1, 5000),
        st.sampled_from([0, 0, 0, 1, 300, 5000, -400]),
        st.integers(0, 2**31),
    ),
    min_size=1,
    max_size=12,
)


def garbage(kind: str, count: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(count) / RATE
    return {
        "sine": lambda: 170 * np.sin(2 * np.pi * 60 * time),
        "noise": lambda: 200 * rng.standard_normal(count),
        "zeros": lambda: np.zeros(count),
        "huge": lambda: rng.choice([1e300, -1e300, 3000.0], count),
        "nan": lambda: rng.choice([np.nan, np.inf, -np.inf, 5.0], count),
        "dc": lambda: np.full(count, 400.0),
        "square": lambda: 170 * np.sign(np.sin(2 * np.pi * 53 * time)),
        "other": lambda: 170 * np.sin(2 * np.pi * rng.uniform(0, 6000) * time),
    }[kind]()


@settings(max_examples=60, deadline=None)
@given(blocks=BLOCKS, window_cycles=st.sampled_from([0, 1, 7, 30]), f_hz=st.sampled_from([50.0, 60.0]))
def test_garbage_never_gives_nan_never_stalls_and_times_only_grow(
    blocks: list[tuple[str, int, int, int]], window_cycles: int, f_hz: float
) -> None:
    nominal = Nominal(120, f_hz)
    extractor = FeatureExtractor(RATE, nominal, window_cycles)
    position, parts, fed = 0, [], 0
    for kind, count, gap, seed in blocks:
        rng = np.random.default_rng(seed)
        position = max(0, position + gap)
        parts.append(extractor.feed(garbage(kind, count, rng), at(position), rng.random(count) < 0.01))
        position += count
        fed += count
    parts.append(extractor.finish())
    windows = Windows.concatenate(parts)
    check_values(windows.values)
    assert np.isfinite(windows.values).all()
    assert (windows.duration_ns >= 0).all()
    assert (windows.start_unix_ns[1:] >= windows.start_unix_ns[:-1] + windows.duration_ns[:-1]).all()
    if not any(gap for _, _, gap, _ in blocks):
        cycles = (window_cycles or nominal.cycles) * RATE / f_hz
        assert len(windows) >= int((fed - 600) / cycles * 0.75) - 1


def test_flicker_is_felt_in_its_window_and_its_severity_after_ten_minutes_of_the_clock() -> None:
    nominal, rate = Nominal(230, 50), 4000.0
    start = 1_700_000_400 * NS - 5 * NS
    time = np.arange(round(620 * rate)) / rate
    modulation = 1 + 0.5 * 0.0145 * np.where((time * 7 / 60) % 2 < 1, 1, -1)
    volts = np.sqrt(2) * 230 * np.sin(2 * np.pi * 50 * time) * modulation
    extractor = FeatureExtractor(rate, nominal)
    block = round(rate)
    parts = [
        extractor.feed(volts[at : at + block], start + round(at * NS / rate)) for at in range(0, len(volts), block)
    ]
    windows = Windows.concatenate([*parts, extractor.finish()])
    pst = windows.column("pst")
    end_s = (windows.start_unix_ns + windows.duration_ns - start) / NS
    assert not pst[end_s < 605].any()
    np.testing.assert_allclose(pst[end_s > 606.5], 1.0, atol=0.02)
    p_inst = windows.column("p_inst_max")
    assert not p_inst[end_s < 2].any()
    assert p_inst[end_s > 4].min() > 0
    assert 1 < p_inst[end_s > 20].max() < 20
