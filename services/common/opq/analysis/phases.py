"""Three phases among the channels of a recording, and their unbalance."""

import re
from collections.abc import Sequence

import numpy as np

from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.unbalance import Unbalance, UnbalanceMeter

_ENDINGS = (("a", "b", "c"), ("1", "2", "3"), ("r", "s", "t"), ("r", "y", "b"), ("u", "v", "w"))
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


class ThreePhases:
    """The unbalance of three rows of the blocks of a recording.

    Attributes
    ----------
    rows : tuple of int
        Rows of phases A, B and C.
    """

    def __init__(self, rows: tuple[int, int, int], sample_rate_hz: float, nominal: Nominal) -> None:
        self.rows = rows
        self._meter = UnbalanceMeter(sample_rate_hz, nominal)
        self._parts: list[Unbalance] = []

    def feed(self, block: VoltArray) -> None:
        """Take a (k, n) block of the recording [V]."""
        self._parts.append(self._meter.feed(np.nan_to_num(block[list(self.rows)])))

    def result(self) -> dict[str, VoltArray]:
        """Return zero and negative sequence over the positive one of all windows [%]."""
        return {
            name: np.concatenate([getattr(part, name) for part in self._parts] or [np.empty(0)])
            for name in ("u0_pct", "u2_pct")
        }
