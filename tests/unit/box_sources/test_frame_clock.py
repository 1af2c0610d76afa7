"""The time of OPQ Box frames: right where it can be, and honest about how far it may be off."""

import numpy as np
import pytest

from opq.clock import HOUR_NS, NS
from opq.model.features import TimeSource
from opq_box_agent.sources.frame_clock import FRAME_NS, SAMPLE_RATE_HZ, FrameClock
from opq_box_agent.sources.opqbox import OpqFrame
from opq_box_agent.timekeeping import UNKNOWN_NS, Quality

TICKS_PER_FRAME = 1667
NTP = Quality(TimeSource.NTP, 20_000_000)
NOTHING = Quality(TimeSource.FREE, UNKNOWN_NS)


class Device:
    """A box whose frames come late by a jitter, with GPS pulses at true full seconds.

    `crystal_ppm` is by how much its samples come slower than 12 kHz.
    """

    def __init__(self, gps: bool, host_offset_ns: int = 0, host: Quality = NTP, crystal_ppm: float = 0) -> None:
        self.rng = np.random.default_rng(1)
        self.gps, self.host_offset_ns, self.host = gps, host_offset_ns, host
        self.frame_ns = FRAME_NS * (1 + crystal_ppm / 1e6)
        self.clock = FrameClock()
        self.begin = 1_760_000_000 * NS + 123_456_789
        self.number = 0

    def next(self, lost: int = 0) -> tuple[int, int]:
        """Time told and true time of the first sample of the next frame, some being lost before it."""
        self.number += lost
        start = self.begin + round(self.number * self.frame_ns)
        end = start + round(self.frame_ns) - NS // SAMPLE_RATE_HZ
        second = end // NS * NS
        pulse = self.gps and second > start
        ticks = self.number * TICKS_PER_FRAME + 5000
        behind = round((end - second) / self.frame_ns * TICKS_PER_FRAME)
        frame = OpqFrame(np.zeros(200, np.int16), (ticks - behind) % 65536 if pulse else 0, ticks % 65536, pulse)
        host_unix_ns = end + self.host_offset_ns + int(self.rng.exponential(300_000))
        self.number += 1
        return self.clock.start_ns(frame, host_unix_ns, self.host), start

    def run(self, seconds: float) -> np.ndarray:
        """Errors of the time told [ns], and that each is within the uncertainty told with it."""
        errors = []
        for _ in range(round(seconds * 60)):
            told, true = self.next()
            errors.append(told - true)
            assert abs(told - true) <= self.clock.quality.uncertainty_ns + abs(self.host_offset_ns)
        return np.array(errors)


@pytest.mark.parametrize("crystal_ppm", [0, 30, -30])
def test_with_gps_the_time_is_right_to_a_tenth_of_a_millisecond_though_host_and_crystal_are_off(
    crystal_ppm: float,
) -> None:
    device = Device(gps=True, host_offset_ns=40_000_000, crystal_ppm=crystal_ppm)
    device.run(5)
    told = np.array([device.next() for _ in range(60 * 20)])
    assert np.abs(told[:, 0] - told[:, 1]).max() < 100_000
    assert np.abs(np.diff(told[:, 0]) - FRAME_NS).max() <= 2_000, "no sample is torn apart"
    assert device.clock.quality.source is TimeSource.GPS
    assert 200_000 <= device.clock.quality.uncertainty_ns <= 300_000


def test_without_gps_it_follows_the_host_without_its_jitter() -> None:
    device = Device(gps=False)
    told = np.array([device.next()[0] for _ in range(60 * 20)])
    assert np.abs(np.diff(told) - FRAME_NS).max() <= 2_000
    assert device.clock.quality.source is TimeSource.NTP
    assert 20_000_000 <= device.clock.quality.uncertainty_ns < 25_000_000


def test_of_a_host_that_nothing_ever_set_no_bound_is_claimed() -> None:
    device = Device(gps=False, host=NOTHING)
    device.run(5)
    assert device.clock.quality == Quality(TimeSource.FREE, HOUR_NS)


def test_gps_counts_for_ten_seconds_after_its_last_pulse_and_then_the_bound_grows_until_the_host_is_better() -> None:
    device = Device(gps=True, crystal_ppm=20)
    device.run(20)
    device.gps = False
    device.run(8)
    assert device.clock.quality.source is TimeSource.GPS
    device.run(4)
    free = device.clock.quality
    assert free.source is TimeSource.FREE
    assert 200_000 + 11 * 50_000 <= free.uncertainty_ns <= 200_000 + 13 * 50_000 + 30_000
    device.run(1000)
    assert device.clock.quality.source is TimeSource.NTP
    device.gps = True
    device.run(3)
    assert device.clock.quality.source is TimeSource.GPS


def test_after_gps_a_host_that_nothing_set_is_not_followed() -> None:
    device = Device(gps=True, host=NOTHING, host_offset_ns=300_000_000)
    device.run(20)
    device.gps = False
    errors = device.run(600)
    assert np.abs(errors).max() < 300_000
    quality = device.clock.quality
    assert quality.source is TimeSource.FREE
    assert quality.uncertainty_ns == pytest.approx(200_000 + 600 * 50_000, rel=0.05)


@pytest.mark.parametrize("step_s", [-86_400, -3600, -7, -0.8, 0.8, 7, 3600, 86_400 * 400])
def test_a_step_of_the_host_clock_is_taken_when_it_has_lasted_a_second_and_is_said(step_s: float) -> None:
    device = Device(gps=False)
    for _ in range(100):
        device.next()
    device.host_offset_ns = round(step_s * NS)
    errors, steps = [], []
    for _ in range(90):
        told, true = device.next()
        errors.append(told - true)
        steps.append(device.clock.step_ns)
    assert abs(errors[50]) < NS // 100
    assert abs(errors[-1] - device.host_offset_ns) < NS // 100
    (step,) = [step for step in steps if step]
    assert step == pytest.approx(device.host_offset_ns, abs=NS // 100)


@pytest.mark.parametrize("step_s", [-3600, -1, 5])
def test_with_gps_a_step_of_the_host_moves_the_time_by_whole_seconds(step_s: int) -> None:
    device = Device(gps=True)
    device.run(5)
    device.host_offset_ns = step_s * NS
    told = np.array([device.next() for _ in range(150)])
    errors = told[:, 0] - told[:, 1]
    assert abs(errors[-1] - step_s * NS) < 100_000


def test_a_host_that_reads_late_for_a_moment_does_not_tear_the_samples_apart() -> None:
    device = Device(gps=False)
    told = [device.next()[0] for _ in range(100)]
    for late in range(40, 0, -1):
        device.host_offset_ns = late * NS // 40
        told.append(device.next()[0])
    assert np.abs(np.diff(told) - FRAME_NS).max() <= 2_000


@pytest.mark.parametrize("gps", [True, False])
@pytest.mark.parametrize("lost", [1, 6, 25])
def test_lost_frames_are_seen_in_the_timer_at_once(gps: bool, lost: int) -> None:
    device = Device(gps)
    for _ in range(200):
        device.next()
    told, true = device.next(lost)
    assert abs(told - true) < 5_000_000
    assert device.clock.step_ns == 0
