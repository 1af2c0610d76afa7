"""Samples at the end of a converter's range, told from peaks that a coarse converter makes flat."""

import numpy as np
import pytest

from opq_cli.recordings.run import ClippingMeter

CYCLE = 240
SINE = np.sin(2 * np.pi * np.arange(CYCLE * 50) / CYCLE + 0.123)


def clipped(*blocks: np.ndarray) -> int:
    meter = ClippingMeter(CYCLE)
    for block in blocks:
        meter.feed(block)
    return meter.count


@pytest.mark.parametrize("level", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("scale", [1.0, 32767.0])
def test_samples_at_both_ends_are_counted(level: float, scale: float) -> None:
    cut = np.clip(SINE, -level, level)
    assert clipped(scale * cut) == int((np.abs(cut) == level).sum())


def test_one_end_alone_is_counted() -> None:
    cut = np.minimum(SINE, 0.9)
    assert clipped(cut) == int((cut == 0.9).sum())


def test_counts_of_a_converter_at_its_end_are_clipped() -> None:
    counts = np.clip(np.rint(2200 * SINE), -2048, 2047)
    assert clipped(counts) == int((counts == 2047).sum() + (counts == -2048).sum())


@pytest.mark.parametrize("amplitude", [3.0, 20.0, 100.0, 700.0, 1500.0, 2900.0, 20_000.0])
def test_the_flat_peaks_of_a_coarse_converter_are_not(amplitude: float) -> None:
    assert clipped(np.rint(amplitude * SINE)) == 0


@pytest.mark.parametrize(
    "volts", [np.zeros(1000), np.empty(0), SINE, np.full(10, np.nan)], ids=["none", "empty", "sine", "no numbers"]
)
def test_what_is_not_clipped_counts_nothing(volts: np.ndarray) -> None:
    assert clipped(volts) == 0


def test_a_higher_peak_later_takes_back_what_was_counted() -> None:
    cut = np.clip(SINE, -0.9, 0.9)
    assert clipped(cut, SINE) == 0
    assert clipped(SINE, cut) == 0
    assert clipped(cut, cut) == 2 * clipped(cut)
