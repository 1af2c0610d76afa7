"""Flicker as lamp, eye and brain feel it: instantaneous flicker, Pst and Plt (IEC 61000-4-15 Ed. 2, class F1).

The squared voltage is decimated to about 1200 values a second before anything else: nothing above 42 Hz takes part, and
the filters then cost a tenth of what they would cost on the samples.
"""

from enum import Enum

import numpy as np
from scipy.signal import bilinear_zpk, butter, firwin, freqz_sos, sosfilt, sosfilt_zi, zpk2sos

from opq.model.waveforms import VoltArray
from opq.signal.decimation import DecimatingFilter

PST_S = 600
"""Interval of Pst [s]."""
PLT_INTERVALS = 12
"""Values of Pst in one of Plt."""
_INNER_HZ = 1200.0
"""Rate of the filters [1/s], about: high enough that the bilinear transform bends the weighting by under 0.3 % at 33 Hz."""
_OUTER_HZ = 100.0
"""Rate of instantaneous flicker given out [1/s], at least; it is smoothed over 0.3 s."""
_ANTI_ALIAS_HZ = 250.0
_ANTI_ALIAS_S = 0.02
"""Cut-off and length of the filter before decimation: flat to 100 Hz, under 75 dB from 400 Hz on."""
_LEVEL_S = 27.3
"""Time constant of the level to which the voltage is compared: 10 to 90 % in one minute (clause 5.4, M) [s]."""
_SETTLE_S = 1.0
"""The first level is the mean over so long [s]."""
UNSETTLED_S = 2.0
"""At the start of a stretch nothing is given for so long [s]: the filters first see the ripple of twice the frequency."""
_HIGH_PASS_HZ = 0.05
_LOW_PASS_HZ = {50: 35.0, 60: 42.0}
_EXACT_HZ = 12.0
_SMOOTHING_S = 0.3
_PERCENTILES = (
    (0.0314, (0.1,)),
    (0.0525, (0.7, 1.0, 1.5)),
    (0.0657, (2.2, 3.0, 4.0)),
    (0.28, (6.0, 8.0, 10.0, 13.0, 17.0)),
    (0.08, (30.0, 50.0, 80.0)),
)
"""Weights, and the percentages of time over which the levels are exceeded that are averaged (clause 5.7.2)."""


class Lamp(Enum):
    """The incandescent lamp whose light is judged: its weighting filter and its threshold at 8.8 Hz.

    Values: k, lambda, omega 1 to 4 over 2 pi [Hz] (clause 5.6), and the dU/U of sine modulation at 8.8 Hz that is just felt [%].
    At 230 V that is published as 0.250; within this rounding it is taken so that the Pst points of clause 5 lie around 1.
    """

    V120 = (1.6357, 4.167375, 9.077169, 2.939902, 1.394468, 17.31512, 0.321)
    V230 = (1.74802, 4.05981, 9.15494, 2.27979, 1.22535, 21.9, 0.2499)


def lamp_for(u_din_v: float) -> Lamp:
    """Return the lamp of a supply: 120 V below 160 V [V], 230 V from there on."""
    return Lamp.V120 if u_din_v < 160 else Lamp.V230


class Flickermeter:
    """Instantaneous flicker from one gapless stretch of samples, in blocks of any size.

    Parameters
    ----------
    sample_rate_hz, f_hz : float
        Sample rate and nominal frequency [Hz].
    lamp : Lamp
        Whose light is judged.

    Attributes
    ----------
    rate_hz : float
        Values given per second [1/s].
    """

    def __init__(self, sample_rate_hz: float, f_hz: float, lamp: Lamp) -> None:
        hop = max(1, round(sample_rate_hz / _INNER_HZ))
        inner_hz = sample_rate_hz / hop
        taps = _anti_alias(sample_rate_hz, hop)
        self._decimator = DecimatingFilter(taps, hop)
        self._delay = (taps.shape[1] - 1) / 2
        self._step = max(1, int(inner_hz / _OUTER_HZ))
        self._every = hop * self._step
        self.rate_hz = sample_rate_hz / self._every
        self._at = 0
        self._unsettled = self._given = round(UNSETTLED_S * self.rate_hz)
        self._settle = round(_SETTLE_S * inner_hz)
        self._early: VoltArray | None = np.empty(0)
        self._weighting = _eye(inner_hz, f_hz, lamp)
        gain = abs(freqz_sos(self._weighting, [8.8], fs=inner_hz)[1][0])
        self._smoothing = _first_order(_SMOOTHING_S, inner_hz)
        # Squared, the sine leaves half its square and a ripple of twice its frequency.
        ripple = abs(freqz_sos(self._smoothing, [17.6], fs=inner_hz)[1][0])
        self._scale = 2 / ((gain * lamp.value[-1] / 100) ** 2 * (1 + ripple))
        self._level = _first_order(_LEVEL_S, inner_hz)
        self._level_state = self._weighting_state = self._smoothing_state = np.empty(0)

    def feed(self, volts: VoltArray) -> tuple[VoltArray, VoltArray]:
        """Take (n,) samples [V] and return the instantaneous flicker that became complete.

        Returns
        -------
        position : (m,) float64
            Of each value, counted from the first sample of the stretch [sample]; less than 12 ms behind what was fed.
        p_inst : (m,) float64
            Instantaneous flicker [1].
        """
        flicker = self._instantaneous(volts)
        position = self._delay + self._every * np.arange(self._given, self._given + len(flicker))
        self._given += len(flicker)
        return position, flicker

    def _instantaneous(self, volts: VoltArray) -> VoltArray:
        power = self._decimator.feed(np.square(volts))[:, 0]
        if self._early is not None:
            power = np.concatenate([self._early, power])
            if len(power) < self._settle:
                self._early = power
                return np.empty(0)
            self._early = None
            self._begin(float(power[: self._settle].mean()))
        return self._felt(power) if len(power) else power

    def _felt(self, power: VoltArray) -> VoltArray:
        """Return the instantaneous flicker of (n,) squared voltages [V^2], at the outer rate."""
        level, self._level_state = sosfilt(self._level, power, zi=self._level_state)
        relative = np.divide(power, level, out=np.zeros(len(power)), where=level > 0)
        # After a loss of voltage the level is next to nothing for a while; no lamp shines brighter than this.
        np.clip(relative, 0, 4, out=relative)
        felt, self._weighting_state = sosfilt(self._weighting, relative, zi=self._weighting_state)
        np.square(felt, out=felt)
        smooth, self._smoothing_state = sosfilt(self._smoothing, felt, zi=self._smoothing_state)
        chosen = slice(-self._at % self._step, None, self._step)
        self._at += len(power)
        flicker: VoltArray = np.maximum(smooth[chosen], 0) * self._scale
        unsettled = min(self._unsettled, len(flicker))
        self._unsettled -= unsettled
        return flicker[unsettled:]

    def _begin(self, level: float) -> None:
        """Start all filters as if the voltage had always had this mean square [V^2]."""
        self._level_state = sosfilt_zi(self._level) * level
        self._weighting_state = sosfilt_zi(self._weighting) * (1.0 if level > 0 else 0.0)
        self._smoothing_state = sosfilt_zi(self._smoothing) * 0.0


def pst(p_inst: VoltArray) -> float:
    """Return the short-term severity of (n,) values of instantaneous flicker over 10 minutes [1] (clause 5.7.2)."""
    shares = [share for _, group in _PERCENTILES for share in group]
    levels = dict(zip(shares, np.quantile(p_inst, [1 - share / 100 for share in shares]).tolist(), strict=True))
    total = sum(weight * float(np.mean([levels[share] for share in group])) for weight, group in _PERCENTILES)
    return float(np.sqrt(total))


def plt(psts: VoltArray) -> float:
    """Return the long-term severity of 12 values of Pst [1]: the cube root of the mean of their cubes (clause 5.7.3)."""
    return float(np.cbrt(np.mean(np.asarray(psts, np.float64) ** 3)))


def _anti_alias(sample_rate_hz: float, hop: int) -> VoltArray:
    """Return the (1, length) low-pass before decimation; at low rates that need none, one that changes nothing."""
    if hop == 1:
        return np.ones((1, 1))
    length = -(-round(_ANTI_ALIAS_S * sample_rate_hz) // hop) * hop
    taps: VoltArray = firwin(length, _ANTI_ALIAS_HZ, window="blackman", fs=sample_rate_hz)[None]
    return taps


def _eye(rate_hz: float, f_hz: float, lamp: Lamp) -> VoltArray:
    """Return blocks 3 of the flickermeter as second-order sections: high-pass, low-pass, lamp and eye."""
    k, decay, w1, w2, w3, w4, _ = lamp.value
    k, (decay, w1, w2, w3, w4) = k, 2 * np.pi * np.array([decay, w1, w2, w3, w4])
    poles = [*np.roots([1, 2 * decay, w1**2]), -w3, -w4]
    # Prewarped: the transform is exact there, and within 0.1 % where flicker is felt.
    warped_hz = np.pi * _EXACT_HZ / np.tan(np.pi * _EXACT_HZ / rate_hz)
    weighting = bilinear_zpk([0.0, -w2], poles, k * w1 * w3 * w4 / w2, warped_hz)
    return np.concatenate(
        [
            butter(1, _HIGH_PASS_HZ, "highpass", fs=rate_hz, output="sos"),
            butter(6, min(_LOW_PASS_HZ[round(f_hz)], 0.4 * rate_hz), fs=rate_hz, output="sos"),
            zpk2sos(*weighting),
        ]
    )


def _first_order(seconds: float, rate_hz: float) -> VoltArray:
    """Return a first-order low-pass of that time constant as one second-order section."""
    sections: VoltArray = zpk2sos(*bilinear_zpk([], [-1 / seconds], 1 / seconds, rate_hz))
    return sections
