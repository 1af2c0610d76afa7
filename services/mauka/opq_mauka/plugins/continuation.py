"""Joining the parts of a disturbance that gaps and the ends of events cut apart; the same for every plugin of events."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from opq.model.incidents import Finding
from opq.standards.ieee1159 import Disturbance
from opq.standards.tolerance import Excursion
from opq.standards.window_runs import WindowRun
from opq_mauka.sdk import BoxRecord, EventContext

Part = TypeVar("Part", Disturbance, Excursion, WindowRun)


def lasting_before(context: EventContext, record: BoxRecord) -> list[Finding]:
    """Return the findings of a box that reached the end of the event before this one."""
    findings = (incident.finding for incident in context.previous)
    return [finding for finding in findings if finding.box_id == record.box.box_id]


def join_parts(
    earlier: Sequence[Part],
    parts: Iterable[Part],
    same_kind: Callable[[Part, Part], bool],
    join: Callable[[Part, Part], Part],
) -> list[Part]:
    """Join what is open at its start with what is open at its end before it, and what two records both show.

    The records of an event and of the one that continues it overlap, so the same disturbance may be whole in both.

    Parameters
    ----------
    earlier : sequence of Part
        What reached the end of the event before. What is not joined ended there and is closed.
    parts : iterable of Part
        What the record's segments gave, oldest first.
    same_kind : callable
        Whether two parts may be one disturbance: the same direction.
    join : callable
        Makes one of two.
    """
    joined = list(earlier)
    for part in parts:
        before = [
            index
            for index, candidate in enumerate(joined)
            if same_kind(candidate, part)
            and ((candidate.open_end and part.open_start) or (index < len(earlier) and _overlap(candidate, part)))
        ]
        if before:
            joined[before[-1]] = join(joined[before[-1]], part)
        else:
            joined.append(part)
    ended = [replace(part, open_end=False) if part is old else part for part, old in zip(joined, earlier, strict=False)]
    return ended + joined[len(ended) :]


def _overlap(one: Part, other: Part) -> bool:
    return one.start_unix_ns < other.end_unix_ns and other.start_unix_ns < one.end_unix_ns
