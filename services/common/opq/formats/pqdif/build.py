"""Builds the bytes of PQDIF elements and records (IEEE 1159.3-2003, physical layer)."""

import struct
import zlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.formats.pqdif import tags
from opq.formats.pqdif.element import COLLECTION, DTYPES, ENTRY, EPOCH_DAYS, SCALAR, VECTOR, Collection, Kind, Value
from opq.formats.pqdif.records import HEADER

_EMBEDDED_BYTES = 8
_DAY_NS = 86_400 * NS


def uint4(tag: UUID, value: int) -> Value:
    """Return a scalar of 32 bits."""
    return Value(tag, Kind.UINT4, np.array([value], "<u4"))


def real8(tag: UUID, value: float) -> Value:
    """Return a scalar float64."""
    return Value(tag, Kind.REAL8, np.array([value], "<f8"))


def guid(tag: UUID, value: UUID) -> Value:
    """Return an identifier."""
    return Value(tag, Kind.GUID, np.frombuffer(value.bytes_le, "V16"))


def boolean(tag: UUID, value: bool) -> Value:
    """Return a boolean of 32 bits."""
    return Value(tag, Kind.BOOLEAN4, np.array([int(value)], "<u4"))


def timestamp(tag: UUID, unix_ns: int) -> Value:
    """Return a time, given as ns since the epoch, UTC."""
    days, rest = divmod(unix_ns, _DAY_NS)
    return Value(tag, Kind.TIMESTAMP, np.array([(days + EPOCH_DAYS, rest / NS)], DTYPES[Kind.TIMESTAMP]))


def text(tag: UUID, value: str) -> Value:
    """Return text, ended by a zero."""
    return Value(tag, Kind.CHAR1, np.frombuffer(value.encode() + b"\0", "S1"), scalar=False)


def vector(tag: UUID, kind: Kind, values: npt.NDArray[Any]) -> Value:
    """Return an array of values."""
    return Value(tag, kind, np.asarray(values, DTYPES[kind]), scalar=False)


def body_bytes(root: Collection) -> bytes:
    """Lay out a tree: each collection is followed by what it links to, all at multiples of four bytes."""
    parts: list[bytes] = []
    _lay_out(root, 0, parts)
    return b"".join(parts)


def _lay_out(collection: Collection, at: int, parts: list[bytes]) -> int:
    """Append a collection that begins at byte `at`; returns where it ends."""
    entries: list[bytes] = []
    slot = len(parts)
    parts.append(b"")
    end = at + 4 + ENTRY.size * len(collection.elements)
    for element in collection.elements:
        tag = element.tag.bytes_le
        if isinstance(element, Collection):
            began = end
            end = _lay_out(element, began, parts)
            entries.append(ENTRY.pack(tag, COLLECTION, 0, 0, 0, began, end - began))
            continue
        data = element.values.tobytes()
        if element.scalar and len(data) < _EMBEDDED_BYTES:
            entries.append(ENTRY.pack(tag, SCALAR, element.kind, 1, 0, 0, 0)[:20] + data.ljust(_EMBEDDED_BYTES, b"\0"))
            continue
        if not element.scalar:
            data = struct.pack("<I", len(element.values)) + data
        data += b"\0" * (-len(data) % 4)
        kind_of_element = SCALAR if element.scalar else VECTOR
        entries.append(ENTRY.pack(tag, kind_of_element, element.kind, 0, 0, end, len(data)))
        parts.append(data)
        end += len(data)
    parts[slot] = struct.pack("<I", len(entries)) + b"".join(entries)
    return end


def record_bytes(root: Collection, offset: int, last: bool) -> bytes:
    """Return a record that begins at byte `offset` of the file; all but the container are compressed."""
    body = body_bytes(root)
    if root.tag != tags.CONTAINER:
        body = zlib.compress(body, 6)
    following = 0 if last else offset + HEADER.size + len(body)
    header = HEADER.pack(
        tags.SIGNATURE.bytes_le, root.tag.bytes_le, HEADER.size, len(body), following, zlib.adler32(body), bytes(16)
    )
    return header + body


def collection(tag: UUID, *elements: Collection | Value) -> Collection:
    """Return a collection."""
    return Collection(tag, elements)


def numbered(tag: UUID, of: UUID, each: Sequence[Sequence[Collection | Value]]) -> Collection:
    """Return a collection of collections of one tag."""
    return Collection(tag, tuple(Collection(of, tuple(elements)) for elements in each))
