"""Sags, swells, interruptions, undervoltages and overvoltages by IEEE 1159."""

from typing import Any

from opq.classifiers.base import Classifier, Record
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import Finding, IncidentClass
from opq.standards import ieee1159
from opq.standards.ieee1159 import Direction, Disturbance, Thresholds

_HIGH = {IncidentClass.VOLTAGE_SWELL, IncidentClass.OVERVOLTAGE}


class VoltageClassifier(Classifier[Disturbance]):
    """One finding per excursion of Urms(1/2), classed by IEEE 1159-2019 table 2."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._thresholds = thresholds or Thresholds()

    def find(self, record: Record) -> list[Disturbance]:
        """Find the excursions of a record."""
        return ieee1159.find_disturbances(record.half_cycles, record.nominal, self._thresholds)

    def same_kind(self, earlier: Disturbance, later: Disturbance) -> bool:
        """Only what goes the same way is one disturbance."""
        return earlier.direction is later.direction

    def join(self, earlier: Disturbance, later: Disturbance) -> Disturbance:
        """Join two parts."""
        return ieee1159.join(earlier, later)

    def finding(self, part: Disturbance, box_id: BoxId, nominal: Nominal) -> Finding:
        """Name the row of the table."""
        category = ieee1159.categorize(part, nominal)
        return Finding(
            box_id=box_id,
            incident_class=category.incident_class,
            start_unix_ns=part.start_unix_ns,
            end_unix_ns=part.end_unix_ns,
            standard=ieee1159.STANDARD,
            clause=ieee1159.CLAUSE,
            duration_class=category.duration_class,
            extreme=part.extreme_pu * nominal.u_din_v,
            unit="V",
            extreme_pu=part.extreme_pu,
            open_start=part.open_start,
            open_end=part.open_end,
            evidence=self._evidence(nominal, part, category),
        )

    def part(self, finding: Finding) -> Disturbance:
        """Read a disturbance back."""
        start, evidence = finding.start_unix_ns, finding.evidence
        interruption = None
        if "interruption_from_s" in evidence:
            times = [start + round(evidence[key] * NS) for key in ("interruption_from_s", "interruption_to_s")]
            interruption = (times[0], times[1])
        return Disturbance(
            direction=Direction.HIGH if finding.incident_class in _HIGH else Direction.LOW,
            start_unix_ns=start,
            end_unix_ns=finding.end_unix_ns,
            extreme_pu=finding.extreme_pu or 0.0,
            extreme_unix_ns=start + round(evidence["extreme_after_s"] * NS),
            interruption_unix_ns=interruption,
            open_start=finding.open_start,
            open_end=finding.open_end,
        )

    def _evidence(self, nominal: Nominal, part: Disturbance, category: ieee1159.Category) -> dict[str, Any]:
        limits, low = self._thresholds, part.direction is Direction.LOW
        start = limits.sag_pu if low else limits.swell_pu
        evidence: dict[str, Any] = {
            "method": "Urms(1/2)",
            "u_din_v": nominal.u_din_v,
            "begins_beyond_pu": start,
            "ends_at_pu": round(start + (limits.hysteresis_pu if low else -limits.hysteresis_pu), 9),
            "extreme_v": part.extreme_pu * nominal.u_din_v,
            "extreme_after_s": (part.extreme_unix_ns - part.start_unix_ns) / NS,
            "duration_s": part.duration_s,
            "duration_cycles": part.duration_s * nominal.f_hz,
            "row_lowest_pu": category.lowest_pu,
            "row_highest_pu": category.highest_pu,
            "outside_table": category.outside_table,
        }
        if part.interruption_unix_ns:
            begin, end = part.interruption_unix_ns
            evidence["interruption_below_pu"] = limits.interruption_pu
            evidence["interruption_from_s"] = (begin - part.start_unix_ns) / NS
            evidence["interruption_to_s"] = (end - part.start_unix_ns) / NS
        return evidence
