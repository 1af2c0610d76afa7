"""``opq analyze``: everything that can be said of recordings, without a server."""

from pathlib import Path
from typing import Annotated

import typer

FORMAT_HELP = "auto, comtrade, pqdif, csv, pqds, wav, flac, raw16 or parquet."


def analyze(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Recordings: COMTRADE, PQDIF, CSV, WAV, FLAC, raw int16, Parquet.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help=FORMAT_HELP)] = "auto",
    u_din: Annotated[float | None, typer.Option(help="Declared voltage [V]; found if not given.", min=1e-6)] = None,
    frequency: Annotated[
        float | None, typer.Option(help="Nominal frequency, 50 or 60 [Hz]; found if not given.")
    ] = None,
    scale: Annotated[float | None, typer.Option(help="Volts per count, for counts of a converter.")] = None,
    sample_rate: Annotated[
        float | None, typer.Option(help="Samples per second [Hz], for files that do not say.")
    ] = None,
    channel: Annotated[str, typer.Option(help="Name or number (from 1) of one channel; else all voltages.")] = "",
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
