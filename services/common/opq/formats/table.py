"""Tables of numbers in text files: rows are parsed in pieces, and what is wrong is named with its line."""

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from opq.errors import InvalidInput
from opq.formats.recording import SampleArray
from opq.formats.text import decoded, note

_ROWS, _FIELDS = 4096, 1 << 20
"""Rows parsed at once, or fewer where they have many fields."""
_LONGEST_LINE = 4 << 20
_DELIMITERS = (";", "\t", ",")

Rows = tuple[list[int], list[list[bytes]]]
"""Numbers of lines, and their fields."""


@dataclass(frozen=True, slots=True)
class Table:
    """Where the rows are, and how they are written.

    Attributes
    ----------
    names : tuple of str
        Of the columns.
    header_line : int
        Number of the line with the names, from 1.
    offset : int
        Of the first row in the file [bytes].
    decimal_comma : bool
        Whether numbers are written as ``1,5``.
    last_line : int or None
        Lines after it are not read; None before the rows were looked at.
    """

    path: Path
    names: tuple[str, ...]
    header_line: int
    offset: int
    delimiter: str
    decimal_comma: bool
    last_line: int | None = None

    def rows(self) -> Iterator[Rows]:
        """Yield rows, a few thousand at a time; empty lines are passed over."""
        numbers: list[int] = []
        fields: list[list[bytes]] = []
        batch = max(1, min(_ROWS, _FIELDS // len(self.names)))
        for number, line in self.lines():
            numbers.append(number)
            fields.append(self.split(line))
            if len(fields) >= batch:
                yield numbers, fields
                numbers, fields = [], []
        if fields:
            yield numbers, fields

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are not empty, with their numbers."""
        number = self.header_line
        with self.path.open("rb") as file:
            file.seek(self.offset)
            while line := file.readline(_LONGEST_LINE):
                number += 1
                if self.last_line is not None and number > self.last_line:
                    return
                line = line.strip(b" \r\n\x1a\x00")
                if line:
                    yield number, line

    def split(self, line: bytes) -> list[bytes]:
        """Split a line into fields."""
        if b'"' not in line:
            return line.split(self.delimiter.encode())
        fields = quoted(line.decode("latin-1"), self.delimiter)
        return [field.encode("latin-1") for field in fields]

    def numbers(self, rows: Rows, columns: Sequence[int]) -> SampleArray:
        """Parse columns of rows; an empty field is NaN.

        Returns
        -------
        (k, n) float64

        Raises
        ------
        InvalidInput
            Naming the line with another number of fields, or with a field that is no number.
        """
        lines, fields = rows
        width = len(self.names)
        for number, row in zip(lines, fields, strict=True):
            if len(row) != width and not (len(row) == width + 1 and not row[-1]):
                raise InvalidInput(f"{self.path} line {number}: got {len(row)} columns, expected {width}")
        flat = [row[column] for row in fields for column in columns]
        if self.decimal_comma:
            flat = [field.replace(b",", b".") for field in flat]
        try:
            values = np.array(flat, dtype=np.float64)
        except (ValueError, OverflowError):
            values = self._slowly(lines, flat, columns)
        return np.ascontiguousarray(values.reshape(len(fields), len(columns)).T)

    def _slowly(self, lines: list[int], flat: list[bytes], columns: Sequence[int]) -> SampleArray:
        values = np.full(len(flat), np.nan)
        for at, field in enumerate(flat):
            bare = field.strip()
            try:
                values[at] = float(bare) if bare else np.nan
            except ValueError:
                line, name = lines[at // len(columns)], self.names[columns[at % len(columns)]]
                text = bare[:40].decode("latin-1")
                raise InvalidInput(
                    f"{self.path} line {line}: got {text!r} in column {name!r}, expected a number"
                ) from None
        return values


def quoted(line: str, delimiter: str) -> list[str]:
    """Split a line with quotes; one with carriage returns inside, which makes no sense, gives one field."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def read_header(path: Path, notes: list[str], skip_lines: int = 0) -> Table:
    """Read the line with the names of the columns, and tell how the rows are written from the first of them.

    Parameters
    ----------
    skip_lines : int
        Lines before that with the names.

    Raises
    ------
    InvalidInput
        If the line does not hold names.
    """
    with path.open("rb") as file:
        for _ in range(skip_lines):
            file.readline(_LONGEST_LINE)
        line = file.readline(_LONGEST_LINE)
        offset = file.tell()
        first = b""
        while not first.strip() and (row := file.readline(_LONGEST_LINE)):
            first = row
    text = decoded(line, notes).strip("\r\n")
    if "\0" in text:
        raise InvalidInput(f"{path} line {skip_lines + 1}: holds zero bytes, as UTF-16 does; save it as UTF-8")
    delimiter = max(_DELIMITERS, key=text.count) if any(one in text for one in _DELIMITERS) else _of_row(first)
    names = tuple(name.strip() for name in quoted(text, delimiter))
    if not names or all(not name or _is_number(name) for name in names):
        raise InvalidInput(
            f"{path} line {skip_lines + 1}: got {text[:80]!r}, expected a header with the names of the columns"
        )
    return Table(path, names, skip_lines + 1, offset, delimiter, delimiter != "," and b"," in first)


def _of_row(row: bytes) -> str:
    """Return the delimiter of a table of one column, which is that of a row; a decimal comma is not mistaken for it."""
    return "\t" if b"\t" in row else ";"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def without_damaged_end(table: Table, columns: Sequence[int], notes: list[str]) -> Table:
    """Return the table without its last line if that is damaged, as in a file that was cut off; it is noted."""
    line = _last_line(table)
    if not line:
        return table
    try:
        table.numbers(([0], [table.split(line)]), columns)
    except InvalidInput:
        # Only now is it worth counting lines.
        number = max((number for number, _ in table.lines()), default=table.header_line)
        try:
            table.numbers(([number], [table.split(line)]), columns)
        except InvalidInput as error:
            note(notes, f"{str(error).removeprefix(f'{table.path} ')}; the last line is left out")
        return dataclasses.replace(table, last_line=number - 1)
    return table


def _last_line(table: Table) -> bytes:
    """Return the last line that is not empty, without reading those before it."""
    size = table.path.stat().st_size
    with table.path.open("rb") as file:
        file.seek(max(table.offset, size - _LONGEST_LINE))
        lines = file.read(_LONGEST_LINE).strip(b" \r\n\x1a\x00").rsplit(b"\n", 1)
    return lines[-1].strip(b" \r\n\x1a\x00")
