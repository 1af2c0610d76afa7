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
from opq_makai.boxes import BoxTable
from opq_makai.detectors.detector import Detector, WindowBatch
from opq_makai.detectors.habit import HabitConfig, HabitDetector
from opq_makai.detectors.limits import LimitDetector

T0 = 1_760_000_000 * NS
BOX = Box(BoxId("b1"), GridId("g"), Nominal(120, 60))


class Bench:
    """A detector with a table of boxes, fed window by window or in batches."""

    def __init__(self, detector: Detector, *boxes: Box) -> None:
        self.detector, self.table = detector, BoxTable()
        self.table.update(boxes or (BOX,))

    def feed(self, *parts: tuple[Box, Windows]) -> list[Trigger]:
        slots = [self.table.slot(box.box_id) for box, _ in parts]
        index = np.repeat(slots, [len(windows) for _, windows in parts])
        batch = WindowBatch(self.table, index, Windows.concatenate([windows for _, windows in parts]))
        return [trigger for hits in self.detector.detect(batch) for trigger in hits.triggers(self.table)]


def detect(windows: Windows, box: Box = BOX) -> list[Trigger]:
    return Bench(LimitDetector(), box).feed((box, windows))


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
    (trigger,) = Bench(LimitDetector(), BOX, other).feed(*parts)
    assert trigger.box_id == "b1"


class Habit:
    """A habit detector fed second by second with a noisy but quiet supply."""

    def __init__(self, seconds: float, seed: int = 1, config: HabitConfig | None = None) -> None:
        self.bench = Bench(HabitDetector(config))
        self.rng = np.random.default_rng(seed)
        self.now = T0
        self.triggers: list[Trigger] = []
        for _ in range(round(seconds)):
            self.second()

    def second(self, **features: float) -> list[Trigger]:
        windows = good_windows(self.now, 5)
        windows.values[:, FEATURE_INDEX["u_rms_half_min_v"]] += self.rng.normal(0, 0.05, 5)
        for name, value in features.items():
            windows.values[:, FEATURE_INDEX[name]] = value
        self.now += NS
        found = self.feed(windows)
        self.triggers += found
        return found

    def feed(self, windows: Windows) -> list[Trigger]:
        return self.bench.feed((BOX, windows))

    @property
    def mean(self) -> float:
        return self.bench.detector.describe(self.bench.table, 0)["metrics"]["u_rms_half_min_v"]["habit"]


def test_habit_says_nothing_before_it_has_learned() -> None:
    habit = Habit(5)
    assert habit.second(u_rms_half_min_v=117.0) == []


def test_a_step_far_inside_the_limits_is_a_soft_trigger_with_the_limit_it_left() -> None:
    habit = Habit(60)
    assert habit.triggers == []
    (trigger,) = habit.second(u_rms_half_min_v=118.0)
    assert (trigger.kind, trigger.metric) == (TriggerKind.SOFT, "u_rms_half_min_v")
    assert 118.0 < trigger.limit < 120.0


def test_a_window_is_tested_before_it_enters_the_model_so_even_one_window_can_trigger() -> None:
    habit = Habit(120)
    assert len(habit.feed(good_windows(habit.now, 1, u_rms_half_min_v=110.0))) == 1


def test_a_late_or_repeated_window_is_neither_tested_nor_learned() -> None:
    habit = Habit(120)
    before = habit.bench.detector.state(habit.bench.table)
    assert habit.feed(good_windows(T0 + 50 * NS, 5, u_rms_half_min_v=100.0)) == []
    assert habit.bench.detector.state(habit.bench.table) == before


def test_the_model_is_frozen_while_triggered_and_takes_what_stays_for_half_a_minute_as_the_new_habit() -> None:
    habit = Habit(120)
    mean = habit.mean
    for _ in range(29):
        assert habit.second(u_rms_half_min_v=116.0) != []
    assert habit.mean == pytest.approx(mean, abs=0.01)
    for _ in range(5):
        last = habit.second(u_rms_half_min_v=116.0)
    assert last == []
    assert habit.mean == pytest.approx(116.0, abs=0.01)


def test_one_outlier_moves_the_model_by_no_more_than_its_band() -> None:
    habit = Habit(120)
    mean = habit.mean
    habit.feed(good_windows(habit.now, 1, u_rms_half_min_v=0.0))
    habit.now += NS
    habit.second()
    assert abs(habit.mean - mean) < 0.01


def test_a_quiet_supply_gives_no_soft_trigger_in_ten_minutes() -> None:
    assert Habit(600, seed=3).triggers == []


def test_an_hour_that_is_usually_restless_is_judged_by_its_own_spread() -> None:
    """Steps of 1 V every evening are no news; the same step in the quiet of the night is."""
    habit = Habit(60)
    for day in range(3):
        for at_s, restless in ((day * 86_400, False), (day * 86_400 + 18 * 3600, True)):
            habit.now = T0 + 3600 * NS * 24 + at_s * NS
            for _ in range(900):
                moved = 0.8 * habit.rng.choice([-1, 1]) if restless else 0.0
                habit.second(u_rms_half_min_v=120.0 + moved)
    for hour, heard in ((0, True), (18, False)):
        habit.now = T0 + 3600 * NS * (24 * 4 + hour)
        for _ in range(600):
            habit.second(u_rms_half_min_v=120.0)
        assert bool(habit.second(u_rms_half_min_v=118.6)) is heard, f"at hour {hour}"


def test_what_was_learned_survives_a_restart() -> None:
    habit = Habit(120)
    restarted = Bench(HabitDetector())
    restarted.detector.restore(restarted.table, habit.bench.detector.state(habit.bench.table))
    assert len(restarted.feed((BOX, good_windows(habit.now, 1, u_rms_half_min_v=115.0)))) == 1


def test_other_settings_are_checked_and_obeyed() -> None:
    with pytest.raises(ValueError, match="greater than or equal to 2"):
        HabitConfig(threshold=1)
    habit = Habit(60, config=HabitConfig(threshold=20))
    assert habit.second(u_rms_half_min_v=118.0) == []
