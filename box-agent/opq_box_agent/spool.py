"""Frames that are not yet acknowledged, on disk, bounded; what is there after a restart is sent again.

Segment files ``NNNNNNNNNNNNNNNN.spool`` (named by the first sequence in them) hold records of
``length u32 | CRC-32 u32 | sequence u64 | frame``. A record that does not check out ends its segment: it was
torn when the power went. A segment is deleted when all its frames are acknowledged; which single frames were is
not written down, for sending a stored frame again does no harm.
"""

import struct
import zlib
from pathlib import Path

_RECORD = struct.Struct("<IIQ")
_SEGMENT_BYTES = 256 * 1024


class Spool:
    """A bounded, persistent set of encoded frames by sequence number.

    Parameters
    ----------
    directory : Path
        Where the segments are; made if missing.
    max_bytes : int
        When more would be kept the oldest segment goes, and `dropped` counts its frames.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._max_bytes = directory, max_bytes
        self._where: dict[int, tuple[Path, int, int]] = {}
        self._left: dict[Path, set[int]] = {}
        self._sizes: dict[Path, int] = {}
        self._open: tuple[Path, int] | None = None
        self._newest = self._read_newest()
        self.dropped = 0
        """Frames lost for want of space since the start."""
        for path in sorted(directory.glob("*.spool")):
            self._recover(path)

    def __len__(self) -> int:
        return len(self._where)

    @property
    def sequences(self) -> list[int]:
        """Sequence numbers of the frames held, oldest first."""
        return sorted(self._where)

    def next_sequence(self) -> int:
        """Return the number of the next frame; numbers are never used twice, also after a restart."""
        self._newest += 1
        return self._newest

    def append(self, sequence: int, frame: bytes) -> None:
        """Keep one encoded frame."""
        path = self._segment_for(sequence)
        record = _RECORD.pack(len(frame), zlib.crc32(frame), sequence) + frame
        with path.open("ab") as file:
            offset = file.tell()
            file.write(record)
        self._remember(path, sequence, offset + _RECORD.size, len(frame))
        self._sizes[path] = offset + len(record)
        self._shrink()

    def get(self, sequence: int) -> bytes | None:
        """Return one frame, None if it is not held (any more)."""
        where = self._where.get(sequence)
        if where is None:
            return None
        path, offset, length = where
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def remove(self, first: int, last: int) -> None:
        """Forget the frames `first` to `last`, both included."""
        held = (
            range(first, last + 1)
            if last - first < len(self._where)
            else [n for n in self._where if first <= n <= last]
        )
        for sequence in held:
            where = self._where.pop(sequence, None)
            if where is None:
                continue
            left = self._left[where[0]]
            left.discard(sequence)
            if not left:
                self._delete(where[0])

    def _segment_for(self, sequence: int) -> Path:
        if self._open and self._sizes.get(self._open[0], _SEGMENT_BYTES) < _SEGMENT_BYTES:
            return self._open[0]
        path = self._directory / f"{sequence:016d}.spool"
        self._open = (path, sequence)
        self._left[path], self._sizes[path] = set(), 0
        self._write_newest(sequence)
        return path

    def _remember(self, path: Path, sequence: int, offset: int, length: int) -> None:
        self._where[sequence] = (path, offset, length)
        self._left.setdefault(path, set()).add(sequence)

    def _shrink(self) -> None:
        while sum(self._sizes.values()) > self._max_bytes and len(self._sizes) > 1:
            oldest = min(self._sizes)
            self.dropped += len(self._left[oldest])
            for sequence in self._left[oldest]:
                del self._where[sequence]
            self._delete(oldest)

    def _delete(self, path: Path) -> None:
        if self._open and self._open[0] == path:
            self._write_newest(self._newest)
            self._open = None
        path.unlink(missing_ok=True)
        del self._left[path], self._sizes[path]

    def _recover(self, path: Path) -> None:
        """Read a segment up to its first record that does not check out, and cut off the rest."""
        data = path.read_bytes()
        offset = 0
        while offset + _RECORD.size <= len(data):
            length, crc, sequence = _RECORD.unpack_from(data, offset)
            frame = data[offset + _RECORD.size : offset + _RECORD.size + length]
            if len(frame) != length or zlib.crc32(frame) != crc:
                break
            self._remember(path, sequence, offset + _RECORD.size, length)
            self._newest = max(self._newest, sequence)
            offset += _RECORD.size + length
        if path not in self._left:
            path.unlink()
            return
        self._sizes[path] = offset
        if offset < len(data):
            with path.open("r+b") as file:
                file.truncate(offset)

    # The newest number is written down when a segment begins or goes, so that an empty spool knows it too.

    def _read_newest(self) -> int:
        path = self._directory / "newest"
        return int(path.read_text()) if path.exists() else 0

    def _write_newest(self, sequence: int) -> None:
        path = self._directory / "newest"
        fresh = path.with_suffix(".new")
        fresh.write_text(str(sequence))
        fresh.replace(path)
