"""What a detector is; registered as entry point in group ``opq.makai.detectors``."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from opq.model.events import Trigger, TriggerKind
from opq.model.features import Windows
from opq_makai.boxes import BoxTable

IndexArray = npt.NDArray[np.intp]
MaskArray = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class WindowBatch:
    """Windows of several boxes of one grid: those of a box lie together, in the order of time.

    Attributes
    ----------
    table : BoxTable
        The boxes of the grid.
    slot : (n,) intp
        Slot in `table` of each window.
    windows : Windows
        The n windows.
    """

    table: BoxTable
    slot: IndexArray
    windows: Windows


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Triggers as columns: runs of windows of one box in which one metric was beyond one side of its limit.

    Attributes
    ----------
    slot : (n,) intp
        Box.
    start_unix_ns, end_unix_ns : (n,) int64
        Span of the run, by the box's own clock.
    value, limit : (n,) float64
        The worst value and the limit it broke, in the unit of `metric`.
    score : (n,) float64
        How far beyond: in units of the learned spread for soft triggers, of the limit for hard ones.
    """

    metric: str
    sign: int
    """+1 above a limit, -1 below."""
    kind: TriggerKind
    detector: str
    slot: IndexArray
    start_unix_ns: Times
    end_unix_ns: Times
    value: Values
    limit: Values
    score: Values

    def __len__(self) -> int:
        return len(self.slot)

    def __getitem__(self, rows: MaskArray) -> "Hits":
        return Hits(
            self.metric, self.sign, self.kind, self.detector,
            self.slot[rows], self.start_unix_ns[rows], self.end_unix_ns[rows],
            self.value[rows], self.limit[rows], self.score[rows],
        )  # fmt: skip

    def triggers(self, table: BoxTable) -> Iterator[Trigger]:
        """Make the records of them."""
        columns = (self.slot, self.start_unix_ns, self.end_unix_ns, self.value, self.limit)
        for slot, start, end, value, limit in zip(*(column.tolist() for column in columns), strict=True):
            yield Trigger(table.ids[slot], start, end, self.kind, self.metric, value, limit, self.detector)


class DetectorConfig(BaseModel):
    """Typed configuration of a detector; unknown words are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ConfigT = TypeVar("ConfigT", bound=DetectorConfig)


class Detector(ABC, Generic[ConfigT]):
    """Turns windows into triggers. Sees every window once, in the order in which they came."""

    name: ClassVar[str]
    metrics: ClassVar[tuple[str, ...]]
    """The features it looks at; others may be left 0 in its batches."""
    config_class: ClassVar[type[DetectorConfig]] = DetectorConfig

    def __init__(self, config: ConfigT | None = None) -> None:
        self.config: ConfigT = config if config is not None else self.config_class()  # type: ignore[assignment]

    @abstractmethod
    def detect(self, batch: WindowBatch) -> list[Hits]:
        """Return the triggers of a batch."""

    def state(self, table: BoxTable) -> dict[str, Any]:
        """Return what is to survive a restart, JSON-like."""
        return {}

    def restore(self, table: BoxTable, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""

    def describe(self, table: BoxTable, slot: int) -> dict[str, Any]:
        """Say what is known of one box, JSON-like, for people."""
        return {}


def hits_of(
    batch: WindowBatch,
    outside: MaskArray,
    metric: str,
    sign: int,
    kind: TriggerKind,
    detector: str,
    limit: Values,
    score: Values,
) -> Hits | None:
    """Make one hit of each run of windows of one box that are `outside`; its value is that of the highest score.

    Parameters
    ----------
    outside : (n,) bool
        Whether each window is outside.
    limit, score : (n,) float64
        The limit each window is held to, and how far it is beyond.
    """
    rows = np.flatnonzero(outside)
    if not len(rows):
        return None
    slots = batch.slot[rows]
    begins = np.flatnonzero(np.concatenate([[True], (np.diff(rows) > 1) | (np.diff(slots) != 0)]))
    ends = np.append(begins[1:], len(rows)) - 1
    best = np.repeat(np.maximum.reduceat(score[rows], begins), ends - begins + 1)
    # The first row of each run that has the run's highest score.
    worst_at = np.flatnonzero(score[rows] == best)
    worst = rows[worst_at[np.searchsorted(worst_at, begins)]]
    windows = batch.windows
    return Hits(
        metric=metric,
        sign=sign,
        kind=kind,
        detector=detector,
        slot=batch.slot[worst],
        start_unix_ns=windows.start_unix_ns[rows[begins]],
        end_unix_ns=windows.start_unix_ns[rows[ends]] + windows.duration_ns[rows[ends]],
        value=windows.column(metric)[worst].astype(np.float64),
        limit=limit[worst],
        score=score[worst],
    )
