"""Which boxes feel the same disturbances: electrical neighbours, learnt from past events.

Counted is how often two boxes took part in the same local event; what reaches half of the grid tells nothing about
who is near whom. Until enough has been seen, the label of the feeder stands in.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from opq.ids import BoxId

_LEAST_TOGETHER = 2.0
_LEAST_SHARE = 0.3
_KEEP = 32
_FADE = 0.98
"""Each new event of a box lets its older ones count this much: the last fifty decide."""


class Neighbours:
    """Counts of boxes of one grid that were disturbed together."""

    def __init__(self) -> None:
        self._alone: dict[BoxId, float] = {}
        self._together: dict[BoxId, dict[BoxId, float]] = {}

    def learn(self, box_ids: Sequence[BoxId]) -> None:
        """Take up an event that these boxes felt by themselves (not those only asked because of others)."""
        for box_id in box_ids:
            counts = self._together.setdefault(box_id, {})
            for other in counts:
                counts[other] *= _FADE
            self._alone[box_id] = self._alone.get(box_id, 0.0) * _FADE + 1
            for other in box_ids:
                if other != box_id:
                    counts[other] = counts.get(other, 0.0) + 1
            if len(counts) > 2 * _KEEP:
                best = sorted(counts, key=lambda other: -counts[other])[:_KEEP]
                self._together[box_id] = {other: counts[other] for other in best}

    def of(self, box_id: BoxId) -> list[BoxId] | None:
        """Return the learnt neighbours, nearest first; None while too little has been seen of the box."""
        events = self._alone.get(box_id, 0.0)
        if events < 2 * _LEAST_TOGETHER:
            return None
        counts = self._together.get(box_id, {})
        near = [other for other, count in counts.items() if count >= max(_LEAST_TOGETHER, _LEAST_SHARE * events)]
        return sorted(near, key=lambda other: (-counts[other], other))

    def state(self) -> dict[str, Any]:
        """Return what was learnt, JSON-like."""
        return {
            box_id: {"events": events, "together": self._together.get(box_id, {})}
            for box_id, events in self._alone.items()
        }

    def restore(self, state: dict[str, Any], known: Iterable[BoxId]) -> None:
        """Take up what `state` returned for boxes that are still there."""
        for box_id in known:
            if saved := state.get(box_id):
                self._alone[box_id] = saved["events"]
                self._together[box_id] = {BoxId(other): count for other, count in saved["together"].items()}
