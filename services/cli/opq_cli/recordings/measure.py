"""What ``opq measure`` does: analyse, then print the series that were asked for."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from opq.errors import InvalidInput, check_option
from opq_cli.output import print_json
from opq_cli.recordings.run import Options, analyse_paths
from opq_cli.recordings.series import INTERVALS, QUANTITIES, Series, channel_series


def measure_recordings(
    paths: Sequence[Path], options: Options, what: str, interval: str, *, as_json: bool, as_csv: bool
) -> bool:
    """Print the series of recordings; return whether anything could be measured."""
    wanted = [check_option("--what", name.strip(), QUANTITIES) for name in what.split(",")]
    check_option("--interval", interval, INTERVALS)
    if as_json and as_csv:
        raise InvalidInput("--json and --csv: choose one")
    if "signalling" in wanted and not options.signalling_hz > 0:
        raise InvalidInput("--what signalling needs its frequency: give --signalling HZ")
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
    return bool(outcome.channels)


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
