"""Samples of a COMTRADE recording that are stored as text (IEEE C37.111-2013, 8.4 (M))."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput
from opq.formats.comtrade.config import Config
from opq.formats.comtrade.layout import Layout
from opq.formats.comtrade.samples import MISSING_STAMP
from opq.formats.recording import SampleArray, StateArray
from opq.formats.text import note

_LINES, _FIELDS = 4096, 1 << 20
"""Lines parsed at once, or fewer where they have many fields."""
_LONGEST_LINE = 8 << 20
_MISSING = 99999.0
_MOST_ODD_SHARE = 0.1
_FIRST_LINES = 10


class AsciiSamples:
    """One line per sample: number, time stamp, analogue values, states.

    A line with another number of fields is a sample of missing values; the last such line is left out, as a file that
    was cut off ends with one.
    """

    def __init__(self, layout: Layout, config: Config, notes: list[str]) -> None:
        self._layout, self._config, self._notes = layout, config, notes
        self._fields = 2 + len(config.analog) + len(config.digital)
        self._batch = max(1, min(_LINES, _FIELDS // self._fields))
        self._most = np.array([channel.most for channel in config.analog])
        self._lines_before = self._line_number(layout.offset)
        self.count = self._counted()

    def numbers(self, channels: tuple[int, ...], first: int, last: int) -> Iterator[SampleArray]:
        """See `StoredSamples`."""
        columns = [2 + number for number in channels]
        # 8.4.3 (M): an empty field or 99999 is a missing value, unless the channel may be as large as that.
        small = self._most[list(channels)] < _MISSING
        small |= ~np.isfinite(self._most[list(channels)])
        for rows in self._rows(first, last):
            values = np.ascontiguousarray(rows[:, columns].T)
            values[(values == _MISSING) & small[:, np.newaxis]] = np.nan
            yield values

    def states(self, first: int, last: int) -> Iterator[StateArray]:
        """See `StoredSamples`."""
        at = 2 + len(self._config.analog)
        for rows in self._rows(first, last):
            yield np.ascontiguousarray((rows[:, at:] == 1).T, np.uint8)

    def stamps(self, first: int, last: int) -> Iterator[npt.NDArray[np.int64]]:
        """See `StoredSamples`."""
        for rows in self._rows(first, last):
            stamps = rows[:, 1]
            yield np.where(np.abs(stamps) < 2**62, stamps, MISSING_STAMP).astype(np.int64)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are not empty, with their numbers in the file."""
        number, left = self._lines_before, self._layout.length
        with self._layout.data.open("rb") as file:
            file.seek(self._layout.offset)
            while left > 0 and (line := file.readline(min(left, _LONGEST_LINE))):
                left -= len(line)
                number += 1
                # A SUB character ends a text of the time of CP/M.
                line = line.strip(b" \t\r\n\x1a\x00")
                if line:
                    yield number, line

    def _line_number(self, offset: int) -> int:
        """Return how many lines end before a byte."""
        with self._layout.data.open("rb") as file:
            return file.read(offset).count(b"\n")

    def _fits(self, line: bytes) -> bool:
        commas = line.count(b",")
        return commas == self._fields - 1 or (commas == self._fields and line.endswith(b","))

    def _counted(self) -> int:
        """Count the samples, and name lines that are none."""
        count, odd, last_odd = 0, [], False
        for number, line in self._lines():
            count += 1
            last_odd = not self._fits(line)
            if last_odd:
                odd.append((number, line.count(b",") + 1))
                self._check_odd(odd, count)
        if last_odd:
            number, fields = odd.pop()
            note(self._notes, f"line {number}: got {fields} fields, expected {self._fields}; the last line is left out")
            count -= 1
        if odd:
            number, fields = odd[0]
            text = f"got {fields} fields, expected {self._fields}; read as missing values"
            more = f", as {len(odd) - 1} more lines" if len(odd) > 1 else ""
            note(self._notes, f"line {number}: {text}{more}")
        return count

    def _check_odd(self, odd: list[tuple[int, int]], count: int) -> None:
        if len(odd) > _FIRST_LINES and len(odd) > _MOST_ODD_SHARE * count:
            number, fields = odd[0]
            raise InvalidInput(
                f"{self._layout.data} line {number}: got {fields} fields, expected {self._fields},"
                f" as in {len(odd) - 1} more lines"
            )

    def _rows(self, first: int, last: int) -> Iterator[SampleArray]:
        """Yield samples as rows of all fields."""
        batch: list[tuple[int, bytes]] = []
        for at, line in enumerate(self._lines()):
            if at >= last:
                break
            if at >= first:
                batch.append(line)
            if len(batch) >= self._batch:
                yield self._parsed(batch)
                batch = []
        if batch:
            yield self._parsed(batch)

    def _parsed(self, lines: list[tuple[int, bytes]]) -> SampleArray:
        if not all(self._fits(line) for _, line in lines):
            return np.stack([self._parsed_line(number, line) for number, line in lines])
        try:
            # Casting a list of texts is several times faster than a loop; it fails at the first empty field.
            flat = np.array(b",".join(line for _, line in lines).split(b","), dtype=np.float64)
            return flat.reshape(len(lines), self._fields)
        except ValueError:
            return np.stack([self._parsed_line(number, line) for number, line in lines])

    def _parsed_line(self, number: int, line: bytes) -> SampleArray:
        row = np.full(self._fields, np.nan)
        if not self._fits(line):
            return row
        for at, field in enumerate(line.split(b",")[: self._fields]):
            try:
                row[at] = float(field) if field.strip() else np.nan
            except ValueError:
                text = field[:20].decode("ascii", "replace")
                if len(self._notes) < 1000:
                    note(self._notes, f"line {number}: got {text!r} in field {at + 1}, read as a missing value")
        return row
