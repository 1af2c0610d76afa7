"""Contexts and findings as JSON: the form in which hub and worker, in whatever language, exchange them.

The objects are the dataclasses of `opq.model`; pydantic writes and checks them.
"""

import re
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from opq.errors import InvalidInput
from opq.model.boxes import Box, BoxStatus
from opq.model.events import Event, EventBox
from opq.model.incidents import Finding, Incident

NAME = re.compile(r"[a-z0-9_]{1,63}")
"""What a plugin may be called."""


@dataclass(frozen=True, slots=True)
class RecordHead:
    """A box's part in an event without its waveform."""

    box: Box
    part: EventBox
    missing: str


@dataclass(frozen=True, slots=True)
class EventHead:
    """What a plugin may know of an event, without waveforms."""

    event: Event
    records: tuple[RecordHead, ...]
    previous: tuple[Incident, ...]


@dataclass(frozen=True, slots=True)
class TickBox:
    """A box and what was last seen of it."""

    box: Box
    status: BoxStatus | None


@dataclass(frozen=True, slots=True)
class TickHead:
    """What a plugin may know at a tick."""

    now_unix_ns: int
    boxes: tuple[TickBox, ...]
    ingest_up_since_unix_ns: int
    open_incidents: tuple[Incident, ...]


EVENT_HEAD = TypeAdapter(EventHead)
TICK_HEAD = TypeAdapter(TickHead)
_FINDINGS = TypeAdapter(list[Finding])


def findings_json(findings: list[Finding]) -> str:
    """Write findings; what is no finding, or has evidence that JSON cannot hold, raises."""
    return _FINDINGS.dump_json(findings, warnings="error").decode()


def parse_findings(text: str) -> list[Finding]:
    """Read what a worker found.

    Raises
    ------
    InvalidInput
        If it is no list of findings, naming the place.
    """
    try:
        return _FINDINGS.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"findings: at {place or 'the top'}: {first['msg']}") from error
