"""Transients: impulses, oscillations, arcing, notching, multiple zero crossings."""

from dataclasses import fields
from typing import Any

import numpy as np

from opq.classifiers.base import Classifier, Record
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import Finding, IncidentClass
from opq.standards import transients
from opq.standards.transients import Transient, TransientLimits

_SINGLE = {IncidentClass.IMPULSIVE_TRANSIENT, IncidentClass.OSCILLATORY_TRANSIENT}
_TIMES = {"start_unix_ns", "end_unix_ns", "peak_unix_ns", "incident_class", "open_start", "open_end"}
_EVIDENCE = tuple(field.name for field in fields(Transient) if field.name not in _TIMES)
_ALWAYS = {"peak_v", "peak_pu", "polarity", "energy_v2s", "point_on_wave_deg", "noise_v"}


class TransientClassifier(Classifier[Transient]):
    """One finding per transient; lasting ones (arcing, notching, multiple zero crossings) as long as they last."""

    def __init__(self, limits: TransientLimits | None = None) -> None:
        self._limits = limits or TransientLimits()

    def find(self, record: Record) -> list[Transient]:
        """Find the transients of a record."""
        return transients.find_transients(record.segment, record.nominal, self._limits)

    def same_kind(self, earlier: Transient, later: Transient) -> bool:
        """Lasting ones of one class are one; single ones if two records show the same, or one is cut by the end of a record."""
        if earlier.incident_class is not later.incident_class:
            return False
        if earlier.incident_class not in _SINGLE or (earlier.open_end and later.open_start):
            return True
        return abs(earlier.start_unix_ns - later.start_unix_ns) < NS // 1000

    def join(self, earlier: Transient, later: Transient) -> Transient:
        """Join two parts."""
        return transients.join(earlier, later)

    def finding(self, part: Transient, box_id: BoxId, nominal: Nominal) -> Finding:
        """Say what it is, with everything it was judged by."""
        values = {name: getattr(part, name) for name in _EVIDENCE}
        evidence: dict[str, Any] = {name: value for name, value in values.items() if value or name in _ALWAYS}
        evidence["peak_after_s"] = (part.peak_unix_ns - part.start_unix_ns) / NS
        evidence["duration_s"] = part.duration_s
        return Finding(
            box_id=box_id,
            incident_class=part.incident_class,
            start_unix_ns=part.start_unix_ns,
            end_unix_ns=part.end_unix_ns,
            standard=transients.STANDARD,
            clause=transients.CLAUSE,
            extreme=part.peak_v,
            unit="V",
            extreme_pu=float(np.abs(part.peak_pu)),
            open_start=part.open_start,
            open_end=part.open_end,
            evidence=evidence,
        )

    def part(self, finding: Finding) -> Transient:
        """Read a transient back."""
        evidence = finding.evidence
        return Transient(
            incident_class=finding.incident_class,
            start_unix_ns=finding.start_unix_ns,
            end_unix_ns=finding.end_unix_ns,
            peak_unix_ns=finding.start_unix_ns + round(evidence["peak_after_s"] * NS),
            open_start=finding.open_start,
            open_end=finding.open_end,
            **{name: evidence[name] for name in _EVIDENCE if name in evidence},
        )
