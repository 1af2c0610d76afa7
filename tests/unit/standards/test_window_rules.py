"""Frequency and distortion from windows: limits, hysteresis, least windows, what is not judged."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.features import FEATURE_INDEX, FEATURES, WindowFlag, Windows
from opq.model.incidents import IncidentClass
from opq.standards.distortion import DistortionLimits, find_distortion_runs
from opq.standards.frequency import FrequencyLimits, classify, find_frequency_runs
from opq.standards.window_runs import join
from opq.testing.waves import START_UNIX_NS

US, EU = Nominal(120, 60), Nominal(230, 50)
SAG, SWELL, INTERRUPTION = (
    IncidentClass.FREQUENCY_SAG,
    IncidentClass.FREQUENCY_SWELL,
    IncidentClass.FREQUENCY_INTERRUPTION,
)


def windows(name: str, values: list[float], flags: dict[int, WindowFlag] | None = None) -> Windows:
    columns = np.zeros((len(values), len(FEATURES)), np.float32)
    columns[:, FEATURE_INDEX[name]] = values
    flag = np.zeros(len(values), np.uint32)
    for row, value in (flags or {}).items():
        flag[row] = value
    start = START_UNIX_NS + np.arange(len(values), dtype=np.int64) * 200_000_000
    return Windows(start, np.full(len(values), 200_000_000, np.int64), flag, columns)


def kinds(
    values: list[float], nominal: Nominal = US, flags: dict[int, WindowFlag] | None = None
) -> list[tuple[str, int]]:
    limits = FrequencyLimits()
    found = find_frequency_runs(windows("f_hz", values, flags), nominal, limits)
    return [(classify(run.extreme, limits).value, run.windows) for run in found]


@pytest.mark.parametrize(
    ("nominal", "value", "kind"),
    [
        (US, 59.9, None),
        (US, 59.899, SAG),
        (US, 60.1, None),
        (US, 60.101, SWELL),
        (US, 58.0, SAG),
        (US, 57.99, INTERRUPTION),
        (EU, 49.9, None),
        (EU, 49.899, SAG),
        (EU, 50.101, SWELL),
        (EU, 48.0, SAG),
        (EU, 47.99, INTERRUPTION),
    ],
)
def test_frequency_classes_and_their_edges(nominal: Nominal, value: float, kind: IncidentClass | None) -> None:
    normal = [nominal.f_hz] * 3
    assert kinds([*normal, *[value] * 3, *normal], nominal) == ([(kind.value, 3)] if kind else [])


def test_a_frequency_incident_ends_by_hysteresis() -> None:
    assert kinds([60.0, 59.89, 59.919, 59.919, 59.92, 59.89, 60.0]) == [("FREQUENCY_SAG", 3), ("FREQUENCY_SAG", 1)]


def test_high_and_low_frequency_are_two() -> None:
    assert kinds([59.8] * 3 + [60.2] * 4) == [("FREQUENCY_SAG", 3), ("FREQUENCY_SWELL", 4)]


@pytest.mark.parametrize("flag", [WindowFlag.VOLTAGE_LOST, WindowFlag.GAP, WindowFlag.FLAGGED])
def test_windows_without_sound_voltage_are_not_judged(flag: WindowFlag) -> None:
    assert kinds([60.0] * 3 + [55.0] * 5 + [60.0] * 3, flags=dict.fromkeys(range(3, 8), flag)) == []
    thd = windows("thd_pct", [2.0] * 3 + [30.0] * 5 + [2.0], dict.fromkeys(range(3, 8), flag))
    assert find_distortion_runs(thd, DistortionLimits()) == []


def test_clipped_windows_are_judged() -> None:
    assert kinds([60.0] + [59.8] * 3 + [60.0], flags={2: WindowFlag.CLIPPED}) == [("FREQUENCY_SAG", 3)]


def test_a_window_not_judged_neither_ends_a_run_nor_counts() -> None:
    assert kinds([60.0, 59.8, 59.8, 60.0, 59.8, 60.0], flags={3: WindowFlag.FLAGGED}) == [("FREQUENCY_SAG", 3)]


def test_distortion_begins_above_its_limit_and_ends_by_hysteresis() -> None:
    (run,) = find_distortion_runs(windows("thd_pct", [5.0, 5.0, 5.2, 6.1, 4.7, 4.5, 4.9]), DistortionLimits())
    assert (run.windows, run.extreme) == (3, pytest.approx(6.1, abs=1e-3))
    assert run.start_unix_ns == START_UNIX_NS + 400_000_000
    assert run.end_unix_ns == START_UNIX_NS + 1_000_000_000
    assert run.extreme_unix_ns == START_UNIX_NS + 600_000_000
    assert (run.open_start, run.open_end) == (False, False)


def test_runs_cut_apart_join_with_their_windows_and_extreme() -> None:
    (earlier,) = find_distortion_runs(windows("thd_pct", [2, 6, 6]), DistortionLimits())
    (later,) = find_distortion_runs(windows("thd_pct", [7, 2]), DistortionLimits())
    whole = join(earlier, later)
    assert (whole.windows, whole.extreme, whole.open_start, whole.open_end) == (3, 7.0, False, False)


def test_no_windows_give_no_runs() -> None:
    assert find_distortion_runs(Windows.empty(), DistortionLimits()) == []
    assert find_frequency_runs(Windows.empty(), US, FrequencyLimits()) == []
