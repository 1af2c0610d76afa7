"""The time axis of a Parquet file that OPQ did not write: a column of time stamps or of numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.csv_times import TimeColumn, time_column, whole_rate

_UNEVEN = 0.05
_CLOCK_S = 1e8
_TICKS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Rate [Hz] and start."""

    rate_hz: float
    start_unix_ns: int | None


def time_axis(path: Path, schema: Any, batches: Callable[[str], Iterator[Any]]) -> TimeAxis:
    """Find the time column and look at all of it, batch by batch.

    Raises
    ------
    InvalidInput
        If there is none, or its steps are not even.
    """
    name, tick_s = _time_column(path, schema)
    count, before, typical, first, last = 0, None, 0.0, 0, 0
    for column in batches(name):
        values = column.to_numpy(zero_copy_only=False)
        if values.dtype.kind == "M":
            values = values.astype(np.int64)
        if values.dtype.kind not in "iuf" or not len(values) or not np.isfinite(values.astype(np.float64)).all():
            raise InvalidInput(f"{path}: column {name!r} has rows without a time")
        first = values[0] if before is None else first
        steps = np.diff(values, **({} if before is None else {"prepend": before})).astype(np.float64)
        typical = typical or (float(np.median(steps)) if len(steps) else 0.0)
        odd = np.flatnonzero(~(np.abs(steps - typical) <= _UNEVEN * abs(typical)))
        if len(odd):
            row = count + int(odd[0]) + (2 if before is None else 1)
            raise InvalidInput(f"{path}: column {name!r} is not even at row {row}; give the sample rate")
        before, last = values[-1:], values[-1]
        count += len(values)
    span_s = float(last - first) * tick_s
    if count < 2 or not span_s > 0:
        raise InvalidInput(f"{path}: the times of column {name!r} do not rise")
    exact = round(float(first) * tick_s * NS) if values.dtype.kind == "f" else int(first) * round(tick_s * NS)
    return TimeAxis(whole_rate((count - 1) / span_s), exact if exact > _CLOCK_S * NS else None)


def _time_column(path: Path, schema: Any) -> tuple[str, float]:
    """Return the name of the time column and its unit [s]."""
    for field in schema:
        unit = getattr(field.type, "unit", None)
        if unit in _TICKS_S and str(field.type).startswith("timestamp"):
            return str(field.name), _TICKS_S[unit]
    found: TimeColumn | None = time_column(tuple(schema.names))
    if found is None or not found.scale:
        raise InvalidInput(
            f"{path}: no sample rate in the metadata and no time column (t_s, unix_ns, ...) in {list(schema.names)[:20]};"
            " give the sample rate"
        )
    return str(schema.names[found.column]), found.scale
