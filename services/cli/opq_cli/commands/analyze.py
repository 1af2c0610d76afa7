"""``opq analyze``: everything that can be said of recordings, without a server."""

from pathlib import Path
from typing import Annotated

import typer

from opq_cli.commands.recording_options import PATHS_HELP, Channel, Format, Frequency, SampleRate, Scale, UDin


def analyze(
    paths: Annotated[list[Path] | None, typer.Argument(help=PATHS_HELP)] = None,
    form: Format = "auto",
    u_din: UDin = None,
    frequency: Frequency = None,
    scale: Scale = None,
    sample_rate: SampleRate = None,
    channel: Channel = "",
    envelope: Annotated[
        list[Path] | None, typer.Option(help="A voltage tolerance curve (JSON) to judge by as well.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (docs/analysis.schema.json).")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a report as one HTML file.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the incidents as CSV.")] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of --json; needs no recording.")
    ] = False,
) -> None:
    """Say what recordings show: summary, incidents by the standards, curves.

    Every voltage channel is analysed. What cannot be read is said on standard error; the exit code is 1 if nothing could.
    """
    # Here, so that commands without recordings start without scipy.
    from opq_cli.recordings.analyze import analyze_recordings, print_schema
    from opq_cli.recordings.options import make_options

    if schema:
        print_schema()
        return
    if not paths:
        raise typer.BadParameter("name at least one recording", param_hint="PATHS")
    options = make_options(form, u_din, frequency, scale, sample_rate, channel, envelope or [])
    if not analyze_recordings(paths, options, as_json=as_json, as_csv=as_csv, html=html):
        raise typer.Exit(1)
