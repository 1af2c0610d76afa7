"""The time axis of a CSV file: a column, in one of several forms, whose steps are even."""

import re
from dataclasses import dataclass

import numpy as np

from opq.clock import NS, parse_iso
from opq.errors import InvalidInput
from opq.formats.recording import SampleArray
from opq.formats.table import Rows, Table

_SCALES = {
    "t_s": 1.0, "time_s": 1.0, "time": 1.0, "t": 1.0, "time_ms": 1e-3, "t_ms": 1e-3, "time_us": 1e-6, "t_us": 1e-6,
    "unix_ns": 1e-9, "waveform-data": 1e-3,
}  # fmt: skip
_UNITS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "\N{MICRO SIGN}s": 1e-6, "ns": 1e-9}
_WITH_UNIT = re.compile(r"(?:t|time)\s*[\[(](\w+)[\])]", re.IGNORECASE)
_ISO = "time_utc"
_UNEVEN = 0.05
"""A step may differ from the median step by this share of it."""
_CLOCK_S = 1e8
"""Times from here on are of the clock [s since the epoch], not of the recording."""
_TOLERANCE = 1e-6
"""Rates this near to a whole number are that number; written times are rounded."""


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """Which column it is, and the factor to seconds; 0 for ISO 8601."""

    column: int
    scale: float

    def seconds(self, table: Table, rows: Rows) -> SampleArray:
        """Return times [s]; those of the clock with a resolution of some 200 ns."""
        if self.scale:
            times_s: SampleArray = table.numbers(rows, [self.column])[0] * self.scale
            return times_s
        times = [self._iso(table, line, row) for line, row in zip(*rows, strict=True)]
        return np.array([time / NS for time in times], np.float64)

    def exact_ns(self, table: Table, rows: Rows, at: int) -> int:
        """Return one time [ns] as exactly as it is written."""
        line, row = rows[0][at], rows[1][at]
        if not self.scale:
            return self._iso(table, line, row)
        text = row[self.column].strip()
        if table.decimal_comma:
            text = text.replace(b",", b".")
        return int(text) if self.scale == 1e-9 and text.isdigit() else round(float(text) * self.scale * NS)

    def _iso(self, table: Table, line: int, row: list[bytes]) -> int:
        if len(row) <= self.column:
            raise InvalidInput(f"{table.path} line {line}: got {len(row)} columns, expected {len(table.names)}")
        try:
            return parse_iso(row[self.column].decode("ascii", "replace").strip())
        except InvalidInput as error:
            raise InvalidInput(f"{table.path} line {line}: {error}") from None


def time_column(names: tuple[str, ...]) -> TimeColumn | None:
    """Find the time column; where a file has both, integer nanoseconds are exact and the text is for people."""
    for column, name in enumerate(names):
        match = _WITH_UNIT.fullmatch(name)
        scale = _UNITS.get(match[1].lower()) if match else _SCALES.get(name.lower())
        if scale:
            return TimeColumn(column, scale)
    for column, name in enumerate(names):
        if name.lower() == _ISO:
            return TimeColumn(column, 0.0)
    return None


def is_time(name: str) -> bool:
    """Whether a column is a time, used or not."""
    return name.lower() in _SCALES or name.lower() == _ISO or _WITH_UNIT.fullmatch(name) is not None


class TimeScan:
    """Looks at all times, piece by piece: are they even, when do they begin and how fast are they?"""

    def __init__(self, table: Table, column: TimeColumn) -> None:
        self._table, self._column = table, column
        self._typical = 0.0
        self._before: float | None = None
        self._first_ns = self._last_ns = 0
        self._count = 0

    def feed(self, rows: Rows) -> None:
        """Take more rows.

        Raises
        ------
        InvalidInput
            Naming the line where the step is another one.
        """
        times = self._column.seconds(self._table, rows)
        lines = rows[0]
        # Among others one that is missing is an odd step.
        none = np.flatnonzero(np.isinf(times) if len(times) > 1 else ~np.isfinite(times))
        if len(none):
            raise InvalidInput(f"{self._table.path} line {lines[int(none[0])]}: got no finite time, expected seconds")
        if self._before is None:
            self._first_ns = self._column.exact_ns(self._table, rows, 0) if np.isfinite(times[0]) else 0
            steps = np.diff(times)
            self._typical = float(np.median(steps)) if len(steps) else 0.0
            self._check_typical(times)
        else:
            steps = np.diff(times, prepend=self._before)
        # NaN differs from everything.
        odd = np.flatnonzero(~(np.abs(steps - self._typical) <= _UNEVEN * self._typical + self._resolution_s))
        if len(odd):
            line = lines[int(odd[0]) + len(lines) - len(steps)]
            raise InvalidInput(
                f"{self._table.path} line {line}: a step of {steps[odd[0]]:g} s, expected {self._typical:g} s as elsewhere"
            )
        self._before = float(times[-1])
        self._last_ns = self._column.exact_ns(self._table, rows, -1)
        self._count += len(times)

    @property
    def _resolution_s(self) -> float:
        return 1e-6 if self._column.scale in (0.0, 1e-9) else 0.0

    def _check_typical(self, times: SampleArray) -> None:
        if len(times) > 1 and not self._typical > 0:
            raise InvalidInput(f"{self._table.path}: times do not rise; the median step is {self._typical:g} s")

    def rate_hz(self) -> float:
        """Return the sample rate [Hz]."""
        span = self._last_ns - self._first_ns
        if span <= 0:
            raise InvalidInput(f"{self._table.path}: times do not rise; all rows together take {span} ns")
        return whole_rate((self._count - 1) * NS / span)

    def start_unix_ns(self) -> int | None:
        """Return the time of the first sample; None if times do not count from the epoch."""
        return self._first_ns if self._first_ns > _CLOCK_S * NS else None

    @property
    def first_ns(self) -> int:
        """The first time as written [ns]."""
        return self._first_ns


def whole_rate(rate_hz: float) -> float:
    """Return the whole number that a rate is so near to that it must be meant."""
    whole = float(np.rint(rate_hz))
    return whole if whole and abs(rate_hz - whole) <= _TOLERANCE * rate_hz else rate_hz
