"""Reads the text of a ``.cfg``, line by line, and names the line that is wrong."""

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.comtrade.config import DATA_FORMS, REVISIONS, AnalogChannel, Config, RateSection, StatusChannel
from opq.formats.text import note

_MOST_CHANNELS = 100_000
_LEAST_RATE_HZ, _MOST_RATE_HZ = 1e-6, 1e12
_MOST_SECTIONS = 10_000
_GREATEST = 1e39
"""A little more than the greatest float32."""
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eEdD][+-]?\d+)?\s*")
_OFFSET = re.compile(r"([+-]?)(\d{1,2})(?:h(\d{2}))?")


class _Lines:
    """The lines of a configuration, one after the other, split at commas."""

    def __init__(self, text: str, source: str, first_line: int, notes: list[str]) -> None:
        self._lines = text.replace("\x1a", "").splitlines()
        self._at = -1
        self._source, self._first_line, self.notes = source, first_line, notes

    def next(self, what: str) -> list[str]:
        """Return the fields of the next line, which should say `what`."""
        self._at += 1
        if self._at >= len(self._lines):
            raise self.error(f"the text ends, expected {what}")
        return [field.strip() for field in self._lines[self._at].split(",")]

    def optional(self) -> list[str]:
        """Return the fields of the next line; none if there is no more."""
        return self.next("") if self._at + 1 < len(self._lines) else []

    def push_back(self) -> None:
        """Let `next` give the same line again."""
        self._at -= 1

    def left(self) -> int:
        """Return how many lines are left."""
        return len(self._lines) - self._at - 1

    @property
    def place(self) -> str:
        """The file and the line just read."""
        return f"{self._source} line {self._first_line + self._at}"

    def error(self, text: str) -> InvalidInput:
        return InvalidInput(f"{self.place}: not readable as COMTRADE: {text}")

    def note(self, text: str) -> None:
        note(self.notes, f"line {self._first_line + self._at}: {text}")

    def number(self, text: str, what: str) -> float:
        """Parse a number."""
        if not _NUMBER.fullmatch(text) or abs(value := float(text.lower().replace("d", "e"))) > _GREATEST:
            raise self.error(f"got {text[:40]!r} for {what}, expected a number")
        return value

    def whole(self, text: str, what: str, most: int) -> int:
        value = self.number(text, what)
        if value != int(value) or not 0 <= value <= most:
            raise self.error(f"got {text[:40]!r} for {what}, expected a whole number of 0 to {most}")
        return int(value)


def parse_config(text: str, source: str, notes: list[str], first_line: int = 1) -> Config:
    """Read a configuration (IEEE C37.111-2013, clause 7 (M)).

    Parameters
    ----------
    source : str
        Name of the file, for messages.
    notes : list of str
        Gains what was odd and could be read all the same.
    first_line : int
        Number of the first line of `text` in its file.

    Raises
    ------
    InvalidInput
        Naming the line that cannot be read.
    """
    lines = _Lines(text, source, first_line, notes)
    station, device, revision = _identity(lines)
    analog_count, digital_count = _counts(lines)
    analog = tuple(_analog(lines) for _ in range(analog_count))
    digital = tuple(_status(lines) for _ in range(digital_count))
    f_nominal = lines.next("the nominal frequency")[0]
    f_nominal_hz = lines.number(f_nominal, "the nominal frequency") if f_nominal else 0.0
    sections = _sections(lines)
    start, digits = _stamp(lines, revision, "the time of the first sample")
    trigger, _ = _stamp(lines, revision, "the time of the trigger")
    data_form = _data_form(lines)
    factor = _time_factor(lines)
    offset_ns = _offset_ns(lines)
    return Config(
        station, device, revision, analog, digital, f_nominal_hz, sections,
        None if start is None else start - offset_ns,
        None if trigger is None else trigger - offset_ns,
        data_form,
        # 7.4.9 (M): stamps with nine digits of a second count in nanoseconds.
        factor * (1.0 if digits > 6 else 1000.0),
    )  # fmt: skip


def _identity(lines: _Lines) -> tuple[str, str, int]:
    fields = lines.next("station, device and year of the standard")
    device = fields[1] if len(fields) > 1 else ""
    if len(fields) < 3 or not fields[2]:
        return fields[0], device, 1991
    year = lines.whole(fields[2], "the year of the standard", 9999)
    if year not in REVISIONS:
        # A draft of 1997 has the layout and the order of dates of 1999.
        known = 1991 if year < 1992 else 1999 if year < 2013 else 2013
        lines.note(f"the year of the standard is {year}, read as {known}")
        year = known
    return fields[0], device, year


def _counts(lines: _Lines) -> tuple[int, int]:
    fields = lines.next("the numbers of channels, such as 8,4A,4D")
    if len(fields) < 3:
        raise lines.error(f"got {len(fields)} fields, expected the numbers of channels, such as 8,4A,4D")
    counts = {"A": 0, "D": 0}
    for field in fields[1:3]:
        letter = field[-1:].upper()
        if letter not in counts:
            raise lines.error(f"got {field[:40]!r}, expected a number of channels with A or D")
        counts[letter] = lines.whole(field[:-1], "a number of channels", _MOST_CHANNELS)
    if sum(counts.values()) > lines.left():
        raise lines.error(f"announces {sum(counts.values())} channels, but only {lines.left()} lines follow")
    if fields[0] != str(sum(counts.values())):
        lines.note(f"says {fields[0]} channels in all, there are {counts['A']} analogue and {counts['D']} digital")
    return counts["A"], counts["D"]


def _analog(lines: _Lines) -> AnalogChannel:
    fields = lines.next("an analogue channel")
    if len(fields) < 10:
        raise lines.error(f"got {len(fields)} fields, expected an analogue channel of 10 or 13")
    name, phase, component, unit = fields[1:5]

    def number(at: int, what: str, default: float) -> float:
        return lines.number(fields[at], what) if len(fields) > at and fields[at] else default

    return AnalogChannel(
        name, phase, component, unit,
        number(5, "the factor a", 1.0),
        number(6, "the offset b", 0.0),
        number(7, "the skew", 0.0),
        number(8, "the least value", -math.inf),
        number(9, "the greatest value", math.inf),
        number(10, "the primary factor", 1.0),
        number(11, "the secondary factor", 1.0),
        fields[12][:1].upper() if len(fields) > 12 else "",
    )  # fmt: skip


def _status(lines: _Lines) -> StatusChannel:
    fields = lines.next("a digital channel")
    if len(fields) < 2:
        raise lines.error(f"got {len(fields)} fields, expected a digital channel of 3 or 5")
    # 1991: number, name, normal state. 1999 and later: number, name, phase, component, normal state.
    phase, component = (fields[2], fields[3]) if len(fields) > 4 else ("", "")
    return StatusChannel(fields[1], phase, component, int(len(fields) > 2 and fields[-1] == "1"))


def _sections(lines: _Lines) -> tuple[RateSection, ...]:
    count = lines.whole(lines.next("the number of sample rates")[0], "the number of sample rates", _MOST_SECTIONS)
    sections: list[RateSection] = []
    # With 0 rates one line follows all the same, with a rate of 0 and the number of the last sample.
    for _ in range(max(count, 1)):
        fields = lines.next("a sample rate and the number of its last sample")
        if len(fields) < 2:
            if count == 0:
                lines.push_back()
                return (RateSection(0.0, 0),)
            raise lines.error("expected a sample rate and the number of its last sample")
        rate = lines.number(fields[0], "the sample rate")
        if rate and not _LEAST_RATE_HZ <= rate <= _MOST_RATE_HZ:
            raise lines.error(
                f"got a sample rate of {rate:g} Hz, expected {_LEAST_RATE_HZ:g} to {_MOST_RATE_HZ:g}, or 0"
            )
        last = lines.whole(fields[1], "the number of the last sample", 2**53)
        if sections and last < sections[-1].last:
            raise lines.error(f"the last sample is number {last}, that of the rate before is {sections[-1].last}")
        sections.append(RateSection(rate if count else 0.0, last))
    return tuple(sections)


def _stamp(lines: _Lines, revision: int, what: str) -> tuple[int | None, int]:
    """Return a time [ns since the epoch] as written, whatever its zone, and how many digits of a second it has."""
    fields = lines.next(what)
    if len(fields) > 1 and ":" in fields[1]:
        try:
            return _parsed_stamp(fields[0], fields[1], revision, lines.note)
        except (ValueError, OverflowError):
            pass
    elif len(fields) == 1 and fields[0].upper() in DATA_FORMS:
        lines.push_back()
    lines.note(f"{what} is not readable: {','.join(fields)[:60]!r}")
    return None, 0


def _parsed_stamp(date: str, time: str, revision: int, odd: Callable[[str], None]) -> tuple[int | None, int]:
    first, second, year = (int(part) for part in date.split("/"))
    month, day = (first, second) if revision == 1991 else (second, first)
    if month > 12:
        odd(f"the date {date} is read as month and day the other way round")
        month, day = day, month
    if year < 100:
        year += 1900 if year >= 70 else 2000
    hours, minutes, seconds = time.split(":")
    whole, _, fraction = seconds.partition(".")
    moment = datetime(year, month, day, tzinfo=UTC) + timedelta(
        hours=int(hours), minutes=int(minutes), seconds=int(whole)
    )
    fraction_ns = int((fraction + "0" * 9)[:9])
    # Recorders without a clock write 1970 or 1900.
    usable = 1971 <= moment.year < 2200
    return (int(moment.timestamp()) * NS + fraction_ns if usable else None), len(fraction.rstrip())


def _data_form(lines: _Lines) -> str:
    word = lines.next("the form of the data, such as BINARY")[0].upper()
    if word not in DATA_FORMS:
        raise lines.error(f"got {word[:40]!r} for the form of the data, expected one of {', '.join(DATA_FORMS)}")
    return word


def _time_factor(lines: _Lines) -> float:
    fields = lines.optional()
    if not fields or not fields[0]:
        return 1.0
    factor = lines.number(fields[0], "the factor of the time stamps")
    if not 1e-6 <= factor < 1e12:
        lines.note(f"the factor of the time stamps is {factor:g}, read as 1")
        return 1.0
    return factor


def _offset_ns(lines: _Lines) -> int:
    """Return how far the zone of the time stamps is ahead of UTC [ns] (2013, 7.4.10 (M), time_code)."""
    fields = lines.optional()
    match = _OFFSET.fullmatch(fields[0].replace(" ", "")) if fields else None
    if not match:
        return 0
    sign, hours, minutes = match.groups()
    if int(hours) or int(minutes or 0):
        lines.note(f"times brought to UTC by the time code {fields[0]}")
    return (-1 if sign == "-" else 1) * (int(hours) * 3600 + int(minutes or 0) * 60) * NS
