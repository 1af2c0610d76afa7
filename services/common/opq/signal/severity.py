"""Pst of the 10-minute intervals of the absolute clock, from instantaneous flicker with its times."""

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.waveforms import VoltArray
from opq.signal.flicker import PST_S, UNSETTLED_S, pst

PST_NS = PST_S * NS
_MISSING_S = UNSETTLED_S + 1.0
"""An interval of which no more than this is missing is whole [s]: the meter gives nothing at the beginning of a stretch."""


class SeverityMeter:
    """Gather instantaneous flicker into intervals; those that are not whole have no severity.

    Parameters
    ----------
    rate_hz : float
        Values of instantaneous flicker per second [1/s].
    """

    def __init__(self, rate_hz: float) -> None:
        self._least = (PST_S - _MISSING_S) * rate_hz
        self._interval = -1
        self._values: list[npt.NDArray[np.float32]] = []

    def feed(self, time_unix_ns: npt.NDArray[np.int64], p_inst: VoltArray) -> list[tuple[int, float]]:
        """Take (n,) values with their rising times [ns since the epoch]; return start and Pst of the intervals that ended."""
        found = []
        for interval in np.unique(time_unix_ns // PST_NS).tolist():
            if interval != self._interval:
                found += self.finish()
                self._interval = interval
            first, last = np.searchsorted(time_unix_ns, [interval * PST_NS, (interval + 1) * PST_NS])
            self._values.append(p_inst[first:last].astype(np.float32))
        return found

    def finish(self) -> list[tuple[int, float]]:
        """Return start and Pst of the last interval if it is whole."""
        count = sum(map(len, self._values))
        values, self._values = self._values, []
        return [(self._interval * PST_NS, pst(np.concatenate(values)))] if count >= max(self._least, 1) else []
