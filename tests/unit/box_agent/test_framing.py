"""Frames are the windows that began in one second of UTC; clocks that are set back lose nothing."""

from itertools import pairwise

import numpy as np
import pytest

from opq.clock import NS, SystemClock
from opq.model.boxes import Nominal
from opq.model.features import TimeSource, WindowFlag, Windows
from opq_box_agent.framing import Framer
from opq_box_agent.sources.replay import ReplaySource
from opq_box_agent.sources.source import SampleBlock

RATE = 12_000
T0 = 1_760_000_000 * NS + 300_000_000


def sine(seconds: float) -> np.ndarray:
    return 120 * np.sqrt(2) * np.sin(2 * np.pi * 60 * np.arange(round(seconds * RATE)) / RATE)


class Fed:
    """A framer fed with a quiet supply in 200-ms blocks."""

    def __init__(self, window_cycles: int = 0, phase_ns: int = 0) -> None:
        self.source = ReplaySource(sine(1), RATE, SystemClock())
        self.framer = Framer(self.source, Nominal(120, 60), window_cycles, phase_ns)
        self.frames: list[Windows] = []
        self.steps: list[int] = []

    def feed(self, start_ns: int, seconds: float, step_ns: int = 0) -> None:
        counts = np.rint(sine(seconds) / self.source.volts_per_count).astype(np.int16)
        for at in range(0, len(counts), 2400):
            block = SampleBlock(
                start_ns + at * NS // RATE, counts[at : at + 2400], TimeSource.FREE, 0, 0 if at else step_ns
            )
            self.frames += self.framer.feed(block)
            if self.framer.step_ns:
                self.steps.append(self.framer.step_ns)


def test_each_frame_holds_the_windows_that_began_in_one_second_and_none_is_missing() -> None:
    fed = Fed()
    fed.feed(T0, 10)
    frames = fed.frames + fed.framer.flush()
    for frame in frames:
        assert len(set((frame.start_unix_ns // NS).tolist())) == 1
    whole = Windows.concatenate(frames)
    ends = whole.start_unix_ns[:-1] + whole.duration_ns[:-1]
    assert np.abs(whole.start_unix_ns[1:] - ends).max() <= 2
    assert sum(len(frame) for frame in frames) >= 48
    assert [len(frame) for frame in frames[1:-1]].count(5) >= 7


def test_the_seconds_of_a_box_begin_at_its_own_moment_and_none_is_missing_either() -> None:
    fed = Fed(phase_ns=400_000_000)
    fed.feed(T0, 10)
    frames = fed.frames + fed.framer.flush()
    for frame in frames:
        assert len(set(((frame.start_unix_ns - 400_000_000) // NS).tolist())) == 1
    assert any(len(set((frame.start_unix_ns // NS).tolist())) == 2 for frame in frames)
    whole = Windows.concatenate(frames)
    ends = whole.start_unix_ns[:-1] + whole.duration_ns[:-1]
    assert np.abs(whole.start_unix_ns[1:] - ends).max() <= 2


@pytest.mark.parametrize(("cycles", "per_second"), [(1, 60), (3, 20), (12, 5), (60, 1)])
def test_windows_from_one_cycle_on_fit_in_frames(cycles: int, per_second: int) -> None:
    fed = Fed(cycles)
    fed.feed(T0, 5)
    assert len(fed.frames[2]) == pytest.approx(per_second, abs=1)


def test_the_length_of_windows_can_be_changed_while_it_measures() -> None:
    fed = Fed()
    fed.feed(T0, 3)
    fed.framer.set_window_cycles(1)
    before = len(fed.frames)
    fed.feed(T0 + 3 * NS, 4)
    assert len(fed.frames[before]) <= 6
    assert len(fed.frames[-1]) > 50


@pytest.mark.parametrize("step_s", [-0.003, -0.04, -0.9, -7.5, -9.9, 0.04, 3, 3600, 86_400 * 500])
@pytest.mark.parametrize("phase_ns", [0, 650_000_000])
def test_frames_never_overlap_or_go_back_when_the_clock_is_set(step_s: float, phase_ns: int) -> None:
    fed = Fed(phase_ns=phase_ns)
    step_ns = round(step_s * NS)
    fed.feed(T0, 5)
    fed.feed(T0 + 5 * NS + step_ns, 15, step_ns)
    frames = fed.frames + fed.framer.flush()
    for before, after in pairwise(frames):
        assert after.start_unix_ns[0] >= before.start_unix_ns[-1] + before.duration_ns[-1] - 2
    measured = sum(int(frame.duration_ns.sum()) for frame in frames) / NS
    assert measured == pytest.approx(20 + min(0, step_s), abs=0.6)
    flagged = [int(flags) for frame in frames for flags in frame.flags if flags]
    assert flagged == [WindowFlag.GAP | WindowFlag.CLOCK_STEP], "the first window after it, and no other"
    assert fed.steps == [step_ns]


@pytest.mark.parametrize("back_s", [11, 3600, 86_400 * 500])
def test_a_clock_set_back_by_much_loses_nothing(back_s: int) -> None:
    fed = Fed()
    fed.feed(T0, 5)
    fed.feed(T0 + 5 * NS - back_s * NS, 5)
    frames = fed.frames + fed.framer.flush()
    measured = sum(int(frame.duration_ns.sum()) for frame in frames) / NS
    assert measured > 9.4
    assert fed.steps == [-back_s * NS]
    starts = [int(frame.start_unix_ns[0]) for frame in frames]
    assert len(set(starts)) == len(starts)
    back = int(np.argmin(np.diff(starts))) + 1
    assert frames[back].flags[0] == WindowFlag.GAP | WindowFlag.CLOCK_STEP
    assert sorted(starts[:back]) == starts[:back]
    assert sorted(starts[back:]) == starts[back:]


def test_lost_samples_are_no_step_of_the_clock() -> None:
    fed = Fed()
    fed.feed(T0, 5)
    fed.feed(T0 + 8 * NS, 5)
    flags = {int(flag) for frame in fed.frames for flag in frame.flags}
    assert flags == {0, WindowFlag.GAP}
    assert fed.steps == []


def test_samples_at_the_end_of_the_range_are_flagged_as_clipped() -> None:
    fed = Fed()
    fed.source.volts_per_count = 150 / 32767
    counts = np.clip(np.rint(sine(3) / fed.source.volts_per_count), -32768, 32767).astype(np.int16)
    frames = fed.framer.feed(SampleBlock(T0, counts, TimeSource.FREE, 0))
    assert all(flag & WindowFlag.CLIPPED for frame in frames for flag in frame.flags.tolist())
