"""Verdicts over days and weeks: what EN 50160 and IEEE 519 have in common.

A check compares a share of values with a band. Formally a standard asks for a whole week (or day); over less the same
numbers are given and called indicative.
"""

from dataclasses import dataclass

import numpy as np

from opq.model.waveforms import VoltArray

PERCENTILES = (1, 5, 50, 95, 99)
"""CP01 to CP99: values that so many per cent of the time are not exceeded."""
_ROUNDING = 1e-9
"""A value this share beyond an edge is on it: 7 V of 200 V are 3.5 %, whatever a processor makes of it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One requirement and how it was met.

    Attributes
    ----------
    quantity, unit : str
        What was judged.
    clause : str
        Where the requirement stands.
    low, high : float
        Band; infinite where there is no limit.
    required_pct, inside_pct : float
        Share of values that must be and that are inside [%].
    values : int
        How many were judged; flagged intervals are not.
    percentiles : tuple of float
        At `PERCENTILES`.
    """

    quantity: str
    unit: str
    clause: str
    low: float
    high: float
    required_pct: float
    inside_pct: float
    values: int
    percentiles: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether enough values are inside."""
        return self.inside_pct >= self.required_pct


@dataclass(frozen=True, slots=True)
class Compliance:
    """What a standard says of a recording.

    Attributes
    ----------
    checks : tuple of Check
        Those for which there were values.
    whole : bool
        Whether the recording is as long as the standard asks; else the verdict is indicative.
    tables : dict
        Counts of dips and swells by depth and duration: name to rows of counts.
    """

    standard: str
    checks: tuple[Check, ...]
    whole: bool
    tables: dict[str, tuple[tuple[int, ...], ...]]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)


def check(
    quantity: str,
    unit: str,
    clause: str,
    values: VoltArray,
    band: tuple[float, float],
    required_pct: float,
) -> list[Check]:
    """Judge (n,) values by a band, its edges included; nothing if there are no values."""
    if not len(values):
        return []
    low, high = band
    inside = (values >= low - _ROUNDING * min(abs(low), 1e9)) & (values <= high + _ROUNDING * min(abs(high), 1e9))
    percentiles = np.percentile(values, PERCENTILES)
    return [
        Check(
            quantity,
            unit,
            clause,
            low,
            high,
            required_pct,
            100 * float(inside.mean()),
            len(values),
            tuple(float(value) for value in percentiles),
        )
    ]
