"""The spectrum of basic windows: harmonics, interharmonics, bands to 6 kHz, and the transient residual.

The N cycles of a window are resampled to a whole number of points per cycle, so that the window is locked to the
fundamental whatever the frequency and the free-running sample clock. The points lie on cubic B-splines over the samples:
their response is known and smooth, so it is taken out of the spectrum, and their images stay under 2 % up to 3 kHz and in
places no group looks at. The transient residual comes from the same spectrum without its low orders, each cycle compared
with its neighbours: what is steady cancels whatever its shape.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from opq.model.waveforms import VoltArray

HIGHEST_ORDER = 50
"""Highest harmonic in groups and total distortion (IEC 61000-4-7; class A asks for 50)."""
BAND_HZ = 200
BANDS_FROM_HZ, BANDS_TO_HZ = 2000, 6000
"""Bands above the harmonics (IEC 61000-4-7 annex B, M), as far as 12 kHz of samples reach [Hz]."""
BANDS = (BANDS_TO_HZ - BANDS_FROM_HZ) // BAND_HZ
RESIDUAL_ORDERS = (5.0, 10.0)
"""Orders between which the residual's high-pass rises, as a raised cosine. A sag at a zero crossing has no step, only a bend, and
must not look like a transient; a capacitor's switching oscillation, mostly above 300 Hz, must pass."""
_HIGHEST_SHARE = 0.5
"""Frequency over sample rate up to which a spectrum means anything."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are in the spectra of one sample rate and supply.

    Attributes
    ----------
    cycles : int
        N, the cycles of a window: the distance of harmonics [bin].
    band_start, band_bins : int
        First bin of the bands above 2 kHz and bins in each.
    """

    cycles: int
    band_start: int
    band_bins: int


@dataclass(frozen=True, eq=False)
class Spectra:
    """Spectra of w basic windows; what lies beyond half the sample rate is zero. Groups are added up when they are asked for.

    Attributes
    ----------
    layout : Layout
        Meaning of the bins.
    power : (w, b) float64
        Mean square of each bin, about 5 Hz apart [V^2].
    dc_v : (w,) float64
        Direct component [V].
    signalling_bin : (w,) int64
        First of the four bins nearest to the frequency of mains signalling; negative if none is given.
    transient_peak_v, transient_rms_v : (w,) float64
        Peak and rms of the residual without fundamental and steady harmonics [V].
    """

    layout: Layout
    power: VoltArray
    dc_v: VoltArray
    signalling_bin: npt.NDArray[np.int64]
    transient_peak_v: VoltArray
    transient_rms_v: VoltArray

    def __len__(self) -> int:
        return len(self.dc_v)

    @cached_property
    def harmonics_v(self) -> VoltArray:
        """Rms of the harmonic subgroups 1 to 50, bins hN-1 to hN+1, (w, 50) [V] (IEC 61000-4-7; M)."""
        cycles, last = self.layout.cycles, HIGHEST_ORDER * self.layout.cycles
        sides = self.power[:, cycles - 1 : last : cycles] + self.power[:, cycles + 1 : last + 2 : cycles]
        return np.sqrt(self.power[:, cycles : last + 1 : cycles] + sides)

    @cached_property
    def components_v(self) -> VoltArray:
        """Rms of the bins hN alone, orders 1 to 50, (w, 50) [V]."""
        cycles = self.layout.cycles
        return np.sqrt(self.power[:, cycles : HIGHEST_ORDER * cycles + 1 : cycles])

    @cached_property
    def interharmonics_v(self) -> VoltArray:
        """Rms of the centred interharmonic subgroups 0 to 49, bins hN+2 to (h+1)N-2, (w, 50) [V].

        Subgroup 0 lies below the fundamental.
        """
        cycles = self.layout.cycles
        orders = self.power[:, : HIGHEST_ORDER * cycles].reshape(len(self), HIGHEST_ORDER, cycles)
        between: VoltArray = np.sqrt(orders[:, :, 2 : cycles - 1].sum(axis=2))
        return between

    @cached_property
    def bands_v(self) -> VoltArray:
        """Rms of the bands of 200 Hz from 2 to 6 kHz, (w, 20) [V] (IEC 61000-4-7 annex B; M)."""
        start, width = self.layout.band_start, self.layout.band_bins
        bands = np.zeros((len(self), BANDS))
        whole = min(BANDS, (self.power.shape[1] - start) // width)
        if whole > 0:
            inside = self.power[:, start : start + whole * width].reshape(len(self), whole, width)
            bands[:, :whole] = np.sqrt(inside.sum(axis=2))
        return bands

    @cached_property
    def signalling_v(self) -> VoltArray:
        """Rms of the four bins nearest to mains signalling, (w,) [V] (IEC 61000-4-30, 5.10; M); 0 if no frequency is given."""
        bins = np.clip(self.signalling_bin[:, None] + np.arange(4), 0, self.power.shape[1] - 1)
        nearest = np.sqrt(np.take_along_axis(self.power, bins, axis=1).sum(axis=1))
        return np.where(self.signalling_bin >= 0, nearest, 0.0)

    @property
    def thd_pct(self) -> VoltArray:
        """THDS: subgroups 2 to 50 over that of the fundamental, (w,) [%] (IEC 61000-4-7, 3.2.3; M)."""
        return total_distortion_pct(self.harmonics_v)

    @staticmethod
    def concatenate(parts: "list[Spectra]") -> "Spectra":
        """Join those of one meter in the order given, at least one part."""
        return Spectra(
            parts[0].layout,
            np.concatenate([part.power for part in parts]),
            np.concatenate([part.dc_v for part in parts]),
            np.concatenate([part.signalling_bin for part in parts]),
            np.concatenate([part.transient_peak_v for part in parts]),
            np.concatenate([part.transient_rms_v for part in parts]),
        )


def total_distortion_pct(harmonics_v: VoltArray, highest: int = HIGHEST_ORDER) -> VoltArray:
    """Return the rms of (w, h) harmonics from order 2 to `highest` over that of order 1, (w,) [%]; 0 without voltage."""
    rest = np.sqrt(np.square(harmonics_v[:, 1:highest]).sum(axis=1))
    return share_pct(rest, harmonics_v[:, 0])


def share_pct(part: VoltArray, whole: VoltArray) -> VoltArray:
    """Return ``100 part / whole`` [%], 0 where `whole` is nothing."""
    share: VoltArray = 100 * np.divide(
        part, whole, out=np.zeros(np.shape(part)), where=whole > np.finfo(np.float64).tiny
    )
    return share


class SpectrumMeter:
    """Measure the spectra of windows of `cycles` cycles each.

    Parameters
    ----------
    sample_rate_hz, f_hz : float
        Sample rate and nominal frequency [Hz].
    cycles : int
        N, the cycles of a basic window.
    signalling_hz : float
        Frequency of mains signalling [Hz]; 0 for none.
    """

    def __init__(self, sample_rate_hz: float, f_hz: float, cycles: int, signalling_hz: float = 0.0) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._cycles = cycles
        self._points = _points(sample_rate_hz / f_hz, cycles)
        self._length = cycles * self._points
        last_band_bin = round(BANDS_TO_HZ * cycles / f_hz)
        self._bins = min(self._length // 2 + 1, max(HIGHEST_ORDER * cycles + 2, last_band_bin + 1))
        self._layout = Layout(cycles, round(BANDS_FROM_HZ * cycles / f_hz) + 1, round(BAND_HZ * cycles / f_hz))
        self._signalling_hz = signalling_hz
        low, high = RESIDUAL_ORDERS
        rise = np.clip((np.arange(self._bins) / cycles - low) / (high - low), 0, 1)
        self._high_pass = np.sin(np.pi / 2 * rise) ** 2

    def measure(self, volts: VoltArray, start: VoltArray, end: VoltArray) -> Spectra:
        """Measure the windows between the (w,) positions `start` and `end` [sample] in (n,) `volts` [V]."""
        if not len(start):
            none = np.empty(0)
            return Spectra(self._layout, np.empty((0, self._bins)), none, np.empty(0, np.int64), none, none)
        spectrum = fft.rfft(resample_spline(volts, start, end, self._length), axis=1, overwrite_x=True)[:, : self._bins]
        spectrum *= np.stack([_gain(round(window), self._bins) for window in (end - start).tolist()])
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        power *= 2 / self._length**2
        signalling_bin = np.full(len(start), -1, np.int64)
        if self._signalling_hz:
            signalling_bin = np.floor(self._signalling_hz * (end - start) / self._sample_rate_hz).astype(np.int64) - 1
        peak, rms = self._residual(spectrum)
        return Spectra(self._layout, power, spectrum[:, 0].real / self._length, signalling_bin, peak, rms)

    def _residual(self, spectrum: npt.NDArray[np.complex128]) -> tuple[VoltArray, VoltArray]:
        """Return peak and rms [V] of what differs from both neighbouring cycles.

        The difference to one neighbour would show a transient twice, once in the cycle after it; the smaller of both
        differences shows it once. The cycles of a window are taken as a ring.
        """
        length = self._length
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


def resample_spline(volts: VoltArray, start: VoltArray, end: VoltArray, points: int) -> VoltArray:
    """Give (w, points) values evenly between positions, on uniform cubic B-splines with the samples as their weights.

    The samples are not interpolated but smoothed: the response at `f` cycles per sample is ``sinc(f) ** 4``.

    Parameters
    ----------
    volts : (n,) float64
        Samples [V].
    start, end : (w,) float64
        First position and the position after the last point [sample].
    """
    first = volts[1:] - volts[:-1]
    second = first[1:] - first[:-1]
    constant = volts[1:-2] + second[:-1] / 6
    square = second[:-1] / 2
    linear = first[1:-1] - square
    cubic = second[1:] - second[:-1]
    cubic /= 6
    position = start[:, None] + (end - start)[:, None] * (np.arange(points) / points)
    index = position.astype(np.int32)
    np.clip(index, 1, len(constant), out=index)
    position -= index
    index -= 1
    value: VoltArray = cubic.take(index)
    for coefficient in (square, linear, constant):
        value *= position
        value += coefficient.take(index)
    return value


def _points(samples: float, cycles: int) -> int:
    """Return the points per cycle of so many samples: enough for order 50, with a fast transform of `cycles` of them.

    A quarter more than samples: the images of what lies below 3 kHz then fold to where it matters least.
    """
    points = max(104, int(np.ceil(1.25 * samples)))
    while fft.next_fast_len(points * cycles, real=True) != points * cycles:
        points += 1
    return points


@lru_cache(maxsize=64)
def _gain(window: int, bins: int) -> VoltArray:
    """Take the response of the B-splines out of a window of so many samples; beyond half the sample rate leave nothing."""
    f_per_sample = np.arange(bins) / window
    gain: VoltArray = np.where(f_per_sample <= _HIGHEST_SHARE, np.sinc(f_per_sample) ** -4, 0.0)
    gain.flags.writeable = False
    return gain
