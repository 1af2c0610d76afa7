"""Incidents of one event and class taken together, so that one disturbance at many boxes is one line."""

from collections.abc import Iterable
from dataclasses import dataclass

from opq.ids import BoxId, EventId, IncidentId
from opq.model.incidents import Finding, Incident, IncidentClass

_DOWNWARD = {
    IncidentClass.VOLTAGE_SAG,
    IncidentClass.VOLTAGE_INTERRUPTION,
    IncidentClass.UNDERVOLTAGE,
    IncidentClass.FREQUENCY_SAG,
    IncidentClass.FREQUENCY_INTERRUPTION,
    IncidentClass.ITIC_NO_DAMAGE,
    IncidentClass.SEMI_F47_VIOLATION,
    IncidentClass.IEEE_1668_VIOLATION,
}
"""Classes whose farthest value is the least; of all others it is the greatest."""


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
    choose = min if incident_class in _DOWNWARD else max
    # Boxes of one grid may be declared for different voltages: where there is a per unit, it decides.
    worst = choose(
        (member.finding for member in members),
        key=lambda finding: finding.extreme if finding.extreme_pu is None else finding.extreme_pu,
    )
    box_ids = tuple(sorted({member.finding.box_id for member in members}))
    return IncidentGroup(first.incident_id, first.event_id, incident_class, box_ids, worst)
