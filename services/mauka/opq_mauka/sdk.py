"""What a plugin is: a name, a version, the tasks it takes, a typed configuration and one pure function.

A plugin does no I/O and asks no clock: all it may know is in the context. The hub loads contexts and stores
findings; see `opq_mauka.plugins` for examples and `docs/plugins.md` for the way from idea to pod.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from opq.model.boxes import Box, BoxStatus
from opq.model.events import Event, EventBox
from opq.model.incidents import Finding, Incident
from opq.model.tasks import TaskKind
from opq.model.waveforms import VoltageSegment


class PluginConfig(BaseModel):
    """Base of every plugin's configuration: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, eq=False)
class BoxRecord:
    """What there is to know of one box in an event."""

    box: Box
    part: EventBox
    segments: tuple[VoltageSegment, ...]
    """Gapless pieces of voltage, oldest first; empty if no waveform came."""
    missing: str = ""
    """What waveform is missing and why."""


@dataclass(frozen=True, slots=True, eq=False)
class EventContext:
    """One event with the waveforms of all its boxes (task kind `event`)."""

    event: Event
    records: tuple[BoxRecord, ...]
    previous: tuple[Incident, ...] = ()
    """What this plugin found to reach the end of the event that this one continues, as it was found there."""


@dataclass(frozen=True, slots=True, eq=False)
class TickContext:
    """The site at one moment (task kind `tick`)."""

    now_unix_ns: int
    boxes: tuple[tuple[Box, BoxStatus | None], ...]
    ingest_up_since_unix_ns: int
    """Since when every ingest that is alive has been working without a break; silence before it says nothing about
    boxes. 0 if none is alive."""
    open_incidents: tuple[Incident, ...]
    """This plugin's incidents that still last."""


Config = TypeVar("Config", bound=PluginConfig)


class Plugin(ABC, Generic[Config]):
    """Base of every Mauka plugin; registered as entry point in group ``opq.mauka.plugins``."""

    name: ClassVar[str]
    """``[a-z0-9_]+``, unique in a site."""
    version: ClassVar[str]
    """Goes with every incident; raise it when findings can change."""
    config_class: ClassVar[type[PluginConfig]] = PluginConfig
    kinds: ClassVar[frozenset[TaskKind]] = frozenset({TaskKind.EVENT})
    tick_period_s: ClassVar[float] = 60.0
    """How often a plugin that takes ticks gets one [s]."""
    time_limit_s: ClassVar[float] = 60.0
    """A task that takes longer [s] has failed, and the worker is restarted."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def analyze(self, context: EventContext | TickContext) -> Sequence[Finding]:
        """Say what happened. Same context, same findings.

        For a tick, a finding whose (box, start) is that of an open incident replaces it: that is how an
        incident ends.
        """


class RecordPlugin(Plugin[Config]):
    """A plugin of events that looks at each box's waveform for itself."""

    def analyze(self, context: EventContext | TickContext) -> Sequence[Finding]:
        """Look at every box that has waveform; see `findings`."""
        if not isinstance(context, EventContext):
            return ()
        records = (record for record in context.records if record.segments)
        return [finding for record in records for finding in self.findings(context, record)]

    @abstractmethod
    def findings(self, context: EventContext, record: BoxRecord) -> Iterable[Finding]:
        """Say what happened at one box, from its waveform."""
