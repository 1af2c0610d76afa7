"""Aggregation of basic windows to 3 s, 10 min and 2 h on the absolute clock, with flagging (IEC 61000-4-30, 4.5 and 4.7; M).

Every quantity is aggregated as the root of the mean of squares. Basic windows begin anew at each 10-minute tick of the
clock, so that an interval has its own windows only; see `opq.signal.meter.Ticks`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.waveforms import VoltArray

TICK_NS = 600 * NS
"""10 minutes, at which all intervals begin anew [ns]."""
LONG_NS = 2 * 3600 * NS
SHORT_WINDOWS = 15
"""Basic windows in 150 or 180 cycles, about 3 s."""
_COMPLETE = 0.99
"""Share of an interval's time that its windows must cover for it to be complete: of 10 minutes at most 6 s are missing."""


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """Consecutive intervals as columns.

    Attributes
    ----------
    start_unix_ns, end_unix_ns : (n,) int64
        From the first window's start to the last one's end [ns since the epoch].
    flagged : (n,) bool
        A dip, swell, interruption or loss of voltage lies in it: it counts for no statistics.
    complete : (n,) bool
        All of its windows are there; the first and last interval of a record mostly are not.
    values : (n, c) float64
        One column per quantity.
    """

    start_unix_ns: npt.NDArray[np.int64]
    end_unix_ns: npt.NDArray[np.int64]
    flagged: npt.NDArray[np.bool_]
    complete: npt.NDArray[np.bool_]
    values: VoltArray

    def __len__(self) -> int:
        return len(self.start_unix_ns)

    def __getitem__(self, rows: "slice | npt.NDArray[np.bool_]") -> "Intervals":
        return Intervals(
            self.start_unix_ns[rows], self.end_unix_ns[rows], self.flagged[rows], self.complete[rows], self.values[rows]
        )

    @staticmethod
    def none(columns: int) -> "Intervals":
        """Return no intervals of so many quantities."""
        no, times = np.empty(0, np.bool_), np.empty(0, np.int64)
        return Intervals(times, times, no, no, np.empty((0, columns)))

    @staticmethod
    def concatenate(parts: "list[Intervals]") -> "Intervals":
        """Join in the order given, at least one part."""
        return Intervals(
            np.concatenate([part.start_unix_ns for part in parts]),
            np.concatenate([part.end_unix_ns for part in parts]),
            np.concatenate([part.flagged for part in parts]),
            np.concatenate([part.complete for part in parts]),
            np.concatenate([part.values for part in parts]),
        )


class Aggregator:
    """Gather intervals into longer ones: those of one slot of the clock, or a number of them within it.

    Parameters
    ----------
    slot_ns : int
        Slot of the clock [ns].
    most : int
        Intervals in a longer one, counted anew in each slot; 0 takes all of the slot.
    """

    def __init__(self, slot_ns: int, most: int = 0) -> None:
        self._slot_ns = slot_ns
        self._most = most
        self._slot = -1
        self._waiting: list[Intervals] = []
        self._waiting_count = 0

    def feed(self, intervals: Intervals) -> list[Intervals]:
        """Take consecutive intervals and return the longer ones that are over, each as one row."""
        done: list[Intervals] = []
        if not len(intervals):
            return done
        slots = intervals.start_unix_ns // self._slot_ns
        at = 0
        while at < len(intervals):
            if slots[at] != self._slot:
                done += self._close()
                self._slot = int(slots[at])
            end = int(np.searchsorted(slots, self._slot, side="right"))
            if self._most:
                end = min(end, at + self._most - self._waiting_count)
            self._waiting.append(intervals[at:end])
            self._waiting_count += end - at
            if self._waiting_count == self._most:
                done += self._close()
            at = end
        return done

    def finish(self) -> list[Intervals]:
        """Return the last one, complete or not."""
        return self._close()

    def _close(self) -> list[Intervals]:
        if not self._waiting_count:
            return []
        rows = Intervals.concatenate(self._waiting)
        if self._most:
            complete = len(rows) == self._most
        else:
            covered = int((rows.end_unix_ns - rows.start_unix_ns).sum())
            complete = covered >= _COMPLETE * self._slot_ns
        self._waiting, self._waiting_count = [], 0
        return [
            Intervals(
                rows.start_unix_ns[:1],
                rows.end_unix_ns[-1:],
                np.array([rows.flagged.any()]),
                np.array([complete and bool(rows.complete.all() or not self._most)]),
                np.sqrt(np.square(rows.values).mean(axis=0, keepdims=True)),
            )
        ]
