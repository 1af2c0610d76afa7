"""What ``opq analyze`` does: analyse, then print and write what was asked for."""

import csv
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import typer

from opq.analysis.document import Document, RecordingEntry, Skipped, recording_entry
from opq.errors import InvalidInput, Unavailable
from opq_cli.output import print_json
from opq_cli.recordings.run import AnalysedChannel, Options, Outcome, analyse_paths
from opq_cli.recordings.text import incident_rows, print_document, print_skipped


def analyze_recordings(
    paths: Sequence[Path], options: Options, *, as_json: bool, as_csv: bool, html: Path | None
) -> bool:
    """Analyse recordings and say what they show; return whether anything could be analysed."""
    write_report = _report_writer() if html is not None else None
    if as_json and as_csv:
        raise InvalidInput("--json and --csv: choose one")
    if html is not None and not html.absolute().parent.is_dir():
        raise InvalidInput(f"--html: {html.absolute().parent} is no folder")
    outcome = analyse_paths(paths, options)
    document = make_document(outcome)
    if html is not None and write_report is not None:
        write_report(html, outcome, document)
    if as_json:
        print_json(document.model_dump(mode="json", by_alias=True))
    elif as_csv:
        _print_csv(document)
    else:
        print_document(document)
        if html is not None:
            typer.echo(f"\nreport: {html}")
    print_skipped(document)
    return bool(outcome.channels)


def _report_writer() -> Callable[[Path, Outcome, Document], None]:
    """Return what writes reports; what it needs may not be installed, and then nothing is analysed in vain."""
    try:
        from opq_cli.recordings.report import write_report
    except ImportError as error:
        raise Unavailable(f"--html needs {error.name}, which is not installed: pip install 'opq[analyze]'") from error
    return write_report


def print_schema() -> None:
    """Print the JSON schema of what ``--json`` prints."""
    print_json(Document.model_json_schema(by_alias=True))


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
