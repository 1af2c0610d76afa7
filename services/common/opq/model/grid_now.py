"""What can be said of boxes and grids at this moment, from what was last seen of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from opq.clock import seconds_ns
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, BoxStatus

_SILENT_NS = seconds_ns(15)
"""A connected box sends a frame a second, and its status is written every few; after this long it is late."""


class BoxState(Enum):
    """How a box is doing; the values are what people read, with a mark for those who do not see colours."""

    ON_LINE = "● on line"
    LATE = "◐ late"
    OFF_LINE = "○ off line"
    NEVER_SEEN = "– never seen"


@dataclass(frozen=True, slots=True)
class GridNow:
    """The state of one grid, averaged over its boxes that are on line.

    Attributes
    ----------
    u_pct : (least, mean, greatest) voltage over the declared one [%]; None if no box is on line.
    f_hz : mean frequency [Hz].
    thd_pct : (mean, greatest) total harmonic distortion [%].
    newest_unix_ns : newest measurement of any box; 0 if there is none.
    """

    grid_id: GridId
    boxes: int
    on_line: int
    u_pct: tuple[float, float, float] | None
    f_hz: float | None
    thd_pct: tuple[float, float] | None
    newest_unix_ns: int


def box_state(status: BoxStatus | None, now_unix_ns: int) -> BoxState:
    """Judge one box."""
    if status is None or not status.connected_unix_ns:
        return BoxState.NEVER_SEEN
    if not status.connected:
        return BoxState.OFF_LINE
    return BoxState.ON_LINE if now_unix_ns - status.seen_unix_ns <= _SILENT_NS else BoxState.LATE


def grids_now(boxes: Iterable[Box], statuses: Mapping[BoxId, BoxStatus], now_unix_ns: int) -> list[GridNow]:
    """Judge every grid, by grid id."""
    by_grid: dict[GridId, list[Box]] = {}
    for box in boxes:
        by_grid.setdefault(box.grid_id, []).append(box)
    return [_grid_now(grid_id, by_grid[grid_id], statuses, now_unix_ns) for grid_id in sorted(by_grid)]


def _grid_now(grid_id: GridId, boxes: Sequence[Box], statuses: Mapping[BoxId, BoxStatus], now_unix_ns: int) -> GridNow:
    known = [(box, status) for box in boxes if (status := statuses.get(box.box_id)) is not None]
    live = [(box, status) for box, status in known if box_state(status, now_unix_ns) is BoxState.ON_LINE]
    newest = max((status.seen_unix_ns for _, status in known), default=0)
    if not live:
        return GridNow(grid_id, len(boxes), 0, None, None, None, newest)
    u_pct = np.array([100 * status.u_rms_v / box.nominal.u_din_v for box, status in live])
    thd_pct = np.array([status.thd_pct for _, status in live])
    return GridNow(
        grid_id,
        len(boxes),
        len(live),
        (float(u_pct.min()), float(u_pct.mean()), float(u_pct.max())),
        float(np.mean([status.f_hz for _, status in live])),
        (float(thd_pct.mean()), float(thd_pct.max())),
        newest,
    )
