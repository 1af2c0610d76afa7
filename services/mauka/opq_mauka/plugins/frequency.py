"""Frequency away from nominal."""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from opq.clock import NS
from opq.model.boxes import Box
from opq.model.features import FEATURES
from opq.model.incidents import Finding
from opq.signal.segments import segment_windows
from opq.standards import frequency, window_runs
from opq.standards.frequency import FrequencyLimits
from opq.standards.window_runs import WindowRun
from opq_mauka.plugins.continuation import join_parts, lasting_before
from opq_mauka.sdk import BoxRecord, EventContext, PluginConfig, RecordPlugin


class FrequencyConfig(PluginConfig):
    """When a frequency is an incident."""

    deviation_hz: float = Field(default=0.1, gt=0, le=5)
    """Deviation from nominal at which it begins [Hz]."""
    hysteresis_hz: float = Field(default=0.02, ge=0, le=0.1)
    """By how much the deviation must be less for it to end [Hz]."""
    interruption_hz: float = Field(default=2.0, gt=0, le=10)
    """Below nominal by more than this is an interruption [Hz]."""
    least_windows: int = Field(default=3, ge=1, le=100)
    """Windows of 10 or 12 cycles it must last."""


class Frequency(RecordPlugin[FrequencyConfig]):
    """One incident per time in which the 10/12-cycle frequency was outside nominal +/- 0.1 Hz."""

    name: ClassVar[str] = "frequency"
    version: ClassVar[str] = "1"
    config_class: ClassVar[type[PluginConfig]] = FrequencyConfig

    def findings(self, context: EventContext, record: BoxRecord) -> Iterator[Finding]:
        """Find the deviations of one box; windows with lost or disturbed voltage are not judged."""
        limits = FrequencyLimits(**self.config.model_dump())
        nominal = record.box.nominal
        parts = [
            run
            for segment in record.segments
            for run in frequency.find_frequency_runs(segment_windows(segment, nominal), nominal, limits)
        ]
        earlier = [_as_run(finding) for finding in lasting_before(context, record)]
        for run in join_parts(earlier, parts, _same_direction, window_runs.join):
            if run.windows >= limits.least_windows:
                yield self._finding(record.box, run, limits)

    def _finding(self, box: Box, run: WindowRun, limits: FrequencyLimits) -> Finding:
        sign = 1 if run.extreme > 0 else -1
        f_hz = box.nominal.f_hz
        return Finding(
            box_id=box.box_id,
            incident_class=frequency.classify(run.extreme, limits),
            start_unix_ns=run.start_unix_ns,
            end_unix_ns=run.end_unix_ns,
            standard=frequency.STANDARD,
            clause=frequency.CLAUSE,
            extreme=f_hz + run.extreme,
            unit="Hz",
            open_start=run.open_start,
            open_end=run.open_end,
            evidence={
                "method": f"{box.nominal.cycles}-cycle windows",
                "f_nominal_hz": f_hz,
                "begins_beyond_hz": f_hz + sign * limits.deviation_hz,
                "ends_at_hz": f_hz + sign * (limits.deviation_hz - limits.hysteresis_hz),
                "interruption_below_hz": f_hz - limits.interruption_hz,
                "deviation_hz": run.extreme,
                "extreme_after_s": (run.extreme_unix_ns - run.start_unix_ns) / NS,
                "duration_s": run.duration_s,
                "windows": run.windows,
                "least_windows": limits.least_windows,
                "outside_table": run.duration_s >= frequency.TABLE_S,
            },
        )


def _same_direction(earlier: WindowRun, later: WindowRun) -> bool:
    return (earlier.extreme > 0) is (later.extreme > 0)


def _as_run(finding: Finding) -> WindowRun:
    """Read a run back from the finding made of it."""
    return WindowRun(
        start_unix_ns=finding.start_unix_ns,
        end_unix_ns=finding.end_unix_ns,
        windows=finding.evidence["windows"],
        extreme=finding.evidence["deviation_hz"],
        extreme_unix_ns=finding.start_unix_ns + round(finding.evidence["extreme_after_s"] * NS),
        extreme_features=(0.0,) * len(FEATURES),
        open_start=finding.open_start,
        open_end=finding.open_end,
    )
