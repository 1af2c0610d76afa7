"""Incidents of one event and class taken together, so that one disturbance at many boxes is one line."""

from collections.abc import Iterable
from dataclasses import dataclass

from opq.ids import BoxId, EventId, IncidentId
from opq.model.incidents import Finding, Incident, IncidentClass

_UPWARD = {
    IncidentClass.VOLTAGE_SWELL,
    IncidentClass.OVERVOLTAGE,
    IncidentClass.FREQUENCY_SWELL,
    IncidentClass.EXCESSIVE_THD,
    IncidentClass.ITIC_PROHIBITED,
    IncidentClass.OUTAGE,
}
"""Classes whose farthest value is the greatest; of all others it is the least."""


@dataclass(frozen=True, slots=True)
class IncidentGroup:
    """What one event brought of one class; what no event carries stands alone.

    Attributes
    ----------
    incident_id : IncidentId
        The newest of them.
    worst : Finding
        The one with the farthest value.
    """

    incident_id: IncidentId
    event_id: EventId | None
    incident_class: IncidentClass
    box_ids: tuple[BoxId, ...]
    worst: Finding


def group_incidents(incidents: Iterable[Incident]) -> list[IncidentGroup]:
    """Group incidents, in the order in which each group's first comes."""
    groups: dict[tuple[str, IncidentClass], list[Incident]] = {}
    for incident in incidents:
        groups.setdefault((incident.event_id or incident.incident_id, incident.finding.incident_class), []).append(
            incident
        )
    return [_group(members) for members in groups.values()]


def _group(members: list[Incident]) -> IncidentGroup:
    first = members[0]
    incident_class = first.finding.incident_class
    choose = max if incident_class in _UPWARD else min
    # Boxes of one grid may be declared for different voltages: where there is a per unit, it decides.
    worst = choose(
        (member.finding for member in members),
        key=lambda finding: finding.extreme if finding.extreme_pu is None else finding.extreme_pu,
    )
    box_ids = tuple(sorted({member.finding.box_id for member in members}))
    return IncidentGroup(first.incident_id, first.event_id, incident_class, box_ids, worst)
