"""From triggers to events and acquisitions, per grid, without I/O: what scevent is to seismology.

An event opens at a hard trigger, or when soft triggers of enough boxes coincide. It takes in every box that
triggered, hard or soft, within the coincidence tolerance, and the electrical neighbours of boxes that triggered
hard. It closes when no hard trigger has arrived for the quiet time, measured on the site's own clock and not on
any box's. Waveforms are asked for when it closes, and before that in parts, so that no ring buffer runs out. It
is complete, and handed to Mauka, when every waveform is stored or known to be missing.

A trigger may come late (a box was cut off, a program restarted): it joins the event of its time, whatever the
state of that event, or opens its own. Feeding the same trigger twice changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from opq.clock import HOUR_NS, NS
from opq.ids import AcquisitionId, BoxId, EventId, GridId, new_id
from opq.model.boxes import Box
from opq.model.events import (
    Acquisition,
    AcquisitionState,
    Event,
    EventBox,
    EventState,
    Extent,
    Role,
    Trigger,
    TriggerKind,
)

_STRENGTH = {Role.NEIGHBOUR: 0, Role.SOFT: 1, Role.HARD: 2, Role.MANUAL: 3}
_MAX_REASONS = 8


@dataclass(frozen=True, slots=True)
class EventRules:
    """How triggers become events."""

    tolerance_ns: int = NS // 2
    """Triggers this far apart still coincide; clocks disagree, and windows of boxes lie anyhow."""
    quiet_ns: int = 5 * NS // 2
    """An event closes after this long without a hard trigger; triggers closer than this are one event."""
    soft_boxes: int = 3
    """Soft triggers in at least so many boxes, and in `soft_share` of those streaming, open an event."""
    soft_share: float = 0.25
    before_ns: int = NS
    """Waveform is asked for from this long before the event ..."""
    after_ns: int = NS
    """... until this long after it."""
    part_ns: int = 30 * NS
    """Of an event that lasts, waveform is asked for in parts this long."""
    max_event_ns: int = 600 * NS
    """An event that lasts longer is split."""
    max_neighbours: int = 8
    answer_timeout_ns: int = 30 * NS
    """A waveform that has not come after this long is missing (for now)."""
    ask_again_ns: int = 60 * NS
    """A connected box that did not answer is asked again this often: it or the store may have been in trouble."""
    forget_ns: int = HOUR_NS
    """After this long nothing joins a complete event, and ring buffers hold no more of it."""


@dataclass(slots=True)
class _Open:
    """An event that may still change."""

    event: Event
    boxes: dict[BoxId, EventBox] = field(default_factory=dict)
    acquisitions: dict[AcquisitionId, Acquisition] = field(default_factory=dict)
    quiet_since_ns: int = 0
    """When the last hard trigger arrived, on the site's clock."""

    def covered(self, box_id: BoxId) -> list[tuple[int, int]]:
        """Intervals already asked of a box, sorted."""
        mine = (item for item in self.acquisitions.values() if item.box_id == box_id)
        return sorted((item.start_unix_ns, item.end_unix_ns) for item in mine)


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


class GridEvents:
    """All events of one grid that are not yet forgotten.

    Times called `now` are the site's clock; times in triggers are those of the boxes.
    """

    def __init__(self, grid_id: GridId, rules: EventRules) -> None:
        self._grid_id, self._rules = grid_id, rules
        self._boxes: dict[BoxId, Box] = {}
        self._streaming: set[BoxId] = set()
        self._connected: set[BoxId] = set()
        self._open: dict[EventId, _Open] = {}
        self._soft: list[Trigger] = []
        self._unanswered: dict[AcquisitionId, int] = {}
        """Acquisitions given up for want of an answer, and when they were last asked for."""
        self._changes = Changes()

    def set_boxes(self, boxes: Iterable[Box]) -> None:
        """Say which boxes hang on the grid."""
        self._boxes = {box.box_id: box for box in boxes}

    def set_streaming(self, box_ids: set[BoxId]) -> None:
        """Say which boxes have been heard of in the last seconds."""
        self._streaming = box_ids

    def restore(self, event: Event, boxes: Iterable[EventBox], acquisitions: Iterable[Acquisition], now: int) -> None:
        """Take up an event from the store after a restart."""
        self._open[event.event_id] = _Open(
            event, {part.box_id: part for part in boxes}, {item.acquisition_id: item for item in acquisitions}, now
        )

    def take_changes(self) -> Changes:
        """Return what changed since the last call."""
        changes, self._changes = self._changes, Changes()
        return changes

    # --- triggers

    def feed(self, triggers: Iterable[Trigger], now: int) -> None:
        """Take triggers in any order."""
        ordered = sorted(triggers, key=lambda trigger: (trigger.kind is not TriggerKind.HARD, trigger.start_unix_ns))
        for trigger in ordered:
            if trigger.kind is TriggerKind.HARD:
                self._hard(trigger, now)
            else:
                self._soft_trigger(trigger, now)

    def manual(self, box_ids: Iterable[BoxId], start_unix_ns: int, end_unix_ns: int, reason: str, now: int) -> EventId:
        """Open an event on request: these boxes, this interval."""
        opened = self._new_event(start_unix_ns, end_unix_ns, reason, now)
        for box_id in box_ids:
            self._join(
                opened, EventBox(opened.event.event_id, box_id, Role.MANUAL, start_unix_ns, end_unix_ns, (reason,))
            )
        return opened.event.event_id

    def _hard(self, trigger: Trigger, now: int) -> None:
        found = self._event_at(trigger, self._rules.quiet_ns)
        if found is None:
            found = self._new_event(
                trigger.start_unix_ns, trigger.end_unix_ns, f"{trigger.box_id}: {trigger.reason()}", now
            )
            self._gather_soft(found)
        elif trigger.end_unix_ns - found.event.start_unix_ns > self._rules.max_event_ns:
            found = self._split(found, trigger, now)
        self._join(found, _part(found, trigger, Role.HARD))
        for neighbour in self._neighbours(trigger.box_id):
            if neighbour not in found.boxes:
                event = found.event
                self._join(
                    found, EventBox(event.event_id, neighbour, Role.NEIGHBOUR, event.start_unix_ns, event.end_unix_ns)
                )
        self._grow(found, trigger, now)

    def _soft_trigger(self, trigger: Trigger, now: int) -> None:
        found = self._event_at(trigger, self._rules.quiet_ns)
        if found is not None:
            # Beside an event, but not in it: it may not open another, whose waveform would show the same again.
            if self._event_at(trigger, self._rules.tolerance_ns) is found:
                self._join(found, _part(found, trigger, Role.SOFT))
            return
        horizon = trigger.start_unix_ns - 10 * NS
        self._soft = [held for held in self._soft if held.end_unix_ns > horizon and held != trigger] + [trigger]
        near = self._rules.tolerance_ns
        together = [
            held
            for held in self._soft
            if held.start_unix_ns <= trigger.end_unix_ns + near and held.end_unix_ns >= trigger.start_unix_ns - near
        ]
        needed = max(self._rules.soft_boxes, self._rules.soft_share * len(self._streaming))
        boxes = {held.box_id for held in together}
        if len(boxes) < needed:
            return
        start = min(held.start_unix_ns for held in together)
        end = max(held.end_unix_ns for held in together)
        reason = f"{len(boxes)} boxes at once, first {together[0].box_id}: {together[0].reason()}"
        opened = self._new_event(start, end, reason, now)
        self._gather_soft(opened)

    def _gather_soft(self, opened: _Open) -> None:
        near = self._rules.tolerance_ns
        for held in self._soft:
            if (
                held.start_unix_ns <= opened.event.end_unix_ns + near
                and held.end_unix_ns >= opened.event.start_unix_ns - near
            ):
                self._join(opened, _part(opened, held, Role.SOFT))

    def _event_at(self, trigger: Trigger, gap_ns: int) -> _Open | None:
        """Find the event whose span, widened by `gap_ns`, meets the trigger; the one that ends last if several do."""
        meeting = [
            item
            for item in self._open.values()
            if trigger.start_unix_ns <= item.event.end_unix_ns + gap_ns
            and trigger.end_unix_ns >= item.event.start_unix_ns - gap_ns
        ]
        return max(meeting, key=lambda item: item.event.end_unix_ns, default=None)

    def _neighbours(self, box_id: BoxId) -> list[BoxId]:
        box = self._boxes.get(box_id)
        if box is None or not box.feeder:
            return []
        others = (other.box_id for other in self._boxes.values() if other.feeder == box.feeder)
        return [other for other in others if other != box_id and other in self._streaming][: self._rules.max_neighbours]

    # --- growth of an event

    def _new_event(self, start: int, end: int, opened_by: str, now: int) -> _Open:
        event = Event(
            event_id=EventId(new_id(start)),
            grid_id=self._grid_id,
            start_unix_ns=start,
            end_unix_ns=end,
            state=EventState.OPEN,
            opened_by=opened_by,
            opened_unix_ns=now,
        )
        opened = _Open(event, quiet_since_ns=now)
        self._open[event.event_id] = opened
        self._changes.events[event.event_id] = event
        return opened

    def _split(self, found: _Open, trigger: Trigger, now: int) -> _Open:
        """Close an event that lasts too long and go on in a new one."""
        if found.event.state is EventState.OPEN:
            self._close(found)
        opened = self._new_event(trigger.start_unix_ns, trigger.end_unix_ns, found.event.opened_by, now)
        self._set(opened, continues=found.event.event_id)
        return opened

    def _join(self, found: _Open, part: EventBox) -> None:
        known = found.boxes.get(part.box_id)
        if known is not None:
            reasons = known.reasons + tuple(
                reason for reason in part.reasons if _metric(reason) not in map(_metric, known.reasons)
            )
            part = EventBox(
                part.event_id,
                part.box_id,
                max(known.role, part.role, key=lambda role: _STRENGTH[role]),
                min(known.start_unix_ns, part.start_unix_ns),
                max(known.end_unix_ns, part.end_unix_ns),
                reasons[:_MAX_REASONS],
            )
        if part == known:
            return
        found.boxes[part.box_id] = part
        self._changes.boxes[part.event_id, part.box_id] = part
        if known is None:
            self._set(found, box_ids=tuple(sorted(found.boxes)))
            if found.event.state is not EventState.OPEN:
                # Too late to wait for the end: ask at once.
                self._ask(found, part.box_id, found.event.end_unix_ns + self._rules.after_ns)

    def _grow(self, found: _Open, trigger: Trigger, now: int) -> None:
        """Widen an event to a hard trigger; one that was over is over again when it is quiet again."""
        event = found.event
        start, end = min(event.start_unix_ns, trigger.start_unix_ns), max(event.end_unix_ns, trigger.end_unix_ns)
        if event.state is EventState.OPEN:
            found.quiet_since_ns = now
        if (start, end) == (event.start_unix_ns, event.end_unix_ns):
            return
        self._set(found, start_unix_ns=start, end_unix_ns=end)
        if event.state is not EventState.OPEN:
            self._set(found, state=EventState.OPEN)
            found.quiet_since_ns = now

    def tick(self, now: int) -> None:
        """Let time pass: close, ask, give up waiting, complete, forget. Call several times a second."""
        for found in list(self._open.values()):
            if found.event.state is EventState.OPEN:
                if now - found.quiet_since_ns >= self._rules.quiet_ns:
                    self._close(found)
                else:
                    self._ask_parts(found)
            self._give_up_waiting(found, now)
            self._complete(found, now)
            if found.event.state is EventState.COMPLETE and now - found.event.end_unix_ns > self._rules.forget_ns:
                del self._open[found.event.event_id]
        self._ask_again(now)

    def _close(self, found: _Open) -> None:
        extent, reason = self._extent(found)
        self._set(found, state=EventState.CLOSED, extent=extent, extent_reason=reason)
        for box_id in found.boxes:
            self._ask(found, box_id, found.event.end_unix_ns + self._rules.after_ns)

    def _extent(self, found: _Open) -> tuple[Extent, str]:
        triggered = [part for part in found.boxes.values() if part.role is not Role.NEIGHBOUR]
        streaming = len(self._streaming | {part.box_id for part in triggered})
        reason = f"{len(triggered)} of {streaming} streaming boxes triggered"
        if len(triggered) <= 1:
            return Extent.LOCAL, reason
        return (Extent.GRID if 2 * len(triggered) >= streaming else Extent.NEIGHBOURHOOD), reason

    # --- acquisitions

    def _ask_parts(self, found: _Open) -> None:
        """Of an event that lasts, ask for what is a whole part by now."""
        rules, event = self._rules, found.event
        whole = (event.end_unix_ns - event.start_unix_ns + rules.before_ns) // rules.part_ns
        if whole:
            for box_id in found.boxes:
                self._ask(found, box_id, event.start_unix_ns - rules.before_ns + whole * rules.part_ns)

    def _ask(self, found: _Open, box_id: BoxId, until_unix_ns: int) -> None:
        """Ask a box for what it was not yet asked for, from before the event until `until_unix_ns`."""
        at = found.event.start_unix_ns - self._rules.before_ns
        for start, end in [*found.covered(box_id), (until_unix_ns, until_unix_ns)]:
            while at < min(start, until_unix_ns):
                stop = min(start, until_unix_ns, at + self._rules.part_ns)
                self._request(found, box_id, at, stop)
                at = stop
            at = max(at, end)

    def _request(self, found: _Open, box_id: BoxId, start: int, end: int) -> None:
        acquisition = Acquisition(
            acquisition_id=AcquisitionId(new_id(start)),
            event_id=found.event.event_id,
            box_id=box_id,
            start_unix_ns=start,
            end_unix_ns=end,
        )
        self._put(found, acquisition)
        self._changes.requests[acquisition.acquisition_id] = acquisition
        if found.event.state is EventState.COMPLETE:
            self._set(found, state=EventState.CLOSED)

    def sent(self, acquisition_id: AcquisitionId, now: int) -> None:
        """A request went down to its box."""
        found = self._holder(acquisition_id)
        if found and not found.acquisitions[acquisition_id].requested_unix_ns:
            self._put(found, replace(found.acquisitions[acquisition_id], requested_unix_ns=now))

    def stored(self, acquisition_id: AcquisitionId, stored_bytes: int, now: int) -> None:
        """A waveform is in the store; one that was given up re-opens the case."""
        found = self._holder(acquisition_id)
        if found is None or found.acquisitions[acquisition_id].state is AcquisitionState.STORED:
            return
        known = found.acquisitions[acquisition_id]
        answered = replace(known, state=AcquisitionState.STORED, answered_unix_ns=now, reason="", bytes=stored_bytes)
        self._put(found, answered)
        if found.event.state is EventState.COMPLETE:
            self._set(found, state=EventState.CLOSED)

    def missing(self, acquisition_id: AcquisitionId, reason: str, now: int) -> None:
        """A waveform will not come, or not now."""
        found = self._holder(acquisition_id)
        if found and found.acquisitions[acquisition_id].state is AcquisitionState.REQUESTED:
            known = found.acquisitions[acquisition_id]
            self._put(found, replace(known, state=AcquisitionState.MISSING, answered_unix_ns=now, reason=reason))

    def presence(self, box_id: BoxId, connected: bool) -> None:
        """A box came or went. One that came is asked again for all that it still owes."""
        if not connected:
            self._connected.discard(box_id)
            return
        self._connected.add(box_id)
        for found in self._open.values():
            for acquisition in found.acquisitions.values():
                if acquisition.box_id == box_id and acquisition.state is not AcquisitionState.STORED:
                    self._changes.requests[acquisition.acquisition_id] = acquisition

    def pending(self) -> list[Acquisition]:
        """Acquisitions without an answer."""
        return [
            acquisition
            for found in self._open.values()
            for acquisition in found.acquisitions.values()
            if acquisition.state is AcquisitionState.REQUESTED
        ]

    def _give_up_waiting(self, found: _Open, now: int) -> None:
        for acquisition in list(found.acquisitions.values()):
            asked = acquisition.requested_unix_ns
            if (
                acquisition.state is AcquisitionState.REQUESTED
                and asked
                and now - asked > self._rules.answer_timeout_ns
            ):
                here = acquisition.box_id in self._connected
                seconds = self._rules.answer_timeout_ns / NS
                reason = f"no answer within {seconds:g} s" if here else "the box is not connected"
                self.missing(acquisition.acquisition_id, reason, now)
                self._unanswered[acquisition.acquisition_id] = now

    def _ask_again(self, now: int) -> None:
        for acquisition_id, asked in list(self._unanswered.items()):
            found = self._holder(acquisition_id)
            if found is None or found.acquisitions[acquisition_id].state is not AcquisitionState.MISSING:
                del self._unanswered[acquisition_id]
            elif (
                now - asked > self._rules.ask_again_ns and found.acquisitions[acquisition_id].box_id in self._connected
            ):
                self._unanswered[acquisition_id] = now
                self._changes.requests[acquisition_id] = found.acquisitions[acquisition_id]

    def _complete(self, found: _Open, now: int) -> None:
        waiting = any(item.state is AcquisitionState.REQUESTED for item in found.acquisitions.values())
        if found.event.state is EventState.CLOSED and not waiting:
            revision = found.event.revision + (1 if found.event.completed_unix_ns else 0)
            self._set(found, state=EventState.COMPLETE, completed_unix_ns=now, revision=revision)
            self._changes.completed[found.event.event_id] = found.event

    def _holder(self, acquisition_id: AcquisitionId) -> _Open | None:
        return next((found for found in self._open.values() if acquisition_id in found.acquisitions), None)

    def _put(self, found: _Open, acquisition: Acquisition) -> None:
        found.acquisitions[acquisition.acquisition_id] = acquisition
        self._changes.acquisitions[acquisition.acquisition_id] = acquisition

    def _set(self, found: _Open, **fields: object) -> None:
        found.event = replace(found.event, **fields)  # type: ignore[arg-type]
        self._changes.events[found.event.event_id] = found.event


def _part(found: _Open, trigger: Trigger, role: Role) -> EventBox:
    event_id = found.event.event_id
    return EventBox(event_id, trigger.box_id, role, trigger.start_unix_ns, trigger.end_unix_ns, (trigger.reason(),))


def _metric(reason: str) -> str:
    return reason.split(" ", 1)[0]
