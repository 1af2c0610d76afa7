"""The closed sets of the simulation: what may happen to a supply, and what may be wrong with a box."""

from enum import Enum


class HappeningKind(Enum):
    """What happens to the supply."""

    TRANSMISSION_FAULT = "transmission_fault"
    """Somebody else's short circuit: the source is lower for 3 to 12 cycles, for everybody."""
    FEEDER_FAULT = "feeder_fault"
    """Short circuit on a main line: the breaker opens, waits, closes; other feeders see a sag."""
    LATERAL_FAULT = "lateral_fault"
    """Short circuit on a lateral until its fuse melts; what is behind stays without power until it is replaced."""
    MOTOR_START = "motor_start"
    CAPACITOR = "capacitor"
    """A bank is switched: a ringing transient and a small step that stays."""
    TAP_CHANGE = "tap_change"
    LIGHTNING = "lightning"
    DISTORTION = "distortion"
    FREQUENCY_EXCURSION = "frequency_excursion"
    LOCAL_SAG = "local_sag"
    """A heavy load or fault in one house."""
    LOCAL_SWELL = "local_swell"
    STORM = "storm"
    """Sags every few seconds and distortion over the limit at every box, for long."""


class BoxFaultKind(Enum):
    """What is wrong with a box."""

    CLOCK = "clock"
    """Its clock is off by `offset_s` from a moment on, with no change of what it claims."""
    SILENT = "silent"
    """Nothing comes from it."""
    GAP = "gap"
    """Samples are missing; the first window after says so."""
    REBOOT = "reboot"
    """It starts again: nothing for a while, then it goes on."""
