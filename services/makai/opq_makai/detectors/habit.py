"""The habit of each box: what is unusual for it alone is a soft trigger, even far inside the limits.

Per box and metric an exponentially weighted mean and mean deviation are learned over about two minutes. A window is
tested against the model before it enters it; while a metric is triggered its model is frozen (for a minute at
most: what stays becomes habit); each step that enters is clipped to the band, so that one outlier moves nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opq.clock import MINUTE_NS
from opq.ids import BoxId
from opq.model.events import Trigger, TriggerKind
from opq.model.features import FEATURE_INDEX, WindowFlag
from opq_makai.detectors.detector import Detector, WindowBatch, triggers_of

METRICS = ("u_rms_v", "f_hz", "thd_pct", "transient_peak_v")
_COLUMNS = [FEATURE_INDEX[metric] for metric in METRICS]
THRESHOLD = 3.0
"""In units of the learned spread."""
MEMORY_NS = 2 * MINUTE_NS
LEARN_NS = MINUTE_NS // 2
FREEZE_NS = MINUTE_NS
_SPREAD_OF_MEAN_DEVIATION = float(np.sqrt(np.pi / 2))
"""Standard deviation over mean absolute deviation, of normal noise."""
_FLOOR_PU = 0.002
_FLOORS = (0.0, 0.01, 0.2, 0.0)
"""Least spread per metric: V (from `_FLOOR_PU`), Hz, %, V (from `_FLOOR_PU`). Less than this matters to nobody."""

Vector = npt.NDArray[np.float64]


@dataclass(slots=True)
class _Habit:
    """Model of one box."""

    mean: Vector
    deviation: Vector
    frozen_until_unix_ns: Vector
    learned_ns: int = 0
    last_unix_ns: int = 0


class HabitDetector(Detector):
    """Compares each box with itself over the last two minutes."""

    name = "habit"

    def __init__(self) -> None:
        self._habits: dict[BoxId, _Habit] = {}

    def detect(self, batch: WindowBatch) -> list[Trigger]:
        """See `Detector`. Windows that are late, flagged or without voltage are neither tested nor learned."""
        windows = batch.windows
        values = windows.values[:, _COLUMNS].astype(np.float64)
        scores = np.zeros_like(values)
        limits = np.zeros_like(values)
        unfit = (windows.flags & (WindowFlag.VOLTAGE_LOST | WindowFlag.GAP)) != 0
        for row in range(len(windows)):
            box = batch.boxes[batch.box[row]]
            start, duration = int(windows.start_unix_ns[row]), int(windows.duration_ns[row])
            habit = self._habits.get(box.box_id)
            if habit is None:
                habit = _Habit(values[row].copy(), _floor(box.nominal.u_din_v), np.zeros(len(METRICS)))
                self._habits[box.box_id] = habit
            if unfit[row] or start <= habit.last_unix_ns:
                continue
            habit.last_unix_ns = start
            scores[row], limits[row] = self._step(habit, values[row], start, duration, box.nominal.u_din_v)
        return [
            trigger
            for column, metric in enumerate(METRICS)
            for trigger in triggers_of(
                batch,
                scores[:, column] >= THRESHOLD,
                scores[:, column],
                limits[:, column],
                metric,
                TriggerKind.SOFT,
                self.name,
            )
        ]

    def state(self) -> dict[str, Any]:
        """See `Detector`."""
        return {
            box_id: {
                "mean": habit.mean.tolist(),
                "deviation": habit.deviation.tolist(),
                "learned_ns": habit.learned_ns,
                "last_unix_ns": habit.last_unix_ns,
            }
            for box_id, habit in self._habits.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """See `Detector`."""
        for box_id, saved in state.items():
            if len(saved["mean"]) == len(METRICS):
                self._habits[BoxId(box_id)] = _Habit(
                    np.array(saved["mean"]),
                    np.array(saved["deviation"]),
                    np.zeros(len(METRICS)),
                    saved["learned_ns"],
                    saved["last_unix_ns"],
                )

    @staticmethod
    def _step(habit: _Habit, value: Vector, start: int, duration: int, u_din_v: float) -> tuple[Vector, Vector]:
        """Test one window, then learn it; return its scores (0 until armed) and the limits it was held to."""
        spread = np.maximum(habit.deviation * _SPREAD_OF_MEAN_DEVIATION, _floor(u_din_v))
        step = value - habit.mean
        score = np.abs(step) / spread
        limit = habit.mean + np.sign(step) * THRESHOLD * spread
        armed = habit.learned_ns >= LEARN_NS
        triggered = (score >= THRESHOLD) & armed
        fresh = triggered & (habit.frozen_until_unix_ns == 0)
        habit.frozen_until_unix_ns[fresh] = start + FREEZE_NS
        habit.frozen_until_unix_ns[~triggered] = 0
        learns = ~triggered | (start >= habit.frozen_until_unix_ns)
        weight = max(duration / MEMORY_NS, duration / (habit.learned_ns + duration)) * learns
        band = np.where(armed, THRESHOLD * spread, np.inf)
        clipped = np.clip(step, -band, band)
        habit.mean += weight * clipped
        habit.deviation += weight * (np.abs(clipped) - habit.deviation)
        habit.learned_ns += duration
        return np.where(armed, score, 0.0), limit


def _floor(u_din_v: float) -> Vector:
    return np.array([_FLOOR_PU * u_din_v, *_FLOORS[1:3], _FLOOR_PU * u_din_v])
