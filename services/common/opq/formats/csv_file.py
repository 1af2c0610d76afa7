"""CSV: a header line, an optional time column, one column per channel."""

import csv
from pathlib import Path

import numpy as np

from opq.clock import NS, parse_iso
from opq.errors import InvalidInput
from opq.formats.recording import Channel, Recording, SampleArray

_TIME_SCALES = {"t_s": 1.0, "time_s": 1.0, "time": 1.0, "t": 1.0, "time_ms": 1e-3, "t_ms": 1e-3, "unix_ns": 1e-9}
_UNEVEN = 0.05
"""A step may differ from the median step by this share of it."""


def read_csv(path: Path, sample_rate_hz: float | None) -> Recording:
    """Read columns of numbers.

    The time column is ``t_s``, ``time_s``, ``time_ms``, ``unix_ns`` or ``time_utc`` (ISO 8601); without one
    `sample_rate_hz` must be given. The unit of a channel follows its name after an underscore or in brackets,
    ``u_v``, ``mains [V]``; else it is volts.

    Raises
    ------
    InvalidInput
        Naming the line that is not numbers, has another number of columns, or is not evenly spaced.
    """
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        lines = csv.reader(file)
        header = [name.strip() for name in next(lines, [])]
        if not header or all(_is_number(name) for name in header):
            raise InvalidInput(
                f"{path} line 1: got {','.join(header)[:80]!r}, expected a header with the names of the columns"
            )
        rows = [row for row in lines if row]
    times, values = _columns(path, header, rows)
    if times is None and sample_rate_hz is None:
        raise InvalidInput(
            f"{path}: no time column (t_s, time_ms, unix_ns or time_utc) in {header}; give --sample-rate-hz"
        )
    start = None
    if times is not None:
        rate = _rate(path, times)
        start = round(times[0] * NS) if times[0] > 1e8 else None
    else:
        rate = float(sample_rate_hz or 0)
    channels = tuple(Channel(*_name_and_unit(name), samples) for name, samples in values.items())
    return Recording(str(path), rate, channels, start)


def _columns(path: Path, header: list[str], rows: list[list[str]]) -> tuple[SampleArray | None, dict[str, SampleArray]]:
    """Parse the rows; return the times [s] if there are any, and the other columns by name."""
    if len(rows) < 2:
        raise InvalidInput(f"{path}: got {len(rows)} rows of samples, expected at least 2")
    time_at = next((at for at, name in enumerate(header) if name.lower() in _TIME_SCALES), None)
    iso_at = next((at for at, name in enumerate(header) if name.lower() == "time_utc"), None)
    # Where a file has both, integer nanoseconds are exact and the text is for people.
    skipped = {at for at in (time_at, iso_at) if at is not None}
    parsed = np.empty((len(rows), len(header)))
    iso_times = np.empty(len(rows)) if time_at is None and iso_at is not None else None
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise InvalidInput(f"{path} line {number + 2}: got {len(row)} columns, expected {len(header)}")
        for at, text in enumerate(row):
            if at == iso_at:
                if iso_times is not None:
                    iso_times[number] = parse_iso(text) / NS
                continue
            try:
                parsed[number, at] = float(text)
            except ValueError:
                raise InvalidInput(
                    f"{path} line {number + 2}: got {text[:40]!r} in column {header[at]!r}, expected a number"
                ) from None
    times = iso_times if time_at is None else parsed[:, time_at] * _TIME_SCALES[header[time_at].lower()]
    values = {name: parsed[:, at].copy() for at, name in enumerate(header) if at not in skipped and name != "box_id"}
    if not values:
        raise InvalidInput(f"{path}: got only time columns {header}, expected at least one channel")
    return times, values


def _rate(path: Path, times: SampleArray) -> float:
    steps = np.diff(times)
    typical = float(np.median(steps))
    if typical <= 0:
        raise InvalidInput(f"{path}: times do not rise; the median step is {typical:g} s")
    odd = np.flatnonzero(np.abs(steps - typical) > _UNEVEN * typical)
    if len(odd):
        line = int(odd[0]) + 3
        raise InvalidInput(f"{path} line {line}: a step of {steps[odd[0]]:g} s, expected {typical:g} s as elsewhere")
    return float((len(times) - 1) / (times[-1] - times[0]))


def _name_and_unit(name: str) -> tuple[str, str]:
    if name.endswith("]") and "[" in name:
        bare, unit = name[:-1].rsplit("[", 1)
        return bare.strip(), unit.strip()
    return name, "A" if name.lower().endswith("_a") else "V"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
