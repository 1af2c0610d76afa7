"""Flicker that people complain about: Pst above its limit (IEC 61000-3-3 takes 1.0 for the threshold of irritability; M)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.waveforms import VoltArray
from opq.signal.severity import PST_NS
from opq.standards.runs import runs_beyond

STANDARD = "IEC 61000-4-15"
CLAUSE = "5.7.2 short-term severity, 10-minute intervals"
PST_LIMIT = 1.0


@dataclass(frozen=True, slots=True)
class FlickerRun:
    """Consecutive intervals with too much flicker.

    Attributes
    ----------
    pst : tuple of float
        Severity of each interval [1].
    """

    start_unix_ns: int
    end_unix_ns: int
    pst: tuple[float, ...]


def find_flicker(
    start_unix_ns: npt.NDArray[np.int64],
    pst: VoltArray,
    flagged: npt.NDArray[np.bool_],
    limit: float = PST_LIMIT,
) -> list[FlickerRun]:
    """Find the runs of (n,) 10-minute intervals whose Pst is above the limit; flagged ones are not judged."""
    starts, values = start_unix_ns[~flagged], pst[~flagged]
    return [
        FlickerRun(int(starts[run.start]), int(starts[run.stop - 1]) + PST_NS, tuple(values[run].tolist()))
        for run in runs_beyond(values, limit, limit)
    ]
