"""Triggers, acquisitions and events: what Makai decides."""

from dataclasses import dataclass, field
from enum import Enum

from opq.ids import AcquisitionId, BoxId, EventId, GridId


class TriggerKind(Enum):
    """How sure a trigger is."""

    HARD = "hard"
    """Outside the absolute limits."""
    SOFT = "soft"
    """Outside the box's own habit only."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A span in which a box's features left their limits or their habit."""

    box_id: BoxId
    start_unix_ns: int
    end_unix_ns: int
    kind: TriggerKind
    metric: str
    """Name of the feature that triggered."""
    value: float
    limit: float
    detector: str

    def reason(self) -> str:
        """Say it in a phrase, for people: ``u_rms_half_min_v 84.2 beyond 114 (hard, limits)``."""
        return f"{self.metric} {self.value:.5g} beyond {self.limit:.5g} ({self.kind.value}, {self.detector})"


class Role(Enum):
    """Why a box is in an event; the strongest reason counts."""

    HARD = "hard"
    SOFT = "soft"
    NEIGHBOUR = "neighbour"
    """Asked because an electrical neighbour triggered hard."""
    MANUAL = "manual"


class AcquisitionState(Enum):
    """Life of a request for raw waveform."""

    REQUESTED = "requested"
    STORED = "stored"
    MISSING = "missing"
    """The waveform is known not to come (for now); `reason` says why."""


@dataclass(frozen=True, slots=True)
class Acquisition:
    """A request for raw waveform of one box over one interval, and its answer. The id is also the waveform's."""

    acquisition_id: AcquisitionId
    event_id: EventId
    box_id: BoxId
    start_unix_ns: int
    end_unix_ns: int
    state: AcquisitionState = AcquisitionState.REQUESTED
    requested_unix_ns: int = 0
    answered_unix_ns: int = 0
    reason: str = ""
    bytes: int = 0


class EventState(Enum):
    """Life of an event."""

    OPEN = "open"
    """May still grow."""
    CLOSED = "closed"
    """Quiet again; waveforms are awaited."""
    COMPLETE = "complete"
    """All waveforms are stored or known to be missing; handed to Mauka."""


class Extent(Enum):
    """How far an event reached, judged by which boxes triggered (M4)."""

    LOCAL = "local"
    """One box."""
    NEIGHBOURHOOD = "neighbourhood"
    """Several boxes, less than half of those that were streaming."""
    GRID = "grid"
    """At least half of the streaming boxes."""


@dataclass(frozen=True, slots=True)
class EventBox:
    """One box's part in an event (collection `box_events`)."""

    event_id: EventId
    box_id: BoxId
    role: Role
    start_unix_ns: int
    """First trigger of this box; for a neighbour the start of the event."""
    end_unix_ns: int
    reasons: tuple[str, ...] = ()
    """Why it triggered, one phrase per metric."""


@dataclass(frozen=True, slots=True)
class Event:
    """A time span in one grid in which something happened."""

    event_id: EventId
    grid_id: GridId
    start_unix_ns: int
    end_unix_ns: int
    state: EventState
    extent: Extent = Extent.LOCAL
    extent_reason: str = ""
    """The numbers behind `extent`: ``3 of 8 streaming boxes triggered``."""
    opened_by: str = ""
    """Box and reason of the trigger that opened it."""
    opened_unix_ns: int = 0
    """When Makai opened it (its clock); minus `start_unix_ns` the latency of detection."""
    completed_unix_ns: int = 0
    revision: int = 0
    """Counts up when a box or a waveform joins after the event was complete; Mauka then looks again."""
    continues: EventId | None = None
    """The event this one was split from, if it lasted longer than one event may."""
    box_ids: tuple[BoxId, ...] = field(default=())
    """All boxes that took part, sorted; their parts are :class:`EventBox` records."""
