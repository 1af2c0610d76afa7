"""The waveform of one box of a simulated world, made when it is asked for, as its ring buffer would hold it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from opq.clock import NS
from opq.model.waveforms import CountArray, Segment
from opq.sim.grid import World
from opq_box_agent.light.pace import Pace
from opq_box_agent.ring import RingAnswer, missing_words

SAMPLE_RATE_HZ = 12_000.0
FULL_SCALE_PU = 1.9
"""The converter's range reaches to this multiple of the nominal peak."""
_MAKING = ThreadPoolExecutor(1, "samples")
"""One after the other: what is asked first is worth most, and two threads of one interpreter make nothing sooner."""
_SETTLE_NS = 1_000_000
"""A time by the box's clock that no true time leads to within this was skipped when the clock was set."""


class WorldSamples:
    """See `opq_box_agent.samples.Samples`.

    Parameters
    ----------
    world, box : World, int
        The grid and the row of the box in it.
    keep_s : float
        How long the box keeps samples [s].
    """

    def __init__(self, world: World, box: int, pace: Pace, keep_s: float) -> None:
        self.sample_rate_hz = SAMPLE_RATE_HZ
        self.volts_per_count = world.plan.u_din_v * float(np.sqrt(2)) * FULL_SCALE_PU / 32767
        self._world, self._box, self._pace, self._keep_s = world, box, pace, keep_s

    @property
    def oldest_unix_ns(self) -> int:
        """See `Samples`."""
        kept = self._pace.now_unix_ns() - round(self._keep_s * NS)
        return self._stamp(max(self._world.start_unix_ns, kept))

    @property
    def newest_unix_ns(self) -> int:
        """See `Samples`."""
        return self._stamp(self._pace.now_unix_ns())

    async def measured(self, unix_ns: int) -> None:
        """See `Samples`."""
        while (now := self._pace.now_unix_ns()) < (due := unix_ns - self._world.clock_error_ns(self._box, now)):
            await self._pace.until(due)

    async def read(self, start_unix_ns: int, end_unix_ns: int) -> RingAnswer:
        """See `Samples`."""
        now = self._pace.now_unix_ns()
        return await asyncio.get_running_loop().run_in_executor(_MAKING, self.cut, start_unix_ns, end_unix_ns, now)

    def cut(self, start_unix_ns: int, end_unix_ns: int, now_unix_ns: int) -> RingAnswer:
        """Return what lies in ``[start, end)`` by the box's clock and before `now_unix_ns` in true time."""
        segments: list[Segment] = []
        pieces: list[CountArray] = []
        oldest = max(0, now_unix_ns - round(self._keep_s * NS) - self._world.start_unix_ns)
        first, last = (
            -(-(at * round(SAMPLE_RATE_HZ)) // NS) for at in (oldest, now_unix_ns - self._world.start_unix_ns)
        )
        for low, high in self._spans(start_unix_ns, end_unix_ns):
            low, high = max(low, first), min(high, last)
            if low >= high:
                continue
            pieces.append(self._counts(low, high))
            at = self._stamp(self._true(low))
            after = _end(segments[-1]) if segments else at - NS
            if abs(at - after) <= NS / SAMPLE_RATE_HZ:
                segments[-1] = Segment(segments[-1].start_unix_ns, segments[-1].samples + high - low)
            else:
                segments.append(Segment(at, high - low))
        found = np.concatenate(pieces) if pieces else np.empty(0, np.int16)
        words = missing_words(tuple(segments), start_unix_ns, end_unix_ns, SAMPLE_RATE_HZ)
        return RingAnswer(tuple(segments), found, words)

    def _counts(self, low: int, high: int) -> CountArray:
        # Half a sample early: times in whole nanoseconds would miss the raster by a little, to either side.
        begin, end = (self._true(number) - _ns(1) // 2 for number in (low, high))
        volts = self._world.waveform(self._box, begin, end, SAMPLE_RATE_HZ)
        counts: CountArray = np.clip(np.rint(volts / self.volts_per_count), -32768, 32767).astype(np.int16)
        return counts

    def _spans(self, start_unix_ns: int, end_unix_ns: int) -> list[tuple[int, int]]:
        """Return the samples wanted as pairs of numbers on the raster of the world, at most a second each."""
        edges = [*range(start_unix_ns, end_unix_ns, NS), end_unix_ns]
        places = [self._place(edge) for edge in edges]
        spans = []
        for low, high, edge, after in zip(places, places[1:], edges, edges[1:], strict=False):
            # Where the clock was set in between, neither edge says where the other's samples are.
            steady = low is not None and high is not None and abs(_ns(high - low) - (after - edge)) < _SETTLE_NS
            if steady and low is not None and high is not None:
                spans += self._there(low, high)
        return spans

    def _there(self, low: int, high: int) -> list[tuple[int, int]]:
        """Return the parts of a span in which the box was there: absences are whole seconds of true time."""
        rate = round(SAMPLE_RATE_HZ)
        if high <= 0 or low >= high:
            return []
        first, last = max(0, low) // rate, -(-high // rate)
        present = self._world.present(first, last - first)[self._box]
        cut = [(max(low, second * rate), min(high, (second + 1) * rate)) for second in range(first, last)]
        return [span for span, there in zip(cut, present.tolist(), strict=True) if there]

    def _place(self, stamp_unix_ns: int) -> int | None:
        """Return the number of the first sample stamped at or after a time; None if the clock never showed that time."""
        true = stamp_unix_ns
        for _ in range(4):
            true = stamp_unix_ns - self._world.clock_error_ns(self._box, true)
        if abs(self._stamp(true) - stamp_unix_ns) > _SETTLE_NS:
            return None
        # Times are rounded to ns, hence the thousandth of a sample.
        return int(np.ceil((true - self._world.start_unix_ns) * SAMPLE_RATE_HZ / NS - 1e-3))

    def _true(self, number: int) -> int:
        return self._world.start_unix_ns + _ns(number)

    def _stamp(self, true_unix_ns: int) -> int:
        return true_unix_ns + self._world.clock_error_ns(self._box, true_unix_ns)


def _ns(samples: int) -> int:
    return round(samples * NS / SAMPLE_RATE_HZ)


def _end(segment: Segment) -> int:
    return segment.start_unix_ns + _ns(segment.samples)
