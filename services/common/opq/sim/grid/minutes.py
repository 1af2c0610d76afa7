"""Features of one whole minute: the quiet supply, and on it what happens in this minute.

Always whole minutes, so that random numbers are the same whatever is asked for.
"""

from collections import defaultdict
from typing import TypeVar

import numpy as np

from opq.model.features import FlagArray, WindowFlag
from opq.sim.grid.background import PER_MINUTE, WINDOW_S, Background, Float32, Quiet
from opq.sim.grid.courses import Course, Peak
from opq.sim.grid.effects import Occurrence
from opq.sim.grid.frequency import GridFrequency
from opq.sim.grid.network import Float

_Item = TypeVar("_Item", Course, Peak)
LOST_PU = 0.05
"""Below this there is no fundamental to lock on [pu]."""


class MinuteMaker:
    """Makes the columns of minutes.

    Parameters
    ----------
    background, frequency, occurrences
        What the supply is made of.
    phase_s : (boxes,) float64
        Where in each 200 ms a box's windows begin [s].
    u_din_v, f_hz : float
        Nominal [V, Hz].
    """

    def __init__(
        self, background: Background, frequency: GridFrequency, occurrences: tuple[Occurrence, ...], phase_s: Float,
        u_din_v: float, f_hz: float,
    ) -> None:  # fmt: skip
        self._background, self._frequency = background, frequency
        self._phase_s, self._u_din_v, self._f_hz = phase_s, u_din_v, f_hz
        self._voltage: dict[int, list[Course]] = defaultdict(list)
        self._distortion: dict[int, list[Course]] = defaultdict(list)
        self._peaks: dict[int, list[Peak]] = defaultdict(list)
        self._steps: dict[int, list[Course]] = defaultdict(list)
        for item in occurrences:
            for course in item.voltage:
                _note(self._voltage, course, course.times_s[0], course.times_s[-1])
            for course in item.distortion:
                _note(self._distortion, course, course.times_s[0], course.times_s[-1])
            for peak in (*item.rings, *item.edges):
                _note(self._peaks, peak, peak.time_s, peak.time_s)
            if item.step is not None:
                step = step_course(item)
                self._steps[int(item.start_s // 60)].append(step)

    def steps(self, minute: int) -> list[Course]:
        """Return the lasting steps of a minute, which the level has from the next minute on, as courses [pu]."""
        return self._steps.get(minute, [])

    def columns(self, minute: int) -> tuple[dict[str, Float32], FlagArray]:
        """Return the columns of a minute, each (boxes, 300), and the flags of its windows."""
        quiet = self._background.minute(minute)
        for course in [*self._voltage.get(minute, ()), *self.steps(minute)]:
            self._dip(quiet, course, minute)
        for course in self._distortion.get(minute, ()):
            self._distort(quiet, course, minute)
        for peak in self._peaks.get(minute, ()):
            self._stand_out(quiet, peak, minute)
        f_hz = quiet.f_noise
        f_hz += self._frequencies(minute)
        columns = {"thd_pct": quiet.thd, "f_hz": f_hz}
        flags = ((quiet.low < 0.9) | (quiet.high > 1.1)) * np.uint32(WindowFlag.FLAGGED)
        flags |= (quiet.low < LOST_PU) * np.uint32(WindowFlag.VOLTAGE_LOST)
        for name, values in (
            ("u_rms_v", quiet.rms), ("u_rms_half_min_v", quiet.low), ("u_rms_half_max_v", quiet.high),
            ("transient_peak_v", quiet.transient),
        ):  # fmt: skip
            values *= np.float32(self._u_din_v)
            columns[name] = values
        return columns, flags

    def _frequencies(self, minute: int) -> Float32:
        """Return the frequency without noise, (boxes, 300) float32 [Hz]."""
        middles = WINDOW_S * (np.arange(PER_MINUTE + 1.0) + 0.5) + 60.0 * minute
        raster = self._f_hz + self._frequency.deviation_hz(middles)
        part = (self._phase_s / WINDOW_S).astype(np.float32)[:, None]
        now, rise = raster[:-1].astype(np.float32), np.diff(raster).astype(np.float32)
        return now + part * rise

    def _windows_of(self, boxes_phase_s: Float, first_s: float, last_s: float, minute: int) -> slice:
        """Return which windows of a minute a span may touch, for boxes of these phases."""
        begin = (first_s - 60.0 * minute - boxes_phase_s.max(initial=0.0)) / WINDOW_S - 1
        end = (last_s - 60.0 * minute - boxes_phase_s.min(initial=WINDOW_S)) / WINDOW_S + 1
        return slice(max(0, int(np.floor(begin))), max(0, min(PER_MINUTE, int(np.ceil(end)))))

    def _starts(self, boxes_phase_s: Float, part: slice, minute: int) -> Float:
        starts: Float = 60.0 * minute + boxes_phase_s[:, None] + WINDOW_S * np.arange(part.start, part.stop)
        return starts

    def _dip(self, quiet: Quiet, course: Course, minute: int) -> None:
        phase_s = self._phase_s[course.boxes]
        part = self._windows_of(phase_s, course.times_s[0], course.times_s[-1], minute)
        if part.stop <= part.start or not len(course.boxes):
            return
        change = course.over(self._starts(phase_s, part, minute), WINDOW_S)
        rows, mean_square = course.boxes, 1 + 2 * change.mean + change.square
        quiet.low[rows, part] *= (1 + change.low).astype(np.float32)
        quiet.high[rows, part] *= (1 + change.high).astype(np.float32)
        quiet.rms[rows, part] *= np.sqrt(np.maximum(mean_square, 0)).astype(np.float32)

    def _distort(self, quiet: Quiet, course: Course, minute: int) -> None:
        phase_s = self._phase_s[course.boxes]
        part = self._windows_of(phase_s, course.times_s[0], course.times_s[-1], minute)
        if part.stop > part.start:
            change = course.over(self._starts(phase_s, part, minute), WINDOW_S)
            thd = quiet.thd[course.boxes, part]
            quiet.thd[course.boxes, part] = np.sqrt(thd * thd + change.mean**2)

    def _stand_out(self, quiet: Quiet, peak: Peak, minute: int) -> None:
        at = np.floor((peak.time_s - 60.0 * minute - self._phase_s[peak.boxes]) / WINDOW_S).astype(np.intp)
        inside = (at >= 0) & (at < PER_MINUTE)
        rows, at = peak.boxes[inside], at[inside]
        quiet.transient[rows, at] = np.maximum(quiet.transient[rows, at], peak.peak_pu[inside])


def step_course(item: Occurrence) -> Course:
    """Return a lasting step as a course that ends with the minute's last window; after that the level has it."""
    assert item.step is not None
    end = 60.0 * (item.start_s // 60 + 1)
    boxes = np.arange(len(item.step))
    return Course(np.array([item.start_s, end + WINDOW_S]), boxes, np.repeat(item.step[:, None], 2, axis=1))


def _note(index: dict[int, list[_Item]], item: _Item, first_s: float, last_s: float) -> None:
    # A window may begin up to two windows before the minute it ends in.
    for minute in range(int((first_s - 2 * WINDOW_S) // 60), int(last_s // 60) + 1):
        index[minute].append(item)
