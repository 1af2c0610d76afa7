"""CSV: a header line, an optional time column, one column per channel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from opq.errors import InvalidInput
from opq.formats.csv_times import TimeScan, is_time, time_column
from opq.formats.missing import filled
from opq.formats.recording import NO_DETAILS, ChannelInfo, Details, SampleArray, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.table import Table, read_header, without_damaged_end
from opq.formats.units import base_unit

_TEXT_COLUMNS = ("box_id",)
_LEAST_ROWS = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is a channel, and the factor to its unit."""

    number: int
    info: ChannelInfo
    scale: float = 1.0


def open_csv(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open columns of numbers, divided by commas, semicolons or tabs, with decimal points or commas.

    The time column is ``t_s``, ``time_s``, ``time_ms``, ``time [s]``, ``unix_ns``, ``time_utc`` (ISO 8601) and the like;
    without one `sample_rate_hz` must be given. The unit of a channel follows its name after an underscore or in
    brackets, ``u_v``, ``mains [kV]``; else it is volts. Empty fields are missing values and interpolated.

    Raises
    ------
    InvalidInput
        Naming the line that is not numbers, has another number of columns, or is not evenly spaced.
    """
    notes: list[str] = []
    table = read_header(path, notes)
    columns = [
        Column(number, *_info(name))
        for number, name in enumerate(table.names)
        if not is_time(name) and name not in _TEXT_COLUMNS
    ]
    if not columns:
        raise InvalidInput(f"{path}: got only time columns {list(table.names)}, expected at least one channel")
    return open_table(table, columns, sample_rate_hz, "csv", notes)


def open_table(
    table: Table,
    columns: Sequence[Column],
    sample_rate_hz: float | None,
    form: str,
    notes: list[str],
    details: Details = NO_DETAILS,
    base_unix_ns: int | None = None,
) -> RecordingFile:
    """Look at all rows of a table once, and open it.

    Parameters
    ----------
    base_unix_ns : int, optional
        Time that the times of the rows count from [ns since the epoch].
    """
    path, numbers = table.path, [column.number for column in columns]
    times = time_column(table.names)
    if times is None and sample_rate_hz is None:
        raise InvalidInput(
            f"{path}: no time column (t_s, time_ms, unix_ns or time_utc) in {list(table.names)}; give the sample rate"
        )
    looked_at = [*numbers, times.column] if times and times.scale else numbers
    table = without_damaged_end(table, looked_at, notes)
    scan = TimeScan(table, times) if times else None
    count = 0
    for rows in table.rows():
        table.numbers(rows, numbers)
        count += len(rows[0])
        if scan:
            scan.feed(rows)
    if count < _LEAST_ROWS:
        raise InvalidInput(f"{path}: got {count} rows of samples, expected at least {_LEAST_ROWS}")
    start = scan.start_unix_ns() if scan else None
    if scan and base_unix_ns is not None:
        start = base_unix_ns + scan.first_ns

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        chosen = [columns[one] for one in wanted]
        raw = (_scaled(table.numbers(rows, [one.number for one in chosen]), chosen) for rows in table.rows())
        return filled(raw, [one.info.name for one in chosen], notes)

    stored = StoredRecording(
        source=str(path),
        channels=tuple(column.info for column in columns),
        sample_rate_hz=sample_rate_hz or (scan.rate_hz() if scan else 0.0),
        start_unix_ns=start,
        samples=count,
        chunks=chunks,
        details=details,
    )
    return RecordingFile(str(path), form, (stored,), notes)


def _scaled(samples: SampleArray, columns: Sequence[Column]) -> SampleArray:
    for row, column in zip(samples, columns, strict=True):
        if column.scale != 1:
            row *= column.scale
    return samples


def _info(name: str) -> tuple[ChannelInfo, float]:
    if name.endswith("]") and "[" in name:
        bare, text = name[:-1].rsplit("[", 1)
        unit, scale = base_unit(text)
        return ChannelInfo(bare.strip(), unit), scale
    return ChannelInfo(name, "A" if name.lower().endswith("_a") else "V"), 1.0
