"""All links to Makai, one per shard: what concerns a box goes to the shard that owns the grid it hangs on, and only there."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from opq.clock import Clock
from opq.ids import BoxId, GridId
from opq.model.boxes import Box
from opq.rpc.shards import owner
from opq.trust.material import TlsFiles
from opq.v1 import makai_pb2
from opq_ingest.feed import MakaiFeed

_MAX_ASKED = 10_000
"""Requests whose shard is remembered, so that an answer finds it though the box has moved to another grid."""


class MakaiShards:
    """Keeps a feed to every shard and knows which box belongs to which."""

    def __init__(
        self,
        ingest_id: str,
        addresses: Mapping[str, str],
        connected_boxes: Callable[[], Iterable[BoxId]],
        on_down: Callable[[makai_pb2.FeedDown], None],
        clock: Clock,
        tls: TlsFiles | None = None,
    ) -> None:
        self._connected_boxes, self._on_down = connected_boxes, on_down
        self._grids: dict[BoxId, GridId] = {}
        self._asked: OrderedDict[str, str] = OrderedDict()
        self._feeds = {
            shard: MakaiFeed(ingest_id, target, partial(self._connected, shard), partial(self._down, shard), clock, tls)
            for shard, target in addresses.items()
        }

    async def run(self) -> None:
        """Keep all links up until cancelled."""
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds.values():
                group.create_task(feed.run())

    def set_boxes(self, boxes: Iterable[Box]) -> None:
        """Say which grids boxes hang on; connected ones that changed move from one shard to the other."""
        for box in boxes:
            before = self._grids.get(box.box_id)
            if before == box.grid_id:
                continue
            self._grids[box.box_id] = box.grid_id
            if before is not None and box.box_id in self._connected_boxes():
                old, new = self._shard(before), self._shard(box.grid_id)
                if old != new:
                    self._feeds[old].presence(box.box_id, False)
                    self._feeds[new].presence(box.box_id, True)

    def presence(self, box_id: BoxId, connected: bool) -> None:
        """Say that a box came or went."""
        self._feeds[self._owner(box_id)].presence(box_id, connected)

    def frames(self, frames: Sequence[tuple[BoxId, bytes, int]]) -> None:
        """Forward stored frames: box, encoded frame, start [ns]."""
        if len(self._feeds) == 1:
            next(iter(self._feeds.values())).frames(frames)
            return
        parts: dict[str, list[tuple[BoxId, bytes, int]]] = {}
        for frame in frames:
            parts.setdefault(self._owner(frame[0]), []).append(frame)
        for shard, part in parts.items():
            self._feeds[shard].frames(part)

    def acquisition(self, box_id: BoxId, update: makai_pb2.AcquisitionUpdate) -> None:
        """Say what became of an acquisition to the shard that asked for it."""
        shard = self._asked.get(update.acquisition_id) or self._owner(box_id)
        self._feeds[shard].acquisition(update)

    def _down(self, shard: str, down: makai_pb2.FeedDown) -> None:
        if down.HasField("request"):
            self._asked[down.request.acquisition_id] = shard
            while len(self._asked) > _MAX_ASKED:
                self._asked.popitem(last=False)
        self._on_down(down)

    def _connected(self, shard: str) -> list[BoxId]:
        return [box_id for box_id in self._connected_boxes() if self._owner(box_id) == shard]

    def _owner(self, box_id: BoxId) -> str:
        return self._shard(self._grids.get(box_id, GridId("")))

    def _shard(self, grid_id: GridId) -> str:
        return owner(grid_id, self._feeds)
