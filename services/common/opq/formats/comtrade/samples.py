"""The samples of a COMTRADE recording as they are stored: numbers, states and time stamps, in chunks."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput
from opq.formats.comtrade.config import BINARY, BINARY32, FLOAT32, Config
from opq.formats.comtrade.layout import Layout
from opq.formats.recording import SampleArray, StateArray
from opq.formats.text import note

CHUNK_BYTES = 4 << 20
MISSING_STAMP = 0xFFFF_FFFF
_ANALOG = {BINARY: "<i2", BINARY32: "<i4", FLOAT32: "<f4"}
_MISSING = {BINARY: -(2**15), BINARY32: -(2**31)}
"""8.6.7 (M): a missing value is the most negative number."""


class StoredSamples(Protocol):
    """Samples by number from 0; `last` is not read. Missing values are NaN, numbers are not scaled."""

    count: int

    def numbers(self, channels: tuple[int, ...], first: int, last: int) -> Iterator[SampleArray]:
        """Yield (k, any) arrays of stored numbers of analogue channels."""
        ...

    def states(self, first: int, last: int) -> Iterator[StateArray]:
        """Yield (d, any) arrays of the states of all digital channels."""
        ...

    def stamps(self, first: int, last: int) -> Iterator[npt.NDArray[np.int64]]:
        """Yield time stamps [ticks]; `MISSING_STAMP` where there is none."""
        ...


class BinarySamples:
    """Records of fixed length: sample number, time stamp, analogue values, states in words of 16 bits (8.6 (M))."""

    def __init__(self, layout: Layout, config: Config, notes: list[str]) -> None:
        words = -(-len(config.digital) // 16)
        analog = np.dtype(_ANALOG[config.data_form])
        self._record = np.dtype(
            [
                ("number", "<u4"),
                ("stamp", "<u4"),
                ("analog", analog, (len(config.analog),)),
                ("digital", "<u2", (words,)),
            ]
        )
        self._layout, self._form, self._digital = layout, config.data_form, len(config.digital)
        self.count, rest = divmod(layout.length, self._record.itemsize)
        if rest:
            at = layout.offset + self.count * self._record.itemsize
            note(
                notes,
                f"{layout.data.name} byte {at}: got {rest} bytes of a record of {self._record.itemsize}, left out",
            )

    def _records(self, first: int, last: int) -> Iterator[np.ndarray]:
        size = self._record.itemsize
        step = max(1, CHUNK_BYTES // size)
        with self._layout.data.open("rb") as file:
            file.seek(self._layout.offset + first * size)
            for at in range(first, last, step):
                wanted = min(step, last - at)
                data = file.read(wanted * size)
                if len(data) != wanted * size:
                    raise InvalidInput(f"{self._layout.data}: the file became shorter while it was read")
                yield np.frombuffer(data, self._record)

    def numbers(self, channels: tuple[int, ...], first: int, last: int) -> Iterator[SampleArray]:
        """See :class:`StoredSamples`."""
        for records in self._records(first, last):
            stored = records["analog"][:, list(channels)]
            with np.errstate(invalid="ignore"):
                values = np.ascontiguousarray(stored.T, np.float64)
            if self._form in _MISSING:
                values[_MISSING[self._form] == stored.T] = np.nan
            yield values

    def states(self, first: int, last: int) -> Iterator[StateArray]:
        """See :class:`StoredSamples`."""
        for records in self._records(first, last):
            words = np.ascontiguousarray(records["digital"])
            bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little")
            yield np.ascontiguousarray(bits[:, : self._digital].T)

    def stamps(self, first: int, last: int) -> Iterator[npt.NDArray[np.int64]]:
        """See :class:`StoredSamples`."""
        for records in self._records(first, last):
            yield records["stamp"].astype(np.int64)
