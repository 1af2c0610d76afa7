"""The measurement core side by side with pqopen-lib: errors and CPU time of the same quantities, in one run.

Run ``pip install pqopen-lib && python benchmarks/against_pqopen.py``. Each row is the largest error over the cases named; a row
of ours that is worse is marked. Signals are seeded; both get the same samples in blocks of 0.2 s (pqopen-lib) and 10 s (ours).
"""

import logging
import time
import warnings
from collections.abc import Callable

import numpy as np
from daqopen.channelbuffer import AcqBuffer
from pqopen.eventdetector import EventController, EventDetectorLevelLow
from pqopen.powersystem import PowerSystem
from threadpoolctl import threadpool_limits

from opq.analysis import Analysis, Analyzer
from opq.analysis.heap import keep_freed_memory
from opq.analysis.result import HARMONICS, INTERHARMONICS
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass

RATE = 12000
SUPPLIES = (Nominal(230, 50), Nominal(120, 60))
OFF_HZ = (-2.0, -0.37, 0.0, 0.02, 1.3)
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


class Theirs:
    """pqopen-lib with the quantities of this comparison."""

    def __init__(self, volts: np.ndarray, nominal: Nominal, *, flicker: bool = False) -> None:
        size = min(len(volts) + RATE, 60 * RATE)
        channel, clock = AcqBuffer(size=size), AcqBuffer(size=size, dtype=np.uint64)
        system = PowerSystem(
            zcd_channel=channel,
            input_samplerate=RATE,
            zcd_threshold=0.1 * nominal.u_din_v,
            nominal_frequency=nominal.f_hz,
            nper=nominal.cycles,
        )
        system.add_phase(u_channel=channel)
        system.enable_harmonic_calculation(50)
        system.enable_under_over_deviation_calculation(nominal.u_din_v)
        if flicker:
            system.enable_nper_abs_time_sync(clock)
            system.enable_fluctuation_calculation(nominal.u_din_v, 600)
        self.events: list[tuple[float, float, float]] = []
        controller = None
        begin = time.process_time()
        for at in range(0, len(volts), RATE // 5):
            block = volts[at : at + RATE // 5]
            channel.put_data(block)
            clock.put_data((1e6 * np.arange(at, at + len(block)) / RATE).astype(np.uint64))
            system.process()
            if controller is None and system.output_channels:
                controller = EventController(clock, RATE)
                for limit in (0.9, 0.1):
                    half = system.output_channels["U1_1p_hp_rms"]
                    detector = EventDetectorLevelLow(limit * nominal.u_din_v, 0.02 * nominal.u_din_v, half)
                    controller.add_event_detector(detector)
            if controller is not None:
                for event in controller.process():
                    if event.stop_ts is not None:
                        depth = float(event.extrem_value) / nominal.u_din_v
                        self.events.append((depth, event.stop_ts - event.start_ts, event.start_ts))
        self.cpu_s = time.process_time() - begin
        self._system, self._samples = system, channel.sample_count

    def column(self, name: str, rows: int = 2) -> np.ndarray:
        """Return a channel without its first rows and its last."""
        values = np.asarray(self._system.output_channels[name].read_data_by_acq_sidx(0, self._samples)[0])
        return values[rows:-1] if len(values) > rows + 1 else values


class Ours:
    """The analysis of the same samples: more quantities than are compared."""

    def __init__(self, volts: np.ndarray, nominal: Nominal) -> None:
        begin = time.process_time()
        analyzer = Analyzer(RATE, nominal, series=True)
        for at in range(0, len(volts), 10 * RATE):
            analyzer.feed(volts[at : at + 10 * RATE])
        self.found: Analysis = analyzer.finish()
        self.cpu_s = time.process_time() - begin


def angle(f_hz: float, seconds: float, phase: float = 0.4) -> np.ndarray:
    return 2 * np.pi * f_hz * np.arange(round(seconds * RATE)) / RATE + phase


Row = tuple[str, str, float, float]


def steady() -> list[Row]:
    """Voltage, frequency, distortion of steady waves at and off nominal frequency."""
    worst: dict[tuple[str, str], tuple[float, float]] = {}

    def note(name: str, unit: str, theirs: np.ndarray, ours: np.ndarray) -> None:
        old = worst.get((name, unit), (0.0, 0.0))
        worst[name, unit] = max(old[0], float(np.max(np.abs(theirs)))), max(old[1], float(np.max(np.abs(ours))))

    for nominal in SUPPLIES:
        label = f"{nominal.f_hz:g} Hz"
        peak = nominal.u_din_v * np.sqrt(2)
        for off in OFF_HZ:
            turn = angle(nominal.f_hz + off, 12)
            clean = peak * np.sin(turn)
            theirs, ours = Theirs(clean, nominal), Ours(clean, nominal)
            u_half = ours.found.half_cycles.u_rms_half_v[2:-2]
            note(
                "Urms(1/2) off nominal", "% Udin", pct(theirs.column("U1_1p_hp_rms", 8), nominal), pct(u_half, nominal)
            )
            note("THD of a clean sine", "%", theirs.column("U1_THD"), ours.found.windows.column("thd_pct"))
            fifth = sum(np.sin(order * turn + order) for order in (3, 5, 7, 11, 13)) * 0.1 / np.sqrt(5)
            rich = peak * (np.sin(turn) + fifth)
            theirs, ours = Theirs(rich, nominal), Ours(rich, nominal)
            scale = np.sqrt(1.01)
            u_theirs, u_ours = theirs.column("U1_rms") / scale, ours.found.basic.values[1:-1, 0] / scale
            note("rms, 10 % THD", "% Udin", pct(u_theirs, nominal), pct(u_ours, nominal))
            mean_hz = np.mean(theirs.column("Freq", 4)[: round(10 * nominal.f_hz)])
            ours_hz = ours.found.frequency.f_hz
            note("frequency over 10 s", "mHz", np.array([mean_hz]) - turn_hz(turn), ours_hz - turn_hz(turn))
            for share in (0.01,):
                lines = sum(np.sin(order * turn + order) for order in range(2, 51)) * share
                wave = peak * (np.sin(turn) + lines)
                theirs, ours = Theirs(wave, nominal), Ours(wave, nominal)
                wanted = share * nominal.u_din_v
                h_theirs = 100 * (theirs.column("U1_H_rms")[:, 2:] / wanted - 1)
                h_ours = 100 * (ours.found.basic.values[1:-1, HARMONICS][:, 1:] / wanted - 1)
                for name, columns in (("H2 to H24", slice(0, 23)), ("H25 to H50", slice(23, 49))):
                    note(f"{name} at 1 %, {label}", "% reading", h_theirs[:, columns], h_ours[:, columns])
            for place in (2, nominal.cycles // 2, nominal.cycles - 2):
                lines = sum(np.sin((order + place / nominal.cycles) * turn + order) for order in range(1, 50)) * 0.005
                wave = peak * (np.sin(turn) + lines)
                theirs, ours = Theirs(wave, nominal), Ours(wave, nominal)
                wanted = 0.005 * nominal.u_din_v
                i_theirs = 100 * (theirs.column("U1_IH_rms")[:, 1:50] / wanted - 1)
                i_ours = 100 * (ours.found.basic.values[1:-1, INTERHARMONICS][:, 1:] / wanted - 1)
                note(f"interharmonics at 0.5 %, {label}", "% reading", i_theirs, i_ours)
    return [
        (name, unit, 1000 * a if unit == "mHz" else a, 1000 * b if unit == "mHz" else b)
        for (name, unit), (a, b) in worst.items()
    ]


def turn_hz(turn: np.ndarray) -> float:
    return float((turn[1] - turn[0]) * RATE / (2 * np.pi))


def pct(volts: np.ndarray, nominal: Nominal) -> np.ndarray:
    return 100 * (np.asarray(volts, np.float64) / nominal.u_din_v - 1)


def flicker() -> list[Row]:
    """Pst of rectangular changes that must give 1."""
    rows = []
    table = {(230, 50): {39: 0.894, 110: 0.722, 1620: 0.407}, (120, 60): {39: 1.040, 110: 0.844, 1620: 0.548}}
    for nominal in SUPPLIES:
        worst = [0.0, 0.0]
        for per_minute, percent in table[round(nominal.u_din_v), round(nominal.f_hz)].items():
            turn = angle(nominal.f_hz, 1215)
            changes = np.arange(len(turn)) / RATE * per_minute / 60
            volts = nominal.u_din_v * np.sqrt(2) * np.sin(turn) * (1 + percent / 200 * np.where(changes % 2 < 1, 1, -1))
            theirs, ours = Theirs(volts, nominal, flicker=True), Ours(volts, nominal)
            given = theirs.column("U1_pst", 0)
            worst[0] = max(worst[0], 100 * abs(float(given[-1]) - 1) if len(given) else np.inf)
            worst[1] = max(worst[1], 100 * abs(float(ours.found.flicker.pst[-1]) - 1))
        rows.append((f"Pst, {nominal.u_din_v:g} V {nominal.f_hz:g} Hz", "%", *worst))
    return rows


def dips() -> list[Row]:
    """Residual voltage of dips, duration of dips and interruptions, 5 points on wave."""
    worst = {"dip residual": [0.0, 0.0], "dip duration": [0.0, 0.0], "interruption duration": [0.0, 0.0]}
    for nominal in SUPPLIES:
        for phase in np.linspace(0, 5, 5):
            for pu, cycles in ((0.7, 10), (0.4, 25.5), (0.0, 20)):
                begin, end = 3.0, 3.0 + cycles / nominal.f_hz
                at = np.arange(8 * RATE) / RATE
                level = np.where((at >= begin) & (at < end), pu, 1.0)
                volts = nominal.u_din_v * np.sqrt(2) * level * np.sin(angle(nominal.f_hz + 0.03, 8, phase))
                theirs, ours = Theirs(volts, nominal), Ours(volts, nominal)
                (incident,) = [
                    each
                    for each in ours.found.incidents
                    if each.incident_class in (IncidentClass.VOLTAGE_SAG, IncidentClass.VOLTAGE_INTERRUPTION)
                ]
                depth, length = min(theirs.events, default=(1.0, 0.0, 0.0))[:2]
                name = "dip duration" if pu else "interruption duration"
                note = [abs(length * nominal.f_hz - cycles), abs(incident.duration_ns / NS * nominal.f_hz - cycles)]
                worst[name] = [max(pair) for pair in zip(worst[name], note, strict=True)]
                if pu:
                    note = [100 * abs(depth - pu), 100 * abs((incident.extreme_pu or 0) - pu)]
                    worst["dip residual"] = [max(pair) for pair in zip(worst["dip residual"], note, strict=True)]
    units = {"dip residual": "% Udin"}
    return [(name, units.get(name, "cycles"), *pair) for name, pair in worst.items()]


def speed() -> None:
    """Compare the CPU time of one noisy minute, median of five runs each."""
    for nominal in SUPPLIES:
        turn = angle(nominal.f_hz + 0.02, 60)
        noise = np.random.default_rng(1).standard_normal(len(turn)) * 0.001 * nominal.u_din_v
        volts = nominal.u_din_v * np.sqrt(2) * (np.sin(turn) + 0.03 * np.sin(5 * turn)) + noise
        theirs = np.median([Theirs(volts, nominal, flicker=True).cpu_s for _ in range(3)])
        ours = np.median([Ours(volts, nominal).cpu_s for _ in range(5)])
        print(
            f"{nominal.f_hz:g} Hz: pqopen-lib {60 / theirs:6.0f} s of signal per CPU second, ours {60 / ours:6.0f}: "
            f"{theirs / ours:.1f} times faster"
        )


def main() -> None:
    parts: list[Callable[[], list[Row]]] = [steady, dips, flicker]
    print(f"{'largest error of':40} {'unit':10} {'pqopen-lib':>11} {'ours':>11}")
    for part in parts:
        for name, unit, theirs, ours in part():
            mark = "  worse" if ours > theirs else ""
            print(f"{name:40} {unit:10} {theirs:11.4f} {ours:11.4f}{mark}", flush=True)
    # As the command does; CPU time would count the waiting of threads otherwise.
    keep_freed_memory()
    with threadpool_limits(1):
        speed()


if __name__ == "__main__":
    main()
