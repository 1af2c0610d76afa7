"""``opq measure``: time series and aggregates of recordings by IEC 61000-4-30."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from opq.errors import InvalidInput, check_option
from opq_cli.commands.analyze import FORMAT_HELP, make_options
from opq_cli.output import print_json
from opq_cli.recordings.run import analyse_paths
from opq_cli.recordings.series import INTERVALS, QUANTITIES, Series, channel_series


def measure(
    paths: Annotated[
        list[Path], typer.Argument(help="Recordings: COMTRADE, PQDIF, CSV, WAV, FLAC, raw int16, Parquet.")
    ],
    what: Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(QUANTITIES)}.")] = "rms,frequency",
    interval: Annotated[
        str, typer.Option(help=f"{', '.join(INTERVALS)}: for what is aggregated; a window is 10 or 12 cycles.")
    ] = "window",
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
    signalling: Annotated[float, typer.Option(help="Frequency of mains signalling [Hz], for --what signalling.")] = 0.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object per series, values as columns.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one value per line; the default.")] = False,
) -> None:
    """Give the time series of recordings: one line per value, with its time from the first sample and whether it is flagged."""
    wanted = [check_option("--what", name.strip(), QUANTITIES) for name in what.split(",")]
    check_option("--interval", interval, INTERVALS)
    if as_json and as_csv:
        raise InvalidInput("--json and --csv: choose one")
    if "signalling" in wanted and not signalling > 0:
        raise InvalidInput("--what signalling needs its frequency: give --signalling HZ")
    options = make_options(
        form, u_din, frequency, scale, sample_rate, channel, [], series=True, signalling_hz=signalling
    )
    outcome = analyse_paths(paths, options)
    found = [
        (entry.source, entry.channel, series)
        for entry in outcome.channels
        for name in wanted
        for series in channel_series(name, interval, entry)
    ]
    if as_json:
        print_json({"series": [_as_object(source, name, series) for source, name, series in found]})
    else:
        _print_csv(found)
    for source, name, reason in outcome.skipped:
        typer.echo(f"not measured: {source}{f', {name}' if name else ''}: {reason}", err=True)
    if not outcome.channels:
        raise typer.Exit(1)


def _as_object(source: str, channel: str, series: Series) -> dict[str, object]:
    return {
        "source": source,
        "channel": channel,
        "what": series.what,
        "interval": series.interval,
        "columns": ["start_s", "duration_s", "flagged", *series.columns],
        "rows": [
            [start, duration, bool(flagged), *values]
            for start, duration, flagged, values in zip(
                series.start_s.tolist(), series.duration_s.tolist(), series.flagged, series.values.tolist(), strict=True
            )
        ],
    }


def _print_csv(found: list[tuple[str, str, Series]]) -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(["source", "channel", "what", "interval", "start_s", "duration_s", "flagged", "name", "value"])
    for source, channel, series in found:
        rows = zip(series.start_s, series.duration_s, series.flagged, series.values, strict=True)
        for start, duration, flagged, values in rows:
            head = (source, channel, series.what, series.interval, f"{start:.6f}", f"{duration:.6f}", int(flagged))
            for name, value in zip(series.columns, values, strict=True):
                writer.writerow([*head, name, f"{value:.9g}"])
