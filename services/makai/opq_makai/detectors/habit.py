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
from opq.compiled import compiled
from opq.model.events import TriggerKind
from opq.model.features import WindowFlag, Windows, names_of
from opq_makai.boxes import BoxTable
from opq_makai.detectors.detector import Detector, DetectorConfig, Hits, IndexArray, WindowBatch, hits_of

METRICS = ("u_rms_half_min_v", "u_rms_half_max_v", "f_hz", "thd_pct", "transient_peak_v")
_THD = METRICS.index("thd_pct")
_UNFIT = int(WindowFlag.VOLTAGE_LOST | WindowFlag.GAP)
_SPREAD_OF_MEAN_DEVIATION = float(np.sqrt(np.pi / 2))
"""Standard deviation over mean absolute deviation, of normal noise."""
_HOURS = 24
_HOUR_MEMORY_NS = 7 * HOUR_NS
"""An hour of the day is remembered over about a week of such hours."""

_MODEL = np.dtype(
    [
        ("mean", "f8", len(METRICS)),
        ("deviation", "f8", len(METRICS)),
        # Second in which a metric that is triggered left its habit; 0 if it is not.
        ("frozen_since", "i8", len(METRICS)),
        # Mean deviation as it usually is, by hour of the day.
        ("usual", "f4", (_HOURS, len(METRICS))),
        ("usual_ns", "f8", _HOURS),
        ("learned_ns", "f8"),
        ("last_unix_ns", "i8"),
        ("score", "f8", len(METRICS)),
        # What the current second adds up to until it is over.
        ("second", "i8"),
        ("span_ns", "f8"),
        ("windows", "f8"),
        ("count", "f8", len(METRICS)),
        ("steps", "f8", len(METRICS)),
        ("moves", "f8", len(METRICS)),
        ("hit", "u1", len(METRICS)),
    ],
    align=True,
)
"""What is known of one box."""
_OFF = np.dtype([("metric", "i8"), ("row", "i8"), ("score", "f8"), ("limit", "f8")])
"""One metric of one window that is off: score with sign, in spreads, and the limit it broke."""
_RULES = np.dtype([("threshold", "f8"), ("memory_ns", "f8"), ("learn_ns", "f8"), ("freeze_s", "f8")])

Records = npt.NDArray[np.void]
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
    metrics: ClassVar[tuple[str, ...]] = METRICS
    config_class: ClassVar[type[DetectorConfig]] = HabitConfig

    def __init__(self, config: HabitConfig | None = None) -> None:
        super().__init__(config)
        self._models = np.zeros(0, _MODEL)
        given = self.config
        rules = (given.threshold, given.memory_s * NS, given.learn_s * NS, given.freeze_s)
        self._rules = np.array([rules], _RULES)
        # Compiles now, not when the first windows come.
        self.detect(WindowBatch(BoxTable(), np.empty(0, np.intp), Windows.empty()))

    def detect(self, batch: WindowBatch) -> list[Hits]:
        """See `Detector`. Windows that are late, flagged or without voltage are neither tested nor learned."""
        self._grow(batch.table)
        # One layout of memory, whatever that of the windows is, or each would be compiled for.
        windows = batch.windows
        columns = np.array([windows.column(metric) for metric in METRICS])
        off = np.empty(len(windows) * len(METRICS), _OFF)
        count = _judge(
            self._rules,
            self._models,
            self._floors(batch.table),
            batch.slot,
            np.require(windows.start_unix_ns, requirements=["C", "W"]),
            np.require(windows.duration_ns, requirements=["C", "W"]),
            np.require(windows.flags, requirements=["C", "W"]),
            columns,
            off,
        )
        return self._hits(batch, off[:count])

    def _hits(self, batch: WindowBatch, off: Records) -> list[Hits]:
        """Make hits of the windows that are off."""
        found: list[Hits] = []
        for at in np.unique(off["metric"]).tolist():
            mine = off[off["metric"] == at]
            for sign in (-1, 1):
                beyond = mine[mine["score"] * sign > 0]
                if not len(beyond):
                    continue
                score, limit = np.zeros(len(batch.slot)), np.zeros(len(batch.slot))
                score[beyond["row"]], limit[beyond["row"]] = np.abs(beyond["score"]), beyond["limit"]
                hits = hits_of(batch, score > 0, METRICS[at], sign, TriggerKind.SOFT, self.name, limit, score)
                if hits:
                    found.append(hits)
        return found

    def _floors(self, table: BoxTable) -> Matrix:
        """Least spread of each metric of each box, (boxes, metrics)."""
        config = self.config
        floors = np.empty((len(table), len(METRICS)))
        floors[:, (0, 1, 4)] = (config.u_floor_pu * table.u_din_v)[:, None]
        floors[:, 2], floors[:, 3] = config.f_floor_hz, config.thd_floor_pct
        return floors

    def _grow(self, table: BoxTable) -> None:
        missing = len(table) - len(self._models)
        if missing > 0:
            self._models = np.concatenate([self._models, np.zeros(missing, _MODEL)])

    # --- memory

    def state(self, table: BoxTable) -> dict[str, Any]:
        """See `Detector`: float32 columns of all boxes, base64."""
        self._grow(table)
        models = self._models
        return {
            "boxes": list(table.ids),
            "mean": _pack(models["mean"].T),
            "deviation": _pack(models["deviation"].T),
            "usual": _pack(models["usual"].T),
            "usual_s": _pack(models["usual_ns"].T / NS),
            "learned_s": _pack(models["learned_ns"] / NS),
            "last_unix_ns": models["last_unix_ns"].tolist(),
        }

    def restore(self, table: BoxTable, state: dict[str, Any]) -> None:
        """See `Detector`. Boxes that are no longer of the grid are forgotten."""
        self._grow(table)
        boxes, metrics = state["boxes"], len(METRICS)
        if len(_unpack(state["mean"])) != len(boxes) * metrics:
            return
        slots = table.slots(names_of(boxes))
        rows = np.flatnonzero(slots >= 0)
        slots, models = slots[rows], self._models
        models["mean"][slots] = _unpack(state["mean"]).reshape(metrics, -1).T[rows]
        models["deviation"][slots] = _unpack(state["deviation"]).reshape(metrics, -1).T[rows]
        models["usual"][slots] = _unpack(state["usual"]).reshape(metrics, _HOURS, -1).T[rows]
        models["usual_ns"][slots] = _unpack(state["usual_s"]).reshape(_HOURS, -1).T[rows] * float(NS)
        models["learned_ns"][slots] = _unpack(state["learned_s"])[rows] * float(NS)
        models["last_unix_ns"][slots] = np.array(state["last_unix_ns"], np.int64)[rows]

    def describe(self, table: BoxTable, slot: int) -> dict[str, Any]:
        """See `Detector`: the model of each metric and how far its latest window was off."""
        self._grow(table)
        model, floors = self._models[slot], self._floors(table)[slot]
        hour = int(model["second"]) // 3600 % _HOURS
        metrics = {}
        for at, metric in enumerate(METRICS):
            mean = float(model["mean"][at])
            spread = float(_spread(model["deviation"][at], model["usual"][hour, at], floors[at]))
            metrics[metric] = {
                "habit": mean,
                "spread": spread,
                "low": mean - self.config.threshold * spread,
                "high": mean + self.config.threshold * spread,
                "score": round(float(model["score"][at]), 2),
                "frozen": bool(model["frozen_since"][at]),
            }
        learned_s = float(model["learned_ns"]) / NS
        return {"armed": learned_s >= self.config.learn_s, "learned_s": round(learned_s, 1), "metrics": metrics}


def _pack(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def _unpack(text: str) -> npt.NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), "<f4")


# --- compiled


@compiled
def _judge(
    rules: Records,
    models: Records,
    floors: Matrix,
    slot: IndexArray,
    start_unix_ns: npt.NDArray[np.int64],
    duration_ns: npt.NDArray[np.int64],
    flags: npt.NDArray[np.uint32],
    columns: npt.NDArray[np.float32],
    off: Records,
) -> int:
    """Test windows against the models of their boxes and let the models learn.

    Parameters
    ----------
    columns : (metrics, n) float32
        What is looked at.
    off : (metrics * n,) _OFF
        Filled with what is off.

    Returns
    -------
    int
        How much of `off` was filled.
    """
    rule, found = rules[0], 0
    for row in range(len(slot)):
        box, start = slot[row], start_unix_ns[row]
        model = models[box]
        if flags[row] & _UNFIT or start <= model.last_unix_ns:
            continue
        second = start // NS
        if second != model.second:
            _close_second(rule, model, columns[:, row], second)
        armed = model.learned_ns >= rule.learn_ns
        for metric in range(len(METRICS)):
            value = columns[metric, row]
            usual = model.usual[second // 3600 % _HOURS, metric]
            spread = _spread(model.deviation[metric], usual, floors[box, metric])
            step = np.float64(value) - model.mean[metric]
            if metric == _THD and value == 0:
                # Nothing was measured yet: a box that begins has no distortion in its first windows.
                step = 0.0
            model.score[metric] = step / spread if armed else 0.0
            triggered = armed and abs(step) >= rule.threshold * spread
            if triggered:
                entry = off[found]
                entry.metric, entry.row, entry.score = metric, row, step / spread
                entry.limit = model.mean[metric] + np.sign(step) * rule.threshold * spread
                found += 1
                model.hit[metric] = 1
            # What stays is taken as it is, and so is all before a box is judged; everything else only as far as the band.
            free = not armed or _stays(rule, model.frozen_since[metric], second)
            if free or not triggered:
                model.count[metric] += 1
                model.steps[metric] += step
            model.moves[metric] += abs(step) if free else min(abs(step), rule.threshold * spread)
        model.windows += 1
        model.span_ns += duration_ns[row]
        model.last_unix_ns = start
    return found


@compiled
def _spread(deviation: float, usual: float, floor: float) -> float:
    return max(_SPREAD_OF_MEAN_DEVIATION * max(deviation, usual), floor)


@compiled
def _stays(rule: Any, frozen_since: int, second: int) -> bool:
    return frozen_since > 0 and second - frozen_since >= rule.freeze_s


@compiled
def _close_second(rule: Any, model: Any, values: npt.NDArray[np.float32], second: int) -> None:
    """Let the second that is over enter the model; a box seen first begins with its first values."""
    if model.last_unix_ns == 0:
        for metric in range(len(METRICS)):
            model.mean[metric] = values[metric]
    else:
        _learn(rule, model)
    model.second, model.span_ns, model.windows = second, 0.0, 0.0
    for metric in range(len(METRICS)):
        model.count[metric] = model.steps[metric] = model.moves[metric] = 0.0
        model.hit[metric] = 0


@compiled
def _learn(rule: Any, model: Any) -> None:
    span = model.span_ns
    weight = max(span / rule.memory_ns, span / max(model.learned_ns + span, 1.0))
    hour = model.second // 3600 % _HOURS
    known = model.usual_ns[hour]
    share_of_hour = max(span / _HOUR_MEMORY_NS, span / max(known + span, 1.0))
    for metric in range(len(METRICS)):
        step = model.steps[metric] / max(model.count[metric], 1.0)
        move = model.moves[metric] / max(model.windows, 1.0)
        stays = _stays(rule, model.frozen_since[metric], model.second)
        model.mean[metric] += step if stays else weight * step
        model.deviation[metric] += weight * (move - model.deviation[metric])
        if stays or not model.hit[metric]:
            model.frozen_since[metric] = 0
        elif model.frozen_since[metric] == 0:
            model.frozen_since[metric] = model.second
        usual = model.usual[hour, metric]
        model.usual[hour, metric] = usual + share_of_hour * (model.deviation[metric] - usual)
    model.usual_ns[hour] = known + span
    model.learned_ns += span
