"""The session between a box and ingest, without I/O: messages and times in, messages and wishes out.

Two lanes go up. The live lane carries frames made since the session stands; the back-fill lane carries what the
spool held before, oldest first, and only while the live lane is empty, at a bounded rate. Both together never
have more than `max_unacknowledged` frames under way. A frame leaves the spool when it is acknowledged or
rejected for good; whatever is under way when a session ends goes back to the back-fill lane of the next.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from opq.clock import NS
from opq.ids import AcquisitionId
from opq.rpc.twins import BoxUpTwin
from opq.v1 import box_pb2

BACKFILL_PER_S = 50.0
"""Frames of the back-fill lane per second, if nothing else is said: an hour is made up in 72 s."""


@dataclass(frozen=True, slots=True)
class SendWaveform:
    """The site wants raw waveform."""

    acquisition_id: AcquisitionId
    start_unix_ns: int
    end_unix_ns: int


@dataclass(frozen=True, slots=True)
class CancelWaveform:
    """The site no longer wants it."""

    acquisition_id: AcquisitionId


@dataclass(frozen=True, slots=True)
class ApplyConfiguration:
    """The site wants other settings; answered under `command_id` unless that is empty."""

    command_id: str
    window_cycles: int


@dataclass(frozen=True, slots=True)
class TellInfo:
    """The site wants facts about the box."""

    command_id: str


@dataclass(frozen=True, slots=True)
class FrameRejected:
    """A frame that ingest will never take; it was dropped from the spool."""

    sequence: int
    message: str


@dataclass(frozen=True, slots=True)
class OfferUpdate:
    """The site has an update of the agent; answered under `command_id`."""

    command_id: str
    update_id: str
    version: str
    size_bytes: int


Wish = SendWaveform | CancelWaveform | ApplyConfiguration | TellInfo | FrameRejected | OfferUpdate


class FrameStore(Protocol):
    """Encoded frames that are not yet acknowledged, by sequence number."""

    def __len__(self) -> int: ...

    @property
    def sequences(self) -> list[int]:
        """Sequence numbers of the frames held, oldest first."""
        ...

    def get(self, sequence: int) -> bytes | None:
        """Return one frame to be sent now, None if it is not held (any more)."""
        ...

    def remove(self, first: int, last: int) -> None:
        """Forget the frames `first` to `last`, both included."""
        ...


class Phase(Enum):
    """Where a session stands."""

    DISCONNECTED = "disconnected"
    GREETING = "greeting"
    READY = "ready"


class Session:
    """State of one box's link over any number of connections.

    Parameters
    ----------
    spool : FrameStore
        Holds every frame not yet acknowledged.
    hello : callable
        Makes the greeting when a connection stands.
    health : callable, optional
        Makes what is said of the box itself right after the welcome.
    backfill_per_s : float
        Frames of the back-fill lane per second [1/s].
    """

    def __init__(
        self,
        spool: FrameStore,
        hello: Callable[[], box_pb2.Hello],
        health: Callable[[], box_pb2.Health] | None = None,
        backfill_per_s: float = BACKFILL_PER_S,
    ) -> None:
        self._spool, self._hello, self._health = spool, hello, health
        self._backfill_ns = round(NS / backfill_per_s)
        self._control: deque[box_pb2.BoxUp] = deque()
        self._live: deque[int] = deque()
        self._backfill: deque[int] = deque()
        self._under_way: set[int] = set()
        self._max_under_way = 0
        self._backfill_due_ns = 0
        self.phase = Phase.DISCONNECTED
        self.codec = 0
        self.rejected = 0
        """Frames rejected since the start."""

    @property
    def waiting(self) -> int:
        """Frames not yet acknowledged."""
        return len(self._spool)

    def connected(self) -> None:
        """A connection stands: greet. All the spool holds becomes back-fill."""
        self.phase = Phase.GREETING
        self._under_way.clear()
        self._live.clear()
        self._backfill = deque(self._spool.sequences)
        self._control.clear()
        self._control.append(box_pb2.BoxUp(hello=self._hello()))

    def disconnected(self) -> None:
        """The connection is gone."""
        self.phase = Phase.DISCONNECTED

    def frame_spooled(self, sequence: int) -> None:
        """A new frame lies in the spool."""
        if self.phase is not Phase.DISCONNECTED:
            self._live.append(sequence)

    def say(self, message: box_pb2.BoxUp) -> None:
        """Queue a message other than a frame for this connection; without one it is dropped."""
        if self.phase is not Phase.DISCONNECTED:
            self._control.append(message)

    def receive(self, message: box_pb2.BoxDown) -> Wish | None:
        """Take a message from ingest; return what the agent is to do, if anything."""
        kind = message.WhichOneof("kind")
        if kind == "welcome":
            self.phase = Phase.READY
            if self._health is not None:
                self._control.append(box_pb2.BoxUp(health=self._health()))
            self._max_under_way = max(1, message.welcome.max_unacknowledged)
            self.codec = message.welcome.codec
            return ApplyConfiguration("", message.welcome.configuration.window_cycles)
        if kind == "ack":
            for first, last in zip(message.ack.first, message.ack.last, strict=False):
                self._done(first, last)
        elif kind == "reject" and message.reject.sequence:
            self.rejected += 1
            self._done(message.reject.sequence, message.reject.sequence)
            return FrameRejected(message.reject.sequence, message.reject.problem.message)
        elif kind == "waveform_request":
            request = message.waveform_request
            return SendWaveform(AcquisitionId(request.acquisition_id), request.start_unix_ns, request.end_unix_ns)
        elif kind == "cancel_request":
            return CancelWaveform(AcquisitionId(message.cancel_request.acquisition_id))
        elif kind == "configure":
            return ApplyConfiguration(message.configure.command_id, message.configure.configuration.window_cycles)
        elif kind == "get_info":
            return TellInfo(message.get_info.command_id)
        elif kind == "update_offer":
            offer = message.update_offer
            return OfferUpdate(offer.command_id, offer.update_id, offer.version, offer.size_bytes)
        return None

    def next_message(self, monotonic_ns: int) -> bytes | None:
        """Return the next encoded `BoxUp` to send now, None if nothing may be sent yet."""
        if self._control and (self.phase is Phase.READY or self._control[0].HasField("hello")):
            return self._control.popleft().SerializeToString()
        if self.phase is not Phase.READY:
            return None
        while len(self._under_way) < self._max_under_way:
            if self._live:
                sequence = self._live.popleft()
            elif self._backfill and monotonic_ns >= self._backfill_due_ns:
                sequence = self._backfill.popleft()
                self._backfill_due_ns = max(self._backfill_due_ns, monotonic_ns - NS // 10) + self._backfill_ns
            else:
                return None
            frame = self._spool.get(sequence)
            if frame is not None:
                self._under_way.add(sequence)
                encoded: bytes = BoxUpTwin(frame=frame).SerializeToString()
                return encoded
        return None

    def wake_ns(self) -> int | None:
        """When `next_message` may have something that it has not now (monotonic); None if only by an outside event."""
        if self.phase is Phase.READY and self._backfill and len(self._under_way) < self._max_under_way:
            return self._backfill_due_ns
        return None

    def _done(self, first: int, last: int) -> None:
        self._spool.remove(first, last)
        self._under_way = {sequence for sequence in self._under_way if not first <= sequence <= last}
