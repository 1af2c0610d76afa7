"""``opq convert``: recordings from one format to another."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from opq.errors import InvalidInput
from opq.formats import (
    FORMATS,
    HOLD_SEVERAL,
    RecordingFile,
    StoredRecording,
    WriteOptions,
    Written,
    in_volts,
    open_recordings,
    with_channels,
    write_recordings,
)
from opq.formats.pqdif import read_records, write_trends_csv
from opq.formats.reader import form_of
from opq.formats.writing import replacing
from opq_cli.output import print_json

_KNOWN = ", ".join(FORMATS)
_VARIANT = "COMTRADE: form of the samples, ascii, binary, binary32 or float32."
_LONG = 1_000_000
"""Recordings of fewer samples are written before a bar could be read."""


@dataclass(slots=True)
class Report:
    """What was done, for people and for programs."""

    input: str
    input_format: str
    written: list[Written] = field(default_factory=list)
    rows: int = 0
    notes: list[str] = field(default_factory=list)


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="File to read.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="File to write; its ending says the format.")],
    from_format: Annotated[str, typer.Option("--from", help=f"Format of IN: {_KNOWN}.")] = "auto",
    to_format: Annotated[str, typer.Option("--to", help=f"Format of OUT: {_KNOWN}.")] = "auto",
    channel: Annotated[
        list[str] | None, typer.Option("--channel", help="Only this channel, by name or number; may be repeated.")
    ] = None,
    recording: Annotated[
        int | None, typer.Option("--recording", min=1, help="Only this recording of a file that holds several.")
    ] = None,
    sample_rate: Annotated[
        float | None,
        typer.Option("--sample-rate", help="Samples per second of IN [Hz], if it does not say or is wrong."),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option("--scale", help="Volts per count: of IN if it is in counts, else of OUT (raw16, wav, flac)."),
    ] = None,
    data: Annotated[str, typer.Option("--data", help=_VARIANT)] = "",
    trends: Annotated[
        bool, typer.Option("--trends", help="PQDIF to CSV: trends and rms variations instead of waveforms.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say what was written as JSON.")] = False,
) -> None:
    """Convert recordings: COMTRADE, PQDIF, PQDS, CSV, Parquet, WAV, FLAC, raw16.

    Several recordings become several files, OUT-1, OUT-2 and so on, unless the format of OUT holds them in one.
    """
    if scale is not None and not 0 < scale < 1e12:
        raise InvalidInput(f"--scale: got {scale:g} V per count, expected more than 0")
    if trends:
        report = _trends(source, target, force)
    else:
        known = form_of(target, to_format)
        if data and known != "comtrade":
            raise InvalidInput(f"--data: got {data!r} for {known}, only COMTRADE has several forms of samples")
        with open_recordings(source, from_format, sample_rate) as file:
            chosen = [_seen(one, channel or [], scale) for one in _chosen(file, recording)]
            report = Report(str(source), file.form)
            _write(chosen, target, known, WriteOptions(data, scale), force, report)
            report.notes = [*file.notes, *(note for one in report.written for note in one.notes)]
    _tell(report, as_json)


def _chosen(file: RecordingFile, number: int | None) -> tuple[StoredRecording, ...]:
    return file.recordings if number is None else (file.recording(number),)


def _seen(stored: StoredRecording, channels: Sequence[str], scale: float | None) -> StoredRecording:
    chosen = with_channels(stored, [stored.channel_index(name) for name in channels]) if channels else stored
    return chosen if scale is None else in_volts(chosen, scale)


def _write(
    recordings: Sequence[StoredRecording], target: Path, known: str, options: WriteOptions, force: bool, report: Report
) -> None:
    together = len(recordings) == 1 or known in HOLD_SEVERAL or _follow(recordings, known)
    groups = [list(recordings)] if together else [[one] for one in recordings]
    paths = [target] if together else numbered(target, len(groups))
    for path in paths:
        _refuse_overwriting(path, known, force)
    for path, group in zip(paths, groups, strict=True):
        with _progress(options) as told:
            report.written.append(write_recordings(path, group, known, told))


def _follow(recordings: Sequence[StoredRecording], known: str) -> bool:
    """Whether recordings are sections of one COMTRADE record, which keeps them together."""
    sections = len({one.source.partition(" #")[0] for one in recordings}) == 1
    same = len({tuple(info.name for info in one.channels) for one in recordings}) == 1
    begins = [one.start_unix_ns for one in recordings]
    if known != "comtrade" or not (sections and same) or None in begins:
        return False
    ends = [(one.start_unix_ns or 0) + one.samples / one.sample_rate_hz * 1e9 for one in recordings]
    return all(
        abs(end - (after.start_unix_ns or 0)) <= 1e9 / before.sample_rate_hz
        for before, end, after in zip(recordings[:-1], ends[:-1], recordings[1:], strict=True)
    )


def numbered(path: Path, count: int) -> list[Path]:
    """Return a name for each of several files: ``a-01.csv``, ``a-02.csv``."""
    width = len(str(count))
    return [path.with_name(f"{path.stem}-{number:0{width}}{path.suffix}") for number in range(1, count + 1)]


def _refuse_overwriting(path: Path, known: str, force: bool) -> None:
    pair = known == "comtrade" and path.suffix.lower() != ".cff"
    files = [path.with_suffix(ending) for ending in (".cfg", ".dat")] if pair else [path]
    for file in files:
        if file.exists() and not force:
            raise InvalidInput(f"{file} is there already; give --force to overwrite it")
    if not path.parent.is_dir():
        raise InvalidInput(f"{path}: there is no directory {path.parent}")


@contextmanager
def _progress(options: WriteOptions) -> Iterator[WriteOptions]:
    """Show a bar on a terminal; a pipe and a log get none."""
    if not sys.stderr.isatty():
        yield options
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {what: bar.add_task(what, total=None, visible=False) for what in ("measuring", "writing")}

        def tell(what: str, done: int, total: int) -> None:
            bar.update(tasks[what], completed=done, total=total, visible=total >= _LONG)

        yield WriteOptions(options.variant, options.volts_per_count, tell)


def _trends(source: Path, target: Path, force: bool) -> Report:
    if not source.is_file():
        raise InvalidInput(f"{source}: no such file")
    _refuse_overwriting(target, "csv", force)
    records = read_records(source)
    with replacing(target) as temporary, temporary.open("w", newline="", encoding="utf-8") as out:
        rows = write_trends_csv(records, out)
    written = Written("csv", (target,), 0, 0, 0)
    return Report(str(source), "pqdif", [written], rows, records.notes)


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "input": report.input,
                "input_format": report.input_format,
                "rows": report.rows,
                "written": [
                    {
                        "format": one.form,
                        "files": [str(file) for file in one.files],
                        "recordings": one.recordings,
                        "channels": one.channels,
                        "samples": one.samples,
                    }
                    for one in report.written
                ],
                "notes": report.notes,
            }
        )
        return
    for note in report.notes:
        typer.echo(f"note: {note}", err=True)
    for one in report.written:
        names = " and ".join(str(file) for file in one.files)
        if report.rows or not one.recordings:
            typer.echo(f"wrote {report.rows} rows to {names}")
            continue
        several = f"{one.recordings} recordings, " if one.recordings > 1 else ""
        plural = "channel" if one.channels == 1 else "channels"
        typer.echo(f"wrote {names} ({one.form}: {several}{one.channels} {plural}, {one.samples} samples)")
