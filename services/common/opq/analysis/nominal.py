"""The declared supply of a recording, found from the recording itself."""

import numpy as np
from scipy import fft

from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.signal.segments import half_cycle_series

USUAL_V = (
    *(100.0, 110.0, 120.0, 127.0, 200.0, 208.0, 220.0, 230.0, 240.0),
    *(277.0, 347.0, 380.0, 400.0, 415.0, 440.0, 480.0, 500.0, 600.0, 690.0),
)
"""Declared voltages of low-voltage supplies, phase to neutral or phase to phase [V]; 115 V is where 120 V often are, not one."""
_NEAR = 0.07
"""A supply is taken for a usual one within this share of it."""
_FREQUENCIES = (50.0, 60.0)
_BAND_HZ = (30.0, 75.0)
"""A motor bus that has lost its supply runs down from 50 or 60 Hz."""
_SPECTRUM_S = 1.0
"""The frequency is that of the first second with a voltage [s]: later a motor bus may have lost its supply and run down."""
_RESOLUTION_HZ = 0.25
_LEAST_POWER = 0.15
"""Share of the power that is in the strongest line at least: mains that was there for a third of the time, not noise."""
_SAME = 1e-9
"""Changes by less than this share of the value are those of rounding."""
MOST_V = 1e9
"""Samples beyond this are no voltages but damage [V]."""
LEAST_CYCLES = 5
"""Shorter recordings have no cycle whose neighbours are known."""
_FIRST_S = 1.0
"""If no usual voltage is near, the median of the first second stands for it: a fault record begins before its fault."""


def find_nominal(
    volts: VoltArray, sample_rate_hz: float, u_din_v: float | None = None, f_hz: float | None = None
) -> Nominal:
    """Find the declared voltage and frequency from the first seconds of a recording.

    Parameters
    ----------
    volts : (n,) float64
        Samples [V], some seconds up to a minute.
    u_din_v, f_hz : float, optional
        What is known already [V], [Hz].

    Raises
    ------
    InvalidInput
        If there are fewer than 5 cycles, fewer than 8 samples in a cycle, or nothing near 50 or 60 Hz.
    """
    volts = np.where(np.abs(volts) < MOST_V, volts, 0.0)
    if len(volts) < LEAST_CYCLES * sample_rate_hz / (f_hz or _FREQUENCIES[1]) - 1:
        raise InvalidInput(
            f"got {len(volts)} samples at {sample_rate_hz:g} Hz, {len(volts) / sample_rate_hz:.3g} s, expected at least "
            f"{LEAST_CYCLES} cycles"
        )
    begins = 0
    if not f_hz:
        begins, f_hz = _frequency(volts, sample_rate_hz)
    if sample_rate_hz < 8 * f_hz:
        raise InvalidInput(
            f"sample rate {sample_rate_hz:g} Hz: expected at least 8 samples in a cycle of {f_hz:g} Hz, {8 * f_hz:g} Hz"
        )
    if u_din_v:
        return Nominal(u_din_v, f_hz)
    level = float(np.sqrt(np.mean(np.square(volts)))) or 1.0
    # A supply declared for the level of the whole lets the cycles be found; what is declared comes from the cycles.
    series = half_cycle_series(VoltageSegment(0, sample_rate_hz, volts), Nominal(level, f_hz)).u_rms_half_v
    if not len(series):
        raise InvalidInput(
            f"got {len(volts) / sample_rate_hz:.3g} s, expected at least {LEAST_CYCLES} cycles of {f_hz:g} Hz"
        )
    usual = min(USUAL_V, key=lambda each: abs(float(np.median(series)) / each - 1))
    if abs(float(np.median(series)) / usual - 1) <= _NEAR:
        return Nominal(usual, f_hz)
    row = round(begins / sample_rate_hz * 2 * f_hz)
    first = float(np.median(series[min(row, len(series) - 1) :][: round(2 * f_hz * _FIRST_S)]))
    if first <= 0:
        raise InvalidInput("no voltage at the beginning; give the declared voltage (--u-din)")
    return Nominal(first, f_hz)


def _frequency(volts: VoltArray, sample_rate_hz: float) -> tuple[int, float]:
    """Return the first sample of the first second with a mains voltage, and 50 or 60 Hz.

    A recording may begin without voltage, so later seconds are looked at too; the first one is what an error tells of.
    """
    second = max(1, round(_SPECTRUM_S * sample_rate_hz))
    failed = None
    for begin in range(0, max(len(volts) - second, 0) + 1, second):
        try:
            return begin, _frequency_of(volts[begin : begin + second], sample_rate_hz)
        except InvalidInput as error:
            failed = failed or error
    raise failed or InvalidInput("got no samples")


def _frequency_of(volts: VoltArray, sample_rate_hz: float) -> float:
    """Return 50 or 60 Hz, whichever the strongest line is nearer to."""
    length = max(len(volts), round(sample_rate_hz / _RESOLUTION_HZ))
    spectrum = np.abs(fft.rfft((volts - volts.mean()) * np.hanning(len(volts)), n=length))
    power = float(np.var(volts))
    if power <= (_SAME * float(np.abs(volts).max())) ** 2:
        raise InvalidInput(
            "the voltage does not change in the first second: nothing is measured, or the channel is dead"
        )
    f_hz = np.arange(len(spectrum)) * sample_rate_hz / length
    band = (f_hz >= _BAND_HZ[0]) & (f_hz <= _BAND_HZ[1])
    strongest_v = 2 * spectrum[band].max(initial=0.0) / np.hanning(len(volts)).sum()
    if strongest_v**2 / 2 < _LEAST_POWER * power or spectrum[band].max() < 0.5 * spectrum.max():
        raise InvalidInput(
            f"strongest in the first second is {float(f_hz[spectrum.argmax()]):.1f} Hz, expected something near 50 or 60 Hz: "
            "no mains voltage, or the sample rate is not right"
        )
    strongest = float(f_hz[band][spectrum[band].argmax()])
    return min(_FREQUENCIES, key=lambda nominal: abs(strongest - nominal))
