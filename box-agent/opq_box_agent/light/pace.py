"""The time of a simulated world beside that of the machine."""

import asyncio

from opq.clock import NS, Clock

_SLEEP_LONGEST_S = 1.0


class Pace:
    """True time in the world: it is `now_unix_ns` when the pace is made and runs `speed` times as fast.

    Steps of the machine's clock do not reach it.
    """

    def __init__(self, clock: Clock, now_unix_ns: int, speed: float = 1.0) -> None:
        self._clock, self._first_unix_ns, self._speed = clock, now_unix_ns, speed
        self._began_ns = clock.monotonic_ns()

    def now_unix_ns(self) -> int:
        """Return the time in the world [ns since the epoch]."""
        return self._first_unix_ns + round((self._clock.monotonic_ns() - self._began_ns) * self._speed)

    async def until(self, unix_ns: int) -> None:
        """Wait until a time of the world."""
        while (left := unix_ns - self.now_unix_ns()) > 0:
            await asyncio.sleep(min(left / NS / self._speed, _SLEEP_LONGEST_S))
