"""Frames that are not yet acknowledged, on disk, bounded; what is there after a restart is sent again.

Segment files ``NNNNNNNNNNNNNNNN.spool`` (named by the first sequence in them) hold records of
``magic | length u32 | CRC-32 u32 | sequence u64 | frame``, the checksum being of all but itself and the magic. What does
not check out was torn when the power went, or its page never reached the disk: it is passed over up to the next record
that does, and cut off at the end. A segment is deleted when all its frames are acknowledged; which single frames were is
not written down, for sending a stored frame again does no harm. The last segment is not deleted but emptied and renamed to
the number that comes next, which needs no space and keeps the numbers rising over a restart.

A disk that takes no more does not stop the box: the oldest segments go, and when that does not help, the newest frames
are held in memory.
"""

import contextlib
import errno
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from opq.errors import InvalidInput
from opq_box_agent.durable import write_at

_RECORD = struct.Struct("<4sIIQ")
_SUMMED = struct.Struct("<IQ")
_MAGIC = b"OPQF"
_MAX_FRAME_BYTES = 1 << 20
_SEGMENT_BYTES = 256 * 1024
MEMORY_FRAMES = 600
"""Held in memory when the disk takes none: ten minutes of half a kilobyte a second."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True, eq=False)
class _Segment:
    path: Path
    size: int = 0
    left: set[int] = field(default_factory=set)
    """Sequences in it that are not yet acknowledged."""


@dataclass(frozen=True, slots=True)
class SpoolState:
    """What a spool on disk holds."""

    frames: int
    bytes: int
    torn: int
    """Places that do not check out."""


class Spool:
    """A bounded, persistent set of encoded frames by sequence number.

    Parameters
    ----------
    directory : Path
        Where the segments are; made if missing.
    max_bytes : int
        When more would be kept the oldest segment goes, and `dropped` counts its frames.

    Raises
    ------
    InvalidInput
        If the directory cannot be made or read.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory, self._max_bytes = directory, max_bytes
        self._where: dict[int, tuple[_Segment, int, int]] = {}
        self._memory: dict[int, bytes] = {}
        self._segments: list[_Segment] = []
        self._unsynced: set[Path] = set()
        self._newest = 0
        self.dropped = 0
        """Frames lost for want of space since the start."""
        self.problem = ""
        """Why the disk does not take frames now; empty if it does."""
        try:
            directory.mkdir(parents=True, exist_ok=True)
            paths = sorted(directory.glob("*.spool"))
        except OSError as error:
            raise InvalidInput(f"spool: cannot use the folder {directory}: {error.strerror}") from error
        for path in paths:
            self._recover(path)
        for segment in self._segments[:-1]:
            if not segment.left:
                self._delete(segment)

    def __len__(self) -> int:
        return len(self._where) + len(self._memory)

    @property
    def sequences(self) -> list[int]:
        """Sequence numbers of the frames held, oldest first."""
        return sorted([*self._where, *self._memory])

    def next_sequence(self) -> int:
        """Return the number of the next frame; numbers are never used twice, also after a restart.

        After a power cut those of frames that were never written out come again.
        """
        self._newest += 1
        return self._newest

    def append(self, sequence: int, frame: bytes) -> None:
        """Keep one encoded frame; what the disk does not take is held in memory, as far as `MEMORY_FRAMES`."""
        crc = zlib.crc32(frame, zlib.crc32(_SUMMED.pack(len(frame), sequence)))
        record = _RECORD.pack(_MAGIC, len(frame), crc, sequence) + frame
        while sum(segment.size for segment in self._segments) + len(record) > self._max_bytes and self._drop_oldest():
            pass
        while True:
            try:
                segment, offset = self._write(sequence, record)
            except OSError as error:
                if error.errno in _FULL and self._drop_oldest():
                    continue
                self.problem = error.strerror or str(error)
                self._keep_in_memory(sequence, frame)
                return
            self._where[sequence] = (segment, offset + _RECORD.size, len(frame))
            segment.left.add(sequence)
            self.problem = ""
            return

    def get(self, sequence: int) -> bytes | None:
        """Return one frame, None if it is not held (any more) or the disk does not give it back."""
        if sequence in self._memory:
            return self._memory[sequence]
        where = self._where.get(sequence)
        if where is None:
            return None
        segment, offset, length = where
        try:
            with segment.path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            self.problem = error.strerror or str(error)
            return None

    def remove(self, first: int, last: int) -> None:
        """Forget the frames `first` to `last`, both included."""
        held = range(first, last + 1) if last - first < len(self) else [n for n in self.sequences if first <= n <= last]
        for sequence in held:
            self._memory.pop(sequence, None)
            where = self._where.pop(sequence, None)
            if where is None:
                continue
            where[0].left.discard(sequence)
            if not where[0].left:
                self._let_go(where[0])

    def take_unsynced(self) -> list[Path]:
        """Return what is to be written out (`durable.write_out`) so that all frames outlast a power cut; then nothing is."""
        paths = sorted(self._unsynced)
        self._unsynced.clear()
        return paths

    def _write(self, sequence: int, record: bytes) -> tuple[_Segment, int]:
        """Write a record behind the last one, whole or not at all; return where it lies."""
        segment = self._segments[-1] if self._segments else None
        if segment is None or segment.size >= _SEGMENT_BYTES:
            segment = _Segment(self._directory / f"{sequence:016d}.spool")
            segment.path.touch()
            self._segments.append(segment)
            self._unsynced.add(self._directory)
        offset = segment.size
        with segment.path.open("r+b", buffering=0) as file:
            try:
                write_at(file.fileno(), record, offset)
            except OSError:
                with contextlib.suppress(OSError):
                    file.truncate(offset)
                raise
        segment.size += len(record)
        self._unsynced.add(segment.path)
        return segment, offset

    def _keep_in_memory(self, sequence: int, frame: bytes) -> None:
        self._memory[sequence] = frame
        if len(self._memory) > MEMORY_FRAMES:
            del self._memory[next(iter(self._memory))]
            self.dropped += 1

    def _drop_oldest(self) -> bool:
        """Make room by deleting the oldest segment; False if there is none but the last."""
        if len(self._segments) < 2:
            return False
        oldest = self._segments[0]
        self.dropped += len(oldest.left)
        for sequence in oldest.left:
            del self._where[sequence]
        self._delete(oldest)
        return True

    def _let_go(self, segment: _Segment) -> None:
        """Delete a segment of which nothing is left; the last one becomes the empty one for the number that comes next."""
        if segment is not self._segments[-1]:
            self._delete(segment)
            return
        # Renamed first: cut off in between, its records still tell the newest number.
        fresh = self._directory / f"{self._newest + 1:016d}.spool"
        with contextlib.suppress(OSError):
            segment.path.rename(fresh)
            self._unsynced.discard(segment.path)
            segment.path = fresh
            os.truncate(fresh, 0)
            segment.size = 0

    def _delete(self, segment: _Segment) -> None:
        with contextlib.suppress(OSError):
            segment.path.unlink(missing_ok=True)
        self._unsynced.discard(segment.path)
        self._segments.remove(segment)

    def _recover(self, path: Path) -> None:
        """Take over a segment: the records that check out; what is torn at its end is cut off."""
        try:
            data = path.read_bytes()
        except OSError as error:
            self.problem = f"{path.name} does not read: {error.strerror}"
            return
        segment, end = _Segment(path), 0
        for offset, length, sequence in _records(data):
            self._where[sequence] = (segment, offset, length)
            segment.left.add(sequence)
            end = offset + length
        self._newest = max(self._newest, int(path.stem) - 1 if path.stem.isdecimal() else 0, *segment.left, 0)
        segment.size = end
        self._segments.append(segment)
        with contextlib.suppress(OSError):
            if end < len(data):
                os.truncate(path, end)


def inspect_spool(directory: Path) -> SpoolState:
    """Look at a spool without changing it, also while an agent uses it.

    Raises
    ------
    OSError
        If a segment does not read.
    """
    frames = size = torn = 0
    for path in sorted(directory.glob("*.spool")):
        with contextlib.suppress(FileNotFoundError):
            data = path.read_bytes()
            end = 0
            for offset, length, _ in _records(data):
                torn += offset - _RECORD.size != end
                end = offset + length
                frames += 1
            torn += end != len(data)
            size += len(data)
    return SpoolState(frames, size, torn)


def _records(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Find the records of a segment that check out: offset and length of the frame, sequence."""
    at = data.find(_MAGIC)
    while at >= 0 and at + _RECORD.size <= len(data):
        _, length, crc, sequence = _RECORD.unpack_from(data, at)
        begin, end = at + _RECORD.size, at + _RECORD.size + length
        whole = length <= _MAX_FRAME_BYTES and end <= len(data)
        if whole and zlib.crc32(data[begin:end], zlib.crc32(_SUMMED.pack(length, sequence))) == crc:
            yield begin, length, sequence
            at = end if data.startswith(_MAGIC, end) else data.find(_MAGIC, end)
        else:
            at = data.find(_MAGIC, at + 1)
