"""From findings to incidents in the store."""

from collections import defaultdict
from collections.abc import Sequence

from opq.clock import Clock
from opq.errors import InvalidInput
from opq.ids import BoxId, EventId, IncidentId, new_id
from opq.model.incidents import Finding, Incident
from opq.store import Store
from opq_mauka.hub.lasting import keep_lasting, lasting_at_end, queue_followers

MAX_FINDINGS = 1000


def store_event_findings(
    store: Store, clock: Clock, plugin: str, version: str, event_id: EventId, findings: Sequence[Finding]
) -> int:
    """Make findings all that a plugin says of an event; return how many incidents that are.

    A finding that began in an event that this one continues replaces the incident there, so that a disturbance
    that outlasts an event stays one incident; what is not found to go on is again what it was there.
    """
    check_findings(store, findings)
    event = store.events.get(event_id)
    before = lasting_at_end(store, plugin, event.continues) if event and event.continues else ()
    earlier = {(incident.finding.box_id, incident.finding.start_unix_ns): incident for incident in before}
    continued, fresh = dict(earlier), []
    ordinals: dict[BoxId, int] = defaultdict(int)
    for finding in sorted(findings, key=lambda finding: (finding.box_id, finding.start_unix_ns)):
        key = finding.box_id, finding.start_unix_ns
        if key in earlier:
            at = earlier[key]
            continued[key] = _incident(clock, plugin, version, at.event_id, at.ordinal, finding)
            continue
        fresh.append(_incident(clock, plugin, version, event_id, str(ordinals[finding.box_id]), finding))
        ordinals[finding.box_id] += 1
    for incident in continued.values():
        store.incidents.put(incident)
    store.incidents.replace(plugin, event_id, fresh)
    if event and keep_lasting(store, event, plugin, [*continued.values(), *fresh]):
        queue_followers(store, event, plugin, clock.unix_ns())
    return len(findings)


def store_tick_findings(store: Store, clock: Clock, plugin: str, version: str, findings: Sequence[Finding]) -> int:
    """Store findings that no event carries; the same box and start is the same incident."""
    check_findings(store, findings)
    for finding in findings:
        store.incidents.put(_incident(clock, plugin, version, None, str(finding.start_unix_ns), finding))
    return len(findings)


def check_findings(store: Store, findings: Sequence[Finding]) -> None:
    """Refuse findings that cannot be right.

    Raises
    ------
    InvalidInput
        Naming the finding and what is wrong.
    """
    if len(findings) > MAX_FINDINGS:
        raise InvalidInput(f"findings: got {len(findings)}, expected at most {MAX_FINDINGS} of one task")
    known = {box.box_id for box in store.boxes.list()} if findings else set()
    for number, finding in enumerate(findings):
        if finding.box_id not in known:
            raise InvalidInput(f"findings: number {number} is of box {finding.box_id!r}, which is not enrolled")
        if finding.end_unix_ns < finding.start_unix_ns:
            raise InvalidInput(f"findings: number {number} ends before it starts")


def _incident(
    clock: Clock, plugin: str, version: str, event_id: EventId | None, ordinal: str, finding: Finding
) -> Incident:
    now = clock.unix_ns()
    return Incident(IncidentId(new_id(finding.start_unix_ns)), plugin, version, event_id, ordinal, now, finding)
