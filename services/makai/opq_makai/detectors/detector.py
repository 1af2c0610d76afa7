"""What a detector is; registered as entry point in group ``opq.makai.detectors``."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from opq.model.boxes import Box
from opq.model.events import Trigger, TriggerKind
from opq.model.features import Windows

IndexArray = npt.NDArray[np.intp]
MaskArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class WindowBatch:
    """Windows of several boxes of one grid, box by box, each in the order of time.

    Attributes
    ----------
    boxes : tuple of Box
        The boxes that occur.
    box : (n,) intp
        Index into `boxes` of each window.
    windows : Windows
        The n windows.
    """

    boxes: tuple[Box, ...]
    box: IndexArray
    windows: Windows

    @staticmethod
    def of(parts: Sequence[tuple[Box, Windows]]) -> "WindowBatch":
        """Put the windows of several boxes in one batch."""
        index = np.repeat(np.arange(len(parts)), [len(windows) for _, windows in parts])
        return WindowBatch(tuple(box for box, _ in parts), index, Windows.concatenate([part for _, part in parts]))

    def per_window(self, values: Sequence[float]) -> npt.NDArray[np.float64]:
        """Spread one value per box to one value per window, (n,) float64."""
        return np.asarray(values, np.float64)[self.box]


class Detector(ABC):
    """Turns windows into triggers. Sees every window once, in the order in which they came."""

    name: ClassVar[str]

    @abstractmethod
    def detect(self, batch: WindowBatch) -> list[Trigger]:
        """Return the triggers of a batch; consecutive windows of one box and metric make one."""

    def state(self) -> dict[str, Any]:
        """Return what is to survive a restart, JSON-like."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027 - having no memory is a valid choice
        """Take up what `state` returned."""


def triggers_of(
    batch: WindowBatch,
    outside: MaskArray,
    severity: npt.NDArray[np.float64],
    limit: npt.NDArray[np.float64],
    metric: str,
    kind: TriggerKind,
    detector: str,
) -> Iterator[Trigger]:
    """Make one trigger of each run of windows of one box that are `outside`; its value is the most severe.

    Parameters
    ----------
    outside : (n,) bool
        Whether each window is outside.
    severity : (n,) float64
        How far outside, in any measure that grows.
    limit : (n,) float64
        The limit each window left, in the unit of `metric`.
    """
    rows = np.flatnonzero(outside)
    if not len(rows):
        return
    values = batch.windows.column(metric)
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(batch.box[rows]) != 0)) + 1
    for run in np.split(rows, breaks):
        worst = run[np.argmax(severity[run])]
        yield Trigger(
            box_id=batch.boxes[batch.box[worst]].box_id,
            start_unix_ns=int(batch.windows.start_unix_ns[run[0]]),
            end_unix_ns=int(batch.windows.start_unix_ns[run[-1]] + batch.windows.duration_ns[run[-1]]),
            kind=kind,
            metric=metric,
            value=float(values[worst]),
            limit=float(limit[worst]),
            detector=detector,
        )
