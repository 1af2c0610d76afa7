"""The supply of one box of a simulated scenario."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.model.features import TimeSource
from opq.sim.scenario import Scenario
from opq.sim.waveform import BoxWaveform
from opq_box_agent.sources.source import PowerLost, SampleBlock

SAMPLE_RATE_HZ = 12_000
_BLOCK = SAMPLE_RATE_HZ // 5
_FULL_SCALE_PU = 1.9
"""The converter's range reaches to this multiple of the nominal peak."""


class SyntheticSource:
    """Samples of a scenario, each as soon as it is past.

    Parameters
    ----------
    from_unix_ns : int, optional
        Time of the first sample; by default the clock's now.
    speed : float
        How much faster than real time the past is made up; samples of the future are never given.
    """

    def __init__(
        self, scenario: Scenario, box_id: BoxId, clock: Clock, from_unix_ns: int | None = None, speed: float = 1.0
    ) -> None:
        self.sample_rate_hz = float(SAMPLE_RATE_HZ)
        self.clip_counts = 32767
        self.volts_per_count = scenario.box(box_id).nominal.u_din_v * np.sqrt(2) * _FULL_SCALE_PU / 32767
        self._scenario, self._box_id = scenario, box_id
        self._waveform = BoxWaveform(scenario, box_id, SAMPLE_RATE_HZ)
        self._clock, self._speed = clock, speed
        self._from = clock.unix_ns() if from_unix_ns is None else from_unix_ns

    async def blocks(self) -> AsyncIterator[SampleBlock]:
        """Yield 200-ms blocks, each as soon as its last sample is past.

        Raises
        ------
        PowerLost
            At an outage of the box.
        """
        began, began_unix = self._clock.monotonic_ns(), self._clock.unix_ns()
        index = -((self._scenario.start_unix_ns - self._from) * SAMPLE_RATE_HZ // NS)
        first = index
        while not self._scenario.outage_at(self._box_id, self._waveform.unix_ns(index + _BLOCK)):
            made_up = began + (index + _BLOCK - first) * NS / SAMPLE_RATE_HZ / self._speed
            due = max(made_up, began + self._waveform.unix_ns(index + _BLOCK) - began_unix)
            await asyncio.sleep(max(0.0, (due - self._clock.monotonic_ns()) / NS))
            volts = self._waveform.volts(index, _BLOCK)
            counts = np.clip(np.rint(volts / self.volts_per_count), -32768, 32767).astype(np.int16)
            true = self._waveform.unix_ns(index)
            stamp = true + self._scenario.clock_error_ns(self._box_id, true)
            yield SampleBlock(stamp, counts, TimeSource.NTP, 2_000_000)
            index += _BLOCK
        raise PowerLost
