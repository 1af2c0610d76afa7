"""Windows of any number of cycles, formed from half cycles and the distortion of basic windows.

One rule for windows shorter and longer than the basic one: voltage and frequency come from the window's own half cycles,
distortion from the basic windows that ended in it, or, if none did, from the latest before.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from opq.model.boxes import Nominal
from opq.model.features import FEATURE_INDEX, FEATURES, HARMONIC_ORDERS, WindowFlag
from opq.model.waveforms import VoltArray
from opq.signal.meter import BoolArray, HalfCycles, Measured
from opq.signal.spectrum import share_pct

FLAGGED_PU = (0.9, 1.1)
"""A Urms(1/2) outside this flags its window (IEC 61000-4-30)."""

_F = [FEATURE_INDEX[name] for name in ("f_hz", "f_min_hz", "f_max_hz")]
_STEADY = [FEATURE_INDEX[name] for name in ("thd_pct", *(f"h{order}_pct" for order in HARMONIC_ORDERS))]
_PEAK, _RMS, _DC = (FEATURE_INDEX[name] for name in ("transient_peak_v", "transient_rms_v", "dc_v"))
_ORDER_COLUMNS = [order - 1 for order in HARMONIC_ORDERS]
_DISTORTION = [*_STEADY, _PEAK, _RMS, _DC]


@dataclass(frozen=True, slots=True, eq=False)
class FormedWindows:
    """Consecutive windows in the time of the sample clock.

    Attributes
    ----------
    start, end : (w,) int64 whole and (w,) float64 rest
        Positions from the first sample of the stretch [sample].
    flags : (w,) uint32
        `WindowFlag.VOLTAGE_LOST` and `WindowFlag.FLAGGED`.
    values : (w, len(FEATURES)) float64
        Column order of `FEATURES`.
    """

    start: tuple[npt.NDArray[np.int64], VoltArray]
    end: tuple[npt.NDArray[np.int64], VoltArray]
    flags: npt.NDArray[np.uint32]
    values: VoltArray

    def __len__(self) -> int:
        return len(self.flags)


class WindowFormer:
    """Gather what stretches gave and form windows of `window_cycles` cycles.

    Parameters
    ----------
    sample_rate_hz : float
        Sample rate [Hz].
    nominal : Nominal
        Declared supply.
    window_cycles : int
        Cycles per window.
    """

    def __init__(self, sample_rate_hz: float, nominal: Nominal, window_cycles: int) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._flag_below_v, self._flag_above_v = (limit * nominal.u_din_v for limit in FLAGGED_PU)
        self._half_cycles_per_window = 2 * window_cycles
        self._held = np.zeros(len(FEATURES))
        self._held[_F] = nominal.f_hz
        self.restart()

    def restart(self) -> None:
        """Begin a new stretch: what is not complete is dropped, the latest frequency and distortion are held."""
        self._waiting: HalfCycles | None = None
        self._rows = np.empty((0, len(FEATURES)))
        self._row_ends = np.empty(0, np.int64)
        self._used = 0

    def feed(self, measured: Measured) -> FormedWindows:
        """Take what a stretch gave and return the windows that became complete."""
        half_cycles = measured.half_cycles
        if self._waiting is not None:
            half_cycles = HalfCycles.concatenate([self._waiting, half_cycles])
        self._add_rows(measured)
        return self._form(half_cycles, len(half_cycles) // self._half_cycles_per_window, self._half_cycles_per_window)

    def rest(self) -> FormedWindows | None:
        """Return the whole cycles that do not fill a window as one short window, None if there is not one cycle."""
        waiting = self._waiting
        if waiting is None or len(waiting) < 2:
            return None
        return self._form(waiting, 1, len(waiting) // 2 * 2)

    def _add_rows(self, measured: Measured) -> None:
        """Keep the distortion of new basic windows; where the voltage was lost, that of the window before."""
        basic, spectra = measured.basic, measured.basic.spectra
        if spectra is None or not len(basic):
            return
        rows = np.zeros((len(basic), len(FEATURES)))
        rows[:, _STEADY[0]] = spectra.thd_pct
        rows[:, _STEADY[1:]] = share_pct(spectra.harmonics_v[:, _ORDER_COLUMNS], spectra.harmonics_v[:, :1])
        rows[:, _PEAK] = spectra.transient_peak_v
        rows[:, _RMS] = spectra.transient_rms_v
        rows[:, _DC] = spectra.dc_v
        rows = np.concatenate([self._rows, rows])
        for row in len(self._rows) + np.flatnonzero(basic.lost):
            rows[row, _STEADY] = (rows[row - 1] if row else self._held)[_STEADY]
        self._rows = rows
        self._row_ends = np.concatenate([self._row_ends, basic.end_half_cycle])

    def _form(self, half_cycles: HalfCycles, count: int, per_window: int) -> FormedWindows:
        """Form `count` windows from the front of `half_cycles` and keep the rest."""
        used = count * per_window
        self._waiting = half_cycles[used:]
        front = half_cycles[:used]
        shape = (count, per_window)
        length = front.length.reshape(shape).sum(axis=1)
        u_half = front.u_rms_half_v.reshape(shape)
        f_pair = front.f_pair_hz.reshape(shape)
        low, high = u_half.min(axis=1), u_half.max(axis=1)
        u_rms = np.sqrt(front.energy.reshape(shape).sum(axis=1) / length)
        peak = front.peak_v.reshape(shape).max(axis=1)
        lost: BoolArray = np.any(front.lost.reshape(shape), axis=1)
        frequency = np.column_stack(
            [per_window / 2 * self._sample_rate_hz / length, f_pair.min(axis=1), f_pair.max(axis=1)]
        )
        values = np.zeros((count, len(FEATURES)))
        values[:, FEATURE_INDEX["u_rms_v"]] = u_rms
        values[:, FEATURE_INDEX["u_rms_half_min_v"]] = low
        values[:, FEATURE_INDEX["u_rms_half_max_v"]] = high
        values[:, FEATURE_INDEX["crest"]] = np.divide(peak, u_rms, out=np.zeros(count), where=u_rms > 0)
        values[:, _DISTORTION] = self._distortion(count, per_window)[:, _DISTORTION]
        disturbed: BoolArray = (low < self._flag_below_v) | (high > self._flag_above_v)
        values[:, _F] = self._hold_frequency(frequency, lost, disturbed)
        flags = lost * np.uint32(WindowFlag.VOLTAGE_LOST) | disturbed * np.uint32(WindowFlag.FLAGGED)
        last = slice(per_window - 1, None, per_window)
        end = (front.index[last], front.fraction[last])
        return FormedWindows(_before(end, length), end, flags.astype(np.uint32), values)

    def _hold_frequency(self, frequency: VoltArray, lost: BoolArray, disturbed: BoolArray) -> VoltArray:
        """Replace the (w, 3) frequencies of windows without voltage by those of the last undisturbed window."""
        rows = np.concatenate([self._held[None, _F], frequency])
        number = np.arange(1, len(rows))
        undisturbed = np.maximum.accumulate(np.append(0, np.where(lost | disturbed, 0, number)))
        self._held[_F] = rows[undisturbed[-1]]
        return rows[np.where(lost, undisturbed[1:], number)]

    def _distortion(self, count: int, per_window: int) -> VoltArray:
        """Return the (count, len(FEATURES)) distortion of the next windows and drop the rows they used up."""
        ends = self._used + per_window * np.arange(count + 1)
        self._used = int(ends[-1])
        rows = np.concatenate([self._held[None], self._rows])
        latest = np.searchsorted(self._row_ends, ends, side="right")
        chosen = rows[latest[1:]]
        for window in np.flatnonzero(np.diff(latest) > 1):
            chosen[window] = _aggregate(rows[latest[window] + 1 : latest[window + 1] + 1])
        done = latest[-1]
        self._held[_DISTORTION] = rows[done, _DISTORTION]
        self._rows, self._row_ends = self._rows[done:], self._row_ends[done:]
        return chosen


def _aggregate(rows: VoltArray) -> VoltArray:
    """Aggregate (r, len(FEATURES)) basic windows: root of mean squares (IEC 61000-4-30), the largest peak, mean of DC."""
    total: VoltArray = np.sqrt(np.square(rows).mean(axis=0))
    total[_PEAK] = rows[:, _PEAK].max()
    total[_DC] = rows[:, _DC].mean()
    return total


def _before(end: tuple[npt.NDArray[np.int64], VoltArray], length: VoltArray) -> tuple[npt.NDArray[np.int64], VoltArray]:
    """Return the positions `length` samples before `end`."""
    rest = end[1] - length
    whole = np.floor(rest)
    return end[0] + whole.astype(np.int64), rest - whole
