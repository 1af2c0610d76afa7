"""Grids are spread evenly over shards, and few move when a shard comes or goes."""

from collections import Counter

import pytest

from opq.errors import InvalidInput
from opq.ids import GridId
from opq.rpc.shards import ONLY_SHARD, owner, parse_addresses, parse_shards

GRIDS = [GridId(f"grid-{number}") for number in range(3000)]
FOUR = ("makai-1", "makai-2", "makai-3", "makai-4")


def test_grids_are_spread_evenly() -> None:
    owned = Counter(owner(grid, FOUR) for grid in GRIDS)
    assert set(owned) == set(FOUR)
    assert all(abs(count - 750) < 5 * (3000 * 0.25 * 0.75) ** 0.5 for count in owned.values()), owned


def test_a_new_shard_takes_its_share_and_nothing_else_moves() -> None:
    before = {grid: owner(grid, FOUR) for grid in GRIDS}
    after = {grid: owner(grid, (*FOUR, "makai-5")) for grid in GRIDS}
    moved = [grid for grid in GRIDS if before[grid] != after[grid]]
    assert {after[grid] for grid in moved} == {"makai-5"}
    assert 450 < len(moved) < 750


def test_only_the_grids_of_a_shard_that_goes_move() -> None:
    after = {grid: owner(grid, FOUR[1:]) for grid in GRIDS}
    assert all(after[grid] == owner(grid, FOUR) for grid in GRIDS if owner(grid, FOUR) != "makai-1")


def test_every_program_comes_to_the_same_owner_whatever_the_order() -> None:
    assert all(owner(grid, FOUR) == owner(grid, reversed(FOUR)) for grid in GRIDS[:200])
    # Never to change: programs of two versions share one site.
    assert [owner(GridId(grid), FOUR[:2]) for grid in ("main", "g", "h")] == ["makai-1", "makai-2", "makai-1"]


def test_addresses_are_read_with_or_without_names() -> None:
    assert parse_addresses("127.0.0.1:4501") == {ONLY_SHARD: "127.0.0.1:4501"}
    assert parse_addresses("a=x:1, b=[::1]:2") == {"a": "x:1", "b": "[::1]:2"}
    assert parse_shards("a, b") == ("a", "b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere", "got 'nowhere', expected HOST:PORT"),
        ("a=x:1,y:2", "got 'y:2', expected names"),
        ("a=x:1,a=y:2", "got 'a' twice"),
        ("a=x", "got 'x', expected HOST:PORT"),
        ("", "got '', expected HOST:PORT"),
    ],
)
def test_a_wrong_list_of_shards_is_said_to_be(text: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message.replace("[", r"\[")):
        parse_addresses(text)
