"""An open file of recordings."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np

from opq.errors import InvalidInput
from opq.formats.recording import Channel, Recording, StoredRecording

_BLOCK = 65_536


def _nothing() -> None:
    """Close nothing."""


@dataclass(slots=True, eq=False)
class RecordingFile:
    """A file of one or more recordings; a context manager that closes it.

    Attributes
    ----------
    source : str
        Path of the file.
    form : str
        Name of its format.
    recordings : tuple
        In the order of the file.
    notes : list of str
        What was odd or damaged and how it was read all the same; may grow while samples are read.
    """

    source: str
    form: str
    recordings: tuple[StoredRecording, ...]
    notes: list[str] = field(default_factory=list)
    close: Callable[[], None] = field(default=_nothing, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def recording(self, number: int = 1) -> StoredRecording:
        """Return a recording by its number from 1.

        Raises
        ------
        InvalidInput
            If there is none of that number.
        """
        if not 1 <= number <= len(self.recordings):
            raise InvalidInput(f"{self.source}: got recording {number}, expected 1 to {len(self.recordings)}")
        return self.recordings[number - 1]

    def load(self, number: int = 1) -> Recording:
        """Read a recording whole into memory, by its number from 1."""
        stored = self.recording(number)
        blocks = list(stored.blocks(range(len(stored.channels)), _BLOCK))
        samples = np.concatenate(blocks, axis=1) if blocks else np.empty((len(stored.channels), 0))
        channels = tuple(
            Channel(info.name, info.unit, row, info.phase) for info, row in zip(stored.channels, samples, strict=True)
        )
        return Recording(stored.source, stored.sample_rate_hz, channels, stored.start_unix_ns, tuple(self.notes))
