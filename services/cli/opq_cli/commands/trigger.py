"""``opq trigger``: capture waveform now, from these boxes; or stop waiting for it."""

import getpass
import time
from typing import Annotated

import typer

from opq.clock import NS, SystemClock, iso, seconds_ns
from opq.errors import InvalidInput, NotFound, Unavailable
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box
from opq.model.events import Acquisition, EventState
from opq.rpc.makai import MakaiClient, Opened
from opq.store import Store
from opq.times import parse_moment, parse_seconds
from opq_cli.commands.boxes import known_box
from opq_cli.commands.shards import MAKAI_OPTION, TlsCa, TlsCert, TlsKey, client, run
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, print_json, print_table
from opq_cli.site_store import open_site

_WAIT_S = 180.0
"""Longer than any box may take: an end in the future, then the time to answer."""
_POLL_S = 0.2


def trigger(
    boxes: Annotated[str | None, typer.Option(help="Boxes with commas between, or all.")] = None,
    from_time: Annotated[str | None, typer.Option("--from", help="Start: ISO 8601, now, -10s.")] = None,
    to_time: Annotated[
        str | None, typer.Option("--to", help="End: ISO 8601, now, +5s; up to 120 s in the future. [default: now]")
    ] = None,
    last: Annotated[str | None, typer.Option(help="The last 5s, 2m, ... in the place of --from and --to.")] = None,
    reason: Annotated[str, typer.Option(help="Why; stands in the event.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the waveforms and say what came of each box.")] = False,
    cancel: Annotated[str | None, typer.Option(help="Stop waiting for the waveforms of this event.")] = None,
    makai: str = MAKAI_OPTION,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Ask boxes for their waveform over an interval, one event per grid; or --cancel what an event waits for."""
    opened_store, shards = open_site(store), client(makai, tls_cert, tls_key, tls_ca)
    if cancel is not None:
        _cancel(opened_store, cancel, shards, reason)
        return
    if boxes is None:
        raise InvalidInput("--boxes: say which, with commas between, or all")
    start, end = _interval(from_time, to_time, last)
    chosen = _chosen(opened_store, boxes)
    by_grid: dict[GridId, list[BoxId]] = {}
    for box in chosen:
        by_grid.setdefault(box.grid_id, []).append(box.box_id)
    events = run(shards.trigger(by_grid, start, end, reason or f"by hand ({getpass.getuser()})"))
    if not as_json:
        for event in events:
            count = "1 box" if len(event.box_ids) == 1 else f"{len(event.box_ids)} boxes"
            typer.echo(
                f"event {event.event_id} on grid {event.grid_id}: {count}, {(end - start) / NS:g} s from {iso(start)}"
            )
    answers = _answers(opened_store, events) if wait else []
    if as_json:
        print_json({"events": events, "acquisitions": answers})
    elif wait:
        print_table(_COLUMNS, [_row(answer) for answer in answers], "No waveform was asked for.")
    else:
        typer.echo(f"look at it with: opq events show {events[0].event_id}")


def _interval(from_time: str | None, to_time: str | None, last: str | None) -> tuple[int, int]:
    now = SystemClock().unix_ns()
    if last is not None:
        if from_time or to_time:
            raise InvalidInput("--last: says the whole interval; leave --from and --to out")
        return now - seconds_ns(parse_seconds("--last", last)), now
    if from_time is None:
        raise InvalidInput("--from: say when it begins, e.g. --from -10s, or --last 10s")
    start = parse_moment("--from", from_time, now)
    end = now if to_time is None else parse_moment("--to", to_time, now)
    if end <= start:
        raise InvalidInput(f"--to: got {iso(end)}, expected a time after --from, {iso(start)}")
    return start, end


def _chosen(store: Store, boxes: str) -> list[Box]:
    if boxes.strip() == "all":
        found = store.boxes.list()
        if not found:
            raise NotFound("--boxes all: no box is enrolled; enrol one with: opq boxes add BOX_ID")
        return found
    return [known_box(store, name.strip()) for name in dict.fromkeys(boxes.split(","))]


def _answers(store: Store, events: list[Opened]) -> list[Acquisition]:
    """Wait until every event is complete; return what became of its waveforms."""
    deadline = time.monotonic() + _WAIT_S
    for event in events:
        while (known := store.events.get(event.event_id)) is None or known.state is not EventState.COMPLETE:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"event {event.event_id} still waits after {_WAIT_S:g} s; it goes on by itself, "
                    f"look at it with: opq events show {event.event_id}"
                )
            time.sleep(_POLL_S)
    return [answer for event in events for answer in store.acquisitions.of_event(event.event_id)]


def _cancel(store: Store, event_id: str, shards: MakaiClient, reason: str) -> None:
    event = store.events.get(EventId(event_id))
    if event is None:
        raise NotFound(f"event {event_id!r} is not in the store; list them with: opq events list")
    by = getpass.getuser() + (f": {reason}" if reason else "")
    count = run(shards.cancel(event.grid_id, event.event_id, by))
    typer.echo(f"cancelled: event {event_id} no longer waits for {count} waveform{'' if count == 1 else 's'}")


_COLUMNS = (Column("box"), Column("from"), Column("seconds"), Column("state"), Column("bytes"), Column("reason"))


def _row(answer: Acquisition) -> list[str]:
    return [
        answer.box_id,
        iso(answer.start_unix_ns),
        f"{(answer.end_unix_ns - answer.start_unix_ns) / NS:.2f}",
        answer.state.value,
        str(answer.bytes),
        answer.reason,
    ]
