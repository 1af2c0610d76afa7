"""Ground truth of an occurrence: the level before it, and its extremes on top of that, at every box it reached."""

import numpy as np

from opq.clock import seconds_ns
from opq.sim.grid.background import Background
from opq.sim.grid.effects import Occurrence
from opq.sim.grid.frequency import GridFrequency
from opq.sim.grid.network import Float
from opq.sim.grid.truth import Happening, Touch

_RASTER = 200
_LOOKS = 240
"""At the level during a long happening."""


class Witness:
    """Tells what a happening did. Other happenings at the same time are left out: drawn ones never meet."""

    def __init__(
        self, background: Background, frequency: GridFrequency, start_unix_ns: int, occurrences: tuple[Occurrence, ...]
    ) -> None:
        # A box behind an open fuse feels nothing of anything else.
        self._dead = [(item.start_s, last, boxes) for item in occurrences for _, last, boxes in item.off]
        self._background, self._frequency, self._start_unix_ns = background, frequency, start_unix_ns
        self._boxes = len(background.thd_pct)

    def testify(self, item: Occurrence) -> Happening:
        """Return the truth of one occurrence."""
        lowest, highest = self._levels(item)
        low, high = np.zeros(self._boxes), np.zeros(self._boxes)
        reached = np.zeros(self._boxes, bool)
        for course in item.voltage:
            low[course.boxes] = np.minimum(low[course.boxes], course.values.min(axis=1))
            high[course.boxes] = np.maximum(high[course.boxes], course.values.max(axis=1))
            reached[course.boxes] = True
        if item.step is not None:
            low, high = np.minimum(low, item.step), np.maximum(high, item.step)
            reached[:] = True
        thd, thd_change = self._thd(item, reached)
        f_deviation, f_change = self._frequencies(item, reached)
        transient = self._background.floor_pu.copy()
        # The return of power after a fuse's repair is not seen: boxes start later than that.
        for peak in (peak for peak in (*item.rings, *item.edges) if peak.time_s <= item.end_s):
            transient[peak.boxes] = np.maximum(transient[peak.boxes], peak.peak_pu)
            reached[peak.boxes] = True
        for first, last, boxes in self._dead:
            if first < item.start_s < last:
                reached[boxes] = False
        boxes = np.flatnonzero(reached)
        columns = {
            "u_min_pu": lowest * (1 + low),
            "u_max_pu": highest * (1 + high),
            "u_change_pu": np.maximum(-low, high),
            "f_deviation_hz": np.full(self._boxes, f_deviation),
            "f_change_hz": np.full(self._boxes, f_change),
            "thd_pct": thd,
            "thd_change_pct": thd_change,
            "transient_pu": transient,
        }
        touch = Touch(
            tuple(boxes.tolist()), **{name: tuple(values[boxes].tolist()) for name, values in columns.items()}
        )
        start, end = (self._start_unix_ns + seconds_ns(at) for at in (item.start_s, item.end_s))
        return Happening(item.kind, start, end, item.origin, self._boxes, touch)

    def _levels(self, item: Occurrence) -> tuple[Float, Float]:
        """Return lowest and highest level while it lasts, without it, (boxes,) [pu]."""
        length = item.end_s - item.start_s
        times = np.append(np.arange(item.start_s, item.end_s, max(1.0, length / _LOOKS)), item.end_s)
        before = self._background.steps_since_minute(item.start_s)
        levels = [self._background.level(float(at)) for at in times]
        return np.min(levels, axis=0) + before, np.max(levels, axis=0) + before

    def _thd(self, item: Occurrence, reached: np.ndarray) -> tuple[Float, Float]:
        minute = int(item.start_s // 60)
        spans = range(minute, int(item.end_s // 60) + 2)
        before: Float = np.max([self._background.thd_at_minute(at) for at in spans], axis=0)
        added = np.zeros(self._boxes)
        for course in item.distortion:
            added[course.boxes] = np.maximum(added[course.boxes], course.values.max(axis=1))
            reached[course.boxes] = True
        thd = np.hypot(before, added)
        return thd, thd - before

    def _frequencies(self, item: Occurrence, reached: np.ndarray) -> tuple[float, float]:
        times = np.linspace(item.start_s, item.end_s, _RASTER)
        if item.frequency is not None:
            times = np.union1d(times, item.frequency.times_s)
            reached[:] = True
        deviation = np.abs(self._frequency.deviation_hz(times))
        change = 0.0 if item.frequency is None else float(np.abs(item.frequency.values).max())
        return float(deviation.max()), change
