"""``opq events``: what happened, and who took part."""

from typing import Annotated

import typer

from opq.clock import NS, SystemClock, iso, parse_iso
from opq.errors import NotFound
from opq.ids import BoxId, EventId, GridId
from opq.model.events import Acquisition, Event, EventBox
from opq.store.port import EventFilter, IncidentFilter
from opq_cli.output import JSON_OPTION, LIMIT_OPTION, STORE_OPTION, Column, age, print_json, print_table
from opq_cli.site_store import open_site

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
    events = open_site(store).events.list(which, limit)
    if as_json:
        print_json(events)
        return
    now = SystemClock().unix_ns()
    print_table(_COLUMNS, [_row(event, now) for event in events], "No events.")


@app.command()
def show(event_id: str, store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Show one event: its boxes, its waveforms, what was found."""
    opened = open_site(store)
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
    typer.echo(f"{event.extent.value}: {event.extent_reason}")
    typer.echo(f"opened by {event.opened_by}\n")
    print_table((Column("box"), Column("role"), Column("from"), Column("reason")), _parts(event, boxes), "No boxes.")
    typer.echo("")
    answers = [_answer(event, acquisition) for acquisition in acquisitions]
    print_table(_WAVEFORM_COLUMNS, answers, "No waveform was asked for.")
    typer.echo("")
    found = [[item.finding.box_id, item.finding.incident_class.value, item.incident_id] for item in incidents]
    print_table((Column("box"), Column("incident"), Column("id")), found, "No incidents.")


_COLUMNS = (
    Column("event"),
    Column("when"),
    Column("start", drop=1),
    Column("seconds"),
    Column("grid", drop=3),
    Column("extent"),
    Column("boxes"),
    Column("state", drop=2),
    Column("opened by", drop=4, shrink=True),
)
_WAVEFORM_COLUMNS = (
    Column("box"),
    Column("waveform from"),
    Column("seconds"),
    Column("state"),
    Column("bytes"),
    Column("after ms"),
    Column("reason"),
)


def _parts(event: Event, boxes: list[EventBox]) -> list[list[str]]:
    """One line per reason; what is the same as on the line before is left out."""
    rows = []
    for part in boxes:
        head = [part.box_id, part.role.value, _since(event, part.start_unix_ns)]
        for reason in part.reasons or ("",):
            rows.append([*head, reason])
            head = ["", "", ""]
    return rows


def _answer(event: Event, item: Acquisition) -> list[str]:
    latency = f"{(item.answered_unix_ns - item.requested_unix_ns) / 1e6:.0f}" if item.answered_unix_ns else ""
    return [
        item.box_id,
        _since(event, item.start_unix_ns),
        f"{(item.end_unix_ns - item.start_unix_ns) / NS:.2f}",
        item.state.value,
        str(item.bytes),
        latency,
        item.reason,
    ]


def _since(event: Event, unix_ns: int) -> str:
    return f"{(unix_ns - event.start_unix_ns) / NS:+.2f} s"


def _row(event: Event, now_unix_ns: int) -> list[str]:
    return [
        event.event_id,
        age(event.start_unix_ns, now_unix_ns),
        iso(event.start_unix_ns),
        f"{(event.end_unix_ns - event.start_unix_ns) / NS:.2f}",
        event.grid_id,
        event.extent.value,
        str(len(event.box_ids)),
        event.state.value,
        event.opened_by,
    ]
