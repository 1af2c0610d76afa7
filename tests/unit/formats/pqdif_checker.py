"""An independent look at PQDIF files: the published structure, byte by byte, without any code of `opq.formats`."""

import struct
import uuid
import zlib
from dataclasses import dataclass

SIGNATURE = uuid.UUID("4a111440-e49f-11cf-9900-505144494600").bytes_le
CONTAINER = uuid.UUID("89738606-f1c3-11cf-9d89-0080c72e70a3")
DATA_SOURCE = uuid.UUID("89738619-f1c3-11cf-9d89-0080c72e70a3")
SETTINGS = uuid.UUID("b48d858c-f5f5-11cf-9d89-0080c72e70a3")
OBSERVATION = uuid.UUID("8973861a-f1c3-11cf-9d89-0080c72e70a3")
COMPRESSION_STYLE = uuid.UUID("8973861b-f1c3-11cf-9d89-0080c72e70a3")
SIZES = {1: 1, 2: 2, 3: 4, 10: 1, 11: 2, 20: 1, 21: 2, 22: 4, 30: 1, 31: 2, 32: 4, 40: 4, 41: 8, 42: 8, 43: 16, 50: 12}
SIZES[60] = 16


@dataclass
class Record:
    tag: uuid.UUID
    offset: int
    body: bytes
    elements: dict[uuid.UUID, int]
    """How often each tag occurs in the tree."""


def check(data: bytes) -> list[Record]:
    """Follow the records of a file and assert of each that signature, links, sizes and checksum are right."""
    records, at = [], 0
    while True:
        assert data[at : at + 16] == SIGNATURE, f"no signature at {at}"
        tag = uuid.UUID(bytes_le=data[at + 16 : at + 32])
        header, size, following, checksum = struct.unpack_from("<4I", data, at + 32)
        assert header == 64
        assert data[at + 48 : at + 64] == bytes(16)
        stored = data[at + header : at + header + size]
        assert len(stored) == size
        assert zlib.adler32(stored) == checksum
        assert following in (0, at + header + size), "records follow one another without a gap"
        body = stored if tag == CONTAINER else zlib.decompress(stored)
        elements: dict[uuid.UUID, int] = {}
        used = _collection(body, 0, elements)
        assert used == len(body), f"{len(body) - used} bytes of the record at {at} belong to no element"
        records.append(Record(tag, at, body, elements))
        at = following
        if not following:
            break
    return records


def _collection(body: bytes, at: int, elements: dict[uuid.UUID, int]) -> int:
    """Check the elements of a collection; returns the end of the last byte that anything in it uses."""
    (count,) = struct.unpack_from("<I", body, at)
    end = at + 4 + 28 * count
    for number in range(count):
        entry = at + 4 + 28 * number
        tag = uuid.UUID(bytes_le=body[entry : entry + 16])
        elements[tag] = elements.get(tag, 0) + 1
        element, kind, embedded, reserved = body[entry + 16 : entry + 20]
        assert reserved == 0
        link, size = struct.unpack_from("<2I", body, entry + 20)
        if element == 2 and embedded:
            assert SIZES[kind] < 8, "only scalars of less than 8 bytes are embedded"
            assert body[entry + 20 + SIZES[kind] : entry + 28] == bytes(8 - SIZES[kind])
            continue
        assert not embedded
        assert link == end, "elements follow one another in the order of their links"
        assert link % 4 == 0
        assert size % 4 == 0
        if element == 1:
            used = _collection(body, link, elements) - link
        elif element == 2:
            used = SIZES[kind]
        else:
            assert element == 3
            (length,) = struct.unpack_from("<I", body, link)
            used = 4 + length * SIZES[kind]
        assert size == -(-used // 4) * 4, "the size is that of what the link leads to, in whole words"
        end = link + size
        assert end <= len(body)
    return end


def plain(data: bytes) -> bytes:
    """Return the same file without compression, so that what is inside can be damaged."""
    out = b""
    records = check(data)
    for number, record in enumerate(records):
        body = record.body
        if record.tag == CONTAINER:
            at = body.index(COMPRESSION_STYLE.bytes_le)
            body = body[: at + 20] + struct.pack("<I", 0) + body[at + 24 :]
        following = 0 if number == len(records) - 1 else len(out) + 64 + len(body)
        header = struct.pack("<4I", 64, len(body), following, 0)
        out += SIGNATURE + record.tag.bytes_le + header + bytes(16) + body
    return out
