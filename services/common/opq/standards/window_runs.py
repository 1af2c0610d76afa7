"""Runs of feature windows beyond a limit: what frequency and distortion have in common."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.features import WindowFlag, Windows
from opq.standards.runs import runs_beyond

UNJUDGED = WindowFlag.VOLTAGE_LOST | WindowFlag.GAP | WindowFlag.FLAGGED
"""Windows that say nothing about frequency and distortion (IEC 61000-4-30, 4.7)."""


@dataclass(frozen=True, slots=True)
class WindowRun:
    """Consecutive judged windows beyond a limit.

    Attributes
    ----------
    windows : int
        How many.
    extreme : float
        Value farthest from normal, negative in a run of low values.
    extreme_unix_ns : int
        Start of that window [ns since the epoch].
    extreme_features : tuple of float
        All features of that window, in the order of `FEATURES`.
    open_start, open_end : bool
        No judged window came before or after.
    """

    start_unix_ns: int
    end_unix_ns: int
    windows: int
    extreme: float
    extreme_unix_ns: int
    extreme_features: tuple[float, ...]
    open_start: bool
    open_end: bool

    @property
    def duration_s(self) -> float:
        """From the first to the last window [s]."""
        return (self.end_unix_ns - self.start_unix_ns) / NS


def judged(windows: Windows) -> npt.NDArray[np.intp]:
    """Return the rows of the windows that may be judged."""
    return np.flatnonzero((windows.flags & np.uint32(UNJUDGED)) == 0)


def runs_of_windows(
    windows: Windows,
    rows: npt.NDArray[np.intp],
    values: npt.NDArray[np.float64],
    limits: tuple[float, float],
    sign: int = 1,
) -> list[WindowRun]:
    """Find the runs of the judged `rows` whose `values` begin above a limit and last until not above a second one.

    Windows between that are not judged neither end a run nor count in it. With `sign` -1, runs are below the negated
    limits.
    """
    found = []
    for run in runs_beyond(sign * values, *limits):
        first, last = int(rows[run.start]), int(rows[run.stop - 1])
        worst = run.start + int((sign * values[run]).argmax())
        row = int(rows[worst])
        found.append(
            WindowRun(
                start_unix_ns=int(windows.start_unix_ns[first]),
                end_unix_ns=int(windows.start_unix_ns[last] + windows.duration_ns[last]),
                windows=run.stop - run.start,
                extreme=float(values[worst]),
                extreme_unix_ns=int(windows.start_unix_ns[row]),
                extreme_features=tuple(windows.values[row].tolist()),
                open_start=run.start == 0,
                open_end=run.stop == len(rows),
            )
        )
    return found


def join(earlier: WindowRun, later: WindowRun) -> WindowRun:
    """Join the two parts of a run that two records cut apart."""
    extreme = max(earlier, later, key=lambda part: abs(part.extreme))
    return WindowRun(
        start_unix_ns=earlier.start_unix_ns,
        end_unix_ns=later.end_unix_ns,
        windows=earlier.windows + later.windows,
        extreme=extreme.extreme,
        extreme_unix_ns=extreme.extreme_unix_ns,
        extreme_features=extreme.extreme_features,
        open_start=earlier.open_start,
        open_end=later.open_end,
    )
