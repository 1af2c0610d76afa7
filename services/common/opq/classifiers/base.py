"""What a classifier is, what it looks at, and how the parts of a disturbance that records cut apart are joined."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.model.incidents import Finding
from opq.model.waveforms import VoltageSegment
from opq.signal.segments import HalfCycleSeries, half_cycle_series, segment_windows


class Record:
    """A gapless record of one voltage; what is measured of it is measured once, and only if somebody looks.

    Parameters
    ----------
    segment : VoltageSegment
        The waveform.
    nominal : Nominal
        Declared supply.
    half_cycles, windows : optional
        What has been measured of it already.
    """

    def __init__(
        self,
        segment: VoltageSegment,
        nominal: Nominal,
        half_cycles: HalfCycleSeries | None = None,
        windows: Windows | None = None,
    ) -> None:
        self.segment = segment
        self.nominal = nominal
        if half_cycles is not None:
            self.half_cycles = half_cycles
        if windows is not None:
            self.windows = windows

    @cached_property
    def half_cycles(self) -> HalfCycleSeries:
        """Urms(1/2) of the record."""
        return half_cycle_series(self.segment, self.nominal)

    @cached_property
    def windows(self) -> Windows:
        """Feature windows of N cycles."""
        return segment_windows(self.segment, self.nominal)


class PartLike(Protocol):
    """What a record shows of one disturbance: a frozen dataclass with these fields at least."""

    @property
    def start_unix_ns(self) -> int:
        """Begin [ns since the epoch]."""

    @property
    def end_unix_ns(self) -> int:
        """End [ns since the epoch]."""

    @property
    def open_start(self) -> bool:
        """Whether it had begun when the record began."""

    @property
    def open_end(self) -> bool:
        """Whether it lasted when the record ended."""


Part = TypeVar("Part", bound=PartLike)


class Classifier(ABC, Generic[Part]):
    """Finds the disturbances of one kind in records of a voltage and says what they are."""

    @abstractmethod
    def find(self, record: Record) -> list[Part]:
        """Return what a record shows, oldest first."""

    @abstractmethod
    def same_kind(self, earlier: Part, later: Part) -> bool:
        """Say whether two parts may be one disturbance."""

    @abstractmethod
    def join(self, earlier: Part, later: Part) -> Part:
        """Make one of the two parts of a disturbance."""

    @abstractmethod
    def finding(self, part: Part, box_id: BoxId, nominal: Nominal) -> Finding | None:
        """Say what a whole disturbance is; None if it is within what is allowed."""

    @abstractmethod
    def part(self, finding: Finding) -> Part:
        """Read a part back from the finding made of it."""

    def findings(
        self, earlier: Sequence[Finding], records: Iterable[Record], box_id: BoxId, nominal: Nominal
    ) -> list[Finding]:
        """Say what consecutive records of one box show, given what lasted at the end of those before."""
        parts = [part for record in records for part in self.find(record)]
        joined = join_parts([self.part(finding) for finding in earlier], parts, self)
        found = [self.finding(part, box_id, nominal) for part in joined]
        return [finding for finding in found if finding is not None]


def join_parts(earlier: Sequence[Part], parts: Iterable[Part], classifier: Classifier[Part]) -> list[Part]:
    """Join what is open at its start with what is open at its end before it, and what two records both show.

    The records of an event and of the one that continues it overlap, so the same disturbance may be whole in both.

    Parameters
    ----------
    earlier : sequence of Part
        What reached the end of the event before. What is not joined ended there and is closed.
    parts : iterable of Part
        What the records gave, oldest first.
    classifier : Classifier
        Knows which parts may be one and how to make one of two.
    """
    joined = list(earlier)
    for part in parts:
        before = [
            index
            for index, candidate in enumerate(joined)
            if classifier.same_kind(candidate, part)
            and ((candidate.open_end and part.open_start) or (index < len(earlier) and _overlap(candidate, part)))
        ]
        if before:
            joined[before[-1]] = classifier.join(joined[before[-1]], part)
        else:
            joined.append(part)
    ended = [_closed(part) if part is old else part for part, old in zip(joined, earlier, strict=False)]
    return ended + joined[len(ended) :]


def _closed(part: Part) -> Part:
    closed: Any = part
    result: Part = replace(closed, open_end=False)
    return result


def _overlap(one: PartLike, other: PartLike) -> bool:
    return one.start_unix_ns < other.end_unix_ns and other.start_unix_ns < one.end_unix_ns
