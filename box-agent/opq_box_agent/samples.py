"""What a box can give of its waveform: the ring buffer of a real one, or whatever stands for it."""

import asyncio
from typing import Protocol

from opq.clock import NS
from opq.model.waveforms import CountArray
from opq_box_agent.ring import Ring, RingAnswer
from opq_box_agent.sources.source import Source


class Samples(Protocol):
    """The past of one box, and the wait for what is not past yet. Times are by the box's clock."""

    sample_rate_hz: float
    volts_per_count: float

    @property
    def oldest_unix_ns(self) -> int:
        """Time of the oldest sample kept; 0 if there is none."""
        ...

    @property
    def newest_unix_ns(self) -> int:
        """Time after the newest sample kept; 0 if there is none."""
        ...

    async def read(self, start_unix_ns: int, end_unix_ns: int) -> RingAnswer:
        """Return the samples whose time is in ``[start, end)`` as far as there are any, and what is missing."""
        ...

    async def measured(self, unix_ns: int) -> None:
        """Wait until samples up to a time are kept, or will never be."""
        ...


class RingSamples:
    """A ring buffer that a source fills."""

    def __init__(self, source: Source, ring: Ring) -> None:
        self.sample_rate_hz, self.volts_per_count = source.sample_rate_hz, source.volts_per_count
        self._ring = ring
        self._measured_unix_ns = ring.newest_unix_ns
        self._ended = False
        self._grown = asyncio.Event()

    @property
    def oldest_unix_ns(self) -> int:
        """See `Samples`."""
        return self._ring.oldest_unix_ns

    @property
    def newest_unix_ns(self) -> int:
        """See `Samples`."""
        return self._ring.newest_unix_ns

    def append(self, start_unix_ns: int, counts: CountArray) -> None:
        """Keep samples."""
        self._ring.append(start_unix_ns, counts)
        # Not what the ring has: a disk that takes nothing must not let requests wait.
        self._measured_unix_ns = start_unix_ns + round(len(counts) * NS / self.sample_rate_hz)
        self._wake_all()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._wake_all()

    async def read(self, start_unix_ns: int, end_unix_ns: int) -> RingAnswer:
        """See `Samples`."""
        return self._ring.read(start_unix_ns, end_unix_ns)

    async def measured(self, unix_ns: int) -> None:
        """See `Samples`."""
        while not self._ended and self._measured_unix_ns < unix_ns:
            await self._grown.wait()

    def _wake_all(self) -> None:
        # Whoever waits holds the old event; those that come later wait for the next growth.
        self._grown.set()
        self._grown = asyncio.Event()
