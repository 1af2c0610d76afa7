"""The habit of each box: what is unusual for it alone is a soft trigger, even far inside the limits.

Per box and metric a mean and a mean deviation are learned, exponentially weighted over about two minutes, and how large
the deviation usually is at each hour of the day. A window is tested against the model as it stood at the beginning
of its second, so before anything of that second enters it, and in the same way however windows are cut into batches.
While a metric is triggered its mean is frozen; what stays for half a minute is the new habit. Each step that enters is
clipped to the band, so that one outlier moves nothing; clipped it enters the deviation even while triggered, so that a
supply that became restless is soon known to be.
"""

import base64
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from opq.clock import HOUR_NS, NS
from opq.model.events import TriggerKind
from opq.model.features import FEATURE_INDEX, WindowFlag
from opq_makai.boxes import BoxTable
from opq_makai.detectors.detector import Detector, DetectorConfig, Hits, IndexArray, MaskArray, WindowBatch, hits_of

METRICS = ("u_rms_half_min_v", "u_rms_half_max_v", "f_hz", "thd_pct", "transient_peak_v")
_COLUMNS = [FEATURE_INDEX[metric] for metric in METRICS]
_THD = METRICS.index("thd_pct")
_UNFIT = int(WindowFlag.VOLTAGE_LOST | WindowFlag.GAP)
_SPREAD_OF_MEAN_DEVIATION = float(np.sqrt(np.pi / 2))
"""Standard deviation over mean absolute deviation, of normal noise."""
_HOURS = 24
_HOUR_MEMORY_NS = 7 * HOUR_NS
"""An hour of the day is remembered over about a week of such hours."""

Matrix = npt.NDArray[np.float64]


class HabitConfig(DetectorConfig):
    """How unusual is unusual."""

    threshold: float = Field(3.0, ge=2, le=20, description="soft trigger beyond so many times the learned spread")
    memory_s: float = Field(120.0, ge=10, le=3600, description="memory of mean and spread [s]")
    learn_s: float = Field(30.0, ge=1, le=3600, description="a box is judged after so much has been learned [s]")
    freeze_s: float = Field(30.0, ge=1, le=3600, description="what stays for so long is the new habit [s]")
    u_floor_pu: float = Field(0.002, ge=1e-5, le=0.1, description="least spread of voltage and transients [pu]")
    f_floor_hz: float = Field(0.005, ge=1e-5, le=1, description="least spread of frequency [Hz]")
    thd_floor_pct: float = Field(0.2, ge=1e-3, le=10, description="least spread of distortion [%]")


@dataclass(frozen=True, slots=True, eq=False)
class _Off:
    """Windows (k,) in which one metric is off: their rows, scores with sign, and limits."""

    metric: int
    rows: IndexArray
    score: Matrix
    limit: Matrix


class HabitDetector(Detector[HabitConfig]):
    """Compares each box with itself over the last two minutes and at this hour of the day."""

    name: ClassVar[str] = "habit"
    metrics: ClassVar[tuple[str, ...]] = METRICS
    config_class: ClassVar[type[DetectorConfig]] = HabitConfig

    def __init__(self, config: HabitConfig | None = None) -> None:
        super().__init__(config)
        # Boxes lie along the last axis of all of these, so that arithmetic runs over boxes.
        metrics = len(METRICS)
        self._mean = np.zeros((metrics, 0))
        self._deviation = np.zeros((metrics, 0))
        self._frozen_since = np.zeros((metrics, 0), np.int64)
        """Second in which a metric that is triggered left its habit; 0 if it is not."""
        self._usual = np.zeros((metrics, _HOURS, 0), np.float32)
        """Mean deviation as it usually is, by hour of the day."""
        self._usual_ns = np.zeros((_HOURS, 0))
        self._learned_ns = np.zeros(0)
        self._last_unix_ns = np.zeros(0, np.int64)
        # What the current second of each box adds up to until it is over.
        self._second = np.zeros(0, np.int64)
        self._span_ns = np.zeros(0)
        self._windows = np.zeros(0)
        self._count = np.zeros((metrics, 0))
        self._steps = np.zeros((metrics, 0))
        self._moves = np.zeros((metrics, 0))
        self._hit = np.zeros((metrics, 0), np.bool_)
        self._score = np.zeros((metrics, 0))

    def detect(self, batch: WindowBatch) -> list[Hits]:
        """See `Detector`. Windows that are late, flagged or without voltage are neither tested nor learned."""
        self._grow(batch.table)
        windows, slot = batch.windows, batch.slot
        fit = self._fit(batch)
        off: list[_Off] = []
        rows = np.flatnonzero(fit)
        if len(rows):
            # Rank k holds the k-th second of each box in the batch: each box at most once, so arrays do for all.
            second = windows.start_unix_ns[rows] // NS
            first = np.flatnonzero((np.diff(slot[rows], prepend=-1) != 0) | (np.diff(second, prepend=-1) != 0))
            length = np.diff(np.append(first, len(rows)))
            new_box = np.diff(slot[rows[first]], prepend=-1) != 0
            position = np.arange(len(first))
            rank = position - np.maximum.accumulate(np.where(new_box, position, 0))
            for each in range(int(rank.max()) + 1):
                of_rank = rank == each
                for windows_each in np.unique(length[of_rank]).tolist():
                    begins = first[of_rank & (length == windows_each)]
                    off += self._step(batch, rows[begins + np.arange(windows_each)[:, None]])
        return self._hits(batch, off)

    def _hits(self, batch: WindowBatch, off: list[_Off]) -> list[Hits]:
        """Make hits of the windows that are off."""
        found: list[Hits] = []
        threshold = self.config.threshold
        for at, metric in enumerate(METRICS):
            mine = [part for part in off if part.metric == at]
            if not mine:
                continue
            rows, signed, limits = (
                np.concatenate([getattr(part, name) for part in mine]) for name in ("rows", "score", "limit")
            )
            for sign in (-1, 1):
                beyond = sign * signed >= threshold
                if beyond.any():
                    score, limit = np.zeros(len(batch.slot)), np.zeros(len(batch.slot))
                    score[rows[beyond]], limit[rows[beyond]] = np.abs(signed[beyond]), limits[beyond]
                    outside = score >= threshold
                    hits = hits_of(batch, outside, metric, sign, TriggerKind.SOFT, self.name, limit, score)
                    if hits:
                        found.append(hits)
        return found

    def _fit(self, batch: WindowBatch) -> MaskArray:
        start, slot = batch.windows.start_unix_ns, batch.slot
        fit: MaskArray = ((batch.windows.flags & _UNFIT) == 0) & (start > self._last_unix_ns[slot])
        fit[1:] &= (slot[1:] != slot[:-1]) | (start[1:] > start[:-1])
        return fit

    def _step(self, batch: WindowBatch, rows: IndexArray) -> list[_Off]:
        """Test and add up one second each of some boxes with equally many windows, rows (windows, boxes).

        Returns what is off. Metrics are looked at one after the other: the arrays of
        one stay in the cache.
        """
        config, boxes = self.config, batch.slot[rows[0]]
        start = batch.windows.start_unix_ns[rows]
        second = start[0] // NS
        columns = [batch.windows.column(metric)[rows].astype(np.float64) for metric in METRICS]
        self._close_seconds(boxes, second, columns)
        spread = self._spread(batch.table, boxes, second)
        armed = self._learned_ns[boxes] >= config.learn_s * NS
        frozen = self._frozen_since[:, boxes]
        # What stays is taken as it is, and so is all before a box is judged; everything else only as far as the band.
        free = ~armed | ((frozen > 0) & (second - frozen >= config.freeze_s))
        self._windows[boxes] += len(rows)
        self._span_ns[boxes] += batch.windows.duration_ns[rows].sum(axis=0)
        self._last_unix_ns[boxes] = start[-1]
        off: list[_Off] = []
        for metric, values in enumerate(columns):
            mean, band = self._mean[metric, boxes], config.threshold * spread[metric]
            step = values - mean
            if metric == _THD:
                # Nothing was measured yet: a box that begins has no distortion in its first windows.
                step[values == 0] = 0
            self._score[metric, boxes] = step[-1] / spread[metric] * armed
            size = np.abs(step)
            triggered = size >= band
            window, box = np.nonzero(triggered)
            count = np.full(len(boxes), float(len(rows)))
            if len(box):
                judged = armed[box]
                window, box = window[judged], box[judged]
                moved = step[window, box]
                limit = mean[box] + np.sign(moved) * band[box]
                off.append(_Off(metric, rows[window, box], moved / spread[metric, box], limit))
                self._hit[metric, boxes[box]] = True
                whole = np.flatnonzero(free[metric])
                kept = step[:, whole]
                np.minimum(size, band, out=size)
                step[triggered] = 0
                step[:, whole], size[:, whole] = kept, np.abs(kept)
                count -= triggered.sum(axis=0)
                count[whole] = len(rows)
            self._count[metric, boxes] += count
            self._steps[metric, boxes] += step.sum(axis=0)
            self._moves[metric, boxes] += size.sum(axis=0)
        return off

    def _close_seconds(self, boxes: IndexArray, second: npt.NDArray[np.int64], columns: list[Matrix]) -> None:
        """Let the seconds that are over enter the models of their boxes; a box seen first begins with its first values."""
        over = self._second[boxes] != second
        if not over.any():
            return
        slots = boxes[over]
        fresh = self._last_unix_ns[slots] == 0
        if fresh.any():
            self._mean[:, slots[fresh]] = np.array([column[0, over][fresh] for column in columns])
        self._learn(slots[~fresh])
        self._second[slots] = second[over]
        for sums in (self._span_ns, self._windows, self._count, self._steps, self._moves, self._hit):
            sums[..., slots] = 0

    def _learn(self, slots: IndexArray) -> None:
        config = self.config
        span, second, hit = self._span_ns[slots], self._second[slots], self._hit[:, slots]
        weight = np.maximum(span / (config.memory_s * NS), span / np.maximum(self._learned_ns[slots] + span, 1))
        step = self._steps[:, slots] / np.maximum(self._count[:, slots], 1)
        move = self._moves[:, slots] / np.maximum(self._windows[slots], 1)
        frozen = self._frozen_since[:, slots]
        stays = (frozen > 0) & (second - frozen >= config.freeze_s)
        self._mean[:, slots] += np.where(stays, 1.0, weight) * step
        deviation = self._deviation[:, slots]
        deviation += weight * (move - deviation)
        self._deviation[:, slots] = deviation
        self._frozen_since[:, slots] = np.where(stays | ~hit, 0, np.where(frozen == 0, second, frozen))
        self._learned_ns[slots] += span
        hour = second // 3600 % _HOURS
        known = self._usual_ns[hour, slots]
        share_of_hour = np.maximum(span / _HOUR_MEMORY_NS, span / np.maximum(known + span, 1))
        usual = self._usual[:, hour, slots]
        self._usual[:, hour, slots] = usual + share_of_hour * (deviation - usual)
        self._usual_ns[hour, slots] = known + span

    def _spread(self, table: BoxTable, slot: IndexArray, second: npt.NDArray[np.int64]) -> Matrix:
        config = self.config
        u_floor = config.u_floor_pu * table.u_din_v[slot]
        floor = np.empty((len(METRICS), len(slot)))
        floor[0] = floor[1] = floor[4] = u_floor
        floor[2], floor[3] = config.f_floor_hz, config.thd_floor_pct
        usual = self._usual[:, second // 3600 % _HOURS, slot]
        spread: Matrix = np.maximum(_SPREAD_OF_MEAN_DEVIATION * np.maximum(self._deviation[:, slot], usual), floor)
        return spread

    def _grow(self, table: BoxTable) -> None:
        missing = len(table) - len(self._second)
        if missing > 0:
            for name, array in list(vars(self).items()):
                if isinstance(array, np.ndarray):
                    new = np.zeros((*array.shape[:-1], missing), array.dtype)
                    setattr(self, name, np.concatenate([array, new], axis=-1))

    # --- memory

    def state(self, table: BoxTable) -> dict[str, Any]:
        """See `Detector`: float32 columns of all boxes, base64."""
        self._grow(table)
        return {
            "boxes": list(table.ids),
            "mean": _pack(self._mean),
            "deviation": _pack(self._deviation),
            "usual": _pack(self._usual),
            "usual_s": _pack(self._usual_ns / NS),
            "learned_s": _pack(self._learned_ns / NS),
            "last_unix_ns": self._last_unix_ns.tolist(),
        }

    def restore(self, table: BoxTable, state: dict[str, Any]) -> None:
        """See `Detector`. Boxes that are no longer of the grid are forgotten."""
        self._grow(table)
        boxes, metrics = state["boxes"], len(METRICS)
        if len(_unpack(state["mean"])) != len(boxes) * metrics:
            return
        rows = np.array([row for row, box_id in enumerate(boxes) if table.slot(box_id) is not None], np.intp)
        slots = table.slots([boxes[row] for row in rows.tolist()])
        self._mean[:, slots] = _unpack(state["mean"]).reshape(metrics, -1)[:, rows]
        self._deviation[:, slots] = _unpack(state["deviation"]).reshape(metrics, -1)[:, rows]
        self._usual[:, :, slots] = _unpack(state["usual"]).reshape(metrics, _HOURS, -1)[:, :, rows]
        self._usual_ns[:, slots] = _unpack(state["usual_s"]).reshape(_HOURS, -1)[:, rows] * float(NS)
        self._learned_ns[slots] = _unpack(state["learned_s"])[rows] * float(NS)
        self._last_unix_ns[slots] = np.array(state["last_unix_ns"], np.int64)[rows]

    def describe(self, table: BoxTable, slot: int) -> dict[str, Any]:
        """See `Detector`: the model of each metric and how far its latest window was off."""
        self._grow(table)
        second = self._second[[slot]]
        spread = self._spread(table, np.array([slot]), second)[:, 0]
        return {
            "armed": bool(self._learned_ns[slot] >= self.config.learn_s * NS),
            "learned_s": round(float(self._learned_ns[slot]) / NS, 1),
            "metrics": {
                metric: {
                    "habit": float(self._mean[column, slot]),
                    "spread": float(spread[column]),
                    "low": float(self._mean[column, slot] - self.config.threshold * spread[column]),
                    "high": float(self._mean[column, slot] + self.config.threshold * spread[column]),
                    "score": round(float(self._score[column, slot]), 2),
                    "frozen": bool(self._frozen_since[column, slot]),
                }
                for column, metric in enumerate(METRICS)
            },
        }


def _pack(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def _unpack(text: str) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4")
