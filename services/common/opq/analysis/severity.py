"""Pst and Plt of a recording."""

import numpy as np

from opq.analysis.result import FlickerSeverity
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import Finding, IncidentClass
from opq.model.waveforms import VoltArray
from opq.signal.aggregation import LONG_NS, TICK_NS, Intervals
from opq.signal.flicker import PLT_INTERVALS, Flickermeter, lamp_for, plt
from opq.signal.severity import SeverityMeter
from opq.standards import flicker


class RecordingSeverity:
    """Severities of a gapless recording, and which of them are flagged."""

    def __init__(self, sample_rate_hz: float, nominal: Nominal, start_unix_ns: int) -> None:
        self._meter = Flickermeter(sample_rate_hz, nominal.f_hz, lamp_for(nominal.u_din_v))
        self._severity = SeverityMeter(self._meter.rate_hz)
        self._sample_rate_hz, self._start_unix_ns = sample_rate_hz, start_unix_ns
        self._psts: list[tuple[int, float]] = []
        self._flagged: set[int] = set()
        self._p_inst_max = 0.0

    def feed(self, volts: VoltArray) -> None:
        """Take (n,) samples [V]."""
        position, p_inst = self._meter.feed(volts)
        if len(p_inst):
            self._p_inst_max = max(self._p_inst_max, float(p_inst.max()))
            times = self._start_unix_ns + np.rint(position * (NS / self._sample_rate_hz)).astype(np.int64)
            self._psts += self._severity.feed(times, p_inst)

    def flag(self, windows: Intervals) -> None:
        """Note which intervals have a flagged window."""
        self._flagged.update((windows.start_unix_ns[windows.flagged] // TICK_NS * TICK_NS).tolist())

    def finish(self) -> FlickerSeverity:
        """Return the severities of whole intervals."""
        self._psts += self._severity.finish()
        starts = np.array([start for start, _ in self._psts], np.int64)
        values = np.array([value for _, value in self._psts])
        long = starts // LONG_NS
        whole = [slot for slot in dict.fromkeys(long.tolist()) if (long == slot).sum() == PLT_INTERVALS]
        return FlickerSeverity(
            start_unix_ns=starts,
            pst=values,
            flagged=np.array([start in self._flagged for start in starts.tolist()], np.bool_),
            plt_start_unix_ns=np.array([slot * LONG_NS for slot in whole], np.int64),
            plt=np.array([plt(values[long == slot]) for slot in whole]),
            p_inst_max=self._p_inst_max,
        )


def flicker_findings(severity: FlickerSeverity, box_id: BoxId) -> list[Finding]:
    """Return one finding per time in which the short-term severity was too high."""
    runs = flicker.find_flicker(severity.start_unix_ns, severity.pst, severity.flagged)
    return [
        Finding(
            box_id=box_id,
            incident_class=IncidentClass.FLICKER,
            start_unix_ns=run.start_unix_ns,
            end_unix_ns=run.end_unix_ns,
            standard=flicker.STANDARD,
            clause=flicker.CLAUSE,
            extreme=max(run.pst),
            unit="1",
            evidence={"limit_pst": flicker.PST_LIMIT, "pst": list(run.pst)},
        )
        for run in runs
    ]
