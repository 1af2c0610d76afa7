"""Rapid voltage changes."""

from opq.classifiers.base import Classifier, Record
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import Finding, IncidentClass
from opq.standards import rapid_changes
from opq.standards.rapid_changes import RapidChange, RapidChangeLimits


class RapidChangeClassifier(Classifier[RapidChange]):
    """One finding per change from one steady voltage to another."""

    def __init__(self, limits: RapidChangeLimits | None = None) -> None:
        self._limits = limits or RapidChangeLimits()

    def find(self, record: Record) -> list[RapidChange]:
        """Find the changes of a record."""
        return rapid_changes.find_rapid_changes(record.half_cycles, record.nominal, self._limits)

    def same_kind(self, earlier: RapidChange, later: RapidChange) -> bool:
        """Only changes that begin together are one: two records show it both."""
        return abs(earlier.start_unix_ns - later.start_unix_ns) < NS

    def join(self, earlier: RapidChange, later: RapidChange) -> RapidChange:
        """Join two parts."""
        return rapid_changes.join(earlier, later)

    def finding(self, part: RapidChange, box_id: BoxId, nominal: Nominal) -> Finding:
        """Say how far and how long it went."""
        return Finding(
            box_id=box_id,
            incident_class=IncidentClass.RAPID_VOLTAGE_CHANGE,
            start_unix_ns=part.start_unix_ns,
            end_unix_ns=part.end_unix_ns,
            standard=rapid_changes.STANDARD,
            clause=rapid_changes.CLAUSE,
            extreme=(part.before_pu + part.largest_pu) * nominal.u_din_v,
            unit="V",
            extreme_pu=part.before_pu + part.largest_pu,
            open_start=part.open_start,
            open_end=part.open_end,
            evidence={
                "method": "Urms(1/2)",
                "u_din_v": nominal.u_din_v,
                "begins_beyond_pu": self._limits.threshold_pu,
                "before_pu": part.before_pu,
                "largest_change_pu": part.largest_pu,
                "steady_change_pu": part.steady_pu,
                "extreme_after_s": (part.extreme_unix_ns - part.start_unix_ns) / NS,
                "duration_s": part.duration_s,
            },
        )

    def part(self, finding: Finding) -> RapidChange:
        """Read a change back."""
        evidence = finding.evidence
        return RapidChange(
            start_unix_ns=finding.start_unix_ns,
            end_unix_ns=finding.end_unix_ns,
            largest_pu=evidence["largest_change_pu"],
            steady_pu=evidence["steady_change_pu"],
            before_pu=evidence["before_pu"],
            extreme_unix_ns=finding.start_unix_ns + round(evidence["extreme_after_s"] * NS),
            open_start=finding.open_start,
            open_end=finding.open_end,
        )
