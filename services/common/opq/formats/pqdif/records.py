"""The chain of records of a PQDIF file, and their bodies (IEEE 1159.3-2003, physical layer)."""

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from opq.errors import CorruptData, InvalidInput
from opq.formats.pqdif import tags
from opq.formats.pqdif.element import Collection, parse_body
from opq.formats.text import note

HEADER = struct.Struct("<16s16sIIII16s")
"""Signature, tag, sizes of header and body, offset of the next record, Adler-32 of the body as stored, reserved."""
COMPRESSION_NONE, COMPRESSION_FILE, COMPRESSION_RECORD = 0, 1, 2
ALGORITHM_NONE, ALGORITHM_ZLIB = 0, 1
_MOST_RECORDS = 1_000_000
_MOST_INFLATED = 512 << 20
"""A body that inflates to more is refused [bytes]."""


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """Where a record lies.

    Attributes
    ----------
    offset, body_offset, body_size : int
        In the file [bytes].
    checksum : int
        Adler-32 of the body as stored; 0 if the file gives none.
    """

    offset: int
    tag: UUID
    body_offset: int
    body_size: int
    checksum: int

    @property
    def name(self) -> str:
        """Name of the kind of record."""
        return tags.NAMES.get(self.tag, str(self.tag))


@dataclass(slots=True, eq=False)
class RecordFile:
    """The records of a file; bodies are read when they are asked for.

    Attributes
    ----------
    compressed : bool
        Whether all bodies but that of the container are zlib streams.
    """

    path: Path
    headers: tuple[RecordHeader, ...]
    container: Collection
    compressed: bool
    notes: list[str] = field(default_factory=list)

    def tree(self, header: RecordHeader) -> Collection:
        """Read a record.

        Raises
        ------
        CorruptData
            Naming the byte of the file where the record begins, and what is wrong in it.
        """
        body = _stored_body(self.path, header, self.notes)
        try:
            if self.compressed and header.tag != tags.CONTAINER:
                body = _inflated(body)
            return parse_body(body, header.tag)
        except (CorruptData, zlib.error) as error:
            raise CorruptData(f"{self.path}: record at byte {header.offset} ({header.name}): {error}") from error


def read_records(path: Path) -> RecordFile:
    """Follow the chain of records of a file, and read its container.

    A chain that breaks gives the records before the break, and a note.

    Raises
    ------
    InvalidInput
        If the file does not begin with a container record that can be read.
    """
    notes: list[str] = []
    headers = _chain(path, notes)
    if not headers or headers[0].tag != tags.CONTAINER:
        raise InvalidInput(f"{path}: not readable as PQDIF: the file does not begin with a container record")
    plain = RecordFile(path, headers, Collection(tags.CONTAINER), False, notes)
    container = plain.tree(headers[0])
    style = container.whole(tags.COMPRESSION_STYLE_ID, COMPRESSION_NONE)
    algorithm = container.whole(tags.COMPRESSION_ALGORITHM_ID, ALGORITHM_NONE)
    if style not in (COMPRESSION_NONE, COMPRESSION_RECORD) or algorithm not in (ALGORITHM_NONE, ALGORITHM_ZLIB):
        raise InvalidInput(
            f"{path}: compression of style {style} with algorithm {algorithm} is not supported; expected none,"
            " or zlib record by record"
        )
    compressed = style == COMPRESSION_RECORD and algorithm == ALGORITHM_ZLIB
    return RecordFile(path, headers, container, compressed, notes)


def _chain(path: Path, notes: list[str]) -> tuple[RecordHeader, ...]:
    size = path.stat().st_size
    headers: list[RecordHeader] = []
    seen: set[int] = set()
    at = 0
    with path.open("rb") as file:
        while at not in seen and len(headers) < _MOST_RECORDS:
            seen.add(at)
            file.seek(at)
            data = file.read(HEADER.size)
            if len(data) < HEADER.size:
                note(notes, f"byte {at}: the file of {size} bytes ends before the record that should be there")
                break
            signature, tag, header_size, body_size, following, checksum, _ = HEADER.unpack(data)
            if signature != tags.SIGNATURE.bytes_le or header_size < HEADER.size:
                note(notes, f"byte {at}: no record begins there; read up to it")
                break
            body_at = at + header_size
            if body_at + body_size > size:
                note(notes, f"byte {at}: the record ends at byte {body_at + body_size}, the file at {size}; left out")
                break
            headers.append(RecordHeader(at, UUID(bytes_le=tag), body_at, body_size, checksum))
            if not following:
                return tuple(headers)
            if following in seen:
                note(notes, f"byte {at}: the next record is said to be at byte {following}, which was read before")
            at = following
    return tuple(headers)


def _stored_body(path: Path, header: RecordHeader, notes: list[str]) -> bytes:
    with path.open("rb") as file:
        file.seek(header.body_offset)
        body = file.read(header.body_size)
    if len(body) != header.body_size:
        raise CorruptData(f"{path}: record at byte {header.offset}: the file became shorter while it was read")
    if header.checksum and zlib.adler32(body) != header.checksum:
        note(notes, f"record at byte {header.offset}: its checksum is wrong; read all the same")
    return body


def _inflated(body: bytes) -> bytes:
    if not body:
        return body
    stream = zlib.decompressobj()
    data = stream.decompress(body, _MOST_INFLATED)
    if stream.unconsumed_tail:
        raise CorruptData(f"the body inflates to more than {_MOST_INFLATED} bytes")
    return data
