"""From triggers to events, per grid, without I/O: what scevent is to seismology.

An event opens at a hard trigger, or when soft triggers of more boxes than chance explains begin together. A box joins
when its trigger begins with something in the event, or comes while the event already has an area; so two houses that
are disturbed one after the other are two events, and a fault of the grid is one. Soft triggers join beginnings: those
of electrical neighbours and strong ones always, the others when the event has an area. An event closes when no hard
trigger has arrived for the quiet time, measured on the site's own clock and not on any box's. It is complete, and
handed to Mauka, when every waveform is stored or known to be missing.

A trigger may come late (a box was cut off, a program restarted): it joins the event of its time, whatever the
state of that event, or opens its own. Feeding the same trigger twice changes nothing.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from opq.clock import NS
from opq.ids import BoxId, EventId, GridId, new_id
from opq.model.boxes import Box
from opq.model.events import Acquisition, Event, EventBox, EventState, Extent, Role, Trigger
from opq_makai.asking import Asking
from opq_makai.boxes import BoxTable
from opq_makai.budget import severity
from opq_makai.clocks import Times
from opq_makai.coincidence import Coincidence, Coincidences, strongest
from opq_makai.detectors.detector import Hits
from opq_makai.neighbours import Neighbours
from opq_makai.open_event import Changes, EventRules, OpenEvent, merged, stepped

_MAX_REASONS = 8
_MAX_ONSETS = 64
_HELD_NS = 15 * NS
"""Soft triggers wait this long for an event to join."""
_STRONG = 6.0
"""A soft trigger of so many spreads joins a beginning wherever in the grid its box is."""


class GridEvents:
    """All events of one grid that are not yet forgotten.

    Times called `now` are the site's clock; times in triggers are those of the boxes.
    """

    def __init__(self, grid_id: GridId, rules: EventRules) -> None:
        self._grid_id, self._rules = grid_id, rules
        self.table = BoxTable()
        self.asking = Asking(rules)
        self.neighbours = Neighbours()
        self.coincidences = Coincidences(rules.soft_boxes)
        self._feeders: dict[str, list[BoxId]] = {}
        self.streaming: set[BoxId] = set()
        self._open: dict[EventId, OpenEvent] = {}
        self._held: deque[tuple[Hits, Times]] = deque()

    def set_boxes(self, boxes: Iterable[Box]) -> None:
        """Say which boxes hang on the grid."""
        known = list(boxes)
        self.table.update(known)
        self._feeders = {}
        for box in known:
            if box.feeder:
                self._feeders.setdefault(box.feeder, []).append(box.box_id)
        self.asking.budget.boxes = len(known)

    def set_streaming(self, box_ids: set[BoxId]) -> None:
        """Say which boxes have been heard of in the last seconds."""
        self.streaming = box_ids

    def restore(self, event: Event, boxes: Iterable[EventBox], acquisitions: Iterable[Acquisition], now: int) -> None:
        """Take up an event from the store after a restart."""
        found = OpenEvent(event, {part.box_id: part for part in boxes}, quiet_since_ns=now)
        for item in acquisitions:
            found.put(item)
        hard = found.hard_boxes()
        found.onsets = sorted({found.boxes[box_id].start_unix_ns for box_id in hard} or {event.start_unix_ns})
        found.onsets = found.onsets[:_MAX_ONSETS]
        found.heard_ns = dict.fromkeys(hard, now)
        slight = self._rules.slight
        found.stepped = {
            part.box_id
            for part in found.boxes.values()
            if part.role in (Role.HARD, Role.SOFT) and any(stepped(why, slight) for why in part.reasons)
        }
        by_hand = any(part.role is Role.MANUAL for part in found.boxes.values())
        found.solo = by_hand or _DOUBT in event.opened_by
        found.area = len(hard) >= self._area_boxes() or not hard
        found.since_unix_ns = event.start_unix_ns
        self._open[event.event_id] = found
        self.asking.restore(found)

    def take_changes(self) -> Changes:
        """Return what changed since the last call."""
        changes, self.asking.changes = self.asking.changes, Changes()
        return changes

    # --- triggers

    def feed_hard(self, triggers: Iterable[Trigger], now: int, doubted: frozenset[BoxId] = frozenset()) -> None:
        """Take hard triggers in any order; boxes whose clocks are `doubted` make only events of their own."""
        ordered = sorted(triggers, key=lambda trigger: trigger.start_unix_ns)
        if not ordered:
            return
        reach = ordered[0].start_unix_ns - self._rules.quiet_ns
        near = [found for found in self._open.values() if found.event.end_unix_ns >= reach]
        for trigger in ordered:
            found = self._hard(trigger, near, now, trigger.box_id in doubted)
            if found is not None:
                near.append(found)

    def feed_soft(self, hits: Hits, uncertainty_ns: Times, now: int) -> None:
        """Take soft triggers of one metric and side, (n,), and how far each box's clock may be wrong."""
        begins = self.coincidences.begin(hits)
        self._extend(hits)
        begun, reach = hits[begins], uncertainty_ns[begins]
        if not len(begun):
            return
        self._held.append((begun, reach))
        horizon = int(begun.start_unix_ns.max()) - _HELD_NS
        while self._held and int(self._held[0][0].start_unix_ns.max()) < horizon:
            self._held.popleft()
        for found in self._open.values():
            if not found.solo and found.event.end_unix_ns >= horizon:
                self._take_in(found, begun, reach)
        if together := self.coincidences.add(begun, reach, len(self.streaming)):
            self._coincide(strongest(together), now)

    def manual(self, box_ids: Iterable[BoxId], start_unix_ns: int, end_unix_ns: int, reason: str, now: int) -> EventId:
        """Open an event on request: these boxes, this interval."""
        opened = self._new_event(start_unix_ns, end_unix_ns, reason, now)
        opened.solo = True
        for box_id in box_ids:
            self._join(
                opened, EventBox(opened.event.event_id, box_id, Role.MANUAL, start_unix_ns, end_unix_ns, (reason,))
            )
        self._close(opened)
        return opened.event.event_id

    def cancel(self, event_id: EventId, reason: str, now: int) -> bool:
        """End an event and give up what was asked for and has not come; whether there was anything to end."""
        found = self._open.get(event_id)
        if found is None or found.event.state is EventState.COMPLETE:
            return False
        if found.event.state is EventState.OPEN:
            extent, why = self._extent(found)
            self._set(found, state=EventState.CLOSED, extent=extent, extent_reason=why)
        found.released = True
        self.asking.cancel(found, reason, now)
        return True

    def _hard(self, trigger: Trigger, near: list[OpenEvent], now: int, doubted: bool) -> OpenEvent | None:
        """Take in one hard trigger; return the event it opened, if it did."""
        found, opened = self._home(trigger, near, doubted), None
        if found is None:
            doubt = f" ({_DOUBT})" if doubted else ""
            reason = f"{trigger.box_id}: {trigger.reason()}{doubt}"
            found = opened = self._new_event(trigger.start_unix_ns, trigger.end_unix_ns, reason, now)
            found.solo = doubted
        while self._outlasts(found, trigger):
            if found.next is None:
                found.next = opened = self._split(found, trigger, now)
            found = found.next
        self._begin(found, trigger)
        if stepped(trigger.reason(), self._rules.slight):
            found.stepped.add(trigger.box_id)
        found.severity[trigger.box_id] = max(found.severity.get(trigger.box_id, 0.0), severity(trigger))
        self._join(found, _part(found, trigger, Role.HARD))
        found.heard_ns[trigger.box_id] = now
        if not found.solo:
            for neighbour in self._neighbours(trigger.box_id):
                if neighbour not in found.boxes:
                    event = found.event
                    part = EventBox(event.event_id, neighbour, Role.NEIGHBOUR, event.start_unix_ns, event.end_unix_ns)
                    self._join(found, part)
        self._grow(found, trigger, now)
        if not found.area and not found.solo and len(found.heard_ns) >= self._area_boxes():
            self._widen(found)
        return opened

    def _outlasts(self, found: OpenEvent, trigger: Trigger) -> bool:
        """Whether a trigger belongs to an event that goes on from this one."""
        if trigger.end_unix_ns - found.event.start_unix_ns > self._rules.max_event_ns:
            return trigger.start_unix_ns > found.event.start_unix_ns
        return found.released and trigger.end_unix_ns > found.event.end_unix_ns

    def _home(self, trigger: Trigger, near: list[OpenEvent], doubted: bool) -> OpenEvent | None:
        """Find the event a hard trigger belongs to."""
        rules = self._rules
        best: tuple[int, int] | None = None
        home = None
        for found in near:
            event, part = found.event, found.boxes.get(trigger.box_id)
            own = (
                part is not None
                and trigger.start_unix_ns <= part.end_unix_ns + rules.quiet_ns
                and trigger.end_unix_ns >= part.start_unix_ns - rules.quiet_ns
            )
            if found.solo or doubted:
                fits = own and found.solo == doubted and part is not None and part.role is Role.HARD
            else:
                fits = own or (
                    trigger.start_unix_ns <= event.end_unix_ns + rules.tolerance_ns
                    and trigger.end_unix_ns >= event.start_unix_ns - rules.tolerance_ns
                    and (found.area or found.begins_with(trigger.start_unix_ns, rules.tolerance_ns))
                )
            if fits:
                rank = (int(own), event.end_unix_ns)
                if best is None or rank > best:
                    best, home = rank, found
        return home

    def _begin(self, found: OpenEvent, trigger: Trigger) -> None:
        """Note a moment at which something began, and take in the soft triggers that began with it."""
        part = found.boxes.get(trigger.box_id)
        goes_on = part is not None and part.role is Role.HARD and trigger.start_unix_ns <= part.end_unix_ns + NS // 5
        if goes_on or found.solo or found.begins_with(trigger.start_unix_ns, NS // 5):
            return
        if len(found.onsets) < _MAX_ONSETS:
            found.onsets.append(trigger.start_unix_ns)
            self._gather(found)

    def _coincide(self, together: Coincidence, now: int) -> None:
        """Too many boxes at once for chance: widen the event this belongs to, or open one."""
        rules = self._rules
        middle = (together.start_unix_ns + together.end_unix_ns) // 2
        for found in self._open.values():
            event = found.event
            if found.solo:
                continue
            if found.begins_with(middle, rules.tolerance_ns + NS // 10):
                self._widen(found)
                return
            # Beside an event with an area it may not open another: what ends and swings back is part of the same.
            if found.area and event.start_unix_ns - rules.quiet_ns <= middle <= event.end_unix_ns + rules.quiet_ns:
                return
        verb = "above" if together.sign > 0 else "below"
        reason = f"{together.boxes} boxes at once ({together.needed} needed): {together.metric} {verb} habit"
        opened = self._new_event(together.start_unix_ns, together.end_unix_ns, reason, now)
        opened.onsets = [middle]
        opened.area = True
        self._gather(opened)
        parts = opened.boxes.values()
        if parts:
            self._set(
                opened,
                start_unix_ns=min(part.start_unix_ns for part in parts),
                end_unix_ns=max(min(part.end_unix_ns, middle + NS) for part in parts),
            )

    def _widen(self, found: OpenEvent) -> None:
        if not found.area:
            found.area = True
            self._gather(found)

    def _gather(self, found: OpenEvent) -> None:
        for begun, reach in self._held:
            self._take_in(found, begun, reach)

    def _take_in(self, found: OpenEvent, begun: Hits, reach: Times) -> None:
        """Let soft triggers join that began with something in the event."""
        tolerance = self._rules.tolerance_ns
        fits = np.zeros(len(begun), np.bool_)
        for onset in found.onsets:
            fits |= np.abs(begun.start_unix_ns - onset) <= tolerance + reach
        if not fits.any():
            return
        near: set[BoxId] | None = None
        for score, trigger in zip(begun.score[fits].tolist(), begun[fits].triggers(self.table), strict=True):
            known = found.boxes.get(trigger.box_id)
            if known is None and not found.area and score < _STRONG:
                if near is None:
                    near = {each for box_id in found.hard_boxes() for each in self._near(box_id)}
                if trigger.box_id not in near:
                    continue
            if known is None or known.role is not Role.HARD:
                if stepped(trigger.reason(), self._rules.slight):
                    found.stepped.add(trigger.box_id)
                found.unusual[trigger.box_id] = max(found.unusual.get(trigger.box_id, 0.0), score)
                self._join(found, _part(found, trigger, Role.SOFT))

    def _extend(self, hits: Hits) -> None:
        """Let the parts of boxes that are in an event for their habit last as long as they are off it, within reason."""
        going = [found for found in self._open.values() if found.event.state is EventState.OPEN and not found.solo]
        if not going:
            return
        limit = self._rules.bystander_ns
        slots = {self.table.ids[slot]: row for row, slot in enumerate(hits.slot.tolist())}
        for found in going:
            for box_id in slots.keys() & found.boxes.keys():
                part, row = found.boxes[box_id], slots[box_id]
                start, end = int(hits.start_unix_ns[row]), int(hits.end_unix_ns[row])
                if (
                    part.role is Role.SOFT
                    and part.end_unix_ns < end
                    and start <= part.end_unix_ns + NS // 5
                    and end <= part.start_unix_ns + limit
                ):
                    self._join(found, replace(part, end_unix_ns=end))

    def _near(self, box_id: BoxId) -> list[BoxId]:
        """Return all electrical neighbours: the learnt ones, or those of the same feeder."""
        learnt = self.neighbours.of(box_id)
        slot = self.table.slot(box_id)
        same = [] if slot is None else self._feeders.get(self.table.box(slot).feeder, [])
        if learnt is None:
            return [other for other in same if other != box_id]
        return learnt

    def _neighbours(self, box_id: BoxId) -> list[BoxId]:
        """Return those to ask although they have not triggered."""
        return [other for other in self._near(box_id) if other in self.streaming][: self._rules.max_neighbours]

    def _area_boxes(self) -> float:
        return max(self._rules.area_boxes, self._rules.area_share * len(self.streaming))

    # --- growth of an event

    def _new_event(self, start: int, end: int, opened_by: str, now: int) -> OpenEvent:
        event = Event(
            event_id=EventId(new_id(start)),
            grid_id=self._grid_id,
            start_unix_ns=start,
            end_unix_ns=end,
            state=EventState.OPEN,
            opened_by=opened_by,
            opened_unix_ns=now,
        )
        opened = OpenEvent(event, quiet_since_ns=now, since_unix_ns=start)
        self._open[event.event_id] = opened
        self.asking.changes.events[event.event_id] = event
        return opened

    def _split(self, found: OpenEvent, trigger: Trigger, now: int) -> OpenEvent:
        """Close an event that lasts too long, or let go of what outlasts it, and go on in a new one."""
        if found.event.state is EventState.OPEN:
            self._close(found)
        opened = self._new_event(trigger.start_unix_ns, trigger.end_unix_ns, found.event.opened_by, now)
        opened.solo, opened.since_unix_ns = found.solo, found.since_unix_ns
        opened.area = found.area and not found.released
        found.released = True
        self._set(opened, continues=found.event.event_id)
        return opened

    def _join(self, found: OpenEvent, part: EventBox) -> None:
        known = found.boxes.get(part.box_id)
        if known is not None:
            part = merged(known, part, _MAX_REASONS)
            if part == known:
                return
        found.boxes[part.box_id] = part
        self.asking.changes.boxes[part.event_id, part.box_id] = part
        if known is None:
            self._set(found, box_ids=tuple(sorted(found.boxes)))
        if found.event.state is not EventState.OPEN:
            # Too late to wait for the end: ask at once.
            self.asking.late(found, part.box_id)

    def _grow(self, found: OpenEvent, trigger: Trigger, now: int) -> None:
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
        rules = self._rules
        for found in list(self._open.values()):
            if found.event.state is EventState.OPEN:
                if now - found.quiet_since_ns >= rules.quiet_ns:
                    self._close(found)
                elif self._outlasted(found, now):
                    self._close(found)
                    found.released = True
                else:
                    self.asking.parts(found)
        self.asking.tick(now)
        for found in list(self._open.values()):
            self._complete(found, now)
            if found.event.state is EventState.COMPLETE and now - found.event.end_unix_ns > rules.forget_ns:
                self.asking.forget(found)
                del self._open[found.event.event_id]

    def _outlasted(self, found: OpenEvent, now: int) -> bool:
        """Whether nearly all boxes of an event with an area are quiet again, so that the rest is a matter of its own."""
        if not found.area or len(found.heard_ns) < self._rules.area_boxes:
            return False
        going = sum(1 for heard in found.heard_ns.values() if now - heard < self._rules.quiet_ns)
        return going <= 0.1 * len(found.heard_ns)

    def _close(self, found: OpenEvent) -> None:
        extent, reason = self._extent(found)
        self._set(found, state=EventState.CLOSED, extent=extent, extent_reason=reason)
        felt = [box_id for box_id, part in found.boxes.items() if part.role in (Role.HARD, Role.SOFT)]
        if extent is not Extent.GRID and not found.solo and not found.event.revision:
            self.neighbours.learn(felt)
        self.asking.all(found)

    def _extent(self, found: OpenEvent) -> tuple[Extent, str]:
        triggered = {part.box_id for part in found.boxes.values() if part.role is not Role.NEIGHBOUR}
        streaming = len(self.streaming | triggered)
        reason = f"{len(triggered)} of {streaming} streaming boxes triggered"
        if len(triggered) <= 1:
            return Extent.LOCAL, reason
        return (Extent.GRID if 2 * len(triggered) >= streaming else Extent.NEIGHBOURHOOD), reason

    def _complete(self, found: OpenEvent, now: int) -> None:
        if found.event.state is EventState.CLOSED and not found.waiting:
            revision = found.event.revision + (1 if found.event.completed_unix_ns else 0)
            self._set(found, state=EventState.COMPLETE, completed_unix_ns=now, revision=revision)
            self.asking.changes.completed[found.event.event_id] = found.event

    def _set(self, found: OpenEvent, **fields: object) -> None:
        found.event = replace(found.event, **fields)  # type: ignore[arg-type]
        self.asking.changes.events[found.event.event_id] = found.event


def _part(found: OpenEvent, trigger: Trigger, role: Role) -> EventBox:
    event_id = found.event.event_id
    return EventBox(event_id, trigger.box_id, role, trigger.start_unix_ns, trigger.end_unix_ns, (trigger.reason(),))


_DOUBT = "its clock is in doubt"
