"""What readings of a meter say of a count: the value, how sure it is, and when they cannot be right."""

from pathlib import Path

import pytest

from opq.errors import CorruptData, InvalidInput
from opq_box_agent.calibration import (
    Calibration,
    Reading,
    check_reading,
    fit,
    load_calibrations,
    phrase,
    save_calibration,
)


def reading(meter_v: float, off_pct: float = 0, spread_pct: float = 0.02) -> Reading:
    """A reading on a box with 10 mV per count, off by so much."""
    return Reading(meter_v, meter_v / 0.01 / (1 + off_pct / 100), spread_pct)


def test_the_value_is_the_mean_of_the_ratios_and_the_meter_bounds_how_sure_it_is() -> None:
    value, uncertainty_pct = fit([reading(110, 0.03), reading(120, -0.03), reading(130)], 0.5)
    assert value == pytest.approx(0.01, rel=1e-6)
    # By hand: 0.5 / sqrt(3) = 0.2887; spread 0.03 / sqrt(3) = 0.0173; resolution 0.05; times 2.
    assert uncertainty_pct == pytest.approx(0.5870, abs=0.001)


def test_a_better_meter_makes_it_surer() -> None:
    assert fit([reading(120), reading(120)], 0.02)[1] < 0.15


@pytest.mark.parametrize("wrong", [reading(120, 900), reading(120, 3), reading(60, -2)])
def test_a_reading_that_does_not_fit_the_others_is_named(wrong: Reading) -> None:
    with pytest.raises(InvalidInput, match=r"reading 2 .* off the middle of all, expected at most 0.8"):
        fit([reading(119), wrong, reading(121)], 0.5)


def test_one_reading_alone_is_too_few() -> None:
    with pytest.raises(InvalidInput, match="got 1 readings, expected at least 2"):
        fit([reading(120)], 0.5)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Reading(1200, 12_000, 0.1), "is a digit or the range wrong"),
        (Reading(12.0, 12_000, 0.1), "is a digit or the range wrong"),
        (Reading(float("nan"), 12_000, 0.1), "is a digit or the range wrong"),
        (Reading(120, 3, 0.1), "is it connected to the supply"),
        (Reading(120, 12_000, 0.7), "wait until it is steady"),
    ],
)
def test_a_reading_that_cannot_be_right_is_not_taken(wrong: Reading, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check_reading(wrong, 120)


def test_a_calibration_is_kept_with_where_it_comes_from_and_with_those_before(tmp_path: Path) -> None:
    assert load_calibrations(tmp_path) == []
    first = Calibration(0.01, 0.3, 1_760_000_000 * 10**9, "Meter 1, no. 17", 0.2, "", (reading(120), reading(121)))
    second = Calibration(0.0101, 0.1, 1_770_000_000 * 10**9, "Meter 2", 0.05, "owner", (reading(119), reading(121)))
    save_calibration(tmp_path / "box", first)
    save_calibration(tmp_path / "box", second)
    assert load_calibrations(tmp_path / "box") == [first, second]
    assert (
        phrase(second)
        == "0.0101 V per count, +/-0.10 % (k = 2), 2026-02-02T02:40:00.000Z by owner with Meter 2, 2 readings"
    )


def test_a_file_that_does_not_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text('{"calibrations": [{"volts_per_count": 1}]}')
    with pytest.raises(CorruptData, match="calibrate again"):
        load_calibrations(tmp_path)
