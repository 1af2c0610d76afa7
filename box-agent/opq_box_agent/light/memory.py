"""Frames that are not yet acknowledged, in memory: what the spool is to a box with a disk."""

from collections.abc import Callable

MAX_FRAMES = 900
"""A quarter of an hour: thousands of boxes of half a kilobyte a second must fit into one process."""


class MemorySpool:
    """A bounded set of encoded frames by sequence number.

    Parameters
    ----------
    first : int
        Sequence number of the first frame.
    taken : callable, optional
        Told the sequence number of each frame at the moment it is taken to be sent.
    """

    def __init__(self, first: int, taken: Callable[[int], None] | None = None, max_frames: int = MAX_FRAMES) -> None:
        self._frames: dict[int, bytes] = {}
        self._next, self._max = first, max_frames
        self._taken = taken
        self.dropped = 0
        """Frames lost for want of space since the start."""

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def sequences(self) -> list[int]:
        """Sequence numbers of the frames held, oldest first."""
        return list(self._frames)

    def append(self, encode: Callable[[int], bytes]) -> int:
        """Keep the frame that `encode` makes with the next sequence number; return that number."""
        sequence = self._next
        self._next += 1
        self._frames[sequence] = encode(sequence)
        if len(self._frames) > self._max:
            del self._frames[next(iter(self._frames))]
            self.dropped += 1
        return sequence

    def get(self, sequence: int) -> bytes | None:
        """Return one frame to be sent now, None if it is not held (any more)."""
        frame = self._frames.get(sequence)
        if frame is not None and self._taken is not None:
            self._taken(sequence)
        return frame

    def remove(self, first: int, last: int) -> None:
        """Forget the frames `first` to `last`, both included."""
        held = self._frames
        for sequence in range(first, last + 1) if last - first < len(held) else [n for n in held if first <= n <= last]:
            held.pop(sequence, None)
