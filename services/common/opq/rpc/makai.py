"""Makai's tools as seen from outside: one call each, in words of the model, to the shard that owns the grid."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from opq.clock import SystemClock
from opq.errors import InvalidInput, NotFound, OpqError, Unavailable
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Limits
from opq.model.events import Trigger, TriggerKind
from opq.rpc.channels import Dialer
from opq.rpc.shards import only_address, owner
from opq.trust.material import TlsFiles
from opq.trust.names import Role
from opq.v1 import makai_pb2, makai_pb2_grpc

KINDS = {
    makai_pb2.TRIGGER_KIND_HARD: TriggerKind.HARD,
    makai_pb2.TRIGGER_KIND_SOFT: TriggerKind.SOFT,
}
KIND_NUMBERS = {kind: number for number, kind in KINDS.items()}
_ANSWER_S = 15.0
_REFUSALS: dict[grpc.StatusCode, type[OpqError]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.INVALID_ARGUMENT: InvalidInput,
    grpc.StatusCode.FAILED_PRECONDITION: InvalidInput,
    grpc.StatusCode.UNAUTHENTICATED: InvalidInput,
    grpc.StatusCode.PERMISSION_DENIED: InvalidInput,
}


@dataclass(frozen=True, slots=True)
class Opened:
    """An event opened by hand."""

    grid_id: GridId
    event_id: EventId
    box_ids: tuple[BoxId, ...]


@dataclass(frozen=True, slots=True)
class SeenTrigger:
    """A trigger as it was found."""

    grid_id: GridId
    trigger: Trigger
    lost: int
    """Triggers that were left out just before this one."""


@dataclass(frozen=True, slots=True)
class Score:
    """How unusual the newest value of one metric is: distance from `mean` in units of `spread`."""

    detector: str
    metric: str
    score: float
    mean: float
    spread: float


@dataclass(frozen=True, slots=True)
class BoxState:
    """What Makai knows of a box right now."""

    box_id: BoxId
    grid_id: GridId
    makai_id: str
    limits: Limits
    """In force, overrides included."""
    window_cycles: int
    clock_lag_ns: int
    """How far its newest window lies behind the clock of the site; 0 if none came yet."""
    clock_believed: bool
    """If not, it neither opens nor joins events of other boxes."""
    budget_used_pct: float
    """Waveform asked of it in the last 24 hours [% of the time]; `budget_pct` is what may be."""
    budget_pct: float
    neighbours: tuple[BoxId, ...]
    scores: tuple[Score, ...]
    detail: dict[str, Any] = field(default_factory=dict)
    """All that is known, what detectors have to say included."""


def seen_message(trigger: Trigger, grid_id: GridId, lost: int) -> makai_pb2.TriggerSeen:
    """Put a trigger into its message."""
    return makai_pb2.TriggerSeen(
        grid_id=grid_id,
        box_id=trigger.box_id,
        start_unix_ns=trigger.start_unix_ns,
        end_unix_ns=trigger.end_unix_ns,
        kind=KIND_NUMBERS[trigger.kind],
        metric=trigger.metric,
        value=trigger.value,
        limit=trigger.limit,
        detector=trigger.detector,
        lost=lost,
    )


def limits_message(limits: Limits) -> makai_pb2.BoxLimits:
    """Put limits into their message."""
    return makai_pb2.BoxLimits(
        u_low_pu=limits.u_low_pu,
        u_high_pu=limits.u_high_pu,
        f_deviation_hz=limits.f_deviation_hz,
        thd_pct=limits.thd_pct,
        transient_pu=limits.transient_pu,
    )


class MakaiClient:
    """Calls the shards of a site.

    Parameters
    ----------
    addresses : mapping
        ``host:port`` by shard (`opq.rpc.shards.parse_addresses`).
    tls : TlsFiles, optional
        What to show; without it clear text, on loopback only.
    """

    def __init__(self, addresses: Mapping[str, str], tls: TlsFiles | None = None) -> None:
        self._addresses, self._tls = addresses, tls

    def address(self, grid_id: GridId) -> str:
        """Return where the shard is that owns a grid."""
        return only_address(self._addresses) or self._addresses[owner(grid_id, self._addresses)]

    @property
    def all_addresses(self) -> list[str]:
        """Where the shards are."""
        return list(self._addresses.values())

    async def trigger(
        self, boxes: Mapping[GridId, Iterable[BoxId]], start_unix_ns: int, end_unix_ns: int, reason: str
    ) -> list[Opened]:
        """Open an event per grid at these boxes; all `OpqError`s are those of the shard that refused."""
        by_address: dict[str, list[BoxId]] = {}
        for grid_id, box_ids in boxes.items():
            by_address.setdefault(self.address(grid_id), []).extend(box_ids)
        opened: list[Opened] = []
        for address, box_ids in by_address.items():
            request = makai_pb2.TriggerRequest(
                box_ids=box_ids, start_unix_ns=start_unix_ns, end_unix_ns=end_unix_ns, reason=reason
            )
            async with self._stub(address) as stub:
                answer = await stub.Trigger(request, timeout=_ANSWER_S)
            opened += [
                Opened(GridId(item.grid_id), EventId(item.event_id), tuple(BoxId(box) for box in item.box_ids))
                for item in answer.events
            ]
        return opened

    async def cancel(self, grid_id: GridId, event_id: EventId, cancelled_by: str) -> int:
        """Take back what an event still waits for; how many requests."""
        async with self._stub(self.address(grid_id)) as stub:
            request = makai_pb2.CancelEventRequest(event_id=event_id, cancelled_by=cancelled_by)
            answer = await stub.CancelEvent(request, timeout=_ANSWER_S)
        return int(answer.cancelled)

    async def box_state(self, grid_id: GridId, box_id: BoxId) -> BoxState:
        """Look at one box."""
        async with self._stub(self.address(grid_id)) as stub:
            answer = await stub.GetBoxState(makai_pb2.GetBoxStateRequest(box_id=box_id), timeout=_ANSWER_S)
        limits = answer.limits
        return BoxState(
            BoxId(answer.box_id),
            GridId(answer.grid_id),
            answer.makai_id,
            Limits(limits.u_low_pu, limits.u_high_pu, limits.f_deviation_hz, limits.thd_pct, limits.transient_pu),
            answer.window_cycles,
            answer.clock_lag_ns,
            answer.clock_believed,
            answer.budget_used_pct,
            answer.budget_pct,
            tuple(BoxId(box) for box in answer.neighbours),
            tuple(Score(item.detector, item.metric, item.score, item.mean, item.spread) for item in answer.scores),
            json.loads(answer.detail_json or "{}"),
        )

    async def watch(
        self, address: str, grid_id: str = "", box_id: str = "", kind: TriggerKind | None = None
    ) -> AsyncIterator[SeenTrigger]:
        """Yield triggers of one shard as they are found, until the shard ends the call."""
        request = makai_pb2.WatchTriggersRequest(
            grid_id=grid_id, box_id=box_id, kind=KIND_NUMBERS[kind] if kind else makai_pb2.TRIGGER_KIND_UNSPECIFIED
        )
        async with self._stub(address) as stub:
            async for item in stub.WatchTriggers(request):
                trigger = Trigger(
                    BoxId(item.box_id),
                    item.start_unix_ns,
                    item.end_unix_ns,
                    KINDS[item.kind],
                    item.metric,
                    item.value,
                    item.limit,
                    item.detector,
                )
                yield SeenTrigger(GridId(item.grid_id), trigger, item.lost)

    @asynccontextmanager
    async def _stub(self, address: str) -> AsyncIterator[Any]:
        """Open a shard for one call; what it refuses is an error of ours with its own words."""
        async with Dialer(address, Role.MAKAI, self._tls) as dialer:
            try:
                yield makai_pb2_grpc.MakaiServiceStub(await dialer.channel())
            except grpc.aio.AioRpcError as error:
                refusal = _REFUSALS.get(error.code())
                if refusal is not None:
                    raise refusal(error.details() or error.code().name) from error
                reason = dialer.explain(error.details() or error.code().name, SystemClock().unix_ns())
                raise Unavailable(f"makai at {address} does not answer ({reason}); is it running there?") from error
