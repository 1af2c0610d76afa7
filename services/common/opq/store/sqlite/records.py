"""One table of dataclasses: columns for what is queried, JSON for the rest."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from opq.errors import CorruptData
from opq.store.documents import Document, from_document, to_document
from opq.store.sqlite.connection import Row

T = TypeVar("T")


class Records(Generic[T]):
    """How objects of one class become rows of one table and back.

    Parameters
    ----------
    cls : type
        The dataclass.
    table : str
        The table; it has the column `rest` beside `columns`.
    columns : tuple of str
        Entries of the document that are columns.
    encode, decode : callable, optional
        Object to document and back, where it is not `to_document` and `from_document`.
    """

    def __init__(
        self,
        cls: type[T],
        table: str,
        columns: tuple[str, ...],
        encode: Callable[[T], Document] = to_document,
        decode: Callable[[Mapping[str, Any]], T] | None = None,
    ) -> None:
        self.columns = columns
        self._encode = encode
        self._decode: Callable[[Mapping[str, Any]], T] = decode or partial(from_document, cls)
        self.select = ", ".join((*columns, "rest"))
        self.insert = f"INSERT INTO {table} ({self.select}) VALUES ({', '.join('?' * (len(columns) + 1))})"
        self.replace = self.insert.replace("INSERT", "INSERT OR REPLACE", 1)

    def row(self, value: T) -> Row:
        """Return the row of an object, in the order of `select`."""
        document = self._encode(value)
        cells = [document.pop(column) for column in self.columns]
        return (*cells, json.dumps(document, ensure_ascii=False, separators=(",", ":")))

    def read(self, row: Row) -> T:
        """Return the object of a row in the order of `select`."""
        try:
            rest = json.loads(row[-1])
        except json.JSONDecodeError as error:
            raise CorruptData(f"store: {row[0]!r} does not read back: {error}") from error
        return self._decode({**rest, **dict(zip(self.columns, row[:-1], strict=True))})


class Where:
    """Conditions that all hold, with their values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.bindings: list[Any] = []

    def add(self, condition: str, *bindings: Any) -> None:
        """Add a condition with its ``?`` values."""
        self._conditions.append(condition)
        self.bindings.extend(bindings)

    def one_of(self, column: str, values: tuple[str, ...]) -> None:
        """Add: the column is one of `values`."""
        self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def overlaps(self, table: str, start_unix_ns: int | None, end_unix_ns: int | None) -> None:
        """Add: the span of the row overlaps ``[start, end)``; an instant is where it lies.

        What overlaps cannot have begun earlier than the longest span of the table before `start`; that bounds the
        walk through an index by start, which otherwise ended only at the oldest row.
        """
        if end_unix_ns is not None:
            self.add("start_unix_ns < ?", end_unix_ns)
        if start_unix_ns is not None:
            self.add(f"start_unix_ns >= ? - (SELECT max(end_unix_ns - start_unix_ns) FROM {table})", start_unix_ns)
            self.add("(end_unix_ns > ? OR start_unix_ns >= ?)", start_unix_ns, start_unix_ns)

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
