"""``opq box calibrate``: find what a count of this box is in volts, against a reference meter."""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncIterator

import numpy as np
from pydantic import Field

from opq import ids
from opq.clock import Clock, SystemClock
from opq.errors import InvalidInput
from opq.rpc.service import parse_settings, run_service
from opq_box_agent.calibration import (
    Calibration,
    Reading,
    check_reading,
    fit,
    load_calibrations,
    phrase,
    save_calibration,
)
from opq_box_agent.durable import alone, kept_by_owner
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.factory import make_source
from opq_box_agent.sources.source import Source

_WINDOW_S = 0.2
"""Whole cycles of 50 and of 60 Hz."""


class CalibrateSettings(BoxSettings):
    """Compare what this box measures with a reference meter on the same supply, and keep what a count is in volts.

    Takes the options of opq box run. Stop the agent first. Type what the meter shows, a reading a line, at one or several
    voltages; an empty line ends it.
    """

    instrument: str = Field(min_length=1, max_length=200, description="the reference meter, with its serial number")
    accuracy_pct: float = Field(gt=0, le=5, description="accuracy of the meter, of the reading [%%], by its data sheet")
    by: str = Field("", max_length=200, description="who calibrates")
    average_s: float = Field(3.0, ge=1, le=60, description="how long is averaged for a reading [s]")


class CountsMeter:
    """Rms of the counts of a source over the latest seconds."""

    def __init__(self, source: Source, average_s: float) -> None:
        self._source = source
        self._window = round(source.sample_rate_hz * _WINDOW_S)
        self._rms: deque[float] = deque(maxlen=round(average_s / _WINDOW_S))
        self._clipped: deque[bool] = deque(maxlen=round(average_s / _WINDOW_S))

    async def run(self) -> None:
        """Measure until the source ends."""
        held = np.empty(0, np.int16)
        async for block in self._source.blocks():
            held = np.concatenate([held, block.counts])
            while len(held) >= self._window:
                counts, held = held[: self._window].astype(np.float64), held[self._window :]
                self._rms.append(float(counts.std()))
                self._clipped.append(bool((np.abs(counts) >= self._source.clip_counts).any()))

    async def reading(self, meter_v: float) -> Reading:
        """Wait until enough was measured since the call, and put it beside what the meter showed.

        Raises
        ------
        InvalidInput
            If samples were at the end of the range.
        """
        self._rms.clear()
        self._clipped.clear()
        while len(self._rms) < (self._rms.maxlen or 1):
            await asyncio.sleep(_WINDOW_S / 4)
        if any(self._clipped):
            raise InvalidInput("reading: samples are at the end of the converter's range; lower the voltage")
        rms = np.array(self._rms)
        return Reading(meter_v, float(rms.mean()), float(100 * rms.std() / rms.mean()) if rms.mean() else 0.0)


async def calibrate(settings: CalibrateSettings, lines: AsyncIterator[str], clock: Clock) -> Calibration:
    """Ask for readings until an empty line, and return what they say together.

    Raises
    ------
    InvalidInput
        If the readings do not fit each other, or the source ends.
    """
    source = make_source(settings.model_copy(update={"volts_per_count": 1.0}), clock)
    meter = CountsMeter(source, settings.average_s)
    measuring = asyncio.create_task(meter.run())
    readings: list[Reading] = []
    try:
        async for line in lines:
            if not line.strip():
                break
            try:
                taken = asyncio.create_task(meter.reading(_volts(line)))
                await asyncio.wait([taken, measuring], return_when=asyncio.FIRST_COMPLETED)
                if not taken.done():
                    taken.cancel()
                    measuring.result()
                    raise InvalidInput("calibration: the source has ended")
                reading = check_reading(taken.result(), settings.u_din_v)
            except InvalidInput as error:
                if measuring.done():
                    raise
                _say(f"not taken: {error}")
                continue
            readings.append(reading)
            at = f"{reading.meter_v:g} V at {reading.counts_rms:.1f} counts"
            _say(f"{len(readings)}: {at}, {reading.volts_per_count:.7g} V per count")
    finally:
        measuring.cancel()
        await asyncio.gather(measuring, return_exceptions=True)
    value, uncertainty_pct = fit(readings, settings.accuracy_pct)
    return Calibration(
        value,
        uncertainty_pct,
        clock.unix_ns(),
        settings.instrument,
        settings.accuracy_pct,
        settings.by,
        tuple(readings),
    )


async def _calibrate_box(settings: CalibrateSettings, stop: asyncio.Event) -> None:
    folder = settings.data_dir / ids.box_id(settings.box_id)
    with kept_by_owner(settings.data_dir), alone(folder):
        before = load_calibrations(folder)
        _say("What does the meter show [V]? Read it when the voltage is steady; an empty line ends.")
        working = asyncio.create_task(calibrate(settings, _lines(), SystemClock()))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            raise InvalidInput("calibration: broken off; nothing was changed")
        found = working.result()
        save_calibration(folder, found)
    _say(f"kept: {phrase(found)}")
    if before:
        change = 100 * (found.volts_per_count / before[-1].volts_per_count - 1)
        _say(f"before: {phrase(before[-1])}; changed by {change:+.3f} %")


async def _lines() -> AsyncIterator[str]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line


def _volts(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"reading: got {text.strip()[:40]!r}, expected volts such as 119.8") from None


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(CalibrateSettings, "opq box calibrate", sys.argv[1:])
    run_service("opq box calibrate", lambda stop: _calibrate_box(settings, stop))


if __name__ == "__main__":
    main()
