"""Frequency outside its band."""

from opq.classifiers.base import Classifier, Record
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import FEATURES
from opq.model.incidents import Finding
from opq.standards import frequency, window_runs
from opq.standards.frequency import FrequencyLimits
from opq.standards.window_runs import WindowRun


class FrequencyClassifier(Classifier[WindowRun]):
    """One finding per time in which the 10/12-cycle frequency was outside nominal +/- 0.1 Hz."""

    def __init__(self, limits: FrequencyLimits | None = None) -> None:
        self._limits = limits or FrequencyLimits()

    def find(self, record: Record) -> list[WindowRun]:
        """Find the deviations of a record; windows with lost or disturbed voltage are not judged."""
        return frequency.find_frequency_runs(record.windows, record.nominal, self._limits)

    def same_kind(self, earlier: WindowRun, later: WindowRun) -> bool:
        """Only what goes the same way is one deviation."""
        return (earlier.extreme > 0) is (later.extreme > 0)

    def join(self, earlier: WindowRun, later: WindowRun) -> WindowRun:
        """Join two parts."""
        return window_runs.join(earlier, later)

    def finding(self, part: WindowRun, box_id: BoxId, nominal: Nominal) -> Finding | None:
        """Name the deviation; None if it was too short."""
        limits = self._limits
        if part.windows < limits.least_windows:
            return None
        sign = 1 if part.extreme > 0 else -1
        f_hz = nominal.f_hz
        return Finding(
            box_id=box_id,
            incident_class=frequency.classify(part.extreme, limits),
            start_unix_ns=part.start_unix_ns,
            end_unix_ns=part.end_unix_ns,
            standard=frequency.STANDARD,
            clause=frequency.CLAUSE,
            extreme=f_hz + part.extreme,
            unit="Hz",
            open_start=part.open_start,
            open_end=part.open_end,
            evidence={
                "method": f"{nominal.cycles}-cycle windows",
                "f_nominal_hz": f_hz,
                "begins_beyond_hz": f_hz + sign * limits.deviation_hz,
                "ends_at_hz": f_hz + sign * (limits.deviation_hz - limits.hysteresis_hz),
                "interruption_below_hz": f_hz - limits.interruption_hz,
                "deviation_hz": part.extreme,
                "extreme_after_s": (part.extreme_unix_ns - part.start_unix_ns) / NS,
                "duration_s": part.duration_s,
                "windows": part.windows,
                "least_windows": limits.least_windows,
                "outside_table": part.duration_s >= frequency.TABLE_S,
            },
        )

    def part(self, finding: Finding) -> WindowRun:
        """Read a run back."""
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
