"""``opq incidents``: classified disturbances with their evidence."""

from typing import Annotated

import typer

from opq.clock import NS, SystemClock, iso, parse_iso
from opq.errors import NotFound, check_option
from opq.ids import BoxId, EventId, IncidentId
from opq.model.incidents import Incident, IncidentClass
from opq.store.port import IncidentFilter
from opq_cli.commands.events import BoxOption, FromOption, ToOption
from opq_cli.output import JSON_OPTION, LIMIT_OPTION, STORE_OPTION, Column, age, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(help="Look at incidents: classified disturbances at one box.", no_args_is_help=True)


@app.command(name="list")
def list_incidents(
    box: BoxOption = None,
    event: Annotated[str | None, typer.Option(help="Only of this event.")] = None,
    incident_class: Annotated[str | None, typer.Option("--class", help="Only of this class, e.g. VOLTAGE_SAG.")] = None,
    from_time: FromOption = None,
    to_time: ToOption = None,
    limit: int = LIMIT_OPTION,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List incidents, newest first."""
    classes: tuple[IncidentClass, ...] = ()
    if incident_class:
        classes = (IncidentClass(check_option("--class", incident_class, [item.value for item in IncidentClass])),)
    which = IncidentFilter(
        event_id=EventId(event) if event else None,
        box_id=BoxId(box) if box else None,
        classes=classes,
        start_unix_ns=parse_iso(from_time) if from_time else None,
        end_unix_ns=parse_iso(to_time) if to_time else None,
    )
    incidents = open_site(store).incidents.list(which, limit)
    if as_json:
        print_json(incidents)
        return
    now = SystemClock().unix_ns()
    print_table(_COLUMNS, [_row(incident, now) for incident in incidents], "No incidents.")


@app.command()
def show(incident_id: str, store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Show one incident with its evidence."""
    incident = open_site(store).incidents.get(IncidentId(incident_id))
    if incident is None:
        raise NotFound(f"incident {incident_id!r} is not in the store; list them with: opq incidents list")
    if as_json:
        print_json(incident)
        return
    finding = incident.finding
    typer.echo(
        f"{finding.incident_class.value} at {finding.box_id}, {iso(finding.start_unix_ns)}, {_seconds(incident)} s"
    )
    typer.echo(f"{finding.standard}, {finding.clause}; {incident.plugin} {incident.plugin_version}")
    typer.echo(f"event {incident.event_id}\n" if incident.event_id else "of no event\n")
    rows = [[key, _text(value)] for key, value in {"extreme": _extreme(incident), **finding.evidence}.items()]
    print_table((Column("evidence"), Column("value")), rows, "")


@app.command()
def remove(incident_id: str, store: str = STORE_OPTION) -> None:
    """Remove an incident that was none, such as a false outage."""
    if not open_site(store).incidents.remove(IncidentId(incident_id)):
        raise NotFound(f"incident {incident_id!r} is not in the store")
    typer.echo(f"removed {incident_id}")


def _seconds(incident: Incident) -> str:
    text = f"{incident.finding.duration_ns / NS:.3f}"
    return text + " so far" if incident.finding.open_end else text


def _extreme(incident: Incident) -> str:
    finding = incident.finding
    pu = f" ({finding.extreme_pu:.3f} pu)" if finding.extreme_pu is not None else ""
    return f"{finding.extreme:.4g} {finding.unit}{pu}" if finding.unit else ""


def _text(value: object) -> str:
    """Write evidence for people: floats without the digits that mean nothing."""
    if isinstance(value, float):
        return f"{value:.7g}"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value)
    return str(value)


_COLUMNS = (
    Column("incident"),
    Column("box"),
    Column("class"),
    Column("duration class", drop=3),
    Column("when"),
    Column("start", drop=2),
    Column("seconds"),
    Column("extreme", drop=1),
    Column("by", drop=4),
)


def _row(incident: Incident, now_unix_ns: int) -> list[str]:
    finding = incident.finding
    return [
        incident.incident_id,
        finding.box_id,
        finding.incident_class.value,
        finding.duration_class.value if finding.duration_class else "",
        age(finding.start_unix_ns, now_unix_ns),
        iso(finding.start_unix_ns),
        f"{'>' if finding.open_end else ''}{finding.duration_ns / NS:.3f}",
        _extreme(incident),
        f"{incident.plugin} {incident.plugin_version}",
    ]
