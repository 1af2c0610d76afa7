"""Pst and Plt of a recording on the absolute clock."""

import numpy as np

from opq.analysis.result import FlickerSeverity
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltArray
from opq.signal.aggregation import LONG_NS, TICK_NS, Intervals
from opq.signal.flicker import PLT_INTERVALS, UNSETTLED_S, Flickermeter, lamp_for, plt, pst

_MISSING_S = UNSETTLED_S + 1.0
"""A 10-minute interval of which no more than this is missing is whole [s]: the meter gives nothing at its beginning."""


class SeverityMeter:
    """Gather instantaneous flicker into the 10-minute intervals of the clock."""

    def __init__(self, sample_rate_hz: float, nominal: Nominal, start_unix_ns: int) -> None:
        self._meter = Flickermeter(sample_rate_hz, nominal.f_hz, lamp_for(nominal.u_din_v))
        self._next_unix_ns = start_unix_ns + round(UNSETTLED_S * NS)
        self._given = 0
        self._first_unix_ns = self._next_unix_ns
        self._interval = self._next_unix_ns // TICK_NS
        self._values: list[VoltArray] = []
        self._psts: list[tuple[int, float]] = []
        self._flagged: set[int] = set()
        self._p_inst_max = 0.0

    def feed(self, volts: VoltArray) -> None:
        """Take (n,) samples [V]."""
        p_inst = self._meter.feed(volts)
        if not len(p_inst):
            return
        self._p_inst_max = max(self._p_inst_max, float(p_inst.max()))
        while len(p_inst):
            end_unix_ns = (self._interval + 1) * TICK_NS
            room = int(np.ceil((end_unix_ns - self._first_unix_ns) * self._meter.rate_hz / NS)) - self._given
            part, p_inst = p_inst[: max(room, 0)], p_inst[max(room, 0) :]
            self._values.append(part.astype(np.float32))
            self._given += len(part)
            if len(p_inst):
                self._close()

    def flag(self, windows: Intervals) -> None:
        """Note which intervals have a flagged window."""
        self._flagged.update((windows.start_unix_ns[windows.flagged] // TICK_NS).tolist())

    def finish(self) -> FlickerSeverity:
        """Return the severities of whole intervals."""
        self._close()
        starts = np.array([interval * TICK_NS for interval, _ in self._psts], np.int64)
        values = np.array([value for _, value in self._psts])
        flagged = np.array([interval in self._flagged for interval, _ in self._psts], np.bool_)
        long = starts // LONG_NS
        whole = [slot for slot in dict.fromkeys(long.tolist()) if (long == slot).sum() == PLT_INTERVALS]
        return FlickerSeverity(
            start_unix_ns=starts,
            pst=values,
            flagged=flagged,
            plt_start_unix_ns=np.array([slot * LONG_NS for slot in whole], np.int64),
            plt=np.array([plt(values[long == slot]) for slot in whole]),
            p_inst_max=self._p_inst_max,
        )

    def _close(self) -> None:
        """End an interval; it has a severity if it is whole."""
        values = np.concatenate([np.empty(0, np.float32), *self._values])
        if len(values) >= (TICK_NS / NS - _MISSING_S) * self._meter.rate_hz:
            self._psts.append((self._interval, pst(values)))
        self._interval += 1
        self._values = []
