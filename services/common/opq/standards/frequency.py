"""Frequency away from nominal, from the basic windows.

Not a standard's clause but this product's rule: IEEE 1159-2019 table 2 knows a frequency variation of 0.10 Hz for less than
10 s; here it must last at least three windows, so that a phase jump is not one.
"""

from dataclasses import dataclass

import numpy as np

from opq.model.boxes import Nominal
from opq.model.features import Windows
from opq.model.incidents import IncidentClass
from opq.standards.window_runs import WindowRun, judged, runs_of_windows

STANDARD = "IEEE 1159-2019"
CLAUSE = "Table 2, 7.0 power frequency variations"
TABLE_S = 10.0
"""Longest frequency variation of the table [s]."""

_DECIMALS = 5
"""Features are float32; rounded to this many places [Hz], a value on a limit is on it."""


@dataclass(frozen=True, slots=True)
class FrequencyLimits:
    """When a frequency is an incident [Hz]."""

    deviation_hz: float = 0.1
    hysteresis_hz: float = 0.02
    interruption_hz: float = 2.0
    """Below nominal by more than this is an interruption: the grid is no longer held together."""
    least_windows: int = 3


def find_frequency_runs(windows: Windows, nominal: Nominal, limits: FrequencyLimits) -> list[WindowRun]:
    """Find where the window frequency left nominal, oldest first; values are deviations from nominal [Hz].

    Windows without voltage, with missing samples or flagged by a dip or swell are not judged (IEC 61000-4-30, 4.7).
    Runs shorter than `least_windows` are given too, for the caller to join at the edges of records.
    """
    rows = judged(windows)
    deviation = np.round(windows.column("f_hz")[rows].astype(np.float64) - nominal.f_hz, _DECIMALS)
    beyond = (limits.deviation_hz, round(limits.deviation_hz - limits.hysteresis_hz, _DECIMALS))
    found = [run for sign in (-1, 1) for run in runs_of_windows(windows, rows, deviation, beyond, sign)]
    return sorted(found, key=lambda run: run.start_unix_ns)


def classify(deviation_hz: float, limits: FrequencyLimits) -> IncidentClass:
    """Name a run by its largest deviation from nominal [Hz]."""
    if deviation_hz > 0:
        return IncidentClass.FREQUENCY_SWELL
    if deviation_hz < -limits.interruption_hz:
        return IncidentClass.FREQUENCY_INTERRUPTION
    return IncidentClass.FREQUENCY_SAG
