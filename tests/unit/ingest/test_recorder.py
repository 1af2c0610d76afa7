"""Recording: each frame once, trends right whatever the order, bad frames named and alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from opq.clock import MINUTE_NS, NS
from opq.errors import Unavailable
from opq.ids import BoxId
from opq.model.features import FeatureFrame, TimeSource
from opq.model.measurements import MAX, MEAN, MIN, fold_frames
from opq.rpc.frames import encode_frame
from opq.store import Store, open_store
from opq.testing.clock import ManualClock
from opq.testing.frames import good_frame
from opq_ingest.recorder import Recorder, Waiting

NOW = 1_760_000_040 * NS // MINUTE_NS * MINUTE_NS + 30 * NS
B1 = BoxId("b-1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:{tmp_path}")
    yield opened
    opened.close()


@pytest.fixture
def recorder(store: Store) -> Recorder:
    return Recorder(store, ManualClock(NOW))


def waiting(frame: FeatureFrame) -> Waiting:
    return Waiting(frame.box_id, encode_frame(frame, TimeSource.NTP))


def second(number: int, at_ns: int, **features: float) -> Waiting:
    return waiting(good_frame("b-1", number, at_ns, **features))


def test_a_frame_becomes_one_measurement_of_minimum_mean_and_maximum(recorder: Recorder, store: Store) -> None:
    frame = good_frame("b-1", 9, NOW)
    frame.windows.values[:, 0] = [118, 119, 120, 121, 122]
    outcome = recorder.record([waiting(frame)])
    assert (list(outcome.frames), outcome.new) == ([0], 1)
    (row,) = store.measurements.range(B1, 0, 2**62)
    assert (row.start_unix_ns, row.sequence, row.windows, row.duration_ns) == (NOW, 9, 5, NS)
    low, mean, high = row.feature("u_rms_v")
    assert (low, high) == (118, 122)
    assert mean == pytest.approx(np.sqrt(np.mean(np.array([118, 119, 120, 121, 122]) ** 2)), rel=1e-6)


def test_a_frame_sent_again_is_stored_once(recorder: Recorder, store: Store) -> None:
    recorder.record([second(1, NOW)])
    outcome = recorder.record([second(1, NOW), second(2, NOW + NS)])
    assert outcome.new == 1
    assert len(outcome.frames) == 2, "both may be acknowledged"
    assert store.measurements.count() == 2


def test_bad_frames_are_named_and_the_others_of_the_batch_are_stored(recorder: Recorder, store: Store) -> None:
    future = second(3, NOW + 3600 * NS)
    ancient = second(4, NS)
    nan = waiting(good_frame("b-1", 5, NOW + 2 * NS, thd_pct=float("nan")))
    outcome = recorder.record([second(1, NOW), future, ancient, nan, Waiting(B1, b"\xff"), second(2, NOW + NS)])
    assert list(outcome.frames) == [0, 5]
    messages = {sequence: str(error) for sequence, error in outcome.errors.values()}
    assert "start_unix_ns: got" in messages[3]
    assert "is the clock of the box set?" in messages[3]
    assert "start_unix_ns: got" in messages[4]
    assert "thd_pct of window 0: got nan" in messages[5]
    assert "no opq.v1.FeatureFrame" in messages[0]
    assert store.measurements.count() == 2


def test_a_minute_is_folded_when_it_is_over(recorder: Recorder, store: Store) -> None:
    start = NOW - NOW % MINUTE_NS - MINUTE_NS
    recorder.record([second(number, start + number * NS, u_rms_v=100 + number) for number in range(60)][1:])
    assert store.trends.range(B1, 0, 2**62) == []
    recorder.record([second(60, start + MINUTE_NS)])
    (trend,) = store.trends.range(B1, 0, 2**62)
    assert (trend.start_unix_ns, trend.windows) == (start, 59 * 5)
    assert trend.feature("u_rms_v")[MIN] == 101
    assert trend.feature("u_rms_v")[MAX] == 159


def test_a_late_frame_is_folded_into_the_minute_it_belongs_to(recorder: Recorder, store: Store) -> None:
    start = NOW - NOW % MINUTE_NS - MINUTE_NS
    recorder.record([second(1, start), second(3, start + MINUTE_NS)])
    recorder.record([second(2, start + 30 * NS, thd_pct=4.0)])
    (trend,) = store.trends.range(B1, 0, 2**62)
    assert trend.windows == 10
    assert trend.feature("thd_pct") == pytest.approx((1.0, 2.5, 4.0))


def test_after_a_crash_the_next_greeting_folds_what_was_left(store: Store) -> None:
    start = NOW - NOW % MINUTE_NS - 5 * MINUTE_NS
    for minute in range(4):
        store.measurements.add(fold_frames([good_frame("b-1", minute + 1, start + minute * MINUTE_NS)]))
    fresh = Recorder(store, ManualClock(NOW))
    fresh.greet([B1])
    assert [trend.start_unix_ns for trend in store.trends.range(B1, 0, 2**62)] == [
        start + k * MINUTE_NS for k in range(3)
    ]
    fresh.greet([B1])
    assert len(store.trends.range(B1, 0, 2**62)) == 3


def test_when_the_store_is_away_nothing_is_lost_by_calling_again(store: Store) -> None:
    recorder = Recorder(store, ManualClock(NOW))
    start = NOW - NOW % MINUTE_NS - MINUTE_NS
    batch = [second(1, start), second(2, start + MINUTE_NS)]
    away = AwayStore(store)
    recorder._store = away  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        recorder.record(batch)
    away.away = False
    assert len(recorder.record(batch).frames) == 2
    assert len(store.trends.range(B1, 0, 2**62)) == 1


class AwayStore:
    """A store that is away when trends are to be written: the worst moment, half of the work being done."""

    def __init__(self, store: Store) -> None:
        self.measurements, self._trends = store.measurements, store.trends
        self.away = True

    @property
    def trends(self):  # type: ignore[no-untyped-def]
        if self.away:
            raise Unavailable("the store is away")
        return self._trends


def test_the_newest_values_of_each_box_are_noted(recorder: Recorder) -> None:
    recorder.record([second(2, NOW, u_rms_v=119.0), second(1, NOW - 10 * NS, u_rms_v=117.0)])
    (seen,) = recorder.take_seen()
    assert (seen.box_id, seen.last_frame_unix_ns, seen.heard_unix_ns, seen.u_rms_v) == ("b-1", NOW + NS, NOW, 119.0)
    assert recorder.take_seen() == []


def test_frames_of_different_length_fold_each_for_itself(recorder: Recorder, store: Store) -> None:
    short, long = good_frame("b-1", 1, NOW, count=1), good_frame("b-1", 2, NOW + NS, count=60)
    recorder.record([waiting(short), waiting(replace(long, box_id=B1))])
    assert [row.windows for row in store.measurements.range(B1, 0, 2**62)] == [1, 60]
    assert [float(row.values[MEAN, 0]) for row in store.measurements.range(B1, 0, 2**62)] == [120, 120]
