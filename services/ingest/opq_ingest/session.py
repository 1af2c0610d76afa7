"""One box's session as ingest sees it: what is to be sent down, and what was acknowledged."""

import asyncio
from collections import deque

from opq.ids import BoxId
from opq.v1 import box_pb2

_MAX_OUTBOX = 1000
"""A box that does not read this many messages is cut off."""


class BoxSession:
    """The sending side of a Connect stream. Acknowledgements waiting to go out are merged into runs."""

    def __init__(self, box_id: BoxId, session_id: str) -> None:
        self.box_id, self.session_id = box_id, session_id
        self.agent_version = ""
        self.offered_unix_ns = 0
        """When the update was offered that the box was told of in this session."""
        self.window_cycles = 0
        """Last configuration sent down."""
        self.commands: dict[str, int] = {}
        """Configurations without an answer: command id and window cycles."""
        self.acked: list[int] = []
        """Sequences stored and not yet acknowledged."""
        self._outbox: deque[box_pb2.BoxDown] = deque()
        self._wake = asyncio.Event()
        self.closed = False

    def send(self, message: box_pb2.BoxDown) -> None:
        """Queue a message."""
        if len(self._outbox) >= _MAX_OUTBOX:
            self.close()
            return
        self._outbox.append(message)
        self._wake.set()

    def configure(self, command_id: str, window_cycles: int) -> None:
        """Queue a configuration, which the box is to confirm."""
        self.window_cycles = window_cycles
        self.commands[command_id] = window_cycles
        configuration = box_pb2.BoxConfiguration(window_cycles=window_cycles)
        command = box_pb2.Configure(command_id=command_id, configuration=configuration)
        self.send(box_pb2.BoxDown(configure=command))

    def flush_acks(self) -> None:
        """Queue one Ack for all that was stored since the last."""
        if self.acked:
            first, last = runs(self.acked)
            self.acked.clear()
            self.send(box_pb2.BoxDown(ack=box_pb2.Ack(first=first, last=last)))

    def close(self) -> None:
        """Let the stream end when the outbox is empty."""
        self.closed = True
        self._wake.set()

    async def next_message(self) -> box_pb2.BoxDown | None:
        """Wait for the next message to send; None when the session is closed and all is sent."""
        while not self._outbox:
            if self.closed:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._outbox.popleft()


def runs(sequences: list[int]) -> tuple[list[int], list[int]]:
    """Merge sequence numbers into runs; return the first and the last of each."""
    first: list[int] = []
    last: list[int] = []
    for sequence in sorted(set(sequences)):
        if last and sequence == last[-1] + 1:
            last[-1] = sequence
        else:
            first.append(sequence)
            last.append(sequence)
    return first, last
