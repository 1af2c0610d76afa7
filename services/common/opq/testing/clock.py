"""A clock that stands still until a test moves it."""

from opq.clock import seconds_ns


class ManualClock:
    """Time that only `advance` and `step` change; an `opq.clock.Clock`.

    Parameters
    ----------
    unix_ns : int
        Wall-clock time to begin with [ns since the epoch].
    """

    def __init__(self, unix_ns: int = 1_800_000_000_000_000_000) -> None:
        self._unix_ns = unix_ns
        self._monotonic_ns = 0

    def unix_ns(self) -> int:
        """See :class:`opq.clock.Clock`."""
        return self._unix_ns

    def monotonic_ns(self) -> int:
        """See :class:`opq.clock.Clock`."""
        return self._monotonic_ns

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks [s]; never backwards.

        Raises
        ------
        ValueError
            If `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"seconds: got {seconds:g}, expected at least 0; use step to set the wall clock back")
        self._unix_ns += seconds_ns(seconds)
        self._monotonic_ns += seconds_ns(seconds)

    def step(self, seconds: float) -> None:
        """Step the wall clock alone [s], as a time server does."""
        self._unix_ns += seconds_ns(seconds)
