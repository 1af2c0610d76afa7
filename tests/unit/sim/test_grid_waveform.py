"""Waveforms on demand: the same samples however asked for, and a box that measures them finds what the features say."""

import itertools
import json

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.model.features import WindowFlag, Windows
from opq.signal.extractor import FeatureExtractor
from opq.sim.grid import Happening, HappeningKind, World, load_plan

T0 = 1_760_000_000 * NS
KINDS = sorted(set(HappeningKind) - {HappeningKind.STORM}, key=lambda kind: kind.value)


def with_one_of_each(name: str) -> World:
    plan = load_plan(name)
    happenings = [{"kind": kind.value, "at_s": 100 * (at + 1) + 0.37} for at, kind in enumerate(KINDS)]
    content = plan.model_dump(mode="json") | {"happenings": happenings}
    content["rates"] = dict.fromkeys(content["rates"], 0.0)
    return World(type(plan).model_validate_json(json.dumps(content)), 11, T0, 7200.0)


@pytest.fixture(scope="module", params=["campus", "neighbourhood"])
def world(request: pytest.FixtureRequest) -> World:
    return with_one_of_each(request.param)


@pytest.fixture(scope="module")
def campus() -> World:
    return with_one_of_each("campus")


def measured(world: World, box: int, first_s: int, seconds: int) -> Windows:
    start = world.start_unix_ns + first_s * NS
    extractor = FeatureExtractor(12000.0, world.plan.nominal)
    fed = extractor.feed(world.waveform(box, start, start + seconds * NS), start)
    return Windows.concatenate([fed, extractor.finish()])


def most_touched(item: Happening) -> int:
    size = item.over_boxes("u_change_pu") + item.over_boxes("thd_change_pct") + item.transient_pu
    return int(np.nanargmax(size))


@pytest.mark.parametrize("kind", KINDS)
def test_a_box_measures_what_the_features_say(world: World, kind: HappeningKind) -> None:
    item = next(item for item in world.truth if item.kind is kind)
    first = (item.start_unix_ns - T0) // NS - 3
    seconds = min((item.end_unix_ns - T0) // NS + 4 - first, 20)
    box, u_din_v = most_touched(item), world.plan.u_din_v
    seen, said = measured(world, box, first, seconds), world.block(first, seconds)
    low, high = (said.columns[f"u_rms_half_{side}_v"][box, :-2] / u_din_v for side in ("min", "max"))
    assert seen.column("u_rms_half_min_v").min() / u_din_v == pytest.approx(low.min(), abs=0.005)
    # A cycle that ends in an interruption has no crossing to end at.
    lost = (seen.flags & WindowFlag.VOLTAGE_LOST).any()
    assert seen.column("u_rms_half_max_v").max() / u_din_v == pytest.approx(high.max(), abs=0.01 if lost else 0.005)
    # Around a jump a box's frequency and distortion are those of the jump: they are not judged there.
    near = np.convolve(
        (seen.column("u_rms_half_max_v") - seen.column("u_rms_half_min_v") > 0.02 * u_din_v) | (seen.flags > 0),
        [1, 1, 1],
        "same",
    )
    calm = near == 0
    for name, tolerance in (("f_hz", 0.010), ("thd_pct", 0.5)):
        here = np.interp(seen.start_unix_ns[calm], said.start_unix_ns[box], said.columns[name][box])
        np.testing.assert_allclose(seen.column(name)[calm], here, atol=tolerance, err_msg=name)
    peak = said.columns["transient_peak_v"][box].max()
    assert seen.column("transient_peak_v").max() == pytest.approx(peak, rel=0.3, abs=0.01 * u_din_v)


def test_an_interruption_loses_the_fundamental_in_both(campus: World) -> None:
    item = next(item for item in campus.truth if item.kind is HappeningKind.FEEDER_FAULT)
    box = int(np.nanargmin(item.u_min_pu))
    first = (item.start_unix_ns - T0) // NS - 3
    seconds = (item.end_unix_ns - T0) // NS + 3 - first
    seen, said = measured(campus, box, first, seconds), campus.block(first, seconds)
    lost = (seen.flags & WindowFlag.VOLTAGE_LOST) > 0
    assert lost.sum() == pytest.approx(((said.flags[box] & WindowFlag.VOLTAGE_LOST) > 0).sum(), abs=1)


@pytest.mark.parametrize("pieces", [1, 3, 7])
def test_any_interval_computed_alone_gives_the_same_samples(campus: World, pieces: int) -> None:
    # Over a minute, a second and a happening.
    start, end = T0 + 118 * NS, T0 + 122 * NS
    whole = campus.waveform(2, start, end)
    edges = np.linspace(start, end, pieces + 1).astype(np.int64).tolist()
    again = with_one_of_each("campus")
    parts = [again.waveform(2, a, b) for a, b in itertools.pairwise(edges)]
    assert len(whole) == 48_000
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_phases_are_a_third_of_a_turn_apart(campus: World) -> None:
    phasors = []
    turn = np.exp(-2j * np.pi * 60 * np.arange(12_000) / 12_000)
    for box in (0, 2, 4):
        phasors.append((campus.waveform(box, T0 + 10 * NS, T0 + 11 * NS) * turn).sum())
    assert campus.network.phase[[0, 2, 4]].tolist() == [0, 1, 2]
    for a, b in ((0, 1), (1, 2)):
        assert np.angle(phasors[b] / phasors[a]) == pytest.approx(-2 * np.pi / 3, abs=0.01)


def test_another_rate_is_the_same_wave(campus: World) -> None:
    slow, fast = (campus.waveform(0, T0, T0 + NS, rate) for rate in (6000.0, 12000.0))
    assert len(slow) == 6000
    assert np.abs(fast[::2] - slow).max() < 0.02 * 170


def test_nothing_asked_is_nothing_given(campus: World) -> None:
    assert len(campus.waveform(0, T0 + NS, T0 + NS)) == 0


def test_a_box_that_is_not_there_is_refused(campus: World) -> None:
    with pytest.raises(InvalidInput, match="box_index"):
        campus.waveform(16, T0, T0 + NS)
