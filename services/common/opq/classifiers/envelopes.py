"""Disturbances outside a voltage tolerance envelope: ITIC, SEMI F47, IEEE 1668 and any other curve."""

from typing import Any

from opq.classifiers.base import Classifier, Record
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import Finding, IncidentClass
from opq.standards import tolerance
from opq.standards.envelopes import ENVELOPES, Envelope
from opq.standards.ieee1159 import Direction
from opq.standards.tolerance import Excursion, LevelTime

_CLASSES = {
    "itic": (IncidentClass.ITIC_NO_DAMAGE, IncidentClass.ITIC_PROHIBITED),
    "semi_f47": (IncidentClass.SEMI_F47_VIOLATION, IncidentClass.SEMI_F47_VIOLATION),
    "ieee1668_1_2": (IncidentClass.IEEE_1668_VIOLATION, IncidentClass.IEEE_1668_VIOLATION),
    "ieee1668_3": (IncidentClass.IEEE_1668_VIOLATION, IncidentClass.IEEE_1668_VIOLATION),
}
_OTHER = (IncidentClass.ENVELOPE_VIOLATION, IncidentClass.ENVELOPE_VIOLATION)


class EnvelopeClassifier(Classifier[Excursion]):
    """One finding per disturbance that breaks an envelope.

    Parameters
    ----------
    envelope : Envelope
        The curve.
    below, above : IncidentClass
        What breaking its lower and its upper side is called.
    """

    def __init__(self, envelope: Envelope, below: IncidentClass, above: IncidentClass) -> None:
        self.envelope = envelope
        self._below, self._above = below, above

    @staticmethod
    def built_in(name: str) -> "EnvelopeClassifier":
        """Return the classifier of one of `ENVELOPES`."""
        return EnvelopeClassifier(ENVELOPES[name], *_CLASSES[name])

    @staticmethod
    def custom(envelope: Envelope) -> "EnvelopeClassifier":
        """Return the classifier of another curve."""
        return EnvelopeClassifier(envelope, *_OTHER)

    def find(self, record: Record) -> list[Excursion]:
        """Judge the disturbances of a record; those inside the curve are parts too."""
        return tolerance.find_excursions(record.segment, record.half_cycles, record.nominal, self.envelope)

    def same_kind(self, earlier: Excursion, later: Excursion) -> bool:
        """Only what goes the same way is one disturbance."""
        return earlier.direction is later.direction

    def join(self, earlier: Excursion, later: Excursion) -> Excursion:
        """Join two parts."""
        return tolerance.join(earlier, later)

    def finding(self, part: Excursion, box_id: BoxId, nominal: Nominal) -> Finding | None:
        """Name the broken curve; None if the disturbance is inside."""
        if not part.broken:
            return None
        magnitude_v = part.extreme_pu * nominal.u_din_v
        return Finding(
            box_id=box_id,
            incident_class=self._below if part.direction is Direction.LOW else self._above,
            start_unix_ns=part.start_unix_ns,
            end_unix_ns=part.end_unix_ns,
            standard=self.envelope.standard,
            clause=self.envelope.clause,
            extreme=magnitude_v * 2**0.5 if part.of_peak else magnitude_v,
            unit="V",
            extreme_pu=part.extreme_pu,
            open_start=part.open_start,
            open_end=part.open_end,
            evidence=self._evidence(nominal, part),
        )

    def part(self, finding: Finding) -> Excursion:
        """Read an excursion back; times of a curve changed since then start at zero."""
        evidence = finding.evidence
        low = bool(evidence["curve_point_pu"] < 1)
        measured = dict(zip(evidence["level_pu"], evidence["level_measured_s"], strict=True))
        levels = self.envelope.lower_levels if low else self.envelope.upper_levels
        return Excursion(
            direction=Direction.LOW if low else Direction.HIGH,
            start_unix_ns=finding.start_unix_ns,
            end_unix_ns=finding.end_unix_ns,
            extreme_pu=finding.extreme_pu or 0.0,
            extreme_unix_ns=finding.start_unix_ns + round(evidence["extreme_after_s"] * NS),
            of_peak=evidence["extreme_of"] == "peak",
            times=tuple(LevelTime(level, measured.get(level.pu, 0.0)) for level in levels),
            open_start=finding.open_start,
            open_end=finding.open_end,
        )

    def _evidence(self, nominal: Nominal, part: Excursion) -> dict[str, Any]:
        decisive = max(part.broken, key=_severity)
        return {
            "envelope": self.envelope.name,
            "u_din_v": nominal.u_din_v,
            "extreme_of": "peak" if part.of_peak else "Urms(1/2)",
            "extreme_after_s": (part.extreme_unix_ns - part.start_unix_ns) / NS,
            "duration_s": (part.end_unix_ns - part.start_unix_ns) / NS,
            "curve_point_pu": decisive.level.pu,
            "curve_point_s": decisive.level.allowed_s,
            "beyond_curve_point_s": decisive.measured_s,
            "level_pu": [time.level.pu for time in part.times],
            "level_allowed_s": [time.level.allowed_s for time in part.times],
            "level_measured_s": [time.measured_s for time in part.times],
        }


def _severity(time: LevelTime) -> tuple[float, float]:
    """Order broken levels: the one passed for the largest multiple of what is allowed, then the farthest from 1 pu."""
    allowed = time.level.allowed_s
    return (time.measured_s / allowed if allowed else float("inf"), abs(time.level.pu - 1))
