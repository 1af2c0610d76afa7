"""Stored records give the series that live measurement gives."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.model.waveforms import VoltageSegment
from opq.signal.extractor import FeatureExtractor
from opq.signal.segments import half_cycle_series, segment_windows, sliding_rms
from opq.testing.waves import START_UNIX_NS, Step, Wave

EU = Nominal(230, 50)


def test_a_record_gives_the_windows_the_box_sent() -> None:
    segment = Wave(EU, f_hz=50.02, steps=[Step(0.6, 0.9, 0.5)], noise_v=0.3).segment(2)
    extractor = FeatureExtractor(12000, EU)
    live = [
        extractor.feed(block, START_UNIX_NS + index * 50_000_000)
        for index, block in enumerate(np.split(segment.volts, 40))
    ]
    sent = Windows.concatenate(live)
    stored = segment_windows(segment, EU)
    np.testing.assert_array_equal(stored.values[: len(sent)], sent.values)


def test_half_cycles_lie_side_by_side_over_the_whole_record() -> None:
    segment = Wave(EU, f_hz=49.9, phase_deg=200).segment(1)
    series = half_cycle_series(segment, EU)
    np.testing.assert_allclose(series.start_unix_ns[1:], series.end_unix_ns[:-1], atol=1)
    assert series.start_unix_ns[0] - segment.start_unix_ns < 0.035e9
    assert segment.end_unix_ns - series.end_unix_ns[-1] < 0.035e9


def test_a_sag_at_the_very_end_of_a_record_is_seen() -> None:
    series = half_cycle_series(Wave(EU, steps=[Step(0.95, 1, 0.3)]).segment(1), EU)
    assert series.u_rms_half_v[-1] == pytest.approx(69, abs=0.5)


@pytest.mark.parametrize("samples", [0, 1, 100, 900])
def test_a_record_too_short_to_find_the_cycle_gives_nothing(samples: int) -> None:
    segment = VoltageSegment(START_UNIX_NS, 12000, np.ones(samples))
    assert len(half_cycle_series(segment, EU)) == 0
    assert len(segment_windows(segment, EU)) == 0


def test_the_half_cycle_around_a_sample_has_no_ripple() -> None:
    volts = Wave(EU, harmonics={3: 5}).volts(0.2)
    np.testing.assert_allclose(sliding_rms(volts, 120), 230 * np.hypot(1, 0.05), rtol=1e-4)


def test_a_piece_shorter_than_the_sliding_length_gives_its_own_rms() -> None:
    np.testing.assert_allclose(sliding_rms(np.array([3.0, -3.0, 3.0]), 120), 3)
    assert len(sliding_rms(np.empty(0), 120)) == 0
