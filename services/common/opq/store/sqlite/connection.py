"""Connections to one SQLite file: who may write, how long to wait, what its errors mean.

One connection writes, behind a lock, so that threads of a process queue up instead of polling the file lock;
readers take a connection of their own from a pool, see the newest committed state and never wait for the writer.
Several processes may do so at once: between them SQLite's lock decides, with a busy timeout.

apsw rather than the standard library's sqlite3, because it brings a SQLite new enough (>= 3.51.3) not to have
the WAL-reset race, which loses pages when several connections write and checkpoint at once.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from opq.errors import CorruptData, Duplicate, InvalidInput, Unavailable

BUSY_TIMEOUT_S = 15.0
"""How long a writer waits for another process; a batch takes milliseconds, a checkpoint of a full log a second."""
IDLE_READERS = 8
"""Connections kept for the next reader; more are opened when more threads read at once, and closed afterwards."""
_LOG_PAGES = 8000
"""Pages of 4 KiB in the log before they are copied into the file. A second of n boxes touches n pages (each box's
newest), again and again: with SQLite's own 1000 pages they would be copied every other second, which took 20 ms per
batch of 500 boxes instead of 12 ms."""
_LOG_LIMIT_BYTES = 64 * 2**20
"""What a log that once grew larger is cut back to."""
_WRITER_CACHE_KIB = 32 * 1024
"""Holds the newest page of some thousand boxes."""
Row = tuple[Any, ...]


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of SQLite and of the file system into those of the port."""
    try:
        yield
    except apsw.ConstraintError as error:
        raise Duplicate(f"store: the natural key is taken: {error}") from error
    except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.SchemaChangeError) as error:
        raise CorruptData(f"store: the file is not what this version writes: {error}") from error
    except (apsw.TooBigError, apsw.MismatchError, apsw.RangeError, OverflowError, UnicodeEncodeError) as error:
        raise InvalidInput(f"store: a value cannot be stored: {error}") from error
    except (apsw.Error, OSError) as error:
        raise Unavailable(f"store: SQLite does not answer now: {type(error).__name__}: {error}") from error


class Connections:
    """All connections of one process to one file.

    Parameters
    ----------
    path : Path
        The database file; made if missing.

    Raises
    ------
    Unavailable
        If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._write_lock = threading.Lock()
        self._idle: list[apsw.Connection] = []
        self._closed = False
        with translated():
            self._writer = self._open()
            self._writer.pragma("cache_size", -_WRITER_CACHE_KIB)
            self._writer.pragma("wal_autocheckpoint", _LOG_PAGES)

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(round(BUSY_TIMEOUT_S * 1000))
        mode = connection.pragma("journal_mode", "wal")
        if mode != "wal":
            raise InvalidInput(f"store: {self._path} cannot have a write-ahead log (got {mode}); use a local disk")
        # FULL, not NORMAL: an acknowledged batch is on the disk even if the power goes, and the box forgets it then.
        connection.pragma("synchronous", "full")
        connection.pragma("journal_size_limit", _LOG_LIMIT_BYTES)
        return connection

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """Run one write transaction: committed at the end, rolled back on any error.

        Raises
        ------
        Unavailable
            If another writer keeps the file longer than the busy timeout.
        """
        if not self._write_lock.acquire(timeout=BUSY_TIMEOUT_S):
            raise Unavailable(f"store: another thread has been writing for more than {BUSY_TIMEOUT_S:g} s")
        try:
            with translated():
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                finally:
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
        finally:
            self._write_lock.release()

    def rows(self, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of one query."""
        with translated():
            try:
                connection = self._idle.pop()
            except IndexError:
                if self._closed:
                    raise Unavailable("store: it was closed") from None
                connection = self._open()
            try:
                return list(connection.execute(sql, bindings))
            finally:
                if self._closed or len(self._idle) >= IDLE_READERS:
                    connection.close()
                else:
                    self._idle.append(connection)

    def row(self, sql: str, bindings: Sequence[Any] = ()) -> Row | None:
        """Return the first row of one query."""
        rows = self.rows(sql, bindings)
        return rows[0] if rows else None

    def number(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        """Return the one number a query answers."""
        return int(self.rows(sql, bindings)[0][0])

    def ping(self) -> None:
        """Raise `Unavailable` unless the file is there and can be read."""
        with translated():
            self._path.stat()
        self.rows("SELECT count(*) FROM sqlite_schema")

    def close(self) -> None:
        """Close all; those that other threads still read with are closed by them."""
        with self._write_lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._writer.close()
