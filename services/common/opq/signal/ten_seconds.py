"""Power frequency over 10 seconds of the absolute clock (IEC 61000-4-30, 5.1)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.model.waveforms import VoltArray

SLOT_NS = 10 * NS
_FIT_S = 1.0
"""The first and the last crossing of a slot lie on lines through so long [s]: interharmonics near the fundamental, which
shift single crossings by milliseconds, then shift the frequency by less than a millihertz."""


@dataclass(frozen=True, slots=True, eq=False)
class TenSecondFrequency:
    """Frequencies of whole slots of 10 s; a slot in which the voltage was lost has none.

    Attributes
    ----------
    start_unix_ns : (n,) int64
        Start of each slot, a multiple of 10 s [ns since the epoch].
    f_hz : (n,) float64
        Whole cycles in the slot over their duration [Hz].
    """

    start_unix_ns: npt.NDArray[np.int64]
    f_hz: VoltArray

    @staticmethod
    def concatenate(parts: "list[TenSecondFrequency]") -> "TenSecondFrequency":
        """Join in the order given, at least one part."""
        return TenSecondFrequency(
            np.concatenate([part.start_unix_ns for part in parts]), np.concatenate([part.f_hz for part in parts])
        )


class TenSecondMeter:
    """Frequency of each whole slot from the crossings of one gapless stretch.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    start_unix_ns : int
        Time of the first sample [ns since the epoch].
    """

    def __init__(self, sample_rate_hz: float, start_unix_ns: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._start_unix_ns = start_unix_ns
        self._end: VoltArray = np.empty(0)
        self._lost = np.empty(0, np.bool_)
        # Whether the stretch covers the slot from its beginning is known only if it begins on one.
        self._slot = -(-start_unix_ns // SLOT_NS)

    def feed(self, end: VoltArray, lost: npt.NDArray[np.bool_]) -> TenSecondFrequency:
        """Take the ends of (n,) half cycles [sample] and whether each is lost, and return the slots that are over.

        A slot is over when a crossing beyond its end is known; see `finish` for the last one.
        """
        self._end = np.concatenate([self._end, end])
        self._lost = np.concatenate([self._lost, lost])
        return self._slots(float(self._end[-1])) if len(self._end) else self._slots(0.0)

    def finish(self, samples: int) -> TenSecondFrequency:
        """Return the slots that end with the last of so many samples."""
        return self._slots(float(samples) + 0.5)

    def _slots(self, known: float) -> TenSecondFrequency:
        """Return the slots that end before position `known` [sample]."""
        found = []
        while (end := self._position((self._slot + 1) * SLOT_NS)) < known:
            if (f_hz := self._frequency(self._position(self._slot * SLOT_NS), end)) is not None:
                found.append((self._slot * SLOT_NS, f_hz))
            self._slot += 1
        starts, values = zip(*found, strict=True) if found else ((), ())
        return TenSecondFrequency(np.array(starts, np.int64), np.array(values, np.float64))

    def _position(self, unix_ns: int) -> float:
        return (unix_ns - self._start_unix_ns) * self._sample_rate_hz / NS

    def _frequency(self, begin: float, end: float) -> float | None:
        """Return the frequency between two positions [sample], and forget what lies before the second."""
        first, last = np.searchsorted(self._end, [begin, end])
        inside, lost = self._end[first:last], self._lost[first:last]
        self._end, self._lost = self._end[last:], self._lost[last:]
        if len(inside) < 3 or lost[1:].any():
            return None
        mean = (inside[-1] - inside[0]) / (len(inside) - 1)
        fitted = min(len(inside), max(2, round(_FIT_S * self._sample_rate_hz / mean)))
        shift = _at_start(inside[:fitted] - inside[0], mean) + _at_start(inside[-1] - inside[: -fitted - 1 : -1], mean)
        return float((len(inside) - 1) / 2 * self._sample_rate_hz / (inside[-1] - inside[0] - shift))


def _at_start(position: VoltArray, step: float) -> float:
    """Return where the line through (n,) positions [sample], about `step` apart, begins."""
    number = np.arange(len(position))
    return float(np.polynomial.polynomial.polyfit(number, position - step * number, 1)[0])
