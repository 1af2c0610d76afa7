"""A day of ordinary mains: noise, 4 % THD, slow drift of voltage and frequency. Everything found must really be there.

Run ``python benchmarks/quiet_day.py [HOURS]``. Frequency incidents may come only when the frequency was outside nominal
+/- 0.1 Hz; nothing else may come at all.
"""

import sys
import time
from collections import Counter

import numpy as np
from threadpoolctl import threadpool_limits

from opq.analysis import Analysis, Analyzer
from opq.analysis.heap import keep_freed_memory
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass

RATE = 12000
BLOCK_S = 60
HARMONICS = {3: 1.8, 5: 2.6, 7: 2.0, 11: 1.0, 13: 0.8, 17: 0.4, 23: 0.3}
"""[% of the fundamental]: 4.0 % THD."""
FREQUENCY = {IncidentClass.FREQUENCY_SAG, IncidentClass.FREQUENCY_SWELL, IncidentClass.FREQUENCY_INTERRUPTION}


class Day:
    """The supply: its voltage wanders by 4 %, its frequency by 0.13 Hz, both without jumps."""

    def __init__(self, nominal: Nominal, seed: int) -> None:
        self._nominal = nominal
        self._rng = np.random.default_rng(seed)
        self._phase = 0.0
        self._periods_s = self._rng.uniform([300, 2000, 9000], [700, 5000, 30000])
        self._turns = self._rng.uniform(0, 2 * np.pi, 6)
        self._orders = self._rng.uniform(0, 2 * np.pi, len(HARMONICS))

    def f_hz(self, time_s: np.ndarray) -> np.ndarray:
        """Real frequency [Hz]."""
        swing = np.sin(2 * np.pi * time_s[:, None] / self._periods_s + self._turns[:3]) @ np.array([0.02, 0.04, 0.07])
        return self._nominal.f_hz + swing

    def volts(self, start_s: float) -> np.ndarray:
        """Samples of the next block [V]."""
        at_s = start_s + np.arange(BLOCK_S * RATE) / RATE
        level = 1 + np.sin(2 * np.pi * at_s[:, None] / self._periods_s + self._turns[3:]) @ np.array(
            [0.005, 0.015, 0.02]
        )
        turn = self._phase + 2 * np.pi * np.cumsum(self.f_hz(at_s)) / RATE
        self._phase = float(turn[-1])
        wave = np.sin(turn)
        for (order, percent), phase in zip(HARMONICS.items(), self._orders, strict=True):
            wave += percent / 100 * np.sin(order * turn + phase)
        noise = self._rng.standard_normal(len(turn)) * 0.002
        return self._nominal.u_din_v * np.sqrt(2) * (level * wave + noise)


def analyse(nominal: Nominal, hours: float, seed: int) -> tuple[Analysis, Day, float]:
    """Analyse a day, block by block."""
    day = Day(nominal, seed)
    analyzer = Analyzer(RATE, nominal)
    taken = 0.0
    for number in range(round(hours * 3600 / BLOCK_S)):
        volts = day.volts(number * BLOCK_S)
        begin = time.process_time()
        analyzer.feed(volts)
        taken += time.process_time() - begin
    return analyzer.finish(), day, taken


def wrong(analysis: Analysis, day: Day) -> list[str]:
    """Return what was found and is not there."""
    found = []
    for each in analysis.incidents:
        at_s = (each.start_unix_ns / NS + np.linspace(-1, each.duration_ns / NS + 1, 200)).clip(0)
        away = np.abs(day.f_hz(at_s) - analysis.nominal.f_hz).max()
        if each.incident_class not in FREQUENCY or away < 0.0999:
            found.append(
                f"{each.incident_class.value} at {each.start_unix_ns / NS:.1f} s ({each.extreme:.4g} {each.unit})"
            )
    return found


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 24.0
    keep_freed_memory()
    with threadpool_limits(1):
        for nominal, seed in ((Nominal(120, 60), 1), (Nominal(230, 50), 2)):
            analysis, day, taken = analyse(nominal, hours, seed)
            classes = Counter(each.incident_class.value for each in analysis.incidents)
            print(
                f"{nominal.u_din_v:g} V {nominal.f_hz:g} Hz, {hours:g} h: {hours * 3600 / taken:.0f} times real time; "
                f"found {dict(classes)}; not there: {wrong(analysis, day) or 'nothing'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
