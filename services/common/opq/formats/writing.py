"""What all writers share: options, passes over the samples, and files that appear whole or not at all."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from opq.errors import InvalidInput
from opq.formats.recording import SampleArray, StoredRecording

_BLOCK_VALUES = 1 << 18
"""Values held at once, all channels together."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many samples are done, and of how many."""


def _silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write.

    Attributes
    ----------
    variant : str
        Of a format that has several: COMTRADE ``ascii``, ``binary``, ``binary32``, ``float32``.
    volts_per_count : float or None
        For formats of whole numbers [V]; None chooses it so that the greatest value fits.
    progress : callable
        See `Progress`.
    """

    variant: str = ""
    volts_per_count: float | None = None
    progress: Progress = _silent


AS_USUAL = WriteOptions()


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes
    ----------
    samples : int
        Per channel, in all recordings.
    notes : list of str
        What of the recordings the format could not keep.
    """

    form: str
    files: tuple[Path, ...]
    recordings: int
    channels: int
    samples: int
    notes: list[str] = field(default_factory=list)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; what was written there takes the place of `path` when all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def walk(stored: StoredRecording, options: WriteOptions, what: str = "writing") -> Iterator[SampleArray]:
    """Yield blocks of all channels, reporting progress."""
    done = 0
    for block in stored.blocks(range(len(stored.channels)), block_length(stored)):
        yield block
        done += block.shape[1]
        options.progress(what, done, stored.samples)


def block_length(stored: StoredRecording) -> int:
    """Samples per channel in a block, so that a block of all channels stays small."""
    return max(256, _BLOCK_VALUES // max(1, len(stored.channels)))


@dataclass(frozen=True, slots=True)
class Extent:
    """Least and greatest value per channel [its unit], and whether all values are whole numbers."""

    least: SampleArray
    most: SampleArray
    whole: bool
    samples: int


def extent(stored: StoredRecording, options: WriteOptions) -> Extent:
    """Pass over the samples once, for formats that must know the range before the first sample is written.

    Raises
    ------
    InvalidInput
        If there are no samples, or one is not a number.
    """
    least = np.full(len(stored.channels), np.inf)
    most, whole, samples = -least, True, 0
    for block in walk(stored, options, "measuring"):
        if not np.isfinite(block).all():
            at = int(np.argmin(np.isfinite(block).all(axis=0)))
            raise InvalidInput(
                f"{stored.source}: sample {samples + at + 1} is not a number, this format holds numbers only"
            )
        np.minimum(least, block.min(axis=1), out=least)
        np.maximum(most, block.max(axis=1), out=most)
        whole = whole and bool((block == np.rint(block)).all())
        samples += block.shape[1]
    if not samples:
        raise InvalidInput(f"{stored.source}: holds no samples to write")
    return Extent(least, most, whole, samples)


def only(recordings: Sequence[StoredRecording], path: Path, form: str) -> StoredRecording:
    """Return the one recording, for a format that holds no more.

    Raises
    ------
    InvalidInput
        If there are several.
    """
    if len(recordings) != 1:
        raise InvalidInput(f"{path}: a {form} file holds one recording, got {len(recordings)}: choose one")
    return recordings[0]
