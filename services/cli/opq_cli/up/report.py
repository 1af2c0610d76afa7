"""Whether what was found is what was done: a scenario's truth against the incidents in the store."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from opq.clock import NS, seconds_ns
from opq.ids import BoxId
from opq.model.incidents import Incident, IncidentClass
from opq.sim.scenario import Disturbance, Scenario
from opq.store import Store
from opq.store.port import EventFilter, IncidentFilter

_SLACK_NS = 3 * NS
"""An incident may begin or end this far from the disturbance that caused it: windows and detection are not instant."""
_MANY = 100_000


def make_report(store: Store, scenario: Scenario, end_unix_ns: int, problems: Sequence[str]) -> dict[str, Any]:
    """Judge every disturbance that was over before `end_unix_ns`, each time that it happened.

    What was found of one that was not yet over is neither right nor wrong.

    Parameters
    ----------
    problems : sequence of str
        What went wrong on the way, for the list of errors.

    Returns
    -------
    dict
        The report as documented in ``docs/up.md``.
    """
    start = scenario.start_unix_ns
    incidents = store.incidents.list(IncidentFilter(start_unix_ns=start, end_unix_ns=end_unix_ns), _MANY)
    injected, explained = [], set()
    for repetition in range(_repetitions(scenario, end_unix_ns)):
        for item in scenario.disturbances:
            span = scenario.interval(item, repetition)
            verdict, its_own = _judge(item, span, incidents)
            explained |= its_own
            if span[1] <= end_unix_ns:
                injected.append(verdict)
    errors = list(problems)
    errors += [
        f"not found as it should be: {item['kind']} at {', '.join(item['box_ids'])}: {item['detail']}"
        for item in injected
        if not item["found"]
    ]
    errors += [
        f"unexpected incident {incident.finding.incident_class.value} at {incident.finding.box_id} ({incident.incident_id})"
        for incident in incidents
        if incident.incident_id not in explained
    ]
    frames, measurements = _frames(store, scenario, end_unix_ns)
    return {
        "boxes": len(scenario.boxes),
        "frames": frames,
        "measurements": measurements,
        "events": store.events.count(EventFilter(start_unix_ns=start, end_unix_ns=end_unix_ns)),
        "incidents": dict(sorted(Counter(incident.finding.incident_class.value for incident in incidents).items())),
        "injected": [{key: value for key, value in item.items() if key != "detail"} for item in injected],
        "waveform_bytes": store.waveforms.total_bytes(),
        "errors": errors,
    }


def _repetitions(scenario: Scenario, end_unix_ns: int) -> int:
    """How often the disturbances began before a time."""
    lasted = end_unix_ns - scenario.start_unix_ns
    if not scenario.repeat_s or lasted <= 0:
        return 1
    return -(-lasted // seconds_ns(scenario.repeat_s))


def _judge(
    disturbance: Disturbance, span: tuple[int, int], incidents: Sequence[Incident]
) -> tuple[dict[str, Any], set[str]]:
    """Compare one disturbance with what was found: exactly one incident of each class at each of its boxes."""
    start, end = span
    near = [
        incident
        for incident in incidents
        if incident.finding.box_id in disturbance.box_ids
        and incident.finding.start_unix_ns <= end + _SLACK_NS
        and incident.finding.end_unix_ns >= start - _SLACK_NS
    ]
    counts: Counter[tuple[BoxId, IncidentClass]] = Counter(
        (incident.finding.box_id, incident.finding.incident_class) for incident in near
    )
    wrong = [
        f"{counts[box_id, wanted]} {wanted.value} at {box_id}, expected 1"
        for box_id in disturbance.box_ids
        for wanted in disturbance.classes
        if counts[box_id, wanted] != 1
    ]
    main = [incident for incident in near if incident.finding.incident_class is disturbance.classes[0]]
    latency = max((incident.created_unix_ns - start for incident in main), default=0)
    verdict = {
        "kind": disturbance.kind.value,
        "box_ids": list(disturbance.box_ids),
        "found": not wrong,
        "classified_as": sorted({incident.finding.incident_class.value for incident in near}),
        "latency_ms": round(latency / 1e6),
        "detail": "; ".join(wrong),
    }
    expected = {incident.incident_id for incident in near if incident.finding.incident_class in disturbance.classes}
    return verdict, set(expected)


def _frames(store: Store, scenario: Scenario, end_unix_ns: int) -> tuple[int, int]:
    """Frames the boxes made (by their sequence numbers) and measurements stored of them, since the start."""
    frames = measurements = 0
    for box in scenario.boxes:
        rows = store.measurements.range(box.box_id, scenario.start_unix_ns, end_unix_ns, _MANY)
        if rows:
            frames += rows[-1].sequence - rows[0].sequence + 1
            measurements += len(rows)
    return frames, measurements
