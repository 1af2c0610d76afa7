"""Incidents: one classified disturbance at one box, with its evidence."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from opq.ids import BoxId, EventId, IncidentId


class IncidentClass(Enum):
    """What an incident can be. The values are the names in database, JSON and pages."""

    VOLTAGE_SAG = "VOLTAGE_SAG"
    VOLTAGE_SWELL = "VOLTAGE_SWELL"
    VOLTAGE_INTERRUPTION = "VOLTAGE_INTERRUPTION"
    UNDERVOLTAGE = "UNDERVOLTAGE"
    OVERVOLTAGE = "OVERVOLTAGE"
    RAPID_VOLTAGE_CHANGE = "RAPID_VOLTAGE_CHANGE"
    FREQUENCY_SAG = "FREQUENCY_SAG"
    FREQUENCY_SWELL = "FREQUENCY_SWELL"
    FREQUENCY_INTERRUPTION = "FREQUENCY_INTERRUPTION"
    EXCESSIVE_THD = "EXCESSIVE_THD"
    FLICKER = "FLICKER"
    IMPULSIVE_TRANSIENT = "IMPULSIVE_TRANSIENT"
    OSCILLATORY_TRANSIENT = "OSCILLATORY_TRANSIENT"
    ARCING_TRANSIENT = "ARCING_TRANSIENT"
    PERIODIC_NOTCHING = "PERIODIC_NOTCHING"
    MULTIPLE_ZERO_CROSSING_TRANSIENT = "MULTIPLE_ZERO_CROSSING_TRANSIENT"
    ITIC_PROHIBITED = "ITIC_PROHIBITED"
    ITIC_NO_DAMAGE = "ITIC_NO_DAMAGE"
    SEMI_F47_VIOLATION = "SEMI_F47_VIOLATION"
    IEEE_1668_VIOLATION = "IEEE_1668_VIOLATION"
    ENVELOPE_VIOLATION = "ENVELOPE_VIOLATION"
    OUTAGE = "OUTAGE"


class DurationClass(Enum):
    """IEEE 1159 duration classes."""

    INSTANTANEOUS = "instantaneous"
    MOMENTARY = "momentary"
    TEMPORARY = "temporary"
    SUSTAINED = "sustained"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disturbance as a plugin sees it; the hub makes an :class:`Incident` of it."""

    box_id: BoxId
    incident_class: IncidentClass
    start_unix_ns: int
    end_unix_ns: int
    standard: str
    """``IEEE 1159-2019``"""
    clause: str
    duration_class: DurationClass | None = None
    extreme: float = 0.0
    """The value farthest from normal inside the incident, in `unit`."""
    unit: str = ""
    extreme_pu: float | None = None
    """Over Udin; None where per unit has no meaning."""
    open_start: bool = False
    """It had already begun when the record began."""
    open_end: bool = False
    """It still lasted when the record ended."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """Numbers, strings, booleans and lists of them that a person can check the decision by. Keys have no dots."""

    @property
    def duration_ns(self) -> int:
        """End minus start."""
        return self.end_unix_ns - self.start_unix_ns


@dataclass(frozen=True, slots=True)
class Incident:
    """A finding with its origin. Natural key: (plugin, event_id, box_id, ordinal); a newer look replaces the older."""

    incident_id: IncidentId
    plugin: str
    plugin_version: str
    event_id: EventId | None
    """None for what no event carries, such as an outage."""
    ordinal: str
    """Tells the incidents of one plugin, event and box apart; ``0``, ``1``, ... or, without an event, the start."""
    created_unix_ns: int
    finding: Finding
