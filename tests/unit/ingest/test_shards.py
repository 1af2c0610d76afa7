"""What concerns a box goes to the shard that owns its grid, and to no other."""

from typing import Any

import pytest

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.rpc.shards import owner
from opq.testing.clock import ManualClock
from opq.v1 import makai_pb2
from opq_ingest.shards import MakaiShards

SHARDS = {"makai-1": "127.0.0.1:1", "makai-2": "127.0.0.1:2"}
A, B = BoxId("box-a"), BoxId("box-b")
# By the rule, not by luck: one grid of each shard.
GRID_1, GRID_2 = (
    next(GridId(f"grid-{n}") for n in range(99) if owner(GridId(f"grid-{n}"), SHARDS) == shard) for shard in SHARDS
)


def box(box_id: BoxId, grid_id: GridId) -> Box:
    return Box(box_id, grid_id, Nominal(120, 60))


class FakeFeed:
    def __init__(self) -> None:
        self.said: list[Any] = []

    def frames(self, frames: Any) -> None:
        self.said.append([item[0] for item in frames])

    def presence(self, box_id: BoxId, connected: bool) -> None:
        self.said.append((box_id, connected))

    def acquisition(self, update: makai_pb2.AcquisitionUpdate) -> None:
        self.said.append(update.acquisition_id)


class Shards:
    def __init__(self) -> None:
        self.connected: set[BoxId] = set()
        self.makai = MakaiShards("ingest-1", SHARDS, lambda: self.connected, lambda _: None, ManualClock())
        self.one, self.two = FakeFeed(), FakeFeed()
        self.makai._feeds = {"makai-1": self.one, "makai-2": self.two}  # type: ignore[dict-item]
        self.makai.set_boxes([box(A, GRID_1), box(B, GRID_2)])
        for box_id in (A, B):
            self.connected.add(box_id)
            self.makai.presence(box_id, True)


@pytest.fixture
def shards() -> Shards:
    return Shards()


def test_frames_presence_and_answers_reach_only_the_owner(shards: Shards) -> None:
    shards.makai.frames([(A, b"", 1), (B, b"", 1), (A, b"", 2)])
    shards.makai.acquisition(B, makai_pb2.AcquisitionUpdate(acquisition_id="acq"))
    assert shards.one.said == [(A, True), [A, A]]
    assert shards.two.said == [(B, True), [B], "acq"]


def test_each_shard_is_greeted_with_its_own_boxes(shards: Shards) -> None:
    assert shards.makai._connected("makai-1") == [A]
    assert shards.makai._connected("makai-2") == [B]


def test_a_box_that_changes_its_grid_leaves_one_shard_and_comes_to_the_other(shards: Shards) -> None:
    shards.makai.set_boxes([box(A, GRID_2), box(B, GRID_2)])
    assert shards.one.said[1:] == [(A, False)]
    assert shards.two.said[1:] == [(A, True)]
    shards.makai.frames([(A, b"", 3)])
    assert shards.two.said[-1] == [A]


def test_a_box_off_line_moves_without_a_word(shards: Shards) -> None:
    shards.connected.discard(A)
    shards.makai.set_boxes([box(A, GRID_2)])
    assert (shards.one.said[1:], shards.two.said[1:]) == ([], [])


def test_the_shard_that_asked_gets_the_answer_though_the_box_has_moved(shards: Shards) -> None:
    request = makai_pb2.AcquisitionRequest(box_id=A, acquisition_id="asked")
    shards.makai._down("makai-1", makai_pb2.FeedDown(request=request))
    shards.makai.set_boxes([box(A, GRID_2)])
    shards.makai.acquisition(A, makai_pb2.AcquisitionUpdate(acquisition_id="asked"))
    assert shards.one.said[-1] == "asked"
