"""What Makai keeps of an event that may still change, by which rules, and what is to be written of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from opq.clock import HOUR_NS, NS
from opq.ids import AcquisitionId, BoxId, EventId
from opq.model.events import Acquisition, Event, EventBox, Role
from opq_makai.budget import BudgetRules


@dataclass(frozen=True, slots=True)
class EventRules:
    """How triggers become events and requests."""

    tolerance_ns: int = NS // 2
    """Beginnings this far apart still coincide; clocks disagree, and windows of boxes lie anyhow."""
    quiet_ns: int = 5 * NS // 2
    """An event closes after this long without a hard trigger; triggers of a box closer than this are one event."""
    soft_boxes: int = 3
    """Soft triggers of fewer boxes than this never open an event."""
    area_boxes: int = 3
    area_share: float = 0.05
    """An event with hard triggers in at least so many boxes, and in this share of those streaming, has an area: it
    takes in every box that triggers while it lasts."""
    before_ns: int = NS
    """Waveform is asked for from this long before a box's part in the event ..."""
    after_ns: int = NS
    """... until this long after it."""
    slight_ns: int = NS // 4
    """Padding where the voltage neither left its limits nor stepped by `slight`: only sags, swells and rapid changes
    need something steady around them."""
    slight: float = 0.04
    part_ns: int = 30 * NS
    """Of an event that lasts, waveform is asked for in parts this long."""
    max_event_ns: int = 600 * NS
    """An event that lasts longer is split."""
    max_neighbours: int = 4
    bystander_ns: int = NS
    """Of boxes without a hard trigger, waveform is asked for over this much of the event at most."""
    max_bystanders: int = 450
    """Of the boxes of an event that stayed within their limits, so many are asked at most, the most unusual first; all
    are on record."""
    lasting_ns: int = 2 * NS
    """Of what lasts longer, the rest is asked of some witnesses only: it is steady, and the features tell its course."""
    witnesses: int = 4
    """How many; those that were worst. Of boxes that left only the limits of frequency, which is the same everywhere,
    no others are asked at all."""
    answer_timeout_ns: int = 30 * NS
    """A waveform that has not come after this long is missing (for now)."""
    ask_again_ns: int = 60 * NS
    """A connected box that did not answer is asked again this often: it or the store may have been in trouble."""
    max_in_flight: int = 500
    """So many requests of a grid are under way at once; of those that wait the most valuable goes first."""
    forget_ns: int = HOUR_NS
    """After this long nothing joins a complete event, and ring buffers hold no more of it."""
    budget: BudgetRules = field(default_factory=BudgetRules)


@dataclass(slots=True)
class OpenEvent:
    """An event that may still change."""

    event: Event
    boxes: dict[BoxId, EventBox] = field(default_factory=dict)
    acquisitions: dict[AcquisitionId, Acquisition] = field(default_factory=dict)
    by_box: dict[BoxId, list[AcquisitionId]] = field(default_factory=dict)
    waiting: int = 0
    """Acquisitions without an answer."""
    heard_ns: dict[BoxId, int] = field(default_factory=dict)
    """When the last hard trigger of each box arrived, on the site's clock."""
    quiet_since_ns: int = 0
    """When the last of all arrived."""
    onsets: list[int] = field(default_factory=list)
    """Moments at which something began, by the boxes' clocks [ns since the epoch]."""
    severity: dict[BoxId, float] = field(default_factory=dict)
    """How far each box was beyond its limit or habit, in units of that."""
    unusual: dict[BoxId, float] = field(default_factory=dict)
    """How far boxes within their limits were off their habit, in spreads."""
    stepped: set[BoxId] = field(default_factory=set)
    """Boxes whose voltage left its limits or stepped noticeably."""
    area: bool = False
    solo: bool = False
    """Of one box whose clock cannot be believed, or by hand: nobody joins."""
    released: bool = False
    """It was closed while a few boxes went on; what they do from here on is another event."""
    next: "OpenEvent | None" = None
    """The event that goes on from this one."""
    since_unix_ns: int = 0
    """Start of the first event of a chain of splits."""
    parts_asked: int = 0
    witnesses: set[BoxId] = field(default_factory=set)
    """Boxes that are asked for all of what lasts."""

    def put(self, acquisition: Acquisition) -> None:
        """Take up an acquisition or what became of it."""
        if acquisition.acquisition_id not in self.acquisitions:
            self.by_box.setdefault(acquisition.box_id, []).append(acquisition.acquisition_id)
        self.acquisitions[acquisition.acquisition_id] = acquisition

    def asked_of(self, box_id: BoxId) -> list[Acquisition]:
        """Return the acquisitions of one box."""
        return [self.acquisitions[each] for each in self.by_box.get(box_id, ())]

    def covered(self, box_id: BoxId) -> list[tuple[int, int]]:
        """Intervals already asked of a box, sorted."""
        return sorted((item.start_unix_ns, item.end_unix_ns) for item in self.asked_of(box_id))

    def hard_boxes(self) -> list[BoxId]:
        """Boxes that left their limits."""
        return [box_id for box_id, part in self.boxes.items() if part.role is Role.HARD]

    def begins_with(self, start_unix_ns: int, tolerance_ns: int) -> bool:
        """Whether something of the event began at this moment."""
        return any(abs(start_unix_ns - onset) <= tolerance_ns for onset in self.onsets)

    def span(self, box_id: BoxId, rules: EventRules) -> tuple[int, int]:
        """Return what waveform of a box shows its part in the event [ns since the epoch]."""
        part, event = self.boxes[box_id], self.event
        start, end = part.start_unix_ns, part.end_unix_ns
        if part.role is Role.NEIGHBOUR:
            start, end = event.start_unix_ns, event.end_unix_ns
        if part.role in (Role.NEIGHBOUR, Role.SOFT):
            end = min(end, start + rules.bystander_ns)
        if part.role is Role.MANUAL:
            return start, end
        if box_id not in self.stepped:
            return start - rules.slight_ns, end + rules.slight_ns
        return start - rules.before_ns, end + rules.after_ns


@dataclass(slots=True)
class Changes:
    """What is to be written and sent since the last time; records first, then requests, then the hand-over."""

    events: dict[EventId, Event] = field(default_factory=dict)
    boxes: dict[tuple[EventId, BoxId], EventBox] = field(default_factory=dict)
    acquisitions: dict[AcquisitionId, Acquisition] = field(default_factory=dict)
    requests: dict[AcquisitionId, Acquisition] = field(default_factory=dict)
    completed: dict[EventId, Event] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.events or self.boxes or self.acquisitions or self.requests or self.completed)


def uncovered(start: int, end: int, covered: list[tuple[int, int]], longest: int) -> Iterator[tuple[int, int]]:
    """Cut what of an interval is not covered into pieces no longer than `longest`."""
    at = start
    for low, high in [*covered, (end, end)]:
        while at < min(low, end):
            stop = min(low, end, at + longest)
            yield at, stop
            at = stop
        at = max(at, high)


def merged(known: EventBox, part: EventBox, most_reasons: int) -> EventBox:
    """Put two parts of one box in one event together; the stronger role counts, and one reason per metric."""
    metrics = {_metric(reason) for reason in known.reasons}
    reasons = known.reasons + tuple(reason for reason in part.reasons if _metric(reason) not in metrics)
    return replace(
        known,
        role=max(known.role, part.role, key=lambda role: _STRENGTH[role]),
        start_unix_ns=min(known.start_unix_ns, part.start_unix_ns),
        end_unix_ns=max(known.end_unix_ns, part.end_unix_ns),
        reasons=reasons[:most_reasons],
    )


def _metric(reason: str) -> str:
    return reason.split(" ", 1)[0]


def stepped(reason: str, slight: float) -> bool:
    """Whether a trigger, as `Trigger.reason` says it, is of a voltage beyond its limits or off its habit by `slight`."""
    metric, value, _, limit, kind = reason.split(" ")[:5]
    off = abs(float(value) - float(limit)) >= slight * abs(float(limit))
    return metric.startswith("u_") and (off or kind.startswith("(hard"))


def only_frequency(part: EventBox) -> bool:
    """Whether a box is in an event for its frequency alone."""
    return bool(part.reasons) and all(_metric(reason) == "f_hz" for reason in part.reasons)


_STRENGTH = {Role.NEIGHBOUR: 0, Role.SOFT: 1, Role.HARD: 2, Role.MANUAL: 3}
