"""What is wrong with boxes: clocks that are off, seconds that never come. The supply knows nothing of it."""

import numpy as np
import numpy.typing as npt

from opq.clock import DAY_NS, NS, seconds_ns
from opq.sim.grid.effects import Occurrence
from opq.sim.grid.kinds import BoxFaultKind
from opq.sim.grid.network import Float
from opq.sim.grid.plan import GridPlan

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_GPS_NS = 1000.0


class BoxClocks:
    """Error and claimed uncertainty of every box's clock.

    Attributes
    ----------
    uncertainty_ns : (boxes,) int64
        What each box says of itself.
    gps : (boxes,) bool
    """

    def __init__(self, plan: GridPlan, seed: int) -> None:
        rng = np.random.default_rng((seed, 7))
        boxes = plan.box_count
        ids = plan.box_indices
        self.gps: Bools = rng.random(boxes) < plan.clocks.gps_share
        for name, kind in plan.clocks.kinds.items():
            self.gps[ids[name]] = kind == "gps"
        self.uncertainty_ns: Ints = np.where(self.gps, int(_GPS_NS), seconds_ns(plan.clocks.claimed_ms / 1000))
        part = rng.uniform(0.2, 0.8, boxes)
        reach = rng.uniform(0.2, 1.0, boxes) * plan.clocks.ntp_ms * 1e6
        self._sizes = np.where(self.gps, 0.0, np.stack([part, 1 - part]) * reach)
        self._turns = 2 * np.pi / (rng.uniform(0.5, 6, (2, boxes)) * 3600)
        self._angles = rng.uniform(0, 2 * np.pi, (2, boxes))
        self._fixed = np.where(self.gps, rng.uniform(-_GPS_NS, _GPS_NS, boxes), 0.0)
        self._faults = [
            (
                item.at_s,
                item.at_s + (item.duration_s or np.inf),
                seconds_ns(item.offset_s),
                [ids[b] for b in item.boxes],
            )
            for item in plan.faults
            if item.kind is BoxFaultKind.CLOCK
        ]

    def wander_ns(self, minute: int) -> Float:
        """Return the slow error at the start of a minute, (boxes,) [ns]; inside a minute it changes evenly."""
        result: Float = (self._sizes * np.sin(60.0 * minute * self._turns + self._angles)).sum(axis=0) + self._fixed
        return result

    def faults_in(self, first_s: float, last_s: float) -> list[tuple[float, float, int, list[int]]]:
        """Return the clock faults that touch a span: from, to [s], offset [ns], boxes."""
        return [fault for fault in self._faults if fault[0] < last_s and fault[1] > first_s]

    def error_ns(self, box: int, second: float) -> int:
        """Return by how much a box's clock is ahead at one moment [ns]."""
        minute = int(second // 60)
        first, last = (float(self.wander_ns(at)[box]) for at in (minute, minute + 1))
        error = round(first + (last - first) * (second / 60 - minute))
        return error + sum(
            offset for begin, end, offset, boxes in self._faults if begin <= second < end and box in boxes
        )


class Absences:
    """When nothing comes from which boxes: silent, rebooting, without power, or samples missing."""

    def __init__(self, plan: GridPlan, occurrences: tuple[Occurrence, ...], duration_s: float, seed: int) -> None:
        rng = np.random.default_rng((seed, 8))
        boxes = plan.box_count
        ids = plan.box_indices
        rows: list[tuple[float, float, int, bool]] = []
        for item in plan.faults:
            if item.kind is not BoxFaultKind.CLOCK:
                end = item.at_s + (item.duration_s or np.inf)
                rows += [(item.at_s, end, ids[box], item.kind is BoxFaultKind.GAP) for box in item.boxes]
        for per_box, low, high, gap in (
            (plan.rates.gap_per_box, 1.0, 30.0, True), (plan.rates.reboot_per_box, 20.0, 90.0, False),
        ):  # fmt: skip
            for _ in range(int(rng.poisson(per_box * boxes * duration_s * NS / DAY_NS))):
                at, length = rng.uniform(0, duration_s), rng.uniform(low, high)
                rows.append((at, at + length, int(rng.integers(boxes)), gap))
        for occurrence in occurrences:
            for first, last, off in occurrence.off:
                rows += [(first, last, int(box), False) for box in off]
        self._boxes = boxes
        self._first, self._last = (np.array([row[side] for row in rows], float) for side in (0, 1))
        self._box = np.array([row[2] for row in rows], np.intp)
        self._gap = np.array([row[3] for row in rows], bool)

    def present(self, first: int, seconds: int) -> Bools:
        """Return of which boxes which seconds come, (boxes, seconds)."""
        return ~self._touched(np.ones(len(self._first), bool), first, seconds)

    def dark(self, first: int, seconds: int) -> Bools:
        """Return which boxes have no link in which seconds, (boxes, seconds): all absences but missing samples."""
        return self._touched(~self._gap, first, seconds)

    def _touched(self, rows: Bools, first: int, seconds: int) -> Bools:
        touched = np.zeros((self._boxes, seconds), bool)
        for row in np.flatnonzero(rows & (self._first < first + seconds) & (self._last > first)):
            begin = max(0, int(self._first[row]) - first)
            touched[self._box[row], begin : int(min(np.ceil(self._last[row]) - first, seconds))] = True
        return touched

    def after_gaps(self, first: int, seconds: int) -> list[tuple[int, int]]:
        """Return box and second, counted from `first`, of each first second after missing samples."""
        ends = np.ceil(self._last)
        rows = np.flatnonzero(self._gap & (ends >= first) & (ends < first + seconds))
        return [(int(self._box[row]), int(ends[row]) - first) for row in rows]
