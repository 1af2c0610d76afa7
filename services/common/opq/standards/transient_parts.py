"""What a transient is, when something is one, and how two parts of one are joined."""

from dataclasses import dataclass, replace

import numpy as np

from opq.clock import NS
from opq.model.incidents import IncidentClass


@dataclass(frozen=True, slots=True)
class TransientLimits:
    """When something quick is a transient, and which."""

    least_rate_hz: float = 2000.0
    """Sample rate below which nothing is said [Hz]: no oscillation of 300 to 900 Hz could be told from a pulse."""
    least_peak_pu: float = 8 / (120 * np.sqrt(2))
    """Least peak over the nominal peak: 8 V at 120 V, the limit the boxes trigger at."""
    peak_sigmas: float = 4.7
    """Least peak over the noise."""
    energy_sigmas2: float = 90.0
    """Least energy over the variance of the noise [sample]."""
    arc_energy_sigmas2: float = 45.0
    """The same for a burst of an arc, of which it takes several [sample]."""
    oscillation_cycles: float = 0.5
    """Least periods before an oscillation is down to 1/e."""
    pulse_part: float = 0.8
    """Part of a burst's energy that a unipolar pulse explains, from which on it is no oscillation."""
    longest_impulse_s: float = 0.01
    """Longer ones are changes of the voltage, not impulses [s]."""
    longest_oscillation_s: float = 0.06
    """Until 5 % remain [s]; IEEE 1159 has 50 ms for the low-frequency class, and the fit errs by some."""
    least_half_cycles: int = 6
    """Half cycles with a burst that make arcing."""
    longest_pause_s: float = 0.2
    """Longest time without a burst within one arc [s]."""
    least_occupied: float = 0.25
    """Part of the half cycles from the first to the last burst of an arc that have one."""
    least_likeness: float = 0.8
    """How alike disturbances of zero crossings must be to be one of these and no arcing."""
    least_notch_pu: float = 0.04
    """Least depth of notches over the nominal peak."""


@dataclass(frozen=True, slots=True)
class Transient:
    """One transient with what it was judged by; what does not belong to its class is 0 or empty.

    Attributes
    ----------
    start_unix_ns, end_unix_ns : int
        [ns since the epoch].
    peak_v : float
        Largest deviation from the voltage expected, with its sign [V].
    peak_pu : float
        The same over the nominal peak.
    peak_unix_ns : int
        When that was [ns since the epoch].
    polarity : int
        1 or -1: the sign of the peak.
    rise_s, decay_s : float
        From 10 to 90 % of the peak, and from the peak to half of it [s]. Of an oscillation, decay is to 1/e of its envelope.
    energy_v2s : float
        Integral of the squared deviation, without the noise's [V^2 s].
    point_on_wave_deg : float
        Phase of the fundamental's sine at the start, 0 to 360 [degree].
    oscillation_hz, cycles, explained : float
        Frequency [Hz], periods until over, and part of the energy the fitted oscillation has.
    notch_width_s, notch_depth_v, per_cycle
        Mean width [s] and depth [V] of notches, and how many in a cycle.
    crossings : int
        Most zero crossings in a half cycle that should have one.
    bursts : int
        Half cycles with a burst.
    likeness : float
        How alike repeated disturbances are, 0 to 1.
    lasting_change_pu : float
        Fundamental after minus before, over Udin.
    cause : str
        ``capacitor switching`` or empty.
    noise_v : float
        Standard deviation of the noise around [V].
    waveform_v : tuple of float
        The voltage around the peak, to 0.1 V [V].
    waveform_from_s : float
        Its first sample from the start of the transient [s].
    waveform_rate_hz : float
        Its sample rate [Hz].
    open_start, open_end : bool
        It touches the beginning or end of the record.
    """

    incident_class: IncidentClass
    start_unix_ns: int
    end_unix_ns: int
    peak_v: float
    peak_pu: float
    peak_unix_ns: int
    polarity: int
    rise_s: float = 0.0
    decay_s: float = 0.0
    energy_v2s: float = 0.0
    point_on_wave_deg: float = 0.0
    oscillation_hz: float = 0.0
    cycles: float = 0.0
    explained: float = 0.0
    notch_width_s: float = 0.0
    notch_depth_v: float = 0.0
    per_cycle: int = 0
    crossings: int = 0
    bursts: int = 0
    likeness: float = 0.0
    lasting_change_pu: float = 0.0
    cause: str = ""
    noise_v: float = 0.0
    waveform_v: tuple[float, ...] = ()
    waveform_from_s: float = 0.0
    waveform_rate_hz: float = 0.0
    open_start: bool = False
    open_end: bool = False

    @property
    def duration_s(self) -> float:
        """From start to end [s]."""
        return (self.end_unix_ns - self.start_unix_ns) / NS


def join(earlier: Transient, later: Transient) -> Transient:
    """Join the two parts of a transient that two records cut apart."""
    worst = max(earlier, later, key=lambda part: abs(part.peak_v))
    overlap = later.start_unix_ns < earlier.end_unix_ns
    return replace(
        worst,
        start_unix_ns=min(earlier.start_unix_ns, later.start_unix_ns),
        waveform_from_s=worst.waveform_from_s
        + (worst.start_unix_ns - min(earlier.start_unix_ns, later.start_unix_ns)) / NS,
        end_unix_ns=max(earlier.end_unix_ns, later.end_unix_ns),
        rise_s=earlier.rise_s,
        point_on_wave_deg=earlier.point_on_wave_deg,
        energy_v2s=max(earlier.energy_v2s, later.energy_v2s) if overlap else earlier.energy_v2s + later.energy_v2s,
        crossings=max(earlier.crossings, later.crossings),
        bursts=max(earlier.bursts, later.bursts) if overlap else earlier.bursts + later.bursts,
        cause=earlier.cause or later.cause,
        open_start=earlier.open_start,
        open_end=later.open_end,
    )
