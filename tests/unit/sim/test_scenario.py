"""Scenarios: when things happen, and the file that two programs read the same from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.sim.scenario import (
    Disturbance,
    DisturbanceKind,
    Scenario,
    demo_scenario,
    load_scenario,
    quiet_scenario,
    save_scenario,
)

T0 = 1_760_000_000_123_456_789
US = Nominal(120, 60)
B1, B2 = BoxId("sim-01"), BoxId("sim-02")
OUTAGE = Disturbance(DisturbanceKind.OUTAGE, (B1,), 60.0, 14.0, 0.0, ())


def with_outage(repeat_s: float = 0.0) -> Scenario:
    return replace(quiet_scenario(2, T0, US), disturbances=(OUTAGE,), repeat_s=repeat_s)


def at(seconds: float) -> int:
    return T0 + round(seconds * NS)


def test_a_box_is_without_power_from_the_start_to_before_the_end_of_its_outage() -> None:
    made = with_outage()
    assert [made.outage_at(B1, at(second)) for second in (-1, 0, 59.999, 60, 73.999, 74, 660)] == [
        False, False, False, True, True, False, False,
    ]  # fmt: skip
    assert not made.outage_at(B2, at(65))


def test_an_outage_comes_again_with_the_repetition() -> None:
    made = with_outage(repeat_s=600)
    assert [made.outage_at(B1, at(600 * number + 65)) for number in (-1, 0, 1, 7)] == [False, True, True, True]
    assert not made.outage_at(B1, at(600 + 74))


def test_only_outages_cut_the_power() -> None:
    sag = replace(OUTAGE, kind=DisturbanceKind.INTERRUPTION)
    assert not replace(with_outage(), disturbances=(sag,)).outage_at(B1, at(65))


def test_the_interval_of_a_disturbance_is_that_of_the_occurrence_asked_for() -> None:
    made = with_outage(repeat_s=600)
    assert made.interval(OUTAGE) == (at(60), at(74))
    assert made.interval(OUTAGE, 2) == (at(1260), at(1274))


def test_an_unknown_box_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="box_id: got 'attic', expected one of sim-01, sim-02"):
        with_outage().box(BoxId("attic"))
    assert with_outage().box(B2).box_id == B2


@pytest.mark.parametrize("count", [1, 2, 8, 50])
def test_a_scenario_is_the_same_after_its_file(tmp_path: Path, count: int) -> None:
    made = demo_scenario(count, T0, Nominal(230.1, 50), seed=7)
    save_scenario(made, tmp_path / "scenario.json")
    assert load_scenario(tmp_path / "scenario.json") == made


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace('"sag"', '"dip"', 1), "disturbances.0.kind: Input should be 'sag', 'swell'"),
        (lambda text: text.replace('"seed": 1', '"seed": "x"', 1), "seed: Input should be a valid integer"),
        (lambda text: text[: len(text) // 2], "Invalid JSON"),
        (lambda text: json.dumps({**json.loads(text), "boxes": [{}]}), "boxes.0.box_id: Field required"),
        (lambda text: text.replace('"u_din_v": 120.0', '"u_din_v": 5'), "u_din_v: got 5 V, expected 50 to 1000 V"),
        (lambda text: "[]", "Input should be an object"),
    ],
    ids=["kind", "number", "cut off", "field", "range", "list"],
)
def test_a_file_that_is_no_scenario_is_named_with_the_place(tmp_path: Path, spoil, message: str) -> None:
    path = tmp_path / "scenario.json"
    save_scenario(demo_scenario(2, T0, US), path)
    text = path.read_text()
    spoilt = spoil(text)
    assert spoilt != text
    path.write_text(spoilt)
    with pytest.raises(InvalidInput) as refusal:
        load_scenario(path)
    assert str(refusal.value).startswith(f"scenario: {path}: ")
    assert message in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refusal:
        load_scenario(tmp_path / "none.json")
    assert str(refusal.value) == f"scenario: cannot read {tmp_path / 'none.json'}: No such file or directory"


def test_boxes_of_four_share_a_feeder_and_one_grid() -> None:
    boxes = quiet_scenario(9, T0, US).boxes
    assert [box.feeder for box in boxes] == ["feeder-1"] * 4 + ["feeder-2"] * 4 + ["feeder-3"]
    assert {box.grid_id for box in boxes} == {"demo"}
    assert boxes[8].box_id == "sim-09"
