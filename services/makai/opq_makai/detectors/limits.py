"""Absolute limits of each box: outside them is a hard trigger."""

import numpy as np

from opq.model.events import Trigger, TriggerKind
from opq.model.features import WindowFlag
from opq_makai.detectors.detector import Detector, WindowBatch, triggers_of

_NOT_JUDGED = WindowFlag.VOLTAGE_LOST | WindowFlag.GAP
"""Without a fundamental, or across a gap, frequency, distortion and residual say nothing; voltage still does."""


class LimitDetector(Detector):
    """Compares voltage, frequency, distortion and transients with the limits of their box (`opq.model.boxes.Limits`)."""

    name = "limits"

    def detect(self, batch: WindowBatch) -> list[Trigger]:
        """See `Detector`."""
        boxes = batch.boxes
        u_din = batch.per_window([box.nominal.u_din_v for box in boxes])
        f_nominal = batch.per_window([box.nominal.f_hz for box in boxes])
        f_off = batch.per_window([box.limits.f_deviation_hz for box in boxes])
        judged = (batch.windows.flags & _NOT_JUDGED) == 0
        # (metric, limit, sign: +1 a value above is outside, -1 one below, whether flags matter)
        checks = (
            ("u_rms_half_min_v", u_din * batch.per_window([box.limits.u_low_pu for box in boxes]), -1, False),
            ("u_rms_half_max_v", u_din * batch.per_window([box.limits.u_high_pu for box in boxes]), 1, False),
            ("f_hz", f_nominal - f_off, -1, True),
            ("f_hz", f_nominal + f_off, 1, True),
            ("thd_pct", batch.per_window([box.limits.thd_pct for box in boxes]), 1, True),
            ("transient_peak_v", u_din * batch.per_window([box.limits.transient_pu for box in boxes]), 1, True),
        )
        triggers: list[Trigger] = []
        for metric, limit, sign, needs_judged in checks:
            beyond = sign * (batch.windows.column(metric).astype(np.float64) - limit)
            outside = (beyond > 0) & judged if needs_judged else beyond > 0
            triggers.extend(triggers_of(batch, outside, beyond, limit, metric, TriggerKind.HARD, self.name))
        return triggers
