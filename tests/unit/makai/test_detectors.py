"""Limits and habit: what triggers, what does not, and that a model is tested before it learns."""

from dataclasses import replace

import numpy as np
import pytest

from opq.clock import NS
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Limits, Nominal
from opq.model.events import Trigger, TriggerKind
from opq.model.features import FEATURE_INDEX, WindowFlag, Windows
from opq.testing.frames import good_windows
from opq_makai.detectors.detector import WindowBatch
from opq_makai.detectors.habit import LEARN_NS, HabitDetector
from opq_makai.detectors.limits import LimitDetector

T0 = 1_760_000_000 * NS
BOX = Box(BoxId("b1"), GridId("g"), Nominal(120, 60))


def detect(windows: Windows, box: Box = BOX) -> list[Trigger]:
    return LimitDetector().detect(WindowBatch.of([(box, windows)]))


def with_value(windows: Windows, row: int, **features: float) -> Windows:
    values = windows.values.copy()
    for name, value in features.items():
        values[row, FEATURE_INDEX[name]] = value
    return Windows(windows.start_unix_ns, windows.duration_ns, windows.flags, values)


@pytest.mark.parametrize(
    ("feature", "inside", "outside", "limit"),
    [
        ("u_rms_half_min_v", 114.1, 113.9, 114.0),
        ("u_rms_half_max_v", 125.9, 126.1, 126.0),
        ("f_hz", 59.91, 59.89, 59.9),
        ("f_hz", 60.09, 60.11, 60.1),
        ("thd_pct", 4.9, 5.1, 5.0),
        ("transient_peak_v", 7.9, 8.1, 8.0),
    ],
)
def test_each_limit_triggers_outside_and_not_inside(feature: str, inside: float, outside: float, limit: float) -> None:
    windows = good_windows(T0)
    assert detect(with_value(windows, 2, **{feature: inside})) == []
    (trigger,) = detect(with_value(windows, 2, **{feature: outside}))
    assert (trigger.metric, trigger.kind) == (feature, TriggerKind.HARD)
    assert trigger.value == pytest.approx(outside)
    assert trigger.limit == pytest.approx(limit)
    assert trigger.start_unix_ns == windows.start_unix_ns[2]


def test_limits_scale_with_the_nominal_supply_of_the_box() -> None:
    european = Box(BoxId("e"), GridId("g"), Nominal(230, 50))
    windows = good_windows(T0, nominal=european.nominal)
    assert detect(windows, european) == []
    (trigger,) = detect(with_value(windows, 0, u_rms_half_min_v=217.0), european)
    assert trigger.limit == pytest.approx(218.5)


def test_limits_of_one_box_can_be_changed() -> None:
    tolerant = replace(BOX, limits=Limits(u_low_pu=0.8))
    assert detect(with_value(good_windows(T0), 0, u_rms_half_min_v=100.0), tolerant) == []


def test_consecutive_windows_outside_are_one_trigger_with_the_worst_value() -> None:
    windows = good_windows(T0, 10)
    for row, value in ((3, 110.0), (4, 100.0), (5, 105.0), (8, 112.0)):
        windows = with_value(windows, row, u_rms_half_min_v=value)
    first, second = detect(windows)
    assert (first.start_unix_ns, first.end_unix_ns, first.value) == (T0 + 600_000_000, T0 + 1_200_000_000, 100.0)
    assert second.value == 112.0


def test_without_voltage_only_voltage_is_judged() -> None:
    windows = with_value(good_windows(T0), 1, u_rms_half_min_v=0.0, f_hz=0.0, thd_pct=80.0, transient_peak_v=50.0)
    windows.flags[1] = WindowFlag.VOLTAGE_LOST
    assert [trigger.metric for trigger in detect(windows)] == ["u_rms_half_min_v"]


def test_boxes_of_one_batch_do_not_mix() -> None:
    other = Box(BoxId("b2"), GridId("g"), Nominal(230, 50))
    parts = [
        (BOX, with_value(good_windows(T0), 4, u_rms_half_min_v=90.0)),
        (other, good_windows(T0, nominal=other.nominal)),
    ]
    (trigger,) = LimitDetector().detect(WindowBatch.of(parts))
    assert trigger.box_id == "b1"


class Habit:
    """A habit detector fed second by second with a noisy but quiet supply."""

    def __init__(self, seconds: float, seed: int = 1) -> None:
        self.detector = HabitDetector()
        self.rng = np.random.default_rng(seed)
        self.now = T0
        self.triggers: list[Trigger] = []
        for _ in range(round(seconds)):
            self.second()

    def second(self, **features: float) -> list[Trigger]:
        windows = good_windows(self.now, 5)
        windows.values[:, FEATURE_INDEX["u_rms_v"]] += self.rng.normal(0, 0.05, 5)
        for name, value in features.items():
            windows.values[:, FEATURE_INDEX[name]] = value
        self.now += NS
        found = self.detector.detect(WindowBatch.of([(BOX, windows)]))
        self.triggers += found
        return found


def test_habit_says_nothing_before_it_has_learned() -> None:
    habit = Habit(5)
    assert habit.second(u_rms_v=117.0) == []


def test_a_step_far_inside_the_limits_is_a_soft_trigger_with_the_limit_it_left() -> None:
    habit = Habit(LEARN_NS / NS + 30)
    assert habit.triggers == []
    (trigger,) = habit.second(u_rms_v=118.0)
    assert (trigger.kind, trigger.metric) == (TriggerKind.SOFT, "u_rms_v")
    assert 118.0 < trigger.limit < 120.0


def test_a_window_is_tested_before_it_enters_the_model_so_even_one_window_can_trigger() -> None:
    habit = Habit(120)
    windows = good_windows(habit.now, 1, u_rms_v=110.0)
    assert len(habit.detector.detect(WindowBatch.of([(BOX, windows)]))) == 1


def test_a_late_or_repeated_window_is_neither_tested_nor_learned() -> None:
    habit = Habit(120)
    before = habit.detector.state()
    late = good_windows(T0 + 50 * NS, 5, u_rms_v=100.0)
    assert habit.detector.detect(WindowBatch.of([(BOX, late)])) == []
    assert habit.detector.state() == before


def test_the_model_is_frozen_while_triggered_and_accepts_what_stays_after_a_minute() -> None:
    habit = Habit(120)
    mean = habit.detector.state()["b1"]["mean"][0]
    for _ in range(30):
        assert habit.second(u_rms_v=116.0) != []
    assert habit.detector.state()["b1"]["mean"][0] == pytest.approx(mean, abs=0.01)
    for _ in range(600):
        last = habit.second(u_rms_v=116.0)
    assert last == []


def test_one_outlier_moves_the_model_by_no_more_than_its_band() -> None:
    habit = Habit(120)
    mean = habit.detector.state()["b1"]["mean"][0]
    habit.detector.detect(WindowBatch.of([(BOX, good_windows(habit.now, 1, u_rms_v=0.0))]))
    assert abs(habit.detector.state()["b1"]["mean"][0] - mean) < 0.01


def test_a_quiet_supply_gives_no_soft_trigger_in_ten_minutes() -> None:
    assert Habit(600, seed=3).triggers == []


def test_what_was_learned_survives_a_restart() -> None:
    habit = Habit(120)
    restarted = HabitDetector()
    restarted.restore(habit.detector.state())
    assert len(restarted.detect(WindowBatch.of([(BOX, good_windows(habit.now, 1, u_rms_v=115.0))]))) == 1
