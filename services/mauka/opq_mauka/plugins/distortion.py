"""Harmonic distortion above its limit."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from opq.clock import NS
from opq.model.boxes import Box
from opq.model.features import FEATURE_INDEX, FEATURE_NAMES, HARMONIC_ORDERS
from opq.model.incidents import Finding, IncidentClass
from opq.signal.segments import segment_windows
from opq.standards import distortion, window_runs
from opq.standards.distortion import DistortionLimits
from opq.standards.window_runs import WindowRun
from opq_mauka.plugins.continuation import join_parts, lasting_before
from opq_mauka.sdk import BoxRecord, EventContext, PluginConfig, RecordPlugin

_HARMONICS = tuple(f"h{order}_pct" for order in HARMONIC_ORDERS)


class DistortionConfig(PluginConfig):
    """When distortion is an incident."""

    thd_pct: float = Field(default=5.0, gt=0, le=100)
    """Total harmonic distortion at which it begins [%]."""
    hysteresis_pct: float = Field(default=0.5, ge=0, le=5)
    """By how much it must be less for the incident to end [%]."""
    least_windows: int = Field(default=3, ge=1, le=100)
    """Windows of 10 or 12 cycles it must last."""


class Distortion(RecordPlugin[DistortionConfig]):
    """One incident per time in which the 10/12-cycle THD was above its limit."""

    name: ClassVar[str] = "distortion"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = DistortionConfig

    def findings(self, context: EventContext, record: BoxRecord) -> Iterator[Finding]:
        """Find the distortion of one box; windows with lost or disturbed voltage are not judged."""
        limits = DistortionLimits(**self.config.model_dump())
        parts = [
            run
            for segment in record.segments
            for run in distortion.find_distortion_runs(segment_windows(segment, record.box.nominal), limits)
        ]
        earlier = [_as_run(finding) for finding in lasting_before(context, record)]
        for run in join_parts(earlier, parts, lambda before, after: True, window_runs.join):
            if run.windows >= limits.least_windows:
                yield _finding(record.box, run, limits)


def _finding(box: Box, run: WindowRun, limits: DistortionLimits) -> Finding:
    harmonics = {name: run.extreme_features[FEATURE_INDEX[name]] for name in _HARMONICS}
    return Finding(
        box_id=box.box_id,
        incident_class=IncidentClass.EXCESSIVE_THD,
        start_unix_ns=run.start_unix_ns,
        end_unix_ns=run.end_unix_ns,
        standard=distortion.STANDARD,
        clause=distortion.CLAUSE,
        extreme=run.extreme,
        unit="%",
        open_start=run.open_start,
        open_end=run.open_end,
        evidence={
            "method": f"{box.nominal.cycles}-cycle windows",
            "begins_beyond_pct": limits.thd_pct,
            "ends_at_pct": limits.thd_pct - limits.hysteresis_pct,
            "extreme_after_s": (run.extreme_unix_ns - run.start_unix_ns) / NS,
            "duration_s": run.duration_s,
            "windows": run.windows,
            "least_windows": limits.least_windows,
            "strongest": max(harmonics, key=lambda name: harmonics[name]),
            **harmonics,
        },
    )


def _as_run(finding: Finding) -> WindowRun:
    """Read a run back from the finding made of it."""
    return WindowRun(
        start_unix_ns=finding.start_unix_ns,
        end_unix_ns=finding.end_unix_ns,
        windows=finding.evidence["windows"],
        extreme=finding.extreme,
        extreme_unix_ns=finding.start_unix_ns + round(finding.evidence["extreme_after_s"] * NS),
        extreme_features=tuple(float(finding.evidence.get(name, 0.0)) for name in FEATURE_NAMES),
        open_start=finding.open_start,
        open_end=finding.open_end,
    )
