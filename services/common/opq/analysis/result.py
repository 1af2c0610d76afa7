"""What the analysis of one channel of a recording gives."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from opq.model.boxes import Nominal
from opq.model.features import WindowFlag, Windows
from opq.model.incidents import Finding
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.aggregation import LONG_NS, Intervals
from opq.signal.segments import HalfCycleSeries
from opq.signal.spectrum import BANDS, HIGHEST_ORDER
from opq.signal.ten_seconds import SLOT_NS, TenSecondFrequency

QUANTITIES: tuple[str, ...] = (
    "u_rms_v",
    "u_clipped_low_v",
    "u_clipped_high_v",
    "thd_pct",
    *(f"h{order}_v" for order in range(1, HIGHEST_ORDER + 1)),
    *(f"ih{order}_v" for order in range(HIGHEST_ORDER)),
    *(f"band{band}_v" for band in range(BANDS)),
    "signalling_v",
)
"""Columns of `Intervals.values`. ``u_clipped_low_v`` is the rms voltage no higher than Udin, ``u_clipped_high_v`` no lower:
under- and over-deviation come from them (IEC 61000-4-30, 5.12; M)."""
HARMONICS = slice(4, 4 + HIGHEST_ORDER)
INTERHARMONICS = slice(4 + HIGHEST_ORDER, 4 + 2 * HIGHEST_ORDER)
BAND_COLUMNS = slice(4 + 2 * HIGHEST_ORDER, 4 + 2 * HIGHEST_ORDER + BANDS)


@dataclass(frozen=True, slots=True, eq=False)
class WaveformSlice:
    """The waveform around an incident, for pictures: its beginning, and its end if that is far away.

    Attributes
    ----------
    incident : int
        Number of the incident in `Analysis.incidents`.
    segment : VoltageSegment
        Samples from some cycles before the incident on.
    half_cycles : HalfCycleSeries
        Urms(1/2) over the same time, or longer for a long incident.
    """

    incident: int
    segment: VoltageSegment
    half_cycles: HalfCycleSeries


@dataclass(frozen=True, slots=True, eq=False)
class FlickerSeverity:
    """Pst of whole 10-minute intervals of the clock.

    Attributes
    ----------
    start_unix_ns : (n,) int64
        Start of each interval [ns since the epoch].
    pst : (n,) float64
        Short-term severity [1].
    flagged : (n,) bool
        A dip, swell or interruption lies in the interval.
    plt_start_unix_ns : (m,) int64
        Start of each whole 2-hour interval [ns since the epoch].
    plt : (m,) float64
        Long-term severity [1].
    p_inst_max : float
        Greatest instantaneous flicker of the recording [1].
    """

    start_unix_ns: npt.NDArray[np.int64]
    pst: VoltArray
    flagged: npt.NDArray[np.bool_]
    plt_start_unix_ns: npt.NDArray[np.int64]
    plt: VoltArray
    p_inst_max: float


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """Everything found in one channel.

    Attributes
    ----------
    start_unix_ns : int
        Time of the first sample [ns since the epoch]; 0 if the recording does not say.
    samples : int
        How many there were.
    windows : Windows
        Features of all N-cycle windows.
    basic : Intervals
        Windows of N cycles that begin anew each 10 minutes, and
    half_cycles : HalfCycleSeries
        every Urms(1/2); both empty unless they were asked for.
    short, ten_minutes, two_hours : Intervals
        Aggregates of 150/180 cycles, of 10 minutes and of 2 hours; columns `QUANTITIES`.
    frequency : TenSecondFrequency
        Of whole slots of 10 s.
    flicker : FlickerSeverity
        Short- and long-term severity.
    u_half_pu : (2,) float
        Least and greatest Urms(1/2) over Udin; NaN if there was none.
    incidents : list of Finding
        Oldest first.
    slices : list of WaveformSlice
        Of the first incidents; not of all if there are many.
    quality : dict
        What is to be known about the recording: counts and notes.
    """

    nominal: Nominal
    sample_rate_hz: float
    start_unix_ns: int
    samples: int
    windows: Windows
    basic: Intervals
    half_cycles: HalfCycleSeries
    short: Intervals
    ten_minutes: Intervals
    two_hours: Intervals
    frequency: TenSecondFrequency
    flicker: FlickerSeverity
    u_half_pu: tuple[float, float]
    incidents: list[Finding]
    slices: list[WaveformSlice] = field(default_factory=list)
    quality: dict[str, int] = field(default_factory=dict)

    def flagged_between(
        self, start_unix_ns: npt.NDArray[np.int64], end_unix_ns: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """Say of (n,) spans of time whether a window with a dip, swell, interruption or loss of voltage lies in them."""
        windows = self.windows
        bad = (windows.flags & np.uint32(WindowFlag.FLAGGED | WindowFlag.VOLTAGE_LOST)) > 0
        before = np.concatenate([[0], np.cumsum(bad)])
        first = np.searchsorted(windows.start_unix_ns + windows.duration_ns, start_unix_ns, side="right")
        last = np.searchsorted(windows.start_unix_ns, end_unix_ns, side="left")
        return np.asarray(before[np.maximum(last, first)] > before[first])

    @property
    def frequency_flagged(self) -> npt.NDArray[np.bool_]:
        """Which 10-second frequencies have a flagged window in their slot, (n,) (IEC 61000-4-30, 4.7; M)."""
        start = self.frequency.start_unix_ns
        return self.flagged_between(start, start + SLOT_NS)

    @property
    def plt_flagged(self) -> npt.NDArray[np.bool_]:
        """Which 2-hour severities have a flagged window in their interval, (m,)."""
        start = self.flicker.plt_start_unix_ns
        return self.flagged_between(start, start + LONG_NS)

    @property
    def duration_s(self) -> float:
        """Length of the recording [s]."""
        return self.samples / self.sample_rate_hz
