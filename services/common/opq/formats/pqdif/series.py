"""Series of numbers of a PQDIF channel: how they are stored, scaled and shared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.errors import CorruptData
from opq.formats.pqdif.element import EPOCH_DAYS, Kind, Value
from opq.formats.recording import SampleArray

STORED_VALUES, STORED_SCALED, STORED_INCREMENT = 1, 2, 4
"""Bits of the storage method: a plain array; to be scaled; counts of equal steps instead of an array."""
MOST_VALUES = 50_000_000
"""No series of counted steps may announce more values."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One series of a channel.

    Attributes
    ----------
    value_type : str
        ``val``, ``time``, ``min``, ``max``, ``avg`` and so on.
    unit : str
        Unit of the values; of a time it is ``s`` after the start of the observation, or ``unix`` [s since the epoch].
    characteristic : str
        Such as ``rms``; ``instantaneous`` for waveforms.
    stored : Value
        As in the file.
    scale, offset : float
        A stored number x is the value ``scale * x + offset``.
    increments : bool
        Whether `stored` counts steps instead of holding values.
    """

    value_type: str
    unit: str
    characteristic: str
    stored: Value
    scale: float = 1.0
    offset: float = 0.0
    increments: bool = False

    def __len__(self) -> int:
        """Return the number of values."""
        return sum(count for count, _ in self.steps()) if self.increments else len(self.stored.values)

    def steps(self) -> list[tuple[int, float]]:
        """Return the runs of a series of increments: how many values, and the step between them.

        Raises
        ------
        CorruptData
            If the numbers make no runs.
        """
        numbers = _real(self.stored.values)
        runs = int(numbers[0]) if len(numbers) and np.isfinite(numbers[0]) and 0 <= numbers[0] < len(numbers) else -1
        if runs < 1 or len(numbers) < 1 + 2 * runs:
            raise CorruptData(f"a series of increments of {len(numbers)} numbers makes no runs")
        counts, steps = numbers[1 : 1 + 2 * runs : 2], numbers[2 : 2 + 2 * runs : 2]
        if not (np.isfinite(counts).all() and (counts >= 0).all() and counts.sum() <= MOST_VALUES):
            raise CorruptData(
                f"a series of increments announces {counts.sum():g} values, at most {MOST_VALUES} are read"
            )
        return [(int(count), float(step)) for count, step in zip(counts, steps, strict=True)]

    def values(self, first: int = 0, last: int | None = None) -> SampleArray:
        """Return values in `unit`.

        Parameters
        ----------
        first, last : int
            Numbers of the first value and of that after the last, of all if not given.
        """
        if self.stored.kind is Kind.TIMESTAMP:
            stamps = self.stored.values[first:last]
            seconds = (stamps["days"].astype(np.float64) - EPOCH_DAYS) * 86_400 + stamps["seconds"]
            return np.asarray(seconds, np.float64)
        raw = self._expanded()[first:last] if self.increments else _real(self.stored.values[first:last])
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(raw * self.scale + self.offset, np.float64)

    def even_step(self) -> float | None:
        """Return the step [`unit`] if the series is one run of increments, which needs no values."""
        runs = [run for run in self.steps() if run[0]] if self.increments else []
        return runs[0][1] * self.scale if len(runs) == 1 else None

    def _expanded(self) -> SampleArray:
        parts: list[SampleArray] = [np.empty(0)]
        start = 0.0
        for count, step in self.steps():
            parts.append(start + step * np.arange(count, dtype=np.float64))
            start += count * step
        return np.concatenate(parts)


def unix_ns_of(series: Series, start_unix_ns: int) -> npt.NDArray[np.int64]:
    """Return the times of a time series [ns since the epoch]; values that are no times become the start."""
    values = series.values()
    offset = 0 if series.unit == "unix" else start_unix_ns
    usable = np.where(np.abs(values) < 1e10, values, 0.0)
    whole = np.floor(usable)
    times: npt.NDArray[np.int64] = whole.astype(np.int64) * NS + np.rint((usable - whole) * NS).astype(np.int64)
    return times + offset


def _real(values: npt.NDArray[Any]) -> SampleArray:
    if values.dtype.kind not in "iufcb":
        return np.full(len(values), np.nan)
    return np.asarray(np.real(values), np.float64)
