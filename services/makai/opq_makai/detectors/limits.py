"""Absolute limits of each box: outside them is a hard trigger."""

from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from opq.errors import check_option
from opq.model.events import TriggerKind
from opq.model.features import WindowFlag
from opq_makai.detectors.detector import Detector, DetectorConfig, Hits, WindowBatch, hits_of

_NOT_JUDGED = int(WindowFlag.VOLTAGE_LOST | WindowFlag.GAP)
"""Without a fundamental, or across a gap, frequency, distortion and residual say nothing; voltage still does."""

# (metric, sign, column of the box table, whether flags matter)
_CHECKS = (
    ("u_rms_half_min_v", -1, "u_low_v", False),
    ("u_rms_half_max_v", 1, "u_high_v", False),
    ("f_hz", -1, "f_low_hz", True),
    ("f_hz", 1, "f_high_hz", True),
    ("thd_pct", 1, "thd_pct", True),
    ("transient_peak_v", 1, "transient_v", True),
)
_METRICS = tuple(dict.fromkeys(check[0] for check in _CHECKS))


class LimitsConfig(DetectorConfig):
    """The limits themselves belong to the boxes (`opq boxes set`)."""

    metrics: tuple[str, ...] = Field(_METRICS, description="what is compared with its limits")

    @field_validator("metrics")
    @classmethod
    def _known(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_option("metrics", metric, _METRICS) for metric in metrics)


class LimitDetector(Detector[LimitsConfig]):
    """Compares voltage, frequency, distortion and transients with the limits of their box (`opq.model.boxes.Limits`)."""

    name: ClassVar[str] = "limits"
    metrics: ClassVar[tuple[str, ...]] = _METRICS
    config_class: ClassVar[type[DetectorConfig]] = LimitsConfig

    def detect(self, batch: WindowBatch) -> list[Hits]:
        """See `Detector`. The score is how far beyond the limit, in units of it (of 0.5 Hz for frequency)."""
        judged = (batch.windows.flags & _NOT_JUDGED) == 0
        found: list[Hits] = []
        for metric, sign, column, needs_judged in _CHECKS:
            if metric not in self.config.metrics:
                continue
            limits, values = getattr(batch.table, column), batch.windows.column(metric)
            if not len(values) or (sign * values).max() <= (sign * limits).min():
                continue
            limit = limits[batch.slot]
            beyond = sign * (values - limit)
            outside = beyond > 0
            if not outside.any():
                continue
            if needs_judged:
                outside &= judged
            score = beyond / (0.5 if metric == "f_hz" else np.maximum(limit, 1e-9))
            if hits := hits_of(batch, outside, metric, sign, TriggerKind.HARD, self.name, limit, score):
                found.append(hits)
        return found
