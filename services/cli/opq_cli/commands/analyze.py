"""``opq analyze``: everything that can be said of recordings, without a server."""

import csv
import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from opq.analysis.document import Document, RecordingEntry, Skipped, recording_entry
from opq.errors import InvalidInput
from opq.standards.envelopes import Envelope
from opq_cli.output import print_json
from opq_cli.recordings.report import write_report
from opq_cli.recordings.run import AnalysedChannel, Options, Outcome, analyse_paths
from opq_cli.recordings.text import incident_rows, print_document

FORMAT_HELP = "auto, comtrade, pqdif, csv, pqds, wav, flac, raw16 or parquet."


def analyze(
    paths: Annotated[
        list[Path], typer.Argument(help="Recordings: COMTRADE, PQDIF, CSV, WAV, FLAC, raw int16, Parquet.")
    ],
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
) -> None:
    """Say what recordings show: summary, incidents by the standards, curves.

    Every voltage channel is analysed. What cannot be read is said on standard error; the exit code is 1 if nothing could.
    """
    options = make_options(form, u_din, frequency, scale, sample_rate, channel, envelope or [])
    outcome = analyse_paths(paths, options)
    document = make_document(outcome)
    if html is not None:
        write_report(html, outcome, document)
    if as_json:
        print_json(document.model_dump(mode="json", by_alias=True))
    elif as_csv:
        _print_csv(document)
    else:
        print_document(document)
        if html is not None:
            typer.echo(f"\nreport: {html}")
    if not outcome.channels:
        if as_json or as_csv:
            _say_skipped(document)
        raise typer.Exit(1)


def make_options(
    form: str,
    u_din: float | None,
    frequency: float | None,
    scale: float | None,
    sample_rate: float | None,
    channel: str,
    envelopes: list[Path],
    *,
    series: bool = False,
    signalling_hz: float = 0.0,
) -> Options:
    """Check what was given on the command line."""
    if frequency is not None and frequency not in (50, 60):
        raise InvalidInput(f"--frequency: got {frequency:g}, expected 50 or 60")
    if scale is not None and not 0 < abs(scale) < 1e6:
        raise InvalidInput(f"--scale: got {scale:g}, expected volts per count, not 0")
    curves = tuple(read_envelope(path) for path in envelopes)
    return Options(form, u_din, frequency, scale, sample_rate, channel, curves, series, signalling_hz)


def read_envelope(path: Path) -> Envelope:
    """Read a curve from JSON: ``{"name": ..., "lower": [[seconds, pu], ..., [null, pu]], "upper": [...]}``."""
    try:
        curve = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: not readable as a curve in JSON: {error}") from error
    if not isinstance(curve, dict):
        raise InvalidInput(f"{path}: got {type(curve).__name__}, expected an object with name, lower and upper")
    return Envelope.from_mapping(curve)


def make_document(outcome: Outcome) -> Document:
    """Make the document of everything that was analysed."""
    return Document(
        opq_version=version("opq"),
        recordings=[_entry(channel) for channel in outcome.channels],
        skipped=[Skipped(source=source, channel=channel, reason=reason) for source, channel, reason in outcome.skipped],
    )


def _entry(channel: AnalysedChannel) -> RecordingEntry:
    return recording_entry(
        channel.source,
        channel.channel,
        channel.analysis,
        channel.notes,
        unbalance=channel.unbalance,
        clipped_samples=channel.clipped_samples,
    )


def _print_csv(document: Document) -> None:
    rows = incident_rows(document.recordings)
    columns = [
        "source",
        "channel",
        "class",
        "duration_class",
        "start_s",
        "end_s",
        "duration_s",
        "extreme_v",
        "extreme_pu",
    ]
    columns += ["extreme", "unit", "standard", "clause", "open_start", "open_end"]
    writer = csv.DictWriter(sys.stdout, columns)
    writer.writeheader()
    writer.writerows(rows)


def _say_skipped(document: Document) -> None:
    for skipped in document.skipped:
        typer.echo(f"not analysed: {skipped.source}: {skipped.reason}", err=True)
