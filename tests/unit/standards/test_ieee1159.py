"""IEEE 1159 table 2 as a table, its edges, and one incident per disturbance."""

import numpy as np
import pytest

from opq.model.boxes import Nominal
from opq.model.incidents import DurationClass, IncidentClass
from opq.signal.segments import HalfCycleSeries, half_cycle_series
from opq.standards.ieee1159 import Category, Direction, Disturbance, categorize, find_disturbances, join
from opq.testing.waves import START_UNIX_NS, Step, Wave

INSTANTANEOUS, MOMENTARY, TEMPORARY, SUSTAINED = DurationClass
SAG, SWELL, INTERRUPTION = (
    IncidentClass.VOLTAGE_SAG,
    IncidentClass.VOLTAGE_SWELL,
    IncidentClass.VOLTAGE_INTERRUPTION,
)
UNDER, OVER = IncidentClass.UNDERVOLTAGE, IncidentClass.OVERVOLTAGE
US, EU = Nominal(120, 60), Nominal(230, 50)


def series(pu: list[float], nominal: Nominal = US) -> HalfCycleSeries:
    edges = START_UNIX_NS + np.rint(np.arange(len(pu) + 1) * 0.5e9 / nominal.f_hz).astype(np.int64)
    return HalfCycleSeries(edges[:-1], edges[1:], np.array(pu) * nominal.u_din_v)


def category(duration_s: float, pu: float, nominal: Nominal) -> Category:
    end = START_UNIX_NS + round(duration_s * 1e9)
    direction = Direction.LOW if pu < 1 else Direction.HIGH
    dead = (START_UNIX_NS, end) if pu < 0.1 else None
    return categorize(Disturbance(direction, START_UNIX_NS, end, pu, START_UNIX_NS, dead, False, False), nominal)


@pytest.mark.parametrize("nominal", [US, EU])
@pytest.mark.parametrize(
    ("cycles", "seconds", "pu", "kind", "duration", "outside"),
    [
        (0.5, 0, 0.5, SAG, INSTANTANEOUS, False),
        (30, 0, 0.1, SAG, INSTANTANEOUS, False),
        (30, 0, 0.9, SAG, INSTANTANEOUS, False),
        (30.5, 0, 0.5, SAG, MOMENTARY, False),
        (0, 3, 0.5, SAG, MOMENTARY, False),
        (0.5, 3, 0.5, SAG, TEMPORARY, False),
        (0, 60, 0.1, SAG, TEMPORARY, False),
        (0.5, 60, 0.85, UNDER, SUSTAINED, False),
        (0.5, 60, 0.8, UNDER, SUSTAINED, False),
        (0.5, 60, 0.79, UNDER, SUSTAINED, True),
        (0, 300, 0.5, UNDER, SUSTAINED, True),
        (0.5, 0, 0.0, INTERRUPTION, MOMENTARY, False),
        (30, 0, 0.09, INTERRUPTION, MOMENTARY, False),
        (0, 3, 0.0, INTERRUPTION, MOMENTARY, False),
        (0.5, 3, 0.0, INTERRUPTION, TEMPORARY, False),
        (0, 60, 0.05, INTERRUPTION, TEMPORARY, False),
        (0.5, 60, 0.0, INTERRUPTION, SUSTAINED, False),
        (0.5, 0, 1.15, SWELL, INSTANTANEOUS, False),
        (30, 0, 1.8, SWELL, INSTANTANEOUS, False),
        (30, 0, 1.81, SWELL, INSTANTANEOUS, True),
        (30.5, 0, 1.4, SWELL, MOMENTARY, False),
        (30.5, 0, 1.41, SWELL, MOMENTARY, True),
        (0, 3, 1.3, SWELL, MOMENTARY, False),
        (0.5, 3, 1.2, SWELL, TEMPORARY, False),
        (0, 10, 1.3, SWELL, TEMPORARY, True),
        (0, 60, 1.2, SWELL, TEMPORARY, False),
        (0.5, 60, 1.2, OVER, SUSTAINED, False),
        (0.5, 60, 1.21, OVER, SUSTAINED, True),
    ],
)
def test_every_cell_of_the_table_and_its_edges(
    nominal: Nominal,
    cycles: float,
    seconds: float,
    pu: float,
    kind: IncidentClass,
    duration: DurationClass,
    outside: bool,
) -> None:
    row = category(seconds + cycles / nominal.f_hz, pu, nominal)
    assert (row.incident_class, row.duration_class, row.outside_table) == (kind, duration, outside)


def test_a_deep_interruption_is_one_disturbance() -> None:
    values = [1.0] * 10 + [0.8, 0.4] + [0.02] * 20 + [0.5, 0.85] + [1.0] * 10
    found = find_disturbances(series(values), US)
    assert len(found) == 1
    assert categorize(found[0], US).incident_class is INTERRUPTION
    assert found[0].extreme_pu == 0.02
    # Two steps whose mean squares are half way 22.2 half cycles apart.
    assert found[0].duration_s == pytest.approx(22.2 / 120, abs=0.0005)
    assert found[0].interruption_s == pytest.approx(22.2 / 120, abs=0.0005)


@pytest.mark.parametrize("pu", [0.0, 0.05, 0.4, 0.8, 1.3])
@pytest.mark.parametrize("cycles", [1.3, 2.0, 7.4, 40.0])
@pytest.mark.parametrize("phase_deg", [0, 50, 130])
def test_a_step_is_timed_to_a_quarter_cycle(pu: float, cycles: float, phase_deg: float) -> None:
    wave = Wave(US, f_hz=60.04, phase_deg=phase_deg, steps=[Step(0.5, 0.5 + cycles / 60, pu)], noise_v=0.02)
    segment = wave.segment(2)
    (found,) = find_disturbances(half_cycle_series(segment, US), US)
    assert (found.start_unix_ns - segment.start_unix_ns) / 1e9 == pytest.approx(0.5, abs=0.15 / 60)
    assert found.duration_s == pytest.approx(cycles / 60, abs=0.25 / 60)
    if found.interruption_unix_ns:
        assert found.interruption_s == pytest.approx(cycles / 60, abs=0.25 / 60)


def test_a_short_interruption_in_a_long_sag_is_a_momentary_interruption() -> None:
    values = [1.0] * 10 + [0.7] * 1000 + [0.05] * 4 + [0.7] * 1000 + [1.0] * 10
    (found,) = find_disturbances(series(values), US)
    row = categorize(found, US)
    assert (row.incident_class, row.duration_class) == (INTERRUPTION, MOMENTARY)
    assert found.duration_s == pytest.approx(2004 / 120, abs=1e-6)


@pytest.mark.parametrize("between", [[], [1.0] * 4])
def test_a_sag_followed_by_a_swell_are_two(between: list[float]) -> None:
    found = find_disturbances(series([1.0] * 5 + [0.5] * 6 + between + [1.3] * 6 + [1.0] * 5), US)
    assert [part.direction for part in found] == [Direction.LOW, Direction.HIGH]
    assert [part.extreme_pu for part in found] == [0.5, 1.3]


def test_the_magnitude_is_the_extreme_inside_the_disturbance() -> None:
    found = find_disturbances(series([1.0] * 5 + [0.6] * 6 + [1.0] * 9 + [0.3, 0.4] + [1.0] * 5), US)
    assert [part.extreme_pu for part in found] == [0.6, 0.3]


@pytest.mark.parametrize(("value", "count"), [(0.9, 0), (0.8999, 1), (1.1, 0), (1.1001, 1)])
def test_a_value_on_a_threshold_is_normal(value: float, count: int) -> None:
    assert len(find_disturbances(series([1.0] * 5 + [value] + [1.0] * 5), US)) == count
    assert len(find_disturbances(series([1.0] * 5 + [value] + [1.0] * 5, EU), EU)) == count


@pytest.mark.parametrize(("between", "count"), [(0.919, 1), (0.92, 2)])
def test_a_sag_ends_two_percent_above_its_threshold(between: float, count: int) -> None:
    assert len(find_disturbances(series([1.0, 0.85, between, between, 0.85, 1.0]), US)) == count


@pytest.mark.parametrize(("between", "count"), [(1.081, 1), (1.08, 2)])
def test_a_swell_ends_two_percent_below_its_threshold(between: float, count: int) -> None:
    assert len(find_disturbances(series([1.0, 1.15, between, between, 1.15, 1.0]), US)) == count


def test_what_touches_an_edge_is_open_there() -> None:
    first, last = find_disturbances(series([0.5, 1.0, 1.2]), US)
    assert (first.open_start, first.open_end) == (True, False)
    assert (last.open_start, last.open_end) == (False, True)


def test_two_parts_join_to_the_class_of_their_whole_duration() -> None:
    (earlier,) = find_disturbances(series([1.0] * 4 + [0.7] * 300), US)
    (later,) = find_disturbances(series([0.6] * 300 + [1.0] * 4), US)
    whole = join(earlier, later)
    assert whole.extreme_pu == 0.6
    assert (whole.open_start, whole.open_end) == (False, False)
    assert whole.start_unix_ns == earlier.start_unix_ns
