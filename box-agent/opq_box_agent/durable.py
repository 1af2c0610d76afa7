"""What must outlast a power cut: whole writes, and writing out in the background."""

import contextlib
import errno
import os
from collections.abc import Iterable
from pathlib import Path


def write_out(paths: Iterable[Path]) -> None:
    """Wait until what was written into files and folders is on the disk; what is no longer there is left out."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def write_at(fd: int, data: bytes, offset: int) -> None:
    """Write all of `data` at an offset of an open file.

    Raises
    ------
    OSError
        Also when the disk takes only a part of it.
    """
    if os.pwrite(fd, data, offset) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
