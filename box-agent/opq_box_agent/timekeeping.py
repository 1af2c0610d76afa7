"""How far a clock may be off, told honestly: what disciplines it, and how the bound grows when nothing does.

Pure: what the kernel says of its clock and how much time passed come in as parameters. `kernel_clock` asks the kernel.
"""

from dataclasses import dataclass

from opq.clock import HOUR_NS, NS
from opq.model.features import TimeSource

DRIFT_PPM = 50
"""What a crystal of this class can be off by between cold and warm, once it is known what it is at room temperature."""
_KERNEL_PPM = 500
"""By so much the kernel lets its own bound grow between two corrections (RFC 5905, MAXFREQ)."""
NTP_FLOOR_NS = 5_000_000
"""A path that is slower one way than the other is in nobody's bound; simple clients say 0 after each correction."""
UNKNOWN_NS = HOUR_NS
"""Said of a clock that nothing ever set: it may be anything."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What disciplines a clock, and half the width of the interval in which the true time lies [ns]."""

    source: TimeSource
    uncertainty_ns: int


@dataclass(frozen=True, slots=True)
class KernelState:
    """What the kernel says of its clock."""

    synchronised: bool
    max_error_ns: int


def grown(uncertainty_ns: int, elapsed_ns: int) -> int:
    """Return a bound after a time without correction [ns]; never more than `UNKNOWN_NS`."""
    return min(UNKNOWN_NS, uncertainty_ns + elapsed_ns * DRIFT_PPM // 1_000_000)


class HostDiscipline:
    """Follows what the kernel says of the host's clock.

    The kernel's bound grows ten times as fast as a crystal drifts. So the bound of the last correction is kept, and grown
    by `DRIFT_PPM`; a bound that fell, or rose by more than its growth, tells that there was a new correction.
    """

    def __init__(self) -> None:
        self._corrected: tuple[int, int] | None = None
        self._said: tuple[int, int] | None = None

    def read(self, state: KernelState, monotonic_ns: int) -> Quality:
        """Say how good the clock is, from what the kernel says now."""
        if state.synchronised and self._is_corrected(state.max_error_ns, monotonic_ns):
            self._corrected = (max(NTP_FLOOR_NS, state.max_error_ns), monotonic_ns)
        self._said = (state.max_error_ns, monotonic_ns) if state.synchronised else None
        source = TimeSource.NTP if state.synchronised else TimeSource.FREE
        if self._corrected is None:
            return Quality(source, UNKNOWN_NS)
        bound, since = self._corrected
        return Quality(source, grown(bound, monotonic_ns - since))

    def _is_corrected(self, max_error_ns: int, monotonic_ns: int) -> bool:
        if self._said is None:
            return True
        before, at = self._said
        most = before + (monotonic_ns - at) * _KERNEL_PPM // 1_000_000 + NS // 1000
        return max_error_ns < before or max_error_ns > most
