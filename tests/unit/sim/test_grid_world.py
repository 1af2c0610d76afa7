"""The simulated grid as a whole: one answer however it is cut, features that are the truth, clocks and gaps that show."""

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.model.boxes import Limits
from opq.model.features import FEATURE_NAMES, TimeSource, WindowFlag, check_values
from opq.sim.grid import GridPlan, Happening, HappeningKind, World, load_plan, parse_plan
from opq.sim.grid.plan import Rates

T0 = 1_760_000_000 * NS
HOUR = 3600.0
NOTHING = Rates(**dict.fromkeys(Rates.model_fields, 0.0))


def quiet(plan: GridPlan) -> GridPlan:
    return plan.model_copy(update={"rates": NOTHING})


def small(more: str = "") -> World:
    plan = parse_plan("name: small\nfeeders:\n  - {count: 2, laterals: 3, boxes: 2}\n" + more)
    return World(quiet(plan), 3, T0, HOUR)


@pytest.fixture(scope="module")
def campus() -> World:
    return World(load_plan("campus"), 2, T0)


def test_boxes_are_enrolled_with_their_feeder(campus: World) -> None:
    assert [box.feeder for box in campus.boxes] == ["f1"] * 8 + ["f2"] * 8
    assert {box.grid_id for box in campus.boxes} == {"campus"}


def test_any_cut_of_time_gives_the_same(campus: World) -> None:
    busy = next(item for item in campus.truth if item.kind is HappeningKind.MOTOR_START)
    first = (busy.start_unix_ns - T0) // NS - 20
    whole = campus.block(first, 90)
    again = World(load_plan("campus"), 2, T0)
    for cut in (1, 7, 60):
        parts = [again.block(at, min(cut, first + 90 - at)) for at in range(first, first + 90, cut)]
        for name, column in whole.columns.items():
            np.testing.assert_array_equal(np.concatenate([part.columns[name] for part in parts], axis=1), column)
        for name in ("start_unix_ns", "duration_ns", "flags", "present", "arrival_unix_ns"):
            np.testing.assert_array_equal(
                np.concatenate([getattr(part, name) for part in parts], axis=1), getattr(whole, name)
            )


def test_another_seed_is_another_world(campus: World) -> None:
    other = World(load_plan("campus"), 5, T0)
    assert [item.start_unix_ns for item in other.truth] != [item.start_unix_ns for item in campus.truth]


@pytest.mark.parametrize(("name", "step"), [("campus", 5), ("neighbourhood", 60), ("city", 480)])
def test_the_background_alone_never_leaves_the_limits(name: str, step: int) -> None:
    plan = quiet(load_plan(name))
    switched = {"capacitor": 12.0, "tap_change": 20.0}
    world = World(plan.model_copy(update={"rates": NOTHING.model_copy(update=switched)}), 4, T0)
    limits, u_din_v = Limits(), plan.u_din_v
    ringing = {(item.start_unix_ns - T0) // (60 * NS) for item in world.truth if item.kind is HappeningKind.CAPACITOR}
    for minute in range(0, 1440, step):
        columns = world.block(60 * minute, 60).columns
        assert columns["u_rms_half_min_v"].min() > limits.u_low_pu * u_din_v
        assert columns["u_rms_half_max_v"].max() < limits.u_high_pu * u_din_v
        assert np.abs(columns["f_hz"] - plan.f_hz).max() < limits.f_deviation_hz / 2
        assert columns["thd_pct"].max() < limits.thd_pct - 0.5
        if not {minute - 1, minute, minute + 1} & ringing:
            assert columns["transient_peak_v"].max() < limits.transient_pu * u_din_v / 3


def test_the_lowest_half_cycle_is_never_above_the_highest(campus: World) -> None:
    for minute in range(0, 1440, 40):
        columns = campus.block(60 * minute, 60).columns
        assert (columns["u_rms_half_min_v"] <= columns["u_rms_v"] + 1e-3).all()
        assert (columns["u_rms_half_max_v"] >= columns["u_rms_v"] - 1e-3).all()


def shown(world: World, item: Happening, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest of a column in the windows that a happening touches, each (boxes,)."""
    first = max(0, (item.start_unix_ns - T0) // NS - 1)
    block = world.block(first, (item.end_unix_ns - T0) // NS + 2 - first)
    errors = np.array([world.clock_error_ns(box, item.start_unix_ns) for box in range(len(world.boxes))])
    start = block.start_unix_ns - errors[:, None]
    # Some microseconds less, by which an NTP clock wanders in between.
    touched = (start < item.end_unix_ns - 100_000) & (start + block.duration_ns > item.start_unix_ns + 100_000)
    column = block.columns[name]
    return np.where(touched, column, np.inf).min(axis=1), np.where(touched, column, -np.inf).max(axis=1)


def test_the_features_show_the_truth(campus: World) -> None:
    u_din_v, f_hz = campus.plan.u_din_v, campus.plan.f_hz
    assert {item.kind for item in campus.truth} >= {HappeningKind.LOCAL_SAG, HappeningKind.FREQUENCY_EXCURSION}
    for item in campus.truth:
        # NaN where nothing arrives; that is not compared.
        touched = ~np.isnan(item.u_min_pu)
        lowest, highest = shown(campus, item, "u_rms_half_min_v")[0], shown(campus, item, "u_rms_half_max_v")[1]
        np.testing.assert_allclose((lowest / u_din_v)[touched], item.u_min_pu[touched], atol=0.004, err_msg=str(item))
        np.testing.assert_allclose((highest / u_din_v)[touched], item.u_max_pu[touched], atol=0.004, err_msg=str(item))
        low, high = shown(campus, item, "f_hz")
        furthest = np.maximum(f_hz - low, high - f_hz)
        np.testing.assert_allclose(furthest[touched], item.f_deviation_hz[touched], atol=0.006, err_msg=str(item))
        thd = shown(campus, item, "thd_pct")[1]
        np.testing.assert_allclose(thd[touched], item.thd_pct[touched], atol=0.3, err_msg=str(item))
        peak = shown(campus, item, "transient_peak_v")[1] / u_din_v
        np.testing.assert_allclose(peak[touched], item.transient_pu[touched], atol=0.007, err_msg=str(item))


def test_nothing_is_beyond_a_limit_that_is_not_in_the_truth(campus: World) -> None:
    spans = [(item.start_unix_ns - NS, item.end_unix_ns + NS) for item in campus.truth]
    u_din_v = campus.plan.u_din_v
    for minute in range(0, 1440, 3):
        block = campus.block(60 * minute, 60)
        hard = block.columns["u_rms_half_min_v"] < 0.95 * u_din_v
        hard |= block.columns["u_rms_half_max_v"] > 1.05 * u_din_v
        hard |= np.abs(block.columns["f_hz"] - campus.plan.f_hz) > 0.1
        hard |= block.columns["thd_pct"] > 5
        hard &= np.repeat(block.present, 5, axis=1)
        for at in block.start_unix_ns[hard].tolist():
            assert any(start <= at <= end for start, end in spans)


def test_drawn_happenings_keep_their_distance(campus: World) -> None:
    ends = np.array([item.end_unix_ns for item in campus.truth])
    starts = np.array([item.start_unix_ns for item in campus.truth])
    assert (starts[1:] - ends[:-1] >= 8 * NS - 2).all()


def test_half_of_the_boxes_affected_is_grid_wide(campus: World) -> None:
    assert all(item.grid_wide for item in campus.truth if item.kind is HappeningKind.FREQUENCY_EXCURSION)
    assert not any(item.grid_wide for item in campus.truth if item.kind is HappeningKind.LOCAL_SAG)


def test_a_sag_is_hard_at_its_origin_and_below_every_threshold_at_the_neighbour() -> None:
    world = small("happenings: [{kind: motor_start, at_s: 100, box: small-0001, size: 0.9}]")
    (item,) = world.truth
    assert item.kind is HappeningKind.MOTOR_START
    assert 0 in item.hard_boxes()
    assert item.sub_threshold_boxes()
    assert set(item.affected_boxes()) == set(item.hard_boxes()) | set(item.sub_threshold_boxes())


def test_a_happening_near_a_limit_only_is_not_judged() -> None:
    world = small("happenings: [{kind: frequency_excursion, at_s: 100, size: 0.05}]")
    (item,) = world.truth
    near = Limits(f_deviation_hz=float(item.f_deviation_hz[0]) + 0.002)
    assert item.borderline(near)
    assert not item.hard_boxes(near)
    assert not item.borderline(Limits())


def test_clock_errors_are_in_the_stamps_and_not_in_the_data() -> None:
    faulty = small("faults: [{kind: clock, boxes: [small-0002], at_s: 30.0, duration_s: 10, offset_s: -3.5}]")
    sound = small()
    off = faulty.block(0, 60).start_unix_ns - sound.block(0, 60).start_unix_ns
    assert (off[0] == 0).all()
    assert set(off[1].tolist()) == {0, -3_500_000_000}
    assert np.count_nonzero(off[1]) == 50
    np.testing.assert_array_equal(faulty.block(0, 60).columns["u_rms_v"], sound.block(0, 60).columns["u_rms_v"])
    assert faulty.clock_error_ns(1, T0 + 35 * NS) - sound.clock_error_ns(1, T0 + 35 * NS) == -3_500_000_000


def test_ntp_clocks_wander_inside_what_they_claim_and_gps_is_right_to_a_microsecond() -> None:
    world = small("clocks: {kinds: {small-0001: gps, small-0002: ntp}}")
    for hour in range(24):
        errors = [abs(world.clock_error_ns(box, T0 + hour * 3600 * NS)) for box in range(12)]
        assert errors[0] <= 1000
        assert [world.time_source(box) for box in (0, 1)] == [TimeSource.GPS, TimeSource.NTP]
        assert all(error <= claimed for error, claimed in zip(errors, world.block(0, 1).uncertainty_ns, strict=True))
    assert abs(world.clock_error_ns(1, T0)) > 10_000


def test_windows_follow_each_other_by_the_clock_of_the_box(campus: World) -> None:
    block = campus.block(50, 20)
    np.testing.assert_array_equal(block.start_unix_ns[:, 1:], (block.start_unix_ns + block.duration_ns)[:, :-1])
    assert len(set((block.start_unix_ns[:, 0] % (NS // 5) // 100_000).tolist())) > 8, "every box has its own phase"


def test_silent_boxes_and_gaps_are_absent_and_a_gap_is_flagged_after() -> None:
    world = small(
        "faults:\n  - {kind: silent, boxes: [small-0001], at_s: 10}\n"
        "  - {kind: gap, boxes: [small-0002], at_s: 20.2, duration_s: 3}\n"
        "  - {kind: reboot, boxes: [small-0003], at_s: 58, duration_s: 30}\n"
    )
    block = world.block(0, 120)
    assert block.present[0].tolist() == [True] * 10 + [False] * 110
    assert np.flatnonzero(~block.present[1]).tolist() == [20, 21, 22, 23]
    assert np.flatnonzero(~block.present[2]).tolist() == list(range(58, 88))
    assert block.present[3:].all()
    assert np.argwhere(block.flags & WindowFlag.GAP).tolist() == [[1, 120]]


def test_a_box_behind_a_melted_fuse_falls_silent_and_comes_back() -> None:
    world = World(quiet(parse_plan(
        "name: small\nfeeders:\n  - {count: 2, laterals: 3, boxes: 6, transformers: 3}\n"
        "happenings: [{kind: lateral_fault, at_s: 100, box: small-0001}]"
    )), 3, T0, HOUR)  # fmt: skip
    (item,) = world.truth
    gone = np.flatnonzero(item.u_min_pu < 0.05)
    assert len(gone) in (2, 6)
    come = world.present(0, 3600)
    assert come[gone, :101].all()
    assert not come[gone, 106:600].any()
    assert come[gone, 3000:].all()
    flags = world.block(101, 1).flags[gone]
    assert (flags & WindowFlag.VOLTAGE_LOST).all()
    assert (flags & WindowFlag.FLAGGED).all()


def test_a_storm_is_out_of_limits_at_every_box_for_all_its_time() -> None:
    world = small("happenings: [{kind: storm, at_s: 60, duration_s: 600}]")
    (item,) = world.truth
    assert len(item.hard_boxes()) == 12
    assert (world.block(120, 480).columns["thd_pct"] > 5).all()
    assert (world.block(120, 480).columns["u_rms_half_min_v"] < 0.95 * 120).any(axis=1).all()


def test_frames_arrive_after_their_second_and_soon(campus: World) -> None:
    block = campus.block(100, 60)
    late = block.arrival_unix_ns - (T0 + (101 + np.arange(60)) * NS)
    assert late.min() >= 30_000_000
    assert late.max() <= 500_000_000


def test_a_frame_has_every_feature_in_its_range(campus: World) -> None:
    block = campus.block(59, 3)
    windows = block.windows(4, 1)
    assert len(windows) == 5
    assert windows.values.shape[1] == len(FEATURE_NAMES)
    check_values(windows.values)
    np.testing.assert_array_equal(windows.column("u_rms_v"), block.columns["u_rms_v"][4, 5:10])
    harmonics = windows.values[:, [FEATURE_NAMES.index(f"h{order}_pct") for order in (3, 5, 7, 9, 11, 13, 15)]]
    np.testing.assert_allclose(np.sqrt((harmonics**2).sum(axis=1)), windows.column("thd_pct"), rtol=1e-5)


@pytest.mark.parametrize(("first", "seconds"), [(-1, 10), (0, 0)])
def test_what_is_not_there_cannot_be_asked_for(campus: World, first: int, seconds: int) -> None:
    with pytest.raises(InvalidInput):
        campus.block(first, seconds)


def test_a_planned_size_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"local_sag: size: got 1\.2 pu"):
        small("happenings: [{kind: local_sag, at_s: 10, size: 1.2}]")
