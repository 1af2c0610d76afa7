"""Elements, of which a PQDIF record is a tree: collections, scalars and vectors (IEEE 1159.3-2003, physical layer)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.errors import CorruptData
from opq.formats.pqdif.tags import NAMES

COLLECTION, SCALAR, VECTOR = 1, 2, 3
ENTRY = struct.Struct("<16sBBBBII")
"""Tag, kind of element, kind of value, whether it is embedded, reserved, then link and size or the value itself."""
_DEEPEST = 32
_MOST_ELEMENTS = 500_000
EPOCH_DAYS = 25_569
"""Days from the zero of PQDIF time stamps to 1970: the constant of the standard, two more than from 1 January 1900."""
_LEAST_DAYS, _MOST_DAYS = EPOCH_DAYS + 365, 200_000
"""Monitors without a clock count from 1900 or 1970."""
TIMESTAMP = np.dtype([("days", "<u4"), ("seconds", "<f8")])


class Kind(IntEnum):
    """Kinds of values."""

    BOOLEAN1 = 1
    BOOLEAN2 = 2
    BOOLEAN4 = 3
    CHAR1 = 10
    CHAR2 = 11
    INT1 = 20
    INT2 = 21
    INT4 = 22
    UINT1 = 30
    UINT2 = 31
    UINT4 = 32
    REAL4 = 40
    REAL8 = 41
    COMPLEX8 = 42
    COMPLEX16 = 43
    TIMESTAMP = 50
    GUID = 60


DTYPES: dict[Kind, np.dtype[Any]] = {
    Kind.BOOLEAN1: np.dtype("u1"),
    Kind.BOOLEAN2: np.dtype("<u2"),
    Kind.BOOLEAN4: np.dtype("<u4"),
    Kind.CHAR1: np.dtype("S1"),
    Kind.CHAR2: np.dtype("<u2"),
    Kind.INT1: np.dtype("i1"),
    Kind.INT2: np.dtype("<i2"),
    Kind.INT4: np.dtype("<i4"),
    Kind.UINT1: np.dtype("u1"),
    Kind.UINT2: np.dtype("<u2"),
    Kind.UINT4: np.dtype("<u4"),
    Kind.REAL4: np.dtype("<f4"),
    Kind.REAL8: np.dtype("<f8"),
    Kind.COMPLEX8: np.dtype("<c8"),
    Kind.COMPLEX16: np.dtype("<c16"),
    Kind.TIMESTAMP: TIMESTAMP,
    Kind.GUID: np.dtype("V16"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """A scalar, or a vector of values of one kind.

    Attributes
    ----------
    values : (n,) array
        In the type of `kind`; a scalar has one.
    """

    tag: UUID
    kind: Kind
    values: npt.NDArray[Any]
    scalar: bool = True

    def text(self) -> str:
        """Return a vector of characters as text, up to the first zero."""
        if self.kind is Kind.CHAR2:
            return self.values.tobytes().decode("utf-16-le", "replace").split("\0", 1)[0]
        data = self.values.tobytes().split(b"\0", 1)[0]
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")

    def number(self) -> float:
        """Return the first value as a number; NaN if it is none."""
        if not len(self.values) or self.kind in (Kind.CHAR1, Kind.CHAR2, Kind.TIMESTAMP, Kind.GUID):
            return float("nan")
        return float(np.real(self.values[0]))

    def uuid(self) -> UUID | None:
        """Return the first value as an identifier; None if it is none."""
        if self.kind is not Kind.GUID or not len(self.values):
            return None
        return UUID(bytes_le=self.values[0].tobytes())

    def unix_ns(self) -> int | None:
        """Return the first value as a time [ns since the epoch, UTC]; None if it is none or not usable."""
        if self.kind is not Kind.TIMESTAMP or not len(self.values):
            return None
        return unix_ns(int(self.values["days"][0]), float(self.values["seconds"][0]))

    def shown(self) -> object:
        """Return what a person reads: text, a number, a time, an identifier or a list of them."""
        if self.kind in (Kind.CHAR1, Kind.CHAR2) and not self.scalar:
            return self.text()
        if self.kind is Kind.GUID:
            return [str(UUID(bytes_le=one.tobytes())) for one in self.values]
        if self.kind is Kind.TIMESTAMP:
            return [unix_ns(int(one["days"]), float(one["seconds"])) for one in self.values]
        values = self.values.tolist()
        return values[0] if self.scalar and values else values


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Elements under a tag, in the order of the file."""

    tag: UUID
    elements: tuple["Collection | Value", ...] = ()

    def collections(self, tag: UUID) -> Iterator["Collection"]:
        """Yield the collections of a tag."""
        for element in self.elements:
            if element.tag == tag and isinstance(element, Collection):
                yield element

    def collection(self, tag: UUID) -> "Collection":
        """Return the first collection of a tag, an empty one if there is none."""
        return next(self.collections(tag), Collection(tag))

    def value(self, tag: UUID) -> Value | None:
        """Return the first scalar or vector of a tag."""
        return next((one for one in self.elements if one.tag == tag and isinstance(one, Value)), None)

    def text(self, tag: UUID) -> str:
        """Return the text of a tag, empty if there is none."""
        found = self.value(tag)
        return found.text().strip() if found and found.kind in (Kind.CHAR1, Kind.CHAR2) else ""

    def number(self, tag: UUID, default: float) -> float:
        """Return the number of a tag, `default` if there is none or it is not finite."""
        found = self.value(tag)
        number = found.number() if found else default
        return number if np.isfinite(number) else default

    def whole(self, tag: UUID, default: int) -> int:
        """Return the whole number of a tag."""
        return int(self.number(tag, default))

    def uuid(self, tag: UUID) -> UUID | None:
        """Return the identifier of a tag."""
        found = self.value(tag)
        return found.uuid() if found else None

    def unix_ns(self, tag: UUID) -> int | None:
        """Return the time of a tag [ns since the epoch, UTC]."""
        found = self.value(tag)
        return found.unix_ns() if found else None

    def lines(self, depth: int = 0) -> Iterator[str]:
        """Yield the tree as lines of text, for people."""
        yield f"{'  ' * depth}{NAMES.get(self.tag, self.tag)}"
        for element in self.elements:
            if isinstance(element, Collection):
                yield from element.lines(depth + 1)
            else:
                yield f"{'  ' * (depth + 1)}{NAMES.get(element.tag, element.tag)} = {str(element.shown())[:200]}"


def unix_ns(days: int, seconds: float) -> int | None:
    """Return a PQDIF time stamp as a time [ns since the epoch, UTC]; None if it is not usable.

    To a microsecond: many programs compute the seconds from fractions of a day, which leaves a rest of some 100 ns.
    """
    if not _LEAST_DAYS < days < _MOST_DAYS or not -86_400 <= seconds <= 2 * 86_400:
        return None
    return (days - EPOCH_DAYS) * 86_400 * NS + round(seconds * 1e6) * 1000


class _Parser:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._elements = 0

    def collection(self, at: int, tag: UUID, depth: int) -> Collection:
        if depth > _DEEPEST:
            raise CorruptData(f"byte {at}: collections are nested more than {_DEEPEST} deep")
        count = self._uint4(at)
        if count * ENTRY.size > len(self._body) - at - 4:
            raise CorruptData(f"byte {at}: a collection of {count} elements does not fit into the record")
        self._elements += count
        if self._elements > _MOST_ELEMENTS:
            raise CorruptData(f"byte {at}: got more than {_MOST_ELEMENTS} elements in one record")
        entries = (self._element(at + 4 + number * ENTRY.size, depth) for number in range(count))
        return Collection(tag, tuple(entry for entry in entries if entry is not None))

    def _element(self, at: int, depth: int) -> Collection | Value | None:
        tag, kind_of_element, kind, embedded, _, link, _ = ENTRY.unpack_from(self._body, at)
        name = UUID(bytes_le=tag)
        if kind_of_element == COLLECTION:
            return self.collection(link, name, depth + 1)
        if kind_of_element not in (SCALAR, VECTOR) or kind not in DTYPES:
            # Elements of kinds that later editions add are passed over.
            return None
        if kind_of_element == SCALAR:
            return Value(name, Kind(kind), self._values(at + 20 if embedded else link, Kind(kind), 1))
        return Value(name, Kind(kind), self._values(link + 4, Kind(kind), self._uint4(link)), scalar=False)

    def _values(self, at: int, kind: Kind, count: int) -> npt.NDArray[Any]:
        dtype = DTYPES[kind]
        if at + count * dtype.itemsize > len(self._body):
            raise CorruptData(f"byte {at}: {count} values of {dtype.itemsize} bytes do not fit into the record")
        return np.frombuffer(self._body, dtype, count, at)

    def _uint4(self, at: int) -> int:
        if at + 4 > len(self._body):
            raise CorruptData(f"byte {at}: a link leads out of the record of {len(self._body)} bytes")
        return int.from_bytes(self._body[at : at + 4], "little")


def parse_body(body: bytes, tag: UUID) -> Collection:
    """Parse the body of a record, not compressed.

    Raises
    ------
    CorruptData
        Naming the byte of the body where something does not fit.
    """
    return _Parser(body).collection(0, tag, 0)
