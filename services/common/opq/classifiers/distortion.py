"""Total harmonic distortion above its limit."""

from opq.classifiers.base import Classifier, Record
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import FEATURE_INDEX, FEATURE_NAMES, HARMONIC_ORDERS
from opq.model.incidents import Finding, IncidentClass
from opq.standards import distortion, window_runs
from opq.standards.distortion import DistortionLimits
from opq.standards.window_runs import WindowRun

_HARMONICS = tuple(f"h{order}_pct" for order in HARMONIC_ORDERS)


class DistortionClassifier(Classifier[WindowRun]):
    """One finding per time in which the 10/12-cycle THD was above its limit."""

    def __init__(self, limits: DistortionLimits | None = None) -> None:
        self._limits = limits or DistortionLimits()

    def find(self, record: Record) -> list[WindowRun]:
        """Find the distortion of a record; windows with lost or disturbed voltage are not judged."""
        return distortion.find_distortion_runs(record.windows, self._limits)

    def same_kind(self, earlier: WindowRun, later: WindowRun) -> bool:
        """All distortion is one kind."""
        return True

    def join(self, earlier: WindowRun, later: WindowRun) -> WindowRun:
        """Join two parts."""
        return window_runs.join(earlier, later)

    def finding(self, part: WindowRun, box_id: BoxId, nominal: Nominal) -> Finding | None:
        """Say how strong it was and which order was strongest; None if it was too short."""
        limits = self._limits
        if part.windows < limits.least_windows:
            return None
        harmonics = {name: part.extreme_features[FEATURE_INDEX[name]] for name in _HARMONICS}
        return Finding(
            box_id=box_id,
            incident_class=IncidentClass.EXCESSIVE_THD,
            start_unix_ns=part.start_unix_ns,
            end_unix_ns=part.end_unix_ns,
            standard=distortion.STANDARD,
            clause=distortion.CLAUSE,
            extreme=part.extreme,
            unit="%",
            open_start=part.open_start,
            open_end=part.open_end,
            evidence={
                "method": f"{nominal.cycles}-cycle windows",
                "begins_beyond_pct": limits.thd_pct,
                "ends_at_pct": limits.thd_pct - limits.hysteresis_pct,
                "extreme_after_s": (part.extreme_unix_ns - part.start_unix_ns) / NS,
                "duration_s": part.duration_s,
                "windows": part.windows,
                "least_windows": limits.least_windows,
                "strongest": max(harmonics, key=lambda name: harmonics[name]),
                **harmonics,
            },
        )

    def part(self, finding: Finding) -> WindowRun:
        """Read a run back."""
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
