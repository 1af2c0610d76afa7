"""From events to requests for waveform, and what becomes of them: worth, budget, order, answers, patience."""

import heapq
from dataclasses import replace

from opq.clock import NS
from opq.ids import AcquisitionId, BoxId, new_id
from opq.model.events import Acquisition, AcquisitionState, EventState, Role
from opq_makai.budget import Budget, value
from opq_makai.open_event import Changes, EventRules, OpenEvent, only_frequency, uncovered

FOR_EVER = 2**62
_OVER_BUDGET = "over the budget"
_CANCELLED = "cancelled"


class Asking:
    """All requests of one grid. `changes` is where it leaves what is to be written and sent."""

    def __init__(self, rules: EventRules) -> None:
        self.rules = rules
        self.changes = Changes()
        self.budget = Budget(rules.budget)
        self.connected: set[BoxId] = set()
        self._holder: dict[AcquisitionId, OpenEvent] = {}
        self._queue: list[tuple[float, int, AcquisitionId]] = []
        self._order = 0
        self._in_flight: set[AcquisitionId] = set()
        self._unanswered: dict[AcquisitionId, int] = {}
        """Acquisitions given up for want of an answer, and when they were last asked for."""

    def restore(self, found: OpenEvent) -> None:
        """Take up the acquisitions of an event from the store."""
        items = found.acquisitions.values()
        for item in items:
            self._holder[item.acquisition_id] = found
            if item.state is AcquisitionState.REQUESTED:
                found.waiting += 1
                if item.requested_unix_ns:
                    self._in_flight.add(item.acquisition_id)
                else:
                    self._enqueue(item.acquisition_id, 1.0)

    # --- asking

    def parts(self, found: OpenEvent) -> None:
        """Of an event that lasts, ask for what is a whole part by now."""
        rules, event = self.rules, found.event
        whole = (event.end_unix_ns - event.start_unix_ns + rules.before_ns) // rules.part_ns
        if whole > found.parts_asked:
            found.parts_asked = whole
            until = event.start_unix_ns - rules.before_ns + whole * rules.part_ns
            self.all(found, until)

    def all(self, found: OpenEvent, until_unix_ns: int = FOR_EVER) -> None:
        """Ask every box for what it was not yet asked for of its part, up to a moment."""
        witnesses, spared = self._witnesses(found), self._spared(found)
        for box_id in found.boxes:
            if box_id not in spared:
                self._ask(found, box_id, box_id in witnesses, until_unix_ns)

    def late(self, found: OpenEvent, box_id: BoxId) -> None:
        """Ask a box that joined an event that is over."""
        if box_id not in self._spared(found):
            self._ask(found, box_id, box_id in self._witnesses(found), FOR_EVER)

    def _spared(self, found: OpenEvent) -> set[BoxId]:
        """Return the boxes that are not asked: of many within their limits those that were least unusual."""
        within = [box_id for box_id, part in found.boxes.items() if part.role in (Role.SOFT, Role.NEIGHBOUR)]
        if len(within) <= self.rules.max_bystanders:
            return set()
        # Those already asked come first, so that nobody is asked in the place of another.
        within.sort(key=lambda box_id: (box_id not in found.by_box, -found.unusual.get(box_id, 0.0), box_id))
        return set(within[self.rules.max_bystanders :])

    def _witnesses(self, found: OpenEvent) -> set[BoxId]:
        """Return the boxes that are asked for all of what lasts: once chosen they stay, then the worst."""
        room = self.rules.witnesses
        if len(found.boxes) <= room:
            return set(found.boxes)
        if len(found.witnesses) < room:
            worst = sorted(found.boxes, key=lambda box_id: (-found.severity.get(box_id, 0.0), box_id))
            found.witnesses |= set(
                [box_id for box_id in worst if box_id not in found.witnesses][: room - len(found.witnesses)]
            )
        return found.witnesses

    def _ask(self, found: OpenEvent, box_id: BoxId, witness: bool, until_unix_ns: int) -> None:
        part = found.boxes[box_id]
        start, end = found.span(box_id, self.rules)
        end = min(end, until_unix_ns)
        if not witness and part.role is not Role.MANUAL:
            if only_frequency(part):
                return
            end = min(end, start + self.rules.before_ns + self.rules.lasting_ns)
        for low, high in list(uncovered(start, end, found.covered(box_id), self.rules.part_ns)):
            self._request(found, box_id, low, high)

    def _request(self, found: OpenEvent, box_id: BoxId, start: int, end: int) -> None:
        role = found.boxes[box_id].role
        began = max(start - (found.since_unix_ns or found.event.start_unix_ns), 0)
        worth = value(role, found.severity.get(box_id, 0.0), began // self.rules.part_ns)
        now = max(found.quiet_since_ns, found.event.opened_unix_ns)
        if role is Role.MANUAL:
            self.budget.spend(box_id, end - start, now)
        elif not self.budget.admit(box_id, end - start, worth, now):
            self._refuse(found, box_id, start, end)
            return
        acquisition = Acquisition(AcquisitionId(new_id(start)), found.event.event_id, box_id, start, end)
        self._holder[acquisition.acquisition_id] = found
        found.waiting += 1
        self._put(found, acquisition)
        self._enqueue(acquisition.acquisition_id, worth)
        self._reopen(found)

    def _refuse(self, found: OpenEvent, box_id: BoxId, start: int, end: int) -> None:
        """Put on record what is not asked for; one record for a stretch."""
        for before in found.asked_of(box_id):
            if before.end_unix_ns == start and before.reason.startswith(_OVER_BUDGET):
                self._put(found, replace(before, end_unix_ns=end))
                return
        item = Acquisition(
            AcquisitionId(new_id(start)),
            found.event.event_id,
            box_id,
            start,
            end,
            AcquisitionState.MISSING,
            reason=self.budget.refused(),
        )
        self._holder[item.acquisition_id] = found
        self._put(found, item)

    def _enqueue(self, acquisition_id: AcquisitionId, worth: float) -> None:
        self._order += 1
        heapq.heappush(self._queue, (-worth, self._order, acquisition_id))

    def release(self) -> None:
        """Let requests go, the most valuable first, as long as not too many are under way."""
        while self._queue and len(self._in_flight) < self.rules.max_in_flight:
            acquisition_id = heapq.heappop(self._queue)[2]
            found = self._holder.get(acquisition_id)
            if found and found.acquisitions[acquisition_id].state is AcquisitionState.REQUESTED:
                self._in_flight.add(acquisition_id)
                self.changes.requests[acquisition_id] = found.acquisitions[acquisition_id]

    # --- answers

    def sent(self, acquisition_id: AcquisitionId, now: int) -> None:
        """A request went down to its box."""
        found = self._holder.get(acquisition_id)
        if found and not found.acquisitions[acquisition_id].requested_unix_ns:
            self._put(found, replace(found.acquisitions[acquisition_id], requested_unix_ns=now))

    def stored(self, acquisition_id: AcquisitionId, stored_bytes: int, now: int) -> None:
        """A waveform is in the store; one that was given up re-opens the case."""
        found = self._holder.get(acquisition_id)
        if found is None or found.acquisitions[acquisition_id].state is AcquisitionState.STORED:
            return
        known = found.acquisitions[acquisition_id]
        self._answered(found, known)
        self._put(
            found,
            replace(known, state=AcquisitionState.STORED, answered_unix_ns=now, reason="", bytes=stored_bytes),
        )
        self._reopen(found)

    def missing(self, acquisition_id: AcquisitionId, reason: str, now: int) -> None:
        """A waveform will not come, or not now."""
        found = self._holder.get(acquisition_id)
        if found and found.acquisitions[acquisition_id].state is AcquisitionState.REQUESTED:
            known = found.acquisitions[acquisition_id]
            self._answered(found, known)
            self._put(found, replace(known, state=AcquisitionState.MISSING, answered_unix_ns=now, reason=reason))

    def _answered(self, found: OpenEvent, known: Acquisition) -> None:
        self._in_flight.discard(known.acquisition_id)
        if known.state is AcquisitionState.REQUESTED:
            found.waiting -= 1

    def cancel(self, found: OpenEvent, reason: str, now: int) -> None:
        """Give up all requests of an event that have no answer yet; the reason begins with ``cancelled``."""
        for item in list(found.acquisitions.values()):
            if item.state is AcquisitionState.REQUESTED:
                self.changes.requests.pop(item.acquisition_id, None)
                self.missing(item.acquisition_id, reason, now)

    def presence(self, box_id: BoxId, connected: bool) -> None:
        """A box came or went. One that came is asked again for all that it still owes."""
        if not connected:
            self.connected.discard(box_id)
            return
        self.connected.add(box_id)
        for acquisition_id, found in self._holder.items():
            item = found.acquisitions[acquisition_id]
            if item.box_id == box_id and _owed(item) and item.requested_unix_ns:
                self.changes.requests[acquisition_id] = item

    def pending(self) -> list[Acquisition]:
        """Acquisitions without an answer."""
        items = (found.acquisitions[acquisition_id] for acquisition_id, found in self._holder.items())
        return [item for item in items if item.state is AcquisitionState.REQUESTED]

    def tick(self, now: int) -> None:
        """Give up waiting, ask again, let requests go."""
        self._give_up_waiting(now)
        self._ask_again(now)
        self.release()

    def forget(self, found: OpenEvent) -> None:
        """Let go of an event's acquisitions."""
        for acquisition_id in found.acquisitions:
            self._holder.pop(acquisition_id, None)

    def _give_up_waiting(self, now: int) -> None:
        for acquisition_id in list(self._in_flight):
            item = self._holder[acquisition_id].acquisitions[acquisition_id]
            # A span that ends in the future is waited for by the box.
            due = max(item.requested_unix_ns, item.end_unix_ns if item.box_id in self.connected else 0)
            if item.requested_unix_ns and now - due > self.rules.answer_timeout_ns:
                here = item.box_id in self.connected
                seconds = self.rules.answer_timeout_ns / NS
                reason = f"no answer within {seconds:g} s" if here else "the box is not connected"
                self.missing(acquisition_id, reason, now)
                self._unanswered[acquisition_id] = now

    def _ask_again(self, now: int) -> None:
        for acquisition_id, asked in list(self._unanswered.items()):
            found = self._holder.get(acquisition_id)
            if found is None or found.acquisitions[acquisition_id].state is not AcquisitionState.MISSING:
                del self._unanswered[acquisition_id]
            elif now - asked > self.rules.ask_again_ns and found.acquisitions[acquisition_id].box_id in self.connected:
                self._unanswered[acquisition_id] = now
                self.changes.requests[acquisition_id] = found.acquisitions[acquisition_id]

    # --- records

    def _reopen(self, found: OpenEvent) -> None:
        if found.event.state is EventState.COMPLETE:
            found.event = replace(found.event, state=EventState.CLOSED)
            self.changes.events[found.event.event_id] = found.event

    def _put(self, found: OpenEvent, acquisition: Acquisition) -> None:
        found.put(acquisition)
        self.changes.acquisitions[acquisition.acquisition_id] = acquisition


def _owed(item: Acquisition) -> bool:
    """Whether an acquisition is still wanted."""
    refused = item.reason.startswith((_OVER_BUDGET, _CANCELLED))
    return item.state is not AcquisitionState.STORED and not refused
