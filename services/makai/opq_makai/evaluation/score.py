"""Compares what Makai decided with what happened."""

from dataclasses import dataclass, field, fields

import numpy as np
from scipy.stats import beta, chi2

from opq.clock import DAY_NS, NS
from opq.ids import BoxId
from opq.model.events import Event, Role
from opq.sim.grid import Happening, World
from opq_makai.evaluation.replay import Outcome

WARM_UP_S = 600
"""Nothing is judged before this: boxes and rates are learned first."""
_SLACK_NS = NS
"""An event and a happening this far apart still belong together: padding of windows, clocks."""
_AFTER_NS = 40 * NS
"""What follows a happening is no false alarm: recoveries, and habits that are being learned anew."""


@dataclass(slots=True)
class Tally:
    """How many of how many."""

    hits: int = 0
    of: int = 0

    def add(self, hit: bool) -> None:
        """Count one."""
        self.of += 1
        self.hits += hit

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.hits + other.hits, self.of + other.of)

    def share(self) -> dict[str, float | int | None]:
        """Return the share in per cent with its 95 % interval (Clopper-Pearson), JSON-like; None of nothing."""
        if not self.of:
            return {"pct": None, "low_pct": None, "high_pct": None, "hits": 0, "of": 0}
        low = float(beta.ppf(0.025, self.hits, self.of - self.hits + 1)) if self.hits else 0.0
        high = float(beta.ppf(0.975, self.hits + 1, self.of - self.hits)) if self.hits < self.of else 1.0
        return {
            "pct": round(100 * self.hits / self.of, 3),
            "low_pct": round(100 * low, 3),
            "high_pct": round(100 * high, 3),
            "hits": self.hits,
            "of": self.of,
        }


@dataclass(slots=True)
class Score:
    """Of one or several runs together."""

    grid_wide: Tally = field(default_factory=Tally)
    local_hard: Tally = field(default_factory=Tally)
    hard_boxes: Tally = field(default_factory=Tally)
    sub_threshold: Tally = field(default_factory=Tally)
    sub_threshold_asked: Tally = field(default_factory=Tally)
    false_events: int = 0
    events: int = 0
    box_weeks: float = 0.0
    requested_ns: int = 0
    raw_ns: int = 0
    habit_ns: int = 0
    limits_ns: int = 0
    open_latencies_s: list[float] = field(default_factory=list)
    stored_latencies_s: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        """Take in the score of another run."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))

    def document(self) -> dict[str, object]:
        """Return it JSON-like."""
        count = self.false_events
        rate = {"per_box_week": round(count / self.box_weeks, 5), "count": count, "box_weeks": round(self.box_weeks, 3)}
        rate["high_per_box_week"] = round(float(chi2.ppf(0.975, 2 * (count + 1))) / 2 / self.box_weeks, 5)
        return {
            "events": self.events,
            "grid_wide_found": self.grid_wide.share(),
            "local_hard_found": self.local_hard.share(),
            "hard_boxes_included": self.hard_boxes.share(),
            "sub_threshold_included": self.sub_threshold.share(),
            "sub_threshold_waveforms": self.sub_threshold_asked.share(),
            "false_events": rate,
            "requested_pct_of_raw": round(100 * self.requested_ns / self.raw_ns, 4),
            "self_triggering": {
                "limits_and_habit_pct_of_raw": round(100 * self.habit_ns / self.raw_ns, 3),
                "limits_pct_of_raw": round(100 * self.limits_ns / self.raw_ns, 4),
                "times_more_than_makai": round(self.habit_ns / max(self.requested_ns, 1), 1),
            },
            "latency_s": {
                "disturbance_to_event": _quantiles(self.open_latencies_s),
                "disturbance_to_waveform": _quantiles(self.stored_latencies_s),
            },
            "missed": self.missed[:50],
            "false": self.false[:50],
        }


def _quantiles(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {"p50": None, "p95": None}
    return {"p50": round(float(np.quantile(values, 0.5)), 3), "p95": round(float(np.quantile(values, 0.95)), 3)}


def score(world: World, outcome: Outcome, seconds: int) -> Score:
    """Judge one run.

    A happening counts from `WARM_UP_S` on; boxes that were not there, or whose clock was wrong, are not asked for.
    Found is a grid-wide happening if half of its affected boxes are in events of its time, a local hard one if a box that
    went beyond its limits is in one as such. Boxes below their limits are judged in happenings that were found.
    """
    result = Score()
    ids = [box.box_id for box in world.boxes]
    events = sorted(outcome.events.values(), key=lambda event: event.start_unix_ns)
    asked: dict[BoxId, list[tuple[int, int]]] = {}
    for acquisition_id in outcome.asked_ns:
        item = outcome.acquisitions[acquisition_id]
        asked.setdefault(item.box_id, []).append((item.start_unix_ns, item.end_unix_ns))
    begin, end = world.start_unix_ns + WARM_UP_S * NS, world.start_unix_ns + seconds * NS
    judged = [each for each in world.truth if begin <= each.start_unix_ns and each.end_unix_ns + 10 * NS < end]
    for happening in judged:
        _judge(world, outcome, happening, events, asked, ids, result)
    _count_false(world, outcome, events, ids, begin, result)
    result.requested_ns += outcome.requested_ns
    result.raw_ns += len(ids) * seconds * NS
    result.habit_ns += outcome.habit_ns
    result.limits_ns += outcome.limits_ns
    result.box_weeks += len(ids) * (seconds - WARM_UP_S) * NS / (7 * DAY_NS)
    return result


def _judge(
    world: World,
    outcome: Outcome,
    happening: Happening,
    events: list[Event],
    asked: dict[BoxId, list[tuple[int, int]]],
    ids: list[BoxId],
    result: Score,
) -> None:
    if happening.borderline():
        return
    start, end = happening.start_unix_ns - _SLACK_NS, happening.end_unix_ns + _SLACK_NS
    there = _there(world, happening)
    near = [event for event in events if event.start_unix_ns <= end and event.end_unix_ns >= start]
    roles: dict[BoxId, Role] = {}
    for event in near:
        for box_id, part in outcome.parts.get(event.event_id, {}).items():
            if part.start_unix_ns <= end and part.end_unix_ns >= start and roles.get(box_id) is not Role.HARD:
                roles[box_id] = part.role
    affected = [ids[row] for row in happening.affected_boxes() if row in there]
    borderline = happening.borderline_boxes()
    hard = [ids[row] for row in happening.hard_boxes() if row in there and not borderline[row]]
    what = f"{happening.kind.value} at {happening.origin}, {(happening.start_unix_ns - world.start_unix_ns) / NS:.2f} s"
    if happening.grid_wide and affected:
        found = 2 * sum(box_id in roles for box_id in affected) >= len(affected)
        result.grid_wide.add(found)
    elif hard:
        found = any(roles.get(box_id) is Role.HARD for box_id in hard)
        result.local_hard.add(found)
    else:
        return
    if not found:
        result.missed.append(what)
        return
    for box_id in hard:
        result.hard_boxes.add(roles.get(box_id) is Role.HARD)
    for row in happening.sub_threshold_boxes():
        if row in there and not borderline[row]:
            result.sub_threshold.add(ids[row] in roles)
            moment = happening.start_unix_ns
            result.sub_threshold_asked.add(
                any(low <= moment + NS and high >= moment for low, high in asked.get(ids[row], ()))
            )
    _time(outcome, near, happening, result)


def _time(outcome: Outcome, near: list[Event], happening: Happening, result: Score) -> None:
    ids = {event.event_id for event in near if event.opened_unix_ns >= happening.start_unix_ns}
    if ids:
        opened = min(event.opened_unix_ns for event in near if event.event_id in ids)
        result.open_latencies_s.append((opened - happening.start_unix_ns) / NS)
    answered = [at for event_id in ids for at in outcome.first_stored_ns.get(event_id, ())]
    if answered:
        result.stored_latencies_s.append((min(answered) - happening.end_unix_ns) / NS)


def _there(world: World, happening: Happening) -> set[int]:
    """Which of the boxes it affected streamed, with a clock that can be believed, while it happened."""
    first = max((happening.start_unix_ns - world.start_unix_ns) // NS - 1, 0)
    last = (happening.end_unix_ns - world.start_unix_ns) // NS + 2
    present = np.atleast_1d(world.present(int(first), int(min(last - first, 120))).all(axis=1))
    return {
        row
        for row in happening.affected_boxes()
        if present[row] and abs(world.clock_error_ns(row, happening.start_unix_ns)) < NS // 2
    }


def _count_false(
    world: World, outcome: Outcome, events: list[Event], ids: list[BoxId], begin: int, result: Score
) -> None:
    """Count events that no happening explains: none that reaches one of their boxes was going on or just over."""
    truth = [(each, {ids[row] for row in each.touch.box}) for each in world.truth]
    starts = np.array([each.start_unix_ns for each in world.truth])
    longest = max((each.end_unix_ns - each.start_unix_ns for each in world.truth), default=0)
    for event in events:
        if event.start_unix_ns < begin or "clock is in doubt" in event.opened_by:
            continue
        result.events += 1
        low = np.searchsorted(starts, event.start_unix_ns - longest - _AFTER_NS)
        high = np.searchsorted(starts, event.end_unix_ns + _SLACK_NS)
        felt = {box_id for box_id, part in outcome.parts[event.event_id].items() if part.role is not Role.NEIGHBOUR}
        explained = any(
            each.end_unix_ns >= event.start_unix_ns - _AFTER_NS and boxes & felt for each, boxes in truth[low:high]
        )
        if not explained:
            result.false_events += 1
            at = (event.start_unix_ns - world.start_unix_ns) / NS
            result.false.append(f"{at:.2f} s, {len(felt)} boxes: {event.opened_by}")
