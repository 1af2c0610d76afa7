"""Secrets on disk: written whole or not at all, readable by their owner only; and read again when they change."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from opq.errors import InvalidInput

T = TypeVar("T")
SECRET, PUBLIC = 0o600, 0o644


def write_file(path: Path, data: bytes, mode: int, replace: bool) -> None:
    """Write a file so that after a power cut the old or the new one is there, whole.

    Raises
    ------
    InvalidInput
        If it exists and is not to be replaced.
    """
    if path.exists() and not replace:
        raise InvalidInput(f"{path} exists already and is not overwritten")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(path)
        else:
            os.link(name, path)  # fails if somebody made the file meanwhile
            Path(name).unlink()
    except FileExistsError:
        Path(name).unlink()
        raise InvalidInput(f"{path} exists already and is not overwritten") from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_file(path: Path) -> bytes:
    """Read a file.

    Raises
    ------
    InvalidInput
        If it cannot be read, naming it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}") from error


class Reloading(Generic[T]):
    """A value made of files, made anew when one of them changes. Safe to ask from several threads.

    Parameters
    ----------
    paths : sequence of Path
        What is looked at.
    load : callable
        Makes the value; raises `InvalidInput` if the files do not fit, and then the value before stays. So files can be
        replaced one after the other.
    on_problem : callable
        Told once per change why it was not taken.

    Raises
    ------
    InvalidInput
        If the first value cannot be made.
    """

    def __init__(self, paths: Sequence[Path], load: Callable[[], T], on_problem: Callable[[str], None]) -> None:
        self._paths, self._load, self._on_problem = paths, load, on_problem
        self._seen = self._look()
        self._value = load()

    def current(self) -> T:
        """Return the value of the files as they are now; the same object as long as they do not change."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._value = self._load()
            except InvalidInput as error:
                self._on_problem(str(error))
        return self._value

    def _look(self) -> list[tuple[int, int, int] | None]:
        return [_stamp(path) for path in self._paths]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
