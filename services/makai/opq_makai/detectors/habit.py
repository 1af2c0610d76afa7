"""The habit of each box: what is unusual for it alone is a soft trigger, even far inside the limits.

Per box and metric a mean and a mean deviation are learned, exponentially weighted over about two minutes, and how large
the deviation usually is at each hour of the day. A window is tested against the model as it stood at the beginning
of its second, so before anything of that second enters it, and in the same way however windows are cut into batches.
While a metric is triggered its mean is frozen; what stays for half a minute is the new habit. Each step that enters is
clipped to the band, so that one outlier moves nothing; clipped it enters the deviation even while triggered, so that a
supply that became restless is soon known to be.
"""

import base64
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


class HabitDetector(Detector[HabitConfig]):
    """Compares each box with itself over the last two minutes and at this hour of the day."""

    name: ClassVar[str] = "habit"
    config_class: ClassVar[type[DetectorConfig]] = HabitConfig

    def __init__(self, config: HabitConfig | None = None) -> None:
        super().__init__(config)
        self._mean = np.zeros((0, len(METRICS)))
        self._deviation = np.zeros((0, len(METRICS)))
        self._frozen_since = np.zeros((0, len(METRICS)), np.int64)
        """Second in which a metric that is triggered left its habit; 0 if it is not."""
        self._usual = np.zeros((0, len(METRICS), _HOURS), np.float32)
        """Mean deviation as it usually is, by hour of the day."""
        self._usual_ns = np.zeros((0, _HOURS))
        self._learned_ns = np.zeros(0)
        self._last_unix_ns = np.zeros(0, np.int64)
        # What the current second of each box adds up to until it is over.
        self._second = np.zeros(0, np.int64)
        self._span_ns = np.zeros(0)
        self._windows = np.zeros(0)
        self._count = np.zeros((0, len(METRICS)))
        self._steps = np.zeros((0, len(METRICS)))
        self._moves = np.zeros((0, len(METRICS)))
        self._hit = np.zeros((0, len(METRICS)), np.bool_)
        self._score = np.zeros((0, len(METRICS)))

    def detect(self, batch: WindowBatch) -> list[Hits]:
        """See `Detector`. Windows that are late, flagged or without voltage are neither tested nor learned."""
        self._grow(batch.table)
        windows, slot = batch.windows, batch.slot
        values = windows.values[:, _COLUMNS].astype(np.float64)
        fit = self._fit(batch)
        signed = np.zeros_like(values)
        limits = np.zeros_like(values)
        rows = np.flatnonzero(fit)
        if len(rows):
            # Rank k holds the k-th second of each box in the batch: each box at most once, so arrays do for all.
            second = windows.start_unix_ns[rows] // NS
            change = np.flatnonzero((np.diff(slot[rows]) != 0) | (np.diff(second) != 0)) + 1
            first = np.concatenate([[0], change])
            owner = slot[rows][first]
            new_box = np.concatenate([[True], owner[1:] != owner[:-1]])
            position = np.arange(len(first))
            rank = position - np.maximum.accumulate(np.where(new_box, position, 0))
            group = np.repeat(position, np.diff(np.append(first, len(rows))))
            for each in range(int(rank.max()) + 1):
                now = rows if rank.max() == 0 else rows[rank[group] == each]
                self._step(batch, now, values[now], signed, limits)
        found: list[Hits] = []
        for sign in (-1, 1):
            score = sign * signed
            beyond = score >= self.config.threshold
            for column in np.flatnonzero(beyond.any(axis=0)).tolist():
                hits = hits_of(
                    batch, beyond[:, column], METRICS[column], sign, TriggerKind.SOFT, self.name,
                    limits[:, column], score[:, column],
                )  # fmt: skip
                if hits:
                    found.append(hits)
        return found

    def _fit(self, batch: WindowBatch) -> MaskArray:
        start, slot = batch.windows.start_unix_ns, batch.slot
        fit: MaskArray = ((batch.windows.flags & _UNFIT) == 0) & (start > self._last_unix_ns[slot])
        fit[1:] &= (slot[1:] != slot[:-1]) | (start[1:] > start[:-1])
        return fit

    def _step(self, batch: WindowBatch, rows: IndexArray, values: Matrix, signed: Matrix, limits: Matrix) -> None:
        """Test and add up one second of each box that occurs; its windows lie together."""
        config, start = self.config, batch.windows.start_unix_ns[rows]
        first = np.flatnonzero(np.diff(batch.slot[rows], prepend=-1))
        length = np.diff(np.append(first, len(rows)))
        boxes = batch.slot[rows[first]]
        second = start[first] // NS
        self._close_seconds(boxes, second, values[first])
        band = config.threshold * self._spread(batch.table, boxes, second)
        frozen = self._frozen_since[boxes]
        stays = (frozen > 0) & ((second[:, None] - frozen) >= config.freeze_s)
        armed = self._learned_ns[boxes] >= config.learn_s * NS
        mean = np.repeat(self._mean[boxes], length, axis=0)
        step = values - mean
        reach = np.repeat(band, length, axis=0)
        score = step * (config.threshold / reach)
        score[~np.repeat(armed, length)] = 0.0
        triggered = np.abs(score) >= config.threshold
        signed[rows] = score
        limits[rows] = mean + np.sign(step) * reach
        # What stays is taken as it is, and so is all before a box is judged; everything else only as far as the band.
        free = np.repeat(stays | ~armed[:, None], length, axis=0)
        learns = ~triggered | free
        clipped = np.where(free, step, np.clip(step, -reach, reach))
        self._windows[boxes] += length
        self._count[boxes] += np.add.reduceat(learns, first, dtype=np.float64)
        self._steps[boxes] += np.add.reduceat(clipped * learns, first)
        self._moves[boxes] += np.add.reduceat(np.abs(clipped), first)
        self._hit[boxes] |= np.logical_or.reduceat(triggered, first)
        self._span_ns[boxes] += np.add.reduceat(batch.windows.duration_ns[rows], first)
        last = first + length - 1
        self._last_unix_ns[boxes] = start[last]
        self._score[boxes] = score[last]

    def _close_seconds(self, boxes: IndexArray, second: npt.NDArray[np.int64], values: Matrix) -> None:
        """Let the seconds that are over enter the models of their boxes; a box seen first begins with its first values."""
        over = self._second[boxes] != second
        if not over.any():
            return
        slots = boxes[over]
        fresh = self._last_unix_ns[slots] == 0
        self._mean[slots[fresh]] = values[over][fresh]
        self._learn(slots[~fresh])
        self._second[slots] = second[over]
        self._span_ns[slots] = 0
        for sums in (self._windows, self._count, self._steps, self._moves, self._hit):
            sums[slots] = 0

    def _learn(self, slots: IndexArray) -> None:
        config = self.config
        span, second, hit = self._span_ns[slots], self._second[slots], self._hit[slots]
        count = self._count[slots]
        weight = np.maximum(span / (config.memory_s * NS), span / np.maximum(self._learned_ns[slots] + span, 1))[
            :, None
        ]
        step = self._steps[slots] / np.maximum(count, 1)
        move = self._moves[slots] / np.maximum(self._windows[slots], 1)[:, None]
        frozen = self._frozen_since[slots]
        stays = (frozen > 0) & ((second[:, None] - frozen) >= config.freeze_s)
        self._mean[slots] += np.where(stays, 1.0, weight) * step
        deviation = self._deviation[slots]
        deviation += weight * (move - deviation)
        self._deviation[slots] = deviation
        self._frozen_since[slots] = np.where(stays | ~hit, 0, np.where(frozen == 0, second[:, None], frozen))
        self._learned_ns[slots] += span
        hour = second // 3600 % _HOURS
        known = self._usual_ns[slots, hour]
        share_of_hour = np.maximum(span / _HOUR_MEMORY_NS, span / np.maximum(known + span, 1))[:, None]
        usual = self._usual[slots, :, hour]
        self._usual[slots, :, hour] = usual + share_of_hour * (deviation - usual)
        self._usual_ns[slots, hour] = known + span

    def _spread(self, table: BoxTable, slot: IndexArray, second: npt.NDArray[np.int64]) -> Matrix:
        config = self.config
        u_floor = config.u_floor_pu * table.u_din_v[slot]
        floor = np.empty((len(slot), len(METRICS)))
        floor[:, 0] = floor[:, 1] = floor[:, 4] = u_floor
        floor[:, 2], floor[:, 3] = config.f_floor_hz, config.thd_floor_pct
        usual = self._usual[slot, :, second // 3600 % _HOURS]
        spread: Matrix = np.maximum(_SPREAD_OF_MEAN_DEVIATION * np.maximum(self._deviation[slot], usual), floor)
        return spread

    def _grow(self, table: BoxTable) -> None:
        missing = len(table) - len(self._mean)
        if missing > 0:
            for name, array in list(vars(self).items()):
                if isinstance(array, np.ndarray):
                    new = np.zeros((missing, *array.shape[1:]), array.dtype)
                    setattr(self, name, np.concatenate([array, new]))

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
        known = [(row, slot) for row, box_id in enumerate(boxes) if (slot := table.slot(box_id)) is not None]
        rows, slots = (np.array(each, np.intp) for each in zip(*known, strict=True)) if known else (None, None)
        if rows is None or slots is None:
            return
        self._mean[slots] = _unpack(state["mean"]).reshape(-1, metrics)[rows]
        self._deviation[slots] = _unpack(state["deviation"]).reshape(-1, metrics)[rows]
        self._usual[slots] = _unpack(state["usual"]).reshape(-1, metrics, _HOURS)[rows]
        self._usual_ns[slots] = _unpack(state["usual_s"]).reshape(-1, _HOURS)[rows] * NS
        self._learned_ns[slots] = _unpack(state["learned_s"])[rows].astype(np.float64) * NS
        self._last_unix_ns[slots] = np.array(state["last_unix_ns"], np.int64)[rows]

    def describe(self, table: BoxTable, slot: int) -> dict[str, Any]:
        """See `Detector`: the model of each metric and how far its latest window was off."""
        self._grow(table)
        second = self._second[[slot]]
        spread = self._spread(table, np.array([slot]), second)[0]
        return {
            "armed": bool(self._learned_ns[slot] >= self.config.learn_s * NS),
            "learned_s": round(float(self._learned_ns[slot]) / NS, 1),
            "metrics": {
                metric: {
                    "habit": float(self._mean[slot, column]),
                    "spread": float(spread[column]),
                    "low": float(self._mean[slot, column] - self.config.threshold * spread[column]),
                    "high": float(self._mean[slot, column] + self.config.threshold * spread[column]),
                    "score": round(float(self._score[slot, column]), 2),
                    "frozen": bool(self._frozen_since[slot, column]),
                }
                for column, metric in enumerate(METRICS)
            },
        }


def _pack(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def _unpack(text: str) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4")
