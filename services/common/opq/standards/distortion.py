"""Total harmonic distortion above its limit, from the basic windows.

Not a standard's clause but this product's rule: IEEE 519-2022 and EN 50160 judge percentiles over days; here distortion of 5 %
(IEEE 519-2022 table 1 for a single harmonic, M) must last at least three windows.
"""

from dataclasses import dataclass

import numpy as np

from opq.model.features import Windows
from opq.standards.window_runs import WindowRun, judged, runs_of_windows

STANDARD = "IEC 61000-4-7"
CLAUSE = "THDS over harmonic subgroups, 10/12-cycle windows"

_DECIMALS = 4
"""Features are float32; rounded to this many places [%], a value on a limit is on it."""


@dataclass(frozen=True, slots=True)
class DistortionLimits:
    """When distortion is an incident [% of the fundamental]."""

    thd_pct: float = 5.0
    hysteresis_pct: float = 0.5
    least_windows: int = 3


def find_distortion_runs(windows: Windows, limits: DistortionLimits) -> list[WindowRun]:
    """Find where the distortion was above its limit, oldest first.

    Windows without voltage, with missing samples or flagged by a dip or swell are not judged (IEC 61000-4-30, 4.7).
    Runs shorter than `least_windows` are given too, for the caller to join at the edges of records.
    """
    rows = judged(windows)
    thd_pct = np.asarray(windows.column("thd_pct")[rows], np.float64).round(_DECIMALS)
    return runs_of_windows(windows, rows, thd_pct, (limits.thd_pct, limits.thd_pct - limits.hysteresis_pct))
