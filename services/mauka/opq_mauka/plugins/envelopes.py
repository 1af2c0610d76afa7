"""Disturbances outside a voltage tolerance envelope: ITIC, SEMI F47 and any other curve."""

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import field_validator

from opq.clock import NS
from opq.errors import check_option
from opq.model.boxes import Box
from opq.model.incidents import Finding, IncidentClass
from opq.standards import tolerance
from opq.standards.envelopes import ENVELOPES, Envelope
from opq.standards.ieee1159 import Direction
from opq.standards.tolerance import Excursion, LevelTime
from opq_mauka.plugins.continuation import join_parts, lasting_before
from opq_mauka.sdk import BoxRecord, EventContext, PluginConfig, RecordPlugin


class EnvelopeConfig(PluginConfig):
    """Which curve to judge by."""

    envelope: str = ""
    """Name of a built-in curve: itic, semi_f47, ieee1668_1_2 or ieee1668_3; empty is the plugin's own."""
    curve: dict[str, Any] | None = None
    """Another curve, instead of a built-in one:
    ``{"name": ..., "lower": [[seconds, pu], ..., [null, pu]], "upper": [...]}``."""

    @field_validator("envelope")
    @classmethod
    def _known(cls, name: str) -> str:
        return check_option("envelope", name, ["", *ENVELOPES])

    @field_validator("curve")
    @classmethod
    def _valid(cls, curve: dict[str, Any] | None) -> dict[str, Any] | None:
        if curve is not None:
            Envelope.from_mapping(curve)
        return curve


class EnvelopePlugin(RecordPlugin[EnvelopeConfig]):
    """One incident per disturbance that breaks the envelope; subclasses name the curve and the classes."""

    config_class: ClassVar[type[PluginConfig]] = EnvelopeConfig
    default_envelope: ClassVar[str]
    below: ClassVar[IncidentClass]
    above: ClassVar[IncidentClass]

    def __init__(self, config: EnvelopeConfig) -> None:
        super().__init__(config)
        built_in = ENVELOPES[config.envelope or self.default_envelope]
        self._envelope = built_in if config.curve is None else Envelope.from_mapping(config.curve)

    def findings(self, context: EventContext, record: BoxRecord) -> Iterator[Finding]:
        """Judge the disturbances of one box; those inside the curve give nothing."""
        parts = [
            excursion
            for segment in record.segments
            for excursion in tolerance.find_excursions(segment, record.box.nominal, self._envelope)
        ]
        earlier = [self._as_excursion(finding) for finding in lasting_before(context, record)]
        for excursion in join_parts(earlier, parts, _same_direction, tolerance.join):
            if excursion.broken:
                yield self._finding(record.box, excursion)

    def _finding(self, box: Box, excursion: Excursion) -> Finding:
        magnitude_v = excursion.extreme_pu * box.nominal.u_din_v
        return Finding(
            box_id=box.box_id,
            incident_class=self.below if excursion.direction is Direction.LOW else self.above,
            start_unix_ns=excursion.start_unix_ns,
            end_unix_ns=excursion.end_unix_ns,
            standard=self._envelope.standard,
            clause=self._envelope.clause,
            extreme=magnitude_v * 2**0.5 if excursion.of_peak else magnitude_v,
            unit="V",
            extreme_pu=excursion.extreme_pu,
            open_start=excursion.open_start,
            open_end=excursion.open_end,
            evidence=self._evidence(box, excursion),
        )

    def _evidence(self, box: Box, excursion: Excursion) -> dict[str, Any]:
        decisive = max(excursion.broken, key=_severity)
        return {
            "envelope": self._envelope.name,
            "u_din_v": box.nominal.u_din_v,
            "extreme_of": "peak" if excursion.of_peak else "Urms(1/2)",
            "extreme_after_s": (excursion.extreme_unix_ns - excursion.start_unix_ns) / NS,
            "duration_s": (excursion.end_unix_ns - excursion.start_unix_ns) / NS,
            "curve_point_pu": decisive.level.pu,
            "curve_point_s": decisive.level.allowed_s,
            "beyond_curve_point_s": decisive.measured_s,
            "level_pu": [time.level.pu for time in excursion.times],
            "level_allowed_s": [time.level.allowed_s for time in excursion.times],
            "level_measured_s": [time.measured_s for time in excursion.times],
        }

    def _as_excursion(self, finding: Finding) -> Excursion:
        """Read an excursion back from the finding made of it; times of a curve changed since then start at zero."""
        low = finding.incident_class is self.below and self._lowered(finding)
        envelope, evidence = self._envelope, finding.evidence
        measured = dict(zip(evidence["level_pu"], evidence["level_measured_s"], strict=True))
        levels = envelope.lower_levels if low else envelope.upper_levels
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

    @staticmethod
    def _lowered(finding: Finding) -> bool:
        """Tell the direction where one class serves for both sides."""
        return bool(finding.evidence["curve_point_pu"] < 1)


class Itic(EnvelopePlugin):
    """The ITI (CBEMA) curve: prohibited region above, no-damage region below."""

    name: ClassVar[str] = "itic"
    version: ClassVar[str] = "1"
    default_envelope: ClassVar[str] = "itic"
    below: ClassVar[IncidentClass] = IncidentClass.ITIC_NO_DAMAGE
    above: ClassVar[IncidentClass] = IncidentClass.ITIC_PROHIBITED


class SemiF47(EnvelopePlugin):
    """The SEMI F47 envelope of power quality tools."""

    name: ClassVar[str] = "semi_f47"
    version: ClassVar[str] = "1"
    default_envelope: ClassVar[str] = "semi_f47"
    below: ClassVar[IncidentClass] = IncidentClass.SEMI_F47_VIOLATION
    above: ClassVar[IncidentClass] = IncidentClass.SEMI_F47_VIOLATION


def _same_direction(earlier: Excursion, later: Excursion) -> bool:
    return earlier.direction is later.direction


def _severity(time: LevelTime) -> tuple[float, float]:
    """Order broken levels: the one passed for the largest multiple of what is allowed, then the farthest from 1 pu."""
    allowed = time.level.allowed_s
    return (time.measured_s / allowed if allowed else float("inf"), abs(time.level.pu - 1))
