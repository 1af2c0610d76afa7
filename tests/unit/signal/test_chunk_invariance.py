"""The answer does not depend on how samples are cut into blocks."""

import numpy as np
import pytest

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.signal.cycles import Crossings, CycleTracker
from opq.signal.extractor import FeatureExtractor
from opq.testing.waves import START_UNIX_NS, Impulse, Step, Wave

RATE = 12000.0
ROUGH = Wave(
    Nominal(120, 60),
    f_hz=59.93,
    phase_deg=33,
    harmonics={3: 4, 5: 3, 7: 2},
    steps=[Step(0.71, 0.9, 0.4), Step(1.3, 1.6, 0.0)],
    impulses=[Impulse(0.55, 0.0003, 90)],
    noise_v=1.0,
)


def extract(volts: np.ndarray, block: int, window_cycles: int = 0, clipped: np.ndarray | None = None) -> Windows:
    extractor = FeatureExtractor(RATE, ROUGH.nominal, window_cycles)
    parts = []
    for begin in range(0, len(volts), block):
        start = START_UNIX_NS + round(begin * NS / RATE)
        marks = None if clipped is None else clipped[begin : begin + block]
        parts.append(extractor.feed(volts[begin : begin + block], start, marks))
    return Windows.concatenate([*parts, extractor.finish()])


def assert_same(one: Windows, other: Windows) -> None:
    np.testing.assert_array_equal(one.start_unix_ns, other.start_unix_ns)
    np.testing.assert_array_equal(one.duration_ns, other.duration_ns)
    np.testing.assert_array_equal(one.flags, other.flags)
    np.testing.assert_allclose(one.values, other.values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("block", [1, 7, 200, 1200, 12000])
def test_any_block_size_gives_the_same_windows(block: int) -> None:
    volts = ROUGH.volts(2.5)
    clipped = np.zeros(len(volts), bool)
    clipped[[5000, 20000, 20001]] = True
    assert_same(extract(volts, block, clipped=clipped), extract(volts, len(volts), clipped=clipped))


@pytest.mark.parametrize("window_cycles", [1, 5, 12, 13, 60])
@pytest.mark.parametrize("block", [7, 200])
def test_any_block_size_gives_the_same_windows_of_other_lengths(window_cycles: int, block: int) -> None:
    volts = ROUGH.volts(2.5)
    assert_same(extract(volts, block, window_cycles), extract(volts, len(volts), window_cycles))


@pytest.mark.parametrize("block", [1, 7, 200, 1200])
def test_any_block_size_gives_the_same_crossings(block: int) -> None:
    volts = ROUGH.volts(2.0)
    whole, parts = CycleTracker(RATE, ROUGH.nominal), CycleTracker(RATE, ROUGH.nominal)
    expected = Crossings.concatenate(whole.feed(volts), whole.finish())
    got = Crossings.empty()
    for begin in range(0, len(volts), block):
        got = Crossings.concatenate(got, parts.feed(volts[begin : begin + block]))
    got = Crossings.concatenate(got, parts.finish())
    np.testing.assert_array_equal(got.lost, expected.lost)
    np.testing.assert_allclose(got.relative_to(0), expected.relative_to(0), rtol=0, atol=1e-9)


def test_windows_come_at_most_three_cycles_after_their_last_sample() -> None:
    extractor = FeatureExtractor(RATE, ROUGH.nominal)
    volts = Wave(ROUGH.nominal).volts(3)
    for begin in range(0, len(volts), 10):
        windows = extractor.feed(volts[begin : begin + 10], START_UNIX_NS + round(begin * NS / RATE))
        if len(windows):
            now = START_UNIX_NS + round((begin + 10) * NS / RATE)
            assert now - int(windows.start_unix_ns[-1] + windows.duration_ns[-1]) <= 3 / 60 * NS
