"""``opq events``: what happened, and who took part."""

from typing import Annotated

import typer

from opq.clock import NS, iso, parse_iso
from opq.errors import NotFound
from opq.ids import BoxId, EventId, GridId
from opq.model.events import Event
from opq.store import open_store
from opq.store.port import EventFilter, IncidentFilter
from opq_cli.output import JSON_OPTION, LIMIT_OPTION, STORE_OPTION, print_json, print_table

app = typer.Typer(help="Look at events: time spans in which something happened in a grid.", no_args_is_help=True)

BoxOption = Annotated[str | None, typer.Option("--box", help="Only with this box.")]
FromOption = Annotated[str | None, typer.Option("--from", help="Only what ended after this ISO 8601 time.")]
ToOption = Annotated[str | None, typer.Option("--to", help="Only what began before this ISO 8601 time.")]


@app.command(name="list")
def list_events(
    grid: Annotated[str | None, typer.Option(help="Only on this grid.")] = None,
    box: BoxOption = None,
    from_time: FromOption = None,
    to_time: ToOption = None,
    limit: int = LIMIT_OPTION,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List events, newest first."""
    which = EventFilter(
        grid_id=GridId(grid) if grid else None,
        box_id=BoxId(box) if box else None,
        start_unix_ns=parse_iso(from_time) if from_time else None,
        end_unix_ns=parse_iso(to_time) if to_time else None,
    )
    events = open_store(store).events.list(which, limit)
    if as_json:
        print_json(events)
        return
    print_table(
        ("event", "start", "seconds", "grid", "extent", "boxes", "state", "opened by"),
        [_row(event) for event in events],
        "No events.",
    )


@app.command()
def show(event_id: str, store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Show one event: its boxes, its waveforms, what was found."""
    opened = open_store(store)
    event = opened.events.get(EventId(event_id))
    if event is None:
        raise NotFound(f"event {event_id!r} is not in the store; list them with: opq events list")
    boxes = opened.events.boxes(event.event_id)
    acquisitions = opened.acquisitions.of_event(event.event_id)
    incidents = opened.incidents.list(IncidentFilter(event_id=event.event_id), 1000)
    if as_json:
        print_json({"event": event, "boxes": boxes, "acquisitions": acquisitions, "incidents": incidents})
        return
    typer.echo(f"event {event.event_id} on grid {event.grid_id}: {event.state.value}, revision {event.revision}")
    typer.echo(f"{iso(event.start_unix_ns)} for {(event.end_unix_ns - event.start_unix_ns) / NS:.2f} s")
    typer.echo(f"{event.extent.value}: {event.extent_reason}; opened by {event.opened_by}\n")
    parts = [[part.box_id, part.role.value, iso(part.start_unix_ns), "; ".join(part.reasons)] for part in boxes]
    print_table(("box", "role", "first trigger", "reasons"), parts, "No boxes.")
    typer.echo("")
    answers = [
        [
            item.box_id,
            iso(item.start_unix_ns),
            f"{(item.end_unix_ns - item.start_unix_ns) / NS:.2f}",
            item.state.value,
            str(item.bytes),
            f"{(item.answered_unix_ns - item.requested_unix_ns) / 1e6:.0f}" if item.answered_unix_ns else "",
            item.reason,
        ]
        for item in acquisitions
    ]
    columns = ("box", "waveform from", "seconds", "state", "bytes", "answered after ms", "reason")
    print_table(columns, answers, "No waveform was asked for.")
    typer.echo("")
    found = [[item.finding.box_id, item.finding.incident_class.value, item.incident_id] for item in incidents]
    print_table(("box", "incident", "id"), found, "No incidents.")


def _row(event: Event) -> list[str]:
    return [
        event.event_id,
        iso(event.start_unix_ns),
        f"{(event.end_unix_ns - event.start_unix_ns) / NS:.2f}",
        event.grid_id,
        event.extent.value,
        str(len(event.box_ids)),
        event.state.value,
        event.opened_by[:60],
    ]
