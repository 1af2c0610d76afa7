"""Sags, swells, interruptions, undervoltages and overvoltages by IEEE 1159."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from opq.clock import NS
from opq.model.boxes import Box
from opq.model.incidents import Finding, IncidentClass
from opq.signal.segments import half_cycle_series
from opq.standards import ieee1159
from opq.standards.ieee1159 import Direction, Disturbance, Thresholds
from opq_mauka.plugins.continuation import join_parts, lasting_before
from opq_mauka.sdk import BoxRecord, EventContext, PluginConfig, RecordPlugin

_HIGH = {IncidentClass.VOLTAGE_SWELL, IncidentClass.OVERVOLTAGE}


class Ieee1159Config(PluginConfig):
    """Thresholds over Udin."""

    sag_pu: float = Field(default=0.9, gt=0, lt=1)
    """Below this a sag begins."""
    swell_pu: float = Field(default=1.1, gt=1, le=2)
    """Above this a swell begins."""
    interruption_pu: float = Field(default=0.1, gt=0, lt=0.5)
    """Below this it is an interruption."""
    hysteresis_pu: float = Field(default=0.02, ge=0, le=0.05)
    """By how much the voltage must be back for the disturbance to end."""


class Ieee1159(RecordPlugin[Ieee1159Config]):
    """One incident per excursion of Urms(1/2), classed by IEEE 1159-2019 table 2."""

    name: ClassVar[str] = "ieee1159"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = Ieee1159Config

    def findings(self, context: EventContext, record: BoxRecord) -> Iterator[Finding]:
        """Find the disturbances of one box."""
        box = record.box
        thresholds = Thresholds(**self.config.model_dump())
        parts = [
            disturbance
            for segment in record.segments
            for disturbance in ieee1159.find_disturbances(
                half_cycle_series(segment, box.nominal), box.nominal, thresholds
            )
        ]
        earlier = [_as_disturbance(finding) for finding in lasting_before(context, record)]
        for disturbance in join_parts(earlier, parts, _same_direction, ieee1159.join):
            yield self._finding(box, disturbance)

    def _finding(self, box: Box, disturbance: Disturbance) -> Finding:
        category = ieee1159.categorize(disturbance, box.nominal)
        extreme_v = disturbance.extreme_pu * box.nominal.u_din_v
        return Finding(
            box_id=box.box_id,
            incident_class=category.incident_class,
            start_unix_ns=disturbance.start_unix_ns,
            end_unix_ns=disturbance.end_unix_ns,
            standard=ieee1159.STANDARD,
            clause=ieee1159.CLAUSE,
            duration_class=category.duration_class,
            extreme=extreme_v,
            unit="V",
            extreme_pu=disturbance.extreme_pu,
            open_start=disturbance.open_start,
            open_end=disturbance.open_end,
            evidence=self._evidence(box, disturbance, category),
        )

    def _evidence(self, box: Box, disturbance: Disturbance, category: ieee1159.Category) -> dict[str, Any]:
        config, low = self.config, disturbance.direction is Direction.LOW
        start = config.sag_pu if low else config.swell_pu
        evidence: dict[str, Any] = {
            "method": "Urms(1/2)",
            "u_din_v": box.nominal.u_din_v,
            "begins_beyond_pu": start,
            "ends_at_pu": round(start + (config.hysteresis_pu if low else -config.hysteresis_pu), 9),
            "extreme_v": disturbance.extreme_pu * box.nominal.u_din_v,
            "extreme_after_s": (disturbance.extreme_unix_ns - disturbance.start_unix_ns) / NS,
            "duration_s": disturbance.duration_s,
            "duration_cycles": disturbance.duration_s * box.nominal.f_hz,
            "row_lowest_pu": category.lowest_pu,
            "row_highest_pu": category.highest_pu,
            "outside_table": category.outside_table,
        }
        if disturbance.interruption_unix_ns:
            begin, end = disturbance.interruption_unix_ns
            evidence["interruption_below_pu"] = config.interruption_pu
            evidence["interruption_from_s"] = (begin - disturbance.start_unix_ns) / NS
            evidence["interruption_to_s"] = (end - disturbance.start_unix_ns) / NS
        return evidence


def _same_direction(earlier: Disturbance, later: Disturbance) -> bool:
    return earlier.direction is later.direction


def _as_disturbance(finding: Finding) -> Disturbance:
    """Read a disturbance back from the finding made of it."""
    start, evidence = finding.start_unix_ns, finding.evidence
    interruption = None
    if "interruption_from_s" in evidence:
        interruption = tuple(start + round(evidence[key] * NS) for key in ("interruption_from_s", "interruption_to_s"))
    return Disturbance(
        direction=Direction.HIGH if finding.incident_class in _HIGH else Direction.LOW,
        start_unix_ns=start,
        end_unix_ns=finding.end_unix_ns,
        extreme_pu=finding.extreme_pu or 0.0,
        extreme_unix_ns=start + round(evidence["extreme_after_s"] * NS),
        interruption_unix_ns=(interruption[0], interruption[1]) if interruption else None,
        open_start=finding.open_start,
        open_end=finding.open_end,
    )
