"""The calls for people: trigger by hand, cancel, watch triggers, look at a box."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio

from opq.clock import HOUR_NS, NS, Clock, iso
from opq.errors import InvalidInput, LimitExceeded, NotFound, OpqError, Unavailable
from opq.ids import EventId, GridId
from opq.model.boxes import Box
from opq.model.events import TriggerKind
from opq.rpc.guard import peer_certificate
from opq.rpc.makai import KIND_NUMBERS, KINDS, limits_message, seen_message
from opq.rpc.threads import call_in
from opq.v1 import makai_pb2
from opq_makai.feeds import Feeds
from opq_makai.records import OtherShard, Records
from opq_makai.watch import Watch
from opq_makai.watchers import Watchers, Which

MAX_AHEAD_NS = 120 * NS
"""So long a box waits for the end of a request that lies in the future."""
MAX_SPAN_NS = HOUR_NS
MAX_BOXES = 1000
MAX_TEXT = 200

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class NothingOutstanding(OpqError):
    """An event that waits for nothing cannot be cancelled."""


_CODES: tuple[tuple[type[OpqError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (OtherShard, grpc.StatusCode.FAILED_PRECONDITION),
    (NothingOutstanding, grpc.StatusCode.FAILED_PRECONDITION),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (OpqError, grpc.StatusCode.INVALID_ARGUMENT),
)


class Tools:
    """Serves the calls for people.

    Parameters
    ----------
    refresh : callable
        Reads the boxes anew.
    write : callable
        Writes what changed; when it returns the records stand.
    """

    def __init__(
        self,
        makai_id: str,
        watch: Watch,
        records: Records,
        feeds: Feeds,
        watchers: Watchers,
        executor: Executor,
        clock: Clock,
        refresh: Callable[[], Awaitable[None]],
        write: Callable[[], Awaitable[None]],
    ) -> None:
        self._makai_id, self._watch, self._records = makai_id, watch, records
        self._feeds, self._watchers, self._executor, self._clock = feeds, watchers, executor, clock
        self._refresh, self._write = refresh, write

    def handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        """Make the handlers, by the name of the call."""
        return {
            "Trigger": grpc.unary_unary_rpc_method_handler(
                self._trigger, makai_pb2.TriggerRequest.FromString, makai_pb2.TriggerResponse.SerializeToString
            ),
            "CancelEvent": grpc.unary_unary_rpc_method_handler(
                self._cancel, makai_pb2.CancelEventRequest.FromString, makai_pb2.CancelEventResponse.SerializeToString
            ),
            "WatchTriggers": grpc.unary_stream_rpc_method_handler(
                self._watch_triggers,
                makai_pb2.WatchTriggersRequest.FromString,
                makai_pb2.TriggerSeen.SerializeToString,
            ),
            "GetBoxState": grpc.unary_unary_rpc_method_handler(
                self._box_state,
                makai_pb2.GetBoxStateRequest.FromString,
                makai_pb2.GetBoxStateResponse.SerializeToString,
            ),
        }

    async def _trigger(self, request: makai_pb2.TriggerRequest, context: Context) -> makai_pb2.TriggerResponse:
        try:
            return await self._open(request, _who(context))
        except OpqError as error:
            await _abort(context, error)

    async def _open(self, request: makai_pb2.TriggerRequest, who: str) -> makai_pb2.TriggerResponse:
        now = self._clock.unix_ns()
        check_interval(request.start_unix_ns, request.end_unix_ns, now)
        _check_text("reason", request.reason)
        if not 1 <= len(request.box_ids) <= MAX_BOXES:
            raise LimitExceeded(f"box_ids: got {len(request.box_ids)} boxes, expected 1 to {MAX_BOXES}")
        boxes = [await self._box(box_id) for box_id in dict.fromkeys(request.box_ids)]
        reason = request.reason or "by hand"
        names = ", ".join(box.box_id for box in boxes)
        await call_in(self._executor, self._records.act, who, "event.trigger", names, reason)
        opened = self._watch.trigger(
            [box.box_id for box in boxes], request.start_unix_ns, request.end_unix_ns, reason, now
        )
        await self._write()
        return makai_pb2.TriggerResponse(
            events=[
                makai_pb2.OpenedEvent(
                    grid_id=grid_id,
                    event_id=event_id,
                    box_ids=sorted(box.box_id for box in boxes if box.grid_id == grid_id),
                )
                for grid_id, event_id in sorted(opened.items())
            ]
        )

    async def _cancel(self, request: makai_pb2.CancelEventRequest, context: Context) -> makai_pb2.CancelEventResponse:
        try:
            _check_text("cancelled_by", request.cancelled_by)
            event_id = EventId(request.event_id)
            await call_in(self._executor, self._records.event, event_id)
            waiting = [
                item for grid in self._watch.grids for item in grid.asking.pending() if item.event_id == event_id
            ]
            reason = f"cancelled by {request.cancelled_by or 'somebody'}"
            await call_in(self._executor, self._records.act, _who(context), "event.cancel", event_id, reason)
            if not self._watch.cancel(event_id, reason, self._clock.unix_ns()):
                raise NothingOutstanding(f"event {event_id} waits for nothing: all its waveforms are stored or missing")
            for acquisition in waiting:
                self._feeds.cancel(acquisition)
            await self._write()
        except OpqError as error:
            await _abort(context, error)
        return makai_pb2.CancelEventResponse(cancelled=len(waiting))

    async def _watch_triggers(
        self, request: makai_pb2.WatchTriggersRequest, context: Context
    ) -> AsyncIterator[makai_pb2.TriggerSeen]:
        try:
            which = await self._which(request)
        except OpqError as error:
            await _abort(context, error)
        with self._watchers.watcher(which) as watcher:
            # The caller is to know that from here on nothing escapes it.
            await context.send_initial_metadata(())
            while True:
                seen = await watcher.next()
                yield seen_message(seen.trigger, seen.grid_id, seen.lost)

    async def _which(self, request: makai_pb2.WatchTriggersRequest) -> Which:
        if request.grid_id:
            self._records.check_owner(GridId(request.grid_id), "what you want to watch")
        box = await self._box(request.box_id) if request.box_id else None
        kind: TriggerKind | None = None
        if request.kind:
            if request.kind not in KINDS:
                raise InvalidInput(f"kind: got {request.kind}, expected one of {sorted(KIND_NUMBERS.values())}")
            kind = KINDS[request.kind]
        return Which(GridId(request.grid_id) if request.grid_id else None, box.box_id if box else None, kind)

    async def _box_state(
        self, request: makai_pb2.GetBoxStateRequest, context: Context
    ) -> makai_pb2.GetBoxStateResponse:
        try:
            box = await self._box(request.box_id)
        except OpqError as error:
            await _abort(context, error)
        state = self._watch.box_state(box.box_id, self._clock.unix_ns())
        return makai_pb2.GetBoxStateResponse(
            box_id=box.box_id,
            grid_id=box.grid_id,
            makai_id=self._makai_id,
            limits=limits_message(box.limits),
            window_cycles=box.window_cycles,
            clock_lag_ns=round(state["clock"]["age_s"] * NS),
            clock_believed=state["clock"]["believed"],
            budget_used_pct=state["budget_used_pct"],
            budget_pct=state["budget_pct"],
            neighbours=state["neighbours"],
            scores=_scores(state["detectors"]),
            detail_json=json.dumps(state, ensure_ascii=False),
        )

    async def _box(self, box_id: str) -> Box:
        """Find a box of this shard, also one that was enrolled a moment ago."""
        box = await call_in(self._executor, self._records.box, box_id)
        if self._watch.box_events(box.box_id) is None:
            await self._refresh()
        return box


def _scores(detectors: Mapping[str, Mapping[str, Any]]) -> list[makai_pb2.MetricScore]:
    """Take the scores out of what detectors say of a box."""
    return [
        makai_pb2.MetricScore(
            detector=detector, metric=metric, score=model["score"], mean=model["habit"], spread=model["spread"]
        )
        for detector, detail in detectors.items()
        for metric, model in detail.get("metrics", {}).items()
    ]


def _who(context: Context) -> str:
    """Say who calls, as the audit log is to have it."""
    certificate = peer_certificate(context)
    return f"somebody with the certificate of {certificate.identity}" if certificate else "somebody on this machine"


def check_interval(start_unix_ns: int, end_unix_ns: int, now_unix_ns: int) -> None:
    """Refuse an interval for which no box could answer.

    Raises
    ------
    InvalidInput
        Naming what was expected and what came.
    """
    if start_unix_ns <= 0 or end_unix_ns <= start_unix_ns:
        raise InvalidInput(
            f"end_unix_ns: got {end_unix_ns} for start_unix_ns {start_unix_ns}, expected a start and a later end"
        )
    span = end_unix_ns - start_unix_ns
    if span > MAX_SPAN_NS:
        raise LimitExceeded(f"interval: got {span / NS:g} s, expected at most {MAX_SPAN_NS / NS:g} s")
    if end_unix_ns > now_unix_ns + MAX_AHEAD_NS:
        raise InvalidInput(
            f"end_unix_ns: got {iso(end_unix_ns)}, {(end_unix_ns - now_unix_ns) / NS:.0f} s in the future; "
            f"expected at most {MAX_AHEAD_NS / NS:g} s"
        )


def _check_text(name: str, text: str) -> None:
    if len(text) > MAX_TEXT:
        raise LimitExceeded(f"{name}: got {len(text)} characters, expected at most {MAX_TEXT}")


async def _abort(context: Context, error: OpqError) -> NoReturn:
    """End the call with the status that belongs to the error; never returns."""
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    await context.abort(code, str(error)[:500])
    raise AssertionError("abort raises")
