"""When frames with something in them were handed to gRPC: where the measurement of latency begins.

One JSON line per such frame; frames of quiet seconds are not written, so the journal costs nothing.
"""

import json
from collections.abc import Callable
from pathlib import Path

from opq.clock import NS, Clock
from opq.ids import BoxId
from opq.sim.grid import World

_LONGEST_S = 5
"""Of a happening that lasts, the first seconds are enough."""


class Journal:
    """Writes ``{"box_id", "sequence", "second", "sent_unix_ns"}`` for frames in which a box goes beyond its limits."""

    def __init__(self, path: Path, world: World, clock: Clock) -> None:
        self._file = path.open("w", buffering=1)
        self._clock = clock
        self._wanted = {
            (box, second)
            for happening in world.truth
            for second in _seconds(happening.start_unix_ns, happening.end_unix_ns, world.start_unix_ns)
            for box in happening.hard_boxes()
        }
        self._due: dict[tuple[BoxId, int], int] = {}

    def measured(self, box: int, box_id: BoxId, sequence: int, second: int) -> None:
        """Note a frame that is about to be sent."""
        if (box, second) in self._wanted:
            self._due[box_id, sequence] = second

    def taker(self, box_id: BoxId) -> Callable[[int], None]:
        """Return what a box's spool calls when a frame is taken to be sent."""

        def taken(sequence: int) -> None:
            second = self._due.pop((box_id, sequence), None)
            if second is not None:
                line = {"box_id": box_id, "sequence": sequence, "second": second, "sent_unix_ns": self._clock.unix_ns()}
                self._file.write(json.dumps(line) + "\n")

        return taken

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _seconds(start_unix_ns: int, end_unix_ns: int, from_unix_ns: int) -> range:
    first = (start_unix_ns - from_unix_ns) // NS
    return range(first, min((end_unix_ns - from_unix_ns) // NS, first + _LONGEST_S) + 1)
