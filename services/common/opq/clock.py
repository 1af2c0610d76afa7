"""Time as integer nanoseconds since the Unix epoch, UTC, from an object that is handed in.

Algorithms never ask the machine for the time; programs pass a :class:`Clock`, tests pass
`opq.testing.ManualClock`. Aware datetimes exist only at the edges (`iso`, `parse_iso`).
"""

import time
from datetime import UTC, datetime
from typing import Protocol

from opq.errors import InvalidInput

NS = 1_000_000_000
"""Nanoseconds per second."""
MINUTE_NS = 60 * NS
HOUR_NS = 3600 * NS
DAY_NS = 24 * HOUR_NS


class Clock(Protocol):
    """What a program may ask of time."""

    def unix_ns(self) -> int:
        """Wall-clock time [ns since the epoch, UTC]; may step."""
        ...

    def monotonic_ns(self) -> int:
        """Time that never steps back [ns from an arbitrary origin]."""
        ...


class SystemClock:
    """The machine's clocks."""

    def unix_ns(self) -> int:
        """See :class:`Clock`."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """See :class:`Clock`."""
        return time.monotonic_ns()


def seconds_ns(seconds: float) -> int:
    """Convert a duration [s] to whole nanoseconds."""
    return round(seconds * NS)


def iso(unix_ns: int) -> str:
    """Write a time as ISO 8601 UTC with milliseconds, ``2026-11-24T18:00:00.000Z``."""
    return (
        datetime.fromtimestamp(unix_ns // NS, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{unix_ns % NS // 1_000_000:03d}Z"
    )


def parse_iso(text: str) -> int:
    """Read an ISO 8601 time [ns since the epoch]; without a zone it is UTC.

    Raises
    ------
    InvalidInput
        If `text` is no ISO 8601 time.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"time: got {text!r}, expected ISO 8601 such as 2026-11-24T18:00:00Z") from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return int(when.timestamp()) * NS + when.microsecond * 1000
