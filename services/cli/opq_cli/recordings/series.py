"""The time series of an analysed channel, by the words of ``opq measure --what``."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.analysis import Analysis
from opq.analysis.result import BAND_COLUMNS, HARMONICS, INTERHARMONICS
from opq.analysis.result import QUANTITIES as COLUMNS
from opq.clock import NS
from opq.model.features import WindowFlag
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltArray
from opq.signal.aggregation import LONG_NS, TICK_NS, Intervals
from opq.signal.ten_seconds import SLOT_NS
from opq_cli.recordings.run import AnalysedChannel

INTERVALS = ("window", "3s", "10min", "2h")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One table of values over time.

    Attributes
    ----------
    columns : tuple of str
        Names with their units.
    start_s, duration_s : (n,) float64
        From the first sample [s], and length [s].
    flagged : (n,) bool
        A dip, swell or interruption lies in it (IEC 61000-4-30, 4.7).
    values : (n, c) float64
        One column per name.
    """

    what: str
    interval: str
    columns: tuple[str, ...]
    start_s: VoltArray
    duration_s: VoltArray
    flagged: npt.NDArray[np.bool_]
    values: VoltArray


def channel_series(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    """Return the tables of one word of `QUANTITIES` for one channel."""
    return _MAKERS[what](what, interval, channel)


def _aggregated(names: tuple[str, ...], columns: list[int]) -> Callable[[str, str, AnalysedChannel], list[Series]]:
    def make(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
        analysis = channel.analysis
        intervals = _intervals(analysis, interval)
        return [_of(what, interval, names, analysis, intervals, intervals.values[:, columns])]

    return make


def _deviation(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    analysis = channel.analysis
    intervals, u_din_v = _intervals(analysis, interval), analysis.nominal.u_din_v
    low, high = intervals.values[:, 1], intervals.values[:, 2]
    values = 100 * np.stack([u_din_v - low, high - u_din_v], axis=1) / u_din_v
    return [_of(what, interval, ("u_under_pct", "u_over_pct"), analysis, intervals, values)]


def _frequency(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    """Frequency of windows, or of 10 s, which is the only interval the standard knows for it."""
    analysis = channel.analysis
    if interval == "window":
        return _windows(what, ("f_hz",), channel)
    frequency = analysis.frequency
    count = len(frequency.f_hz)
    start_s = (frequency.start_unix_ns - analysis.start_unix_ns) / NS
    duration_s = np.full(count, SLOT_NS / NS)
    return [Series(what, "10s", ("f_hz",), start_s, duration_s, analysis.frequency_flagged, frequency.f_hz[:, None])]


def _features(*names: str) -> Callable[[str, str, AnalysedChannel], list[Series]]:
    return lambda what, interval, channel: _windows(what, names, channel)


def _windows(what: str, names: tuple[str, ...], channel: AnalysedChannel) -> list[Series]:
    analysis, windows = channel.analysis, channel.analysis.windows
    start_s = (windows.start_unix_ns - analysis.start_unix_ns) / NS
    flagged = (windows.flags & np.uint32(WindowFlag.FLAGGED | WindowFlag.VOLTAGE_LOST)) > 0
    values = np.stack([windows.column(name).astype(np.float64) for name in names], axis=1)
    return [Series(what, "window", names, start_s, windows.duration_ns / NS, flagged, values)]


def _half_cycles(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    analysis, series = channel.analysis, channel.analysis.half_cycles
    start_s = (series.start_unix_ns - analysis.start_unix_ns) / NS
    duration_s = (series.end_unix_ns - series.start_unix_ns) / NS
    flagged = np.zeros(len(series), np.bool_)
    return [Series(what, "half cycle", ("u_rms_half_v",), start_s, duration_s, flagged, series.u_rms_half_v[:, None])]


def _flicker(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    """Pst of 10 minutes, Plt of 2 hours; both whole intervals of the clock."""
    analysis, flicker = channel.analysis, channel.analysis.flicker
    origin = analysis.start_unix_ns
    short = (flicker.start_unix_ns - origin) / NS, np.full(len(flicker.pst), TICK_NS / NS)
    long = (flicker.plt_start_unix_ns - origin) / NS, np.full(len(flicker.plt), LONG_NS / NS)
    return [
        Series(what, "10min", ("pst",), *short, flicker.flagged, flicker.pst[:, None]),
        Series(what, "2h", ("plt",), *long, analysis.plt_flagged, flicker.plt[:, None]),
    ]


def _rapid_changes(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    analysis = channel.analysis
    found = [each for each in analysis.incidents if each.incident_class is IncidentClass.RAPID_VOLTAGE_CHANGE]
    names = ("before_pu", "largest_change_pu", "steady_change_pu")
    return [
        Series(
            what,
            "event",
            names,
            np.array([(each.start_unix_ns - analysis.start_unix_ns) / NS for each in found]),
            np.array([each.duration_ns / NS for each in found]),
            np.zeros(len(found), np.bool_),
            np.array([[each.evidence[name] for name in names] for each in found]).reshape(len(found), len(names)),
        )
    ]


def _unbalance(what: str, interval: str, channel: AnalysedChannel) -> list[Series]:
    """Unbalance of three phases; nothing for a single one."""
    unbalance = channel.unbalance
    if unbalance is None:
        return []
    start_s = (unbalance.start_unix_ns - channel.analysis.start_unix_ns) / NS
    duration_s = (unbalance.end_unix_ns - unbalance.start_unix_ns) / NS
    values = np.stack([unbalance.u0_pct, unbalance.u2_pct], axis=1)
    return [Series(what, "window", ("u0_pct", "u2_pct"), start_s, duration_s, unbalance.flagged, values)]


def _intervals(analysis: Analysis, interval: str) -> Intervals:
    """Return the windows, or the whole intervals of a length."""
    intervals = {
        "window": analysis.basic,
        "3s": analysis.short,
        "10min": analysis.ten_minutes,
        "2h": analysis.two_hours,
    }[interval]
    return intervals[intervals.complete]


def _of(
    what: str, interval: str, names: tuple[str, ...], analysis: Analysis, intervals: Intervals, values: VoltArray
) -> Series:
    start_s = (intervals.start_unix_ns - analysis.start_unix_ns) / NS
    duration_s = (intervals.end_unix_ns - intervals.start_unix_ns) / NS
    return Series(what, interval, names, start_s, duration_s, intervals.flagged, values)


def _columns(columns: slice) -> list[int]:
    return list(range(columns.start, columns.stop))


def _named(*names: str) -> Callable[[str, str, AnalysedChannel], list[Series]]:
    return _aggregated(names, [COLUMNS.index(name) for name in names])


def _group(columns: slice, names: tuple[str, ...] = ()) -> Callable[[str, str, AnalysedChannel], list[Series]]:
    return _aggregated(names or COLUMNS[columns], _columns(columns))


_MAKERS: dict[str, Callable[[str, str, AnalysedChannel], list[Series]]] = {
    "rms": _named("u_rms_v"),
    "half_cycle": _half_cycles,
    "frequency": _frequency,
    "thd": _named("thd_pct"),
    "harmonics": _group(HARMONICS),
    "interharmonics": _group(INTERHARMONICS),
    "bands": _group(BAND_COLUMNS, tuple(f"band_{2000 + 200 * band}_hz_v" for band in range(20))),
    "signalling": _named("signalling_v"),
    "deviation": _deviation,
    "flicker": _flicker,
    "rvc": _rapid_changes,
    "crest": _features("crest"),
    "dc": _features("dc_v"),
    "transients": _features("transient_peak_v", "transient_rms_v"),
    "unbalance": _unbalance,
}
QUANTITIES = tuple(_MAKERS)
"""Words of ``--what``."""
