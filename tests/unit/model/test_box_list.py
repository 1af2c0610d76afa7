"""Boxes as a file: what is written is read, and what is wrong is named."""

import json
from pathlib import Path

import pytest

from opq.errors import InvalidInput
from opq.ids import BoxId, GridId
from opq.model.box_list import load_boxes, save_boxes
from opq.model.boxes import Box, Limits, Nominal

BOXES = (
    Box(BoxId("b-1"), GridId("g"), Nominal(230, 50), "Kitchen", "f1"),
    Box(BoxId("b-2"), GridId("g"), Nominal(120, 60), limits=Limits(u_low_pu=0.9), window_cycles=1),
)


def test_boxes_come_back_as_they_were(tmp_path: Path) -> None:
    save_boxes(BOXES, tmp_path / "boxes.json")
    assert load_boxes(tmp_path / "boxes.json") == BOXES


def entry(**changes: object) -> dict[str, object]:
    return {"box_id": "b-1", "grid_id": "g", "nominal": {"u_din_v": 230, "f_hz": 50}, **changes}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([entry(box_id="Not an id")], "box_id"),
        ([entry(nominal={"u_din_v": 5, "f_hz": 50})], "u_din_v"),
        ([{"box_id": "b-1"}], "0.grid_id: Field required"),
        ([entry(), entry()], "2 entries for 1 boxes, expected each box once"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInput, match=message):
        load_boxes(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot read"):
        load_boxes(tmp_path / "none.json")
