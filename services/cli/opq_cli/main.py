"""``opq``: one command for everything."""

import sys
from importlib.metadata import version

import typer

from opq.errors import OpqError
from opq_cli.chaos.command import chaos
from opq_cli.commands import (
    analyze,
    audit,
    boxes,
    boxes_update,
    ca,
    certificates,
    convert,
    enrol,
    events,
    export,
    incidents,
    makai,
    measure,
    override,
    store,
    tasks,
    trigger,
    update,
    users,
)
from opq_cli.programs import PROGRAMS, exec_program
from opq_cli.up.command import up

app = typer.Typer(
    name="opq",
    help="Open Power Quality: watch the mains with many cheap sensors, find out what happened and show it.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"opq {version('opq')}")
        raise typer.Exit


@app.callback()
def _root(
    _: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """See the help of `app`."""


app.command(rich_help_panel="Start")(up)
app.command(name="analyze", rich_help_panel="Recordings")(analyze.analyze)
app.command(name="measure", rich_help_panel="Recordings")(measure.measure)
boxes.app.command(name="add")(enrol.add)
boxes.app.command(name="override")(override.override)
boxes.app.command(name="enrol")(certificates.enrol)
boxes.app.command(name="certificates")(certificates.certificates)
boxes.app.command(name="revoke")(certificates.revoke_certificates)
boxes.app.command(name="update")(boxes_update.update)
app.add_typer(boxes.app, name="boxes")
app.add_typer(ca.app, name="ca")
app.add_typer(events.app, name="events")
app.add_typer(incidents.app, name="incidents")
app.add_typer(tasks.app, name="tasks")
app.add_typer(store.app, name="store")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
app.add_typer(update.app, name="update")
app.add_typer(makai.app, name="makai")
app.command(name="trigger")(trigger.trigger)
app.command(name="chaos")(chaos)
app.command(name="export")(export.export)
app.command(name="convert", rich_help_panel="Recordings")(convert.convert)

for _name, _program in PROGRAMS.items():
    if _name == "makai":
        continue  # its other words are commands, see above
    # Shown in the help; main() hands the rest of the line to the program itself before typer reads it.
    app.command(name=_name, help=_program.help, add_help_option=False)(lambda: None)


def main() -> None:
    """Run the command line; what goes wrong is one line on standard error and exit code 1."""
    try:
        exec_program(sys.argv[1:])
        app()
    except (OpqError, OSError) as error:
        print(f"opq: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None
