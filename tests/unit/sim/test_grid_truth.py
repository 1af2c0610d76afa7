"""Ground truth: limits, margins, and the way to disk and back."""

from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.model.boxes import Limits
from opq.sim.grid import Happening, HappeningKind, Touch, World, load_plan, load_truth, save_truth


def touched(**changes: tuple[float, ...]) -> Happening:
    """Return what arrives at boxes 1 and 3 of four, nothing by default."""
    quiet = {name: (0.0, 0.0) for name in Touch.__slots__ if name not in ("box", "u_min_pu", "u_max_pu")}
    quiet |= {"u_min_pu": (1.0, 1.0), "u_max_pu": (1.0, 1.0)}
    return Happening(HappeningKind.LOCAL_SAG, 0, NS, "x", 4, Touch((1, 3), **(quiet | changes)))


def test_boxes_that_nothing_reaches_are_neither_hard_nor_affected() -> None:
    item = touched()
    assert np.isnan(item.u_min_pu).tolist() == [True, False, True, False]
    assert item.hard_boxes() == item.affected_boxes() == ()
    assert not item.borderline()


@pytest.mark.parametrize(
    ("name", "limit", "outwards"),
    [
        ("u_min_pu", 0.95, -1),
        ("u_max_pu", 1.05, 1),
        ("f_deviation_hz", 0.1, 1),
        ("thd_pct", 5.0, 1),
        ("transient_pu", 8 / 120, 1),
    ],
)
def test_each_limit_is_judged_with_its_margin(name: str, limit: float, outwards: int) -> None:
    margin = {"f_deviation_hz": 0.003, "thd_pct": 0.2, "transient_pu": 0.007}.get(name, 0.003)
    inside = 1.0 if name.startswith("u_") else 0.0
    for share, hard, borderline in ((-1.1, False, False), (-0.9, False, True), (0.9, True, True), (1.1, True, False)):
        item = touched(**{name: (inside, limit + outwards * share * margin)})
        assert (item.hard_boxes() == (3,)) is hard
        assert item.borderline() is borderline
        assert item.borderline_boxes().tolist() == [False, False, False, borderline]


@pytest.mark.parametrize(
    ("name", "least"), [("u_change_pu", 0.01), ("f_change_hz", 0.02), ("thd_change_pct", 1.0), ("transient_pu", 0.02)]
)
def test_a_noticeable_change_within_limits_is_sub_threshold(name: str, least: float) -> None:
    item = touched(**{name: (least, 0.99 * least)})
    assert item.sub_threshold_boxes() == item.affected_boxes() == (1,)
    assert not item.grid_wide
    assert touched(**{name: (least, least)}).grid_wide


def test_limits_of_a_box_can_be_others() -> None:
    assert touched(u_min_pu=(0.96, 1.0)).hard_boxes(Limits(u_low_pu=0.97)) == (1,)


def test_truth_survives_the_way_to_disk(tmp_path: Path) -> None:
    world = World(load_plan("campus"), 1, 1_760_000_000 * NS)
    save_truth(world.truth, tmp_path / "truth.json")
    assert load_truth(tmp_path / "truth.json") == world.truth


def test_what_is_no_truth_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        load_truth(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('[{"kind": "earthquake"}]')
    with pytest.raises(InvalidInput, match=r"0\.kind"):
        load_truth(tmp_path / "bad.json")
