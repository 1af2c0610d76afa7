"""Boxes by slot: many names at once."""

import numpy as np

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.model.features import names_of
from opq_makai.boxes import BoxTable


def boxes(count: int, first: int = 0) -> list[Box]:
    return [Box(BoxId(f"b-{number}"), GridId("g"), Nominal(120.0, 60.0)) for number in range(first, first + count)]


def test_each_box_is_found_at_its_slot_and_strangers_are_not() -> None:
    table = BoxTable()
    assert table.slots(names_of([BoxId("b-0")])).tolist() == [-1]
    table.update(boxes(3000))
    rng = np.random.default_rng(1)
    asked = rng.integers(0, 6000, 2000).tolist()
    slots = table.slots(names_of([BoxId(f"b-{number}") for number in asked]))
    assert slots.tolist() == [number if number < 3000 else -1 for number in asked]
    longest = BoxId("b" * 63)
    table.update([*boxes(1), Box(longest, GridId("g"), Nominal(120.0, 60.0))])
    assert table.slots(names_of([longest, BoxId("b" * 62), BoxId("b-0")])).tolist() == [3000, -1, 0]


def test_a_box_that_left_keeps_its_slot_for_when_it_comes_back() -> None:
    table = BoxTable()
    table.update(boxes(3))
    table.update(boxes(2, first=1))
    assert table.slots(names_of([BoxId("b-0"), BoxId("b-2")])).tolist() == [-1, 2]
    table.update(boxes(4))
    assert table.slots(names_of([BoxId("b-0"), BoxId("b-3")])).tolist() == [0, 3]
