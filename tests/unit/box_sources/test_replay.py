"""A recording is played in volts, at 12 kHz, in real time or faster, dated so that it ends now."""

from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS, SystemClock
from opq.errors import InvalidInput
from opq.model.boxes import Nominal
from opq_box_agent.framing import Framer
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.factory import make_source
from opq_box_agent.sources.replay import ReplaySource


def settings(**given: object) -> BoxSettings:
    return BoxSettings(box_id="b-1", source="replay", **given)  # type: ignore[arg-type]


def sine(rate: float, seconds: float, rms: float, f_hz: float = 50.0) -> np.ndarray:
    return rms * np.sqrt(2) * np.sin(2 * np.pi * f_hz * np.arange(round(rate * seconds)) / rate)


async def played(source: ReplaySource) -> np.ndarray:
    return np.concatenate([block.counts async for block in source.blocks()]) * source.volts_per_count


@pytest.mark.parametrize("rate", [4000.0, 6400.0, 12_000.0, 51_200.0])
async def test_any_sample_rate_is_brought_to_12_khz_without_changing_voltage_or_frequency(rate: float) -> None:
    source = ReplaySource(sine(rate, 3, 230), rate, SystemClock(), speed=1000)
    framer = Framer(source, Nominal(230, 50))
    frames = [frame async for block in source.blocks() for frame in framer.feed(block)] + framer.flush()
    values = np.concatenate([frame.values for frame in frames])[2:-2]
    assert values[:, 0] == pytest.approx(230, rel=1e-3)
    assert values[:, 3] == pytest.approx(50, abs=1e-3)


async def test_faster_than_real_time_the_last_sample_is_dated_when_it_is_played() -> None:
    clock = SystemClock()
    source = ReplaySource(sine(12_000, 20, 120), 12_000, clock, speed=100)
    blocks = [block async for block in source.blocks()]
    end = blocks[-1].start_unix_ns + len(blocks[-1].counts) * NS // 12_000
    assert end == pytest.approx(clock.unix_ns(), abs=NS // 2)


async def test_scaling_to_nominal_goes_by_the_first_second(tmp_path: Path) -> None:
    volts = sine(12_000, 3, 63_500)
    volts[20_000:26_000] *= 0.5
    path = tmp_path / "a.csv"
    path.write_text("u_v\n" + "\n".join(f"{value:.1f}" for value in volts))
    given = settings(input=path, sample_rate_hz=12_000, scale_to_nominal=True, u_din_v=230, f_nominal_hz=50, speed=1000)
    out = await played(make_source(given, SystemClock()))  # type: ignore[arg-type]
    assert np.sqrt((out[:12_000] ** 2).mean()) == pytest.approx(230, rel=1e-3)
    assert np.sqrt((out[20_400:25_200] ** 2).mean()) == pytest.approx(115, rel=1e-3)


def test_counts_need_a_calibration(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(sine(12_000, 1, 1000).astype("<i2").tobytes())
    with pytest.raises(InvalidInput, match="is in count; give --volts-per-count or --scale-to-nominal"):
        make_source(settings(input=path), SystemClock())
    source = make_source(settings(input=path, volts_per_count=0.1), SystemClock())
    assert source.sample_rate_hz == 12_000


def test_wrong_options_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--input: the source replay needs a file"):
        make_source(settings(), SystemClock())
    silent = tmp_path / "silent.raw"
    silent.write_bytes(bytes(48_000))
    with pytest.raises(InvalidInput, match="no voltage in the first second"):
        make_source(settings(input=silent, scale_to_nominal=True), SystemClock())
    short = tmp_path / "short.raw"
    short.write_bytes(bytes(200))
    with pytest.raises(InvalidInput, match=r"got 0\.008 s, expected at least 0\.2 s"):
        make_source(settings(input=short, volts_per_count=1), SystemClock())
    broken = np.ones(12_000)
    broken[77] = np.nan
    with pytest.raises(InvalidInput, match="sample 77 is not a number"):
        ReplaySource(broken, 12_000, SystemClock())
