"""``opq export``: measurements, trends and waveforms as CSV with a time axis."""

import csv
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from opq.clock import NS, iso, parse_iso
from opq.codec import decode
from opq.errors import InvalidInput, NotFound, check_option
from opq.ids import BoxId, EventId
from opq.model.features import FEATURES
from opq.model.measurements import MAX, MEAN, MIN, Measurement, Trend
from opq.model.waveforms import voltage_segments
from opq.store import Store
from opq_cli.commands.boxes import known_box
from opq_cli.output import STORE_OPTION, print_json
from opq_cli.site_store import open_site

KINDS = ("measurements", "trends", "waveforms")
_PAGE = 5000


Row = Sequence[object]


def export(
    kind: Annotated[str, typer.Argument(help="measurements, trends or waveforms")],
    box: Annotated[str | None, typer.Option("--box", help="Measurements and trends: of this box.")] = None,
    event: Annotated[str | None, typer.Option("--event", help="Waveforms: of this event.")] = None,
    from_time: Annotated[str, typer.Option("--from", help="ISO 8601 time.")] = "1970-01-02T00:00:00Z",
    to_time: Annotated[str, typer.Option("--to", help="ISO 8601 time.")] = "2200-01-01T00:00:00Z",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; without it standard output.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say on standard output what was written, as JSON.")] = False,
    store: str = STORE_OPTION,
) -> None:
    """Write CSV with a time axis: ISO 8601 UTC and ns since the epoch in every row."""
    check_option("kind", kind, KINDS)
    if as_json and out is None:
        raise InvalidInput("--json says what was written to a file: give --out FILE too")
    opened = open_site(store)
    span = parse_iso(from_time), parse_iso(to_time)
    columns, rows = _waveforms(opened, event) if kind == "waveforms" else _folded(opened, kind, box, span)
    count = 0
    with _writer(out) as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    if as_json:
        print_json({"kind": kind, "file": str(out), "rows": count})
    elif out is not None:
        typer.echo(f"wrote {count} rows to {out}")


@contextmanager
def _writer(out: Path | None) -> Iterator[TextIO]:
    if out is None:
        yield sys.stdout
        return
    try:
        file = out.open("w", newline="")
    except OSError as error:
        raise InvalidInput(f"--out: cannot write {out}: {error.strerror}") from error
    with file:
        yield file


def _folded(store: Store, kind: str, box: str | None, span: tuple[int, int]) -> tuple[Row, Iterator[Row]]:
    """Check what is asked for, then return the titles and the rows, which are read as they are written."""
    if box is None:
        raise InvalidInput(f"--box: exporting {kind} needs a box, got none")
    known_box(store, box)
    columns = [f"{feature.name}_{which}" for feature in FEATURES for which in ("min", "mean", "max")]
    return ["time_utc", "unix_ns", "windows", "flags", *columns], _folded_rows(store, kind, BoxId(box), *span)


def _folded_rows(store: Store, kind: str, box_id: BoxId, start: int, end: int) -> Iterator[Row]:
    repository = store.measurements if kind == "measurements" else store.trends
    while page := repository.range(box_id, start, end, _PAGE):
        yield from map(_folded_row, page)
        start = page[-1].start_unix_ns + 1


def _folded_row(item: Measurement | Trend) -> Row:
    values = item.values[[MIN, MEAN, MAX]].T.ravel()
    return [
        iso(item.start_unix_ns),
        item.start_unix_ns,
        item.windows,
        item.flags,
        # The shortest text that reads back as the same float32.
        *(str(value) for value in values),
    ]


def _waveforms(store: Store, event: str | None) -> tuple[Row, Iterator[Row]]:
    if event is None:
        raise InvalidInput("--event: exporting waveforms needs an event, got none")
    if store.events.get(EventId(event)) is None:
        raise NotFound(f"event {event!r} is not in the store; list them with: opq events list")
    return ["time_utc", "unix_ns", "box_id", "u_v"], _waveform_rows(store, EventId(event))


def _waveform_rows(store: Store, event_id: EventId) -> Iterator[Row]:
    for info in store.waveforms.of_event(event_id):
        for segment in voltage_segments(info, decode(store.waveforms.data(info.acquisition_id))):
            step = NS / segment.sample_rate_hz
            for number, volts in enumerate(segment.volts):
                at = segment.start_unix_ns + round(number * step)
                yield [f"{iso(at)[:-5]}.{at % NS:09d}Z", at, info.box_id, f"{volts:.6g}"]
