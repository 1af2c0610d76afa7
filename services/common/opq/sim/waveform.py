"""The voltage at one simulated box as a function of absolute time.

Nothing is integrated step by step: phase is a closed expression of time and noise is drawn per whole second
from (seed, box, second). So any interval can be computed alone, in any block size, with the same samples.
"""

import zlib

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.ids import BoxId
from opq.model.waveforms import VoltArray
from opq.sim.scenario import Disturbance, DisturbanceKind, Scenario

_RAMP_S = 0.5
"""A frequency excursion goes and comes back in this time [s]; large machines allow no step."""
_EDGE_S = 0.0008
"""A voltage step takes this long [s]."""
_WANDER = ((0.008, 37.0), (0.005, 113.0))
"""Slow swing of grid frequency: amplitude [Hz], period [s]; stays well within the 0.1 Hz limit."""
_NOISE_PU = 0.0006
"""Rms noise of sensor and supply [pu]."""


def _step_integral(at: VoltArray, edge: float, ramp: float) -> VoltArray:
    """Integral over time of a unit step at `edge` with a linear rise of `ramp` seconds."""
    late = np.clip(at - edge, 0, ramp)
    return late**2 / (2 * ramp) + np.maximum(at - edge - ramp, 0)


def _step(at: VoltArray, edge: float, ramp: float) -> VoltArray:
    """Unit step at `edge` with a linear rise of `ramp` seconds."""
    return np.clip((at - edge) / ramp, 0, 1)


class BoxWaveform:
    """The supply of one box of a scenario at a fixed sample rate."""

    def __init__(self, scenario: Scenario, box_id: BoxId, sample_rate_hz: float) -> None:
        box = scenario.box(box_id)
        self._scenario = scenario
        self._rate = sample_rate_hz
        self._nominal = box.nominal
        self._noise_key = (scenario.seed, zlib.crc32(box_id.encode()))
        draw = np.random.default_rng(self._noise_key)
        self._level = 1 + draw.uniform(-0.012, 0.012)
        self._swing = (draw.uniform(0.001, 0.003), draw.uniform(60, 180), draw.uniform(0, 2 * np.pi))
        orders = (3, 5, 7, 11)
        sizes = draw.uniform(0.3, 1.0, len(orders)) * (0.010, 0.012, 0.007, 0.003)
        self._harmonics = tuple(zip(orders, sizes, draw.uniform(0, 2 * np.pi, len(orders)), strict=True))
        mine = [item for item in scenario.disturbances if box_id in item.box_ids]
        self._excursions = [item for item in scenario.disturbances if item.kind is DisturbanceKind.FREQUENCY]
        self._distortions = [item for item in mine if item.kind is DisturbanceKind.DISTORTION]
        voltage = (DisturbanceKind.SAG, DisturbanceKind.SWELL, DisturbanceKind.INTERRUPTION)
        self._voltage = [item for item in mine if item.kind in voltage]
        self._second: int | None = None
        self._noise: VoltArray = np.empty(0)

    def unix_ns(self, index: int) -> int:
        """Time of sample `index`; sample 0 is the start of the scenario."""
        return self._scenario.start_unix_ns + round(index * NS / self._rate)

    def volts(self, first: int, count: int) -> VoltArray:
        """Return samples `first` to ``first + count`` as (count,) float64 [V]; negative indices are fine."""
        at = (first + np.arange(count)) / self._rate
        phase = 2 * np.pi * self._cycles(at)
        wave = np.sin(phase)
        for order, size, angle in self._harmonics:
            wave += size * np.sin(order * phase + angle)
        where = self._within(at)
        for item in self._distortions:
            gate = self._gate(where, item, 0.01)
            if gate.any():
                wave += gate * item.level / 100 * (0.8 * np.sin(5 * phase) + 0.6 * np.sin(7 * phase + 1.0))
        size, period, angle = self._swing
        factor = self._level + size * np.sin(2 * np.pi * at / period + angle)
        for item in self._voltage:
            gate = self._gate(where, item, _EDGE_S)
            factor = factor * (1 + gate * (item.level / self._level - 1))
        peak = np.sqrt(2) * self._nominal.u_din_v
        volts: VoltArray = peak * factor * wave + self._nominal.u_din_v * _NOISE_PU * self._noise_at(first, count)
        return volts

    def _within(self, at: VoltArray) -> VoltArray:
        """Time inside the current repetition of the disturbances."""
        repeat = self._scenario.repeat_s
        return np.where(at >= 0, at % repeat, at) if repeat else at

    @staticmethod
    def _gate(at: VoltArray, item: Disturbance, edge: float) -> VoltArray:
        # Not the first and last: a block may begin before and end after a repetition.
        if at.max() < item.start_s or at.min() > item.start_s + item.duration_s + edge:
            return np.zeros(1)
        return _step(at, item.start_s, edge) - _step(at, item.start_s + item.duration_s, edge)

    def _cycles(self, at: VoltArray) -> VoltArray:
        """Integral of grid frequency from the start of the scenario [cycles]."""
        cycles = self._nominal.f_hz * at
        for size, period in _WANDER:
            cycles += size * period / (2 * np.pi) * (1 - np.cos(2 * np.pi * at / period))
        repeat = self._scenario.repeat_s
        for item in self._excursions:
            whole = np.floor(np.maximum(at, 0) / repeat) if repeat else 0.0
            where = self._within(at)
            area = _step_integral(where, item.start_s, _RAMP_S) - _step_integral(
                where, item.start_s + item.duration_s - _RAMP_S, _RAMP_S
            )
            cycles += item.level * (area + whole * (item.duration_s - _RAMP_S))
        return cycles

    def _noise_at(self, first: int, count: int) -> VoltArray:
        per_second = round(self._rate)
        pieces: list[npt.NDArray[np.float64]] = []
        index = first
        while index < first + count:
            second, offset = divmod(index, per_second)
            if second != self._second:
                draw = np.random.default_rng((*self._noise_key, second + 2**32))
                self._second, self._noise = second, draw.standard_normal(per_second)
            take = min(per_second - offset, first + count - index)
            pieces.append(self._noise[offset : offset + take])
            index += take
        return np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
