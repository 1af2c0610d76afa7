"""Distortion of basic windows: harmonic subgroups and the transient residual, from one spectrum.

The N cycles of a window are resampled to a whole number of points per cycle, so that the window is locked to the
fundamental whatever the frequency and the free-running sample clock. The transient residual comes from the same spectrum
without its low orders, each cycle compared with its neighbours: what is steady cancels whatever its shape.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from opq.model.features import HARMONIC_ORDERS
from opq.model.waveforms import VoltArray

HIGHEST_ORDER = 50
"""Highest harmonic in the total distortion (IEC 61000-4-7; class A asks for 50)."""
RESIDUAL_ORDERS = (5.0, 10.0)
"""Orders between which the residual's high-pass rises, as a raised cosine. A sag at a zero crossing has no step, only a bend, and
must not look like a transient; a capacitor's switching oscillation, mostly above 300 Hz, must pass."""


@dataclass(frozen=True, slots=True, eq=False)
class Distortion:
    """Distortion of w basic windows as columns.

    Attributes
    ----------
    thd_pct : (w,) float64
        Total harmonic distortion of subgroups 2 to 50 over the fundamental's [%].
    harmonics_pct : (w, 7) float64
        Subgroups of `HARMONIC_ORDERS` over the fundamental's [%].
    dc_v : (w,) float64
        Direct component [V].
    transient_peak_v, transient_rms_v : (w,) float64
        Peak and rms of the residual without fundamental and steady harmonics [V].
    """

    thd_pct: VoltArray
    harmonics_pct: VoltArray
    dc_v: VoltArray
    transient_peak_v: VoltArray
    transient_rms_v: VoltArray

    @staticmethod
    def empty() -> "Distortion":
        """Return no windows."""
        none = np.empty(0)
        return Distortion(none, np.empty((0, len(HARMONIC_ORDERS))), none, none, none)


class DistortionMeter:
    """Measure the distortion of windows of `cycles` cycles each.

    Parameters
    ----------
    sample_rate_hz, f_hz : float
        Sample rate and nominal frequency [Hz].
    cycles : int
        N, the cycles of a basic window.
    """

    def __init__(self, sample_rate_hz: float, f_hz: float, cycles: int) -> None:
        samples_per_cycle = sample_rate_hz / f_hz
        self._cycles = cycles
        # More points than samples, and a power of two: nothing folds, and the points fall between the samples at many
        # places, which the mean droop of the interpolation supposes.
        self._points = 1 << int(np.ceil(np.log2(1.02 * samples_per_cycle)))
        orders = np.arange(1, min(HIGHEST_ORDER, int(0.45 * samples_per_cycle)) + 1)
        self._gain = 1 / _cubic_response(orders / samples_per_cycle) ** 2
        spectrum_orders = np.arange(cycles * self._points // 2 + 1) / cycles
        low, high = RESIDUAL_ORDERS
        rise = np.clip((spectrum_orders - low) / (high - low), 0, 1)
        self._high_pass = np.sin(np.pi / 2 * rise) ** 2

    def measure(self, volts: VoltArray, start: VoltArray, end: VoltArray) -> Distortion:
        """Measure the windows between the (w,) positions `start` and `end` [sample] in (n,) `volts` [V]."""
        if not len(start):
            return Distortion.empty()
        length = self._cycles * self._points
        spectrum = fft.rfft(resample_cubic(volts, start, end, length), axis=1, overwrite_x=True)
        power = np.square(np.abs(spectrum[:, : len(self._gain) * self._cycles + 2]))
        groups = self._subgroups(power)
        fundamental = np.maximum(groups[:, 0], np.finfo(np.float64).tiny)
        ratio = 100 * np.sqrt(groups / fundamental[:, None])
        peak, rms = self._residual(spectrum)
        return Distortion(
            thd_pct=np.sqrt(np.square(ratio[:, 1:]).sum(axis=1)),
            harmonics_pct=ratio[:, [order - 1 for order in HARMONIC_ORDERS]],
            dc_v=spectrum[:, 0].real / length,
            transient_peak_v=peak,
            transient_rms_v=rms,
        )

    def _subgroups(self, power: VoltArray) -> VoltArray:
        """Add the three bins around each harmonic: subgroups of IEC 61000-4-7 (M)."""
        centre = self._cycles * np.arange(1, len(self._gain) + 1)
        groups: VoltArray = (power[:, centre - 1] + power[:, centre] + power[:, centre + 1]) * self._gain
        return groups

    def _residual(self, spectrum: npt.NDArray[np.complex128]) -> tuple[VoltArray, VoltArray]:
        """Return peak and rms [V] of what differs from both neighbouring cycles.

        The difference to one neighbour would show a transient twice, once in the cycle after it; the smaller of both
        differences shows it once. The cycles of a window are taken as a ring.
        """
        length = self._cycles * self._points
        quick = fft.irfft(spectrum * self._high_pass, n=length, axis=1)
        quick = quick.reshape(-1, self._cycles, self._points)
        step = np.empty_like(quick)
        np.subtract(quick[:, 1:], quick[:, :-1], out=step[:, 1:])
        np.subtract(quick[:, 0], quick[:, -1], out=step[:, 0])
        np.abs(step, out=step)
        np.minimum(step[:, :-1], step[:, 1:], out=quick[:, :-1])
        np.minimum(step[:, -1], step[:, 0], out=quick[:, -1])
        residual = quick.reshape(-1, length)
        return residual.max(axis=1), np.sqrt(np.einsum("ij,ij->i", residual, residual) / length)


def resample_cubic(volts: VoltArray, start: VoltArray, end: VoltArray, points: int) -> VoltArray:
    """Interpolate (w, points) values evenly between positions by the cubic through the four nearest samples.

    Parameters
    ----------
    volts : (n,) float64
        Samples [V].
    start, end : (w,) float64
        First position and the position after the last point [sample].
    """
    here = volts[1:-2]
    first = np.diff(volts)
    second = np.diff(first)
    square = second[:-1] / 2
    cubic = np.diff(second) / 6
    linear = first[1:-1] - square
    linear -= cubic
    position = start[:, None] + (end - start)[:, None] * (np.arange(points) / points)
    index = position.astype(np.intp)
    np.clip(index, 1, len(here), out=index)
    position -= index
    index -= 1
    value: VoltArray = cubic.take(index)
    for coefficient in (square, linear, here):
        value *= position
        value += coefficient.take(index)
    return value


def _cubic_response(f_per_sample: VoltArray) -> VoltArray:
    """Mean response of the cubic interpolation at (n,) frequencies [1/sample], over all places between two samples."""
    place = (np.arange(64) + 0.5) / 64
    weights = np.array(
        [
            -place * (place - 1) * (place - 2) / 6,
            (place + 1) * (place - 1) * (place - 2) / 2,
            -(place + 1) * place * (place - 2) / 2,
            (place + 1) * place * (place - 1) / 6,
        ]
    )
    distance = np.array([[-1.0], [0.0], [1.0], [2.0]]) - place
    response: VoltArray = (
        np.einsum("kp,fkp->f", weights, np.cos(2 * np.pi * f_per_sample[:, None, None] * distance)) / 64
    )
    return response
