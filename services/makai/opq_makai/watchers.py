"""People and programs that watch triggers as they are found. None of them can slow detection down."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opq.ids import BoxId, GridId
from opq.model.events import Trigger, TriggerKind
from opq_makai.boxes import BoxTable
from opq_makai.detectors.detector import Hits

MAX_HELD = 1000
"""Triggers that wait for one watcher; then the oldest go."""


@dataclass(frozen=True, slots=True)
class Which:
    """Which triggers a watcher wants to see; all that is given holds."""

    grid_id: GridId | None = None
    box_id: BoxId | None = None
    kind: TriggerKind | None = None

    def has(self, trigger: Trigger, grid_id: GridId) -> bool:
        """Whether a trigger is one of them."""
        return (
            self.grid_id in (None, grid_id)
            and self.box_id in (None, trigger.box_id)
            and self.kind in (None, trigger.kind)
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """One trigger as a watcher gets it."""

    trigger: Trigger
    grid_id: GridId
    lost: int
    """Triggers left out just before this one."""


class Watcher:
    """Triggers that wait for one watcher."""

    def __init__(self, which: Which) -> None:
        self.which = which
        self._held: deque[tuple[Trigger, GridId]] = deque()
        self._lost = 0
        self._wake = asyncio.Event()

    def offer(self, trigger: Trigger, grid_id: GridId) -> None:
        """Hold a trigger, in the place of the oldest if there is no room."""
        if len(self._held) >= MAX_HELD:
            self._held.popleft()
            self._lost += 1
        self._held.append((trigger, grid_id))
        self._wake.set()

    async def next(self) -> Seen:
        """Wait for the next."""
        while not self._held:
            self._wake.clear()
            await self._wake.wait()
        trigger, grid_id = self._held.popleft()
        lost, self._lost = self._lost, 0
        return Seen(trigger, grid_id, lost)


class Watchers:
    """All watchers of a shard."""

    def __init__(self) -> None:
        self._watchers: list[Watcher] = []

    def offer(self, grid_id: GridId, table: BoxTable, hits: Hits) -> None:
        """Hand triggers to everybody who wants to see them."""
        if not self._watchers:
            return
        for trigger in hits.triggers(table):
            for watcher in self._watchers:
                if watcher.which.has(trigger, grid_id):
                    watcher.offer(trigger, grid_id)

    @contextmanager
    def watcher(self, which: Which) -> Iterator[Watcher]:
        """Watch from here on until left."""
        made = Watcher(which)
        self._watchers.append(made)
        try:
            yield made
        finally:
            self._watchers.remove(made)
