"""Three phases among the channels of a recording, and their unbalance."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.analysis.nominal import MOST_V
from opq.analysis.result import Analysis
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.segments import TimeArray
from opq.signal.unbalance import Unbalance, UnbalanceMeter

_ENDINGS = (("a", "b", "c"), ("1", "2", "3"), ("r", "s", "t"), ("r", "y", "b"), ("u", "v", "w"))
_ALIKE = 0.2
"""Phases whose voltages differ by more than this share are not of one supply."""
_LAST = re.compile(r"(?i)^(.*?)(?:[\s_-]|l|ph)?([a-cr-wy1-3])(?:-?n)?$")


def three_phases(channels: Sequence[tuple[int, str, str]]) -> tuple[int, int, int] | None:
    """Return the rows of the phases A, B and C among (row, name, phase) of voltages, or None if there are not three.

    By the phases that the file gives if it gives all three, each once; else by the last letter or figure of names that
    are otherwise alike, ``UL1 UL2 UL3``, ``Va Vb Vc``.
    """
    given = {phase.upper(): row for row, _, phase in channels}
    if len(given) == len(channels) and {"A", "B", "C"} <= set(given):
        return given["A"], given["B"], given["C"]
    stems: dict[str, dict[str, int]] = {}
    for row, name, _ in channels:
        if match := _LAST.match(name.strip()):
            stems.setdefault(match[1].lower(), {})[match[2].lower()] = row
    for rows in stems.values():
        for ending in _ENDINGS:
            if len(rows) == 3 and set(rows) == set(ending):
                return rows[ending[0]], rows[ending[1]], rows[ending[2]]
    return None


def common_nominal(nominals: Sequence[Nominal]) -> Nominal | None:
    """Return the declared supply of three phases, that of the middle one; None if they cannot have the same.

    A supply is declared for all of its phases, however far one of them is from it.
    """
    middle = sorted(nominals, key=lambda each: each.u_din_v)[len(nominals) // 2]
    alike = all(each.f_hz == middle.f_hz and abs(each.u_din_v / middle.u_din_v - 1) <= _ALIKE for each in nominals)
    return middle if alike else None


@dataclass(frozen=True, slots=True, eq=False)
class PhaseUnbalance:
    """Unbalance of three phases in windows of N cycles.

    Attributes
    ----------
    start_unix_ns, end_unix_ns : (w,) int64
        Begin and end of each window [ns since the epoch].
    flagged : (w,) bool
        One of the voltages has a dip, swell or interruption in it.
    u0_pct, u2_pct : (w,) float64
        Zero and negative sequence over the positive one [%].
    """

    start_unix_ns: TimeArray
    end_unix_ns: TimeArray
    flagged: npt.NDArray[np.bool_]
    u0_pct: VoltArray
    u2_pct: VoltArray


class ThreePhases:
    """The unbalance of three rows of the blocks of a recording.

    Attributes
    ----------
    rows : tuple of int
        Rows of phases A, B and C.
    """

    def __init__(
        self, rows: tuple[int, int, int], sample_rate_hz: float, nominal: Nominal, start_unix_ns: int = 0
    ) -> None:
        self.rows = rows
        self._sample_rate_hz, self._start_unix_ns = sample_rate_hz, start_unix_ns
        self._meter = UnbalanceMeter(sample_rate_hz, nominal)
        self._parts: list[Unbalance] = []

    def feed(self, block: VoltArray) -> None:
        """Take a (k, n) block of the recording [V]."""
        rows = block[list(self.rows)]
        self._parts.append(self._meter.feed(np.where(np.abs(rows) < MOST_V, rows, 0.0)))

    def result(self, analyses: Sequence[Analysis]) -> PhaseUnbalance:
        """Return the unbalance of all windows, flagged by what was found in the three phases."""
        u0_pct, u2_pct = (
            np.concatenate([np.empty(0), *(getattr(part, name) for part in self._parts)])
            for name in ("u0_pct", "u2_pct")
        )
        edges = self._meter.begin + self._meter.length * np.arange(len(u0_pct) + 1)
        times = self._start_unix_ns + np.rint(edges * (NS / self._sample_rate_hz)).astype(np.int64)
        flagged = np.zeros(len(u0_pct), np.bool_)
        for analysis in analyses:
            flagged |= analysis.flagged_between(times[:-1], times[1:])
        return PhaseUnbalance(times[:-1], times[1:], flagged, u0_pct, u2_pct)
