"""Raw data is a budget: what is asked of boxes in a day is a small share of what they sample.

It is counted in time, so that it holds at any sample rate; one per cent of a day at 12 kHz is 20 MB before compression.

The less valuable a request, the earlier it is refused: a fifth of the budget is there for anything, all of it only for
the best. So a storm that asks for everything at once gets the onsets, and the next one still gets its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from opq.clock import DAY_NS, HOUR_NS
from opq.ids import BoxId
from opq.model.events import Role, Trigger

_HOURS = 24
_FOR_ANYTHING = 0.2

_BY_ROLE = {Role.NEIGHBOUR: 0.2, Role.SOFT: 0.4, Role.HARD: 0.6, Role.MANUAL: 1.0}


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """Spans asked for in any 24 hours, in per cent of the time."""

    box_pct: float = 2.0
    grid_pct: float = 0.5
    """On the mean over all boxes of the grid."""
    least_grid_s: float = 3600.0
    """A small grid may ask for this much [s] all the same."""


def value(role: Role, severity: float, part: int) -> float:
    """Say what a span of waveform is worth, 0 to 1.

    Parameters
    ----------
    role : Role
        Why the box is in the event.
    severity : float
        How far the box was beyond its limit, in units of it.
    part : int
        Position of the span in its event: onsets tell most, the middle of what lasts tells little new.
    """
    if role is Role.MANUAL:
        return 1.0
    first = _BY_ROLE[role] + (0.4 * min(severity / 0.3, 1.0) if role is Role.HARD else 0.0)
    return float(min(first, 1.0) / (1 + part))


def severity(trigger: Trigger) -> float:
    """Say how far beyond its limit a trigger is, in units of it (of 0.5 Hz for frequency)."""
    unit = 0.5 if trigger.metric == "f_hz" else max(abs(trigger.limit), 1e-9)
    return abs(trigger.value - trigger.limit) / unit


class Budget:
    """What was asked of the boxes of one grid in the last 24 hours."""

    def __init__(self, rules: BudgetRules) -> None:
        self.rules = rules
        self._spent: dict[BoxId, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
        self._total = np.zeros(_HOURS)
        self._hour = 0
        self.boxes = 0
        """How many boxes the grid has."""

    def admit(self, box_id: BoxId, span_ns: int, worth: float, now: int) -> bool:
        """Spend on a request if the budget allows one of this worth; whether it does."""
        self._turn(now)
        mine = self._spent.get(box_id)
        share = _FOR_ANYTHING + (1 - _FOR_ANYTHING) * worth
        box_limit = self.rules.box_pct / 100 * DAY_NS * share
        grid_limit = self.grid_ns * share
        used = 0.0 if mine is None else float(mine.sum())
        if used + span_ns > box_limit or float(self._total.sum()) + span_ns > grid_limit:
            return False
        self.spend(box_id, span_ns, now)
        return True

    def spend(self, box_id: BoxId, span_ns: int, now: int) -> None:
        """Note a request that is made whatever the budget says: somebody asked for it by hand."""
        self._turn(now)
        mine = self._spent.setdefault(box_id, np.zeros(_HOURS))
        at = self._hour % _HOURS
        mine[at] += span_ns
        self._total[at] += span_ns

    @property
    def grid_ns(self) -> float:
        """All that may be asked of the grid in 24 hours [ns]."""
        return max(self.rules.grid_pct / 100 * DAY_NS * self.boxes, self.rules.least_grid_s * 1e9)

    def used_pct(self, box_id: BoxId, now: int) -> float:
        """Return what was asked of a box in the last 24 hours [% of the time]."""
        self._turn(now)
        mine = self._spent.get(box_id)
        return 0.0 if mine is None else float(mine.sum()) / DAY_NS * 100

    def state(self) -> dict[str, Any]:
        """Return what was asked, JSON-like."""
        return {"hour": self._hour, "spent_ns": {box_id: spent.tolist() for box_id, spent in self._spent.items()}}

    def restore(self, state: Mapping[str, Any], now: int) -> None:
        """Take up what `state` returned."""
        if not state:
            return
        self._hour = state["hour"]
        self._spent = {BoxId(box_id): np.array(spent) for box_id, spent in state["spent_ns"].items()}
        self._total = np.sum(list(self._spent.values()), axis=0) if self._spent else np.zeros(_HOURS)
        self._turn(now)

    def refused(self) -> str:
        """Say why a request was not made."""
        return f"over the budget of {self.rules.box_pct:g} % of a box's day and {self.rules.grid_pct:g} % of the grid's"

    def _turn(self, now: int) -> None:
        """Forget hours that are more than a day ago."""
        hour = now // HOUR_NS
        for each in range(max(self._hour + 1, hour - _HOURS + 1), hour + 1):
            self._total[each % _HOURS] = 0
            for spent in self._spent.values():
                spent[each % _HOURS] = 0
        self._hour = max(hour, self._hour)
