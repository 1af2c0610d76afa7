"""What must outlast a power cut: whole writes, and writing out in the background."""

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from opq.errors import Duplicate


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


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the kernel lets it go however the process ends.

    Raises
    ------
    Duplicate
        If another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Duplicate(f"{folder}: another agent runs here; one box has one agent") from error
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def kept_by_owner(folder: Path) -> Iterator[None]:
    """Give what root makes in a folder to whom the folder belongs: the service has a user of its own, people use sudo.

    Other names of a file elsewhere and links are left alone, so that nothing outside of the folder changes hands.
    """
    try:
        yield
    finally:
        if os.geteuid() == 0 and folder.is_dir() and (owner := folder.stat()).st_uid != 0:
            for _, folders, files, inside in os.fwalk(folder):
                for name in (*folders, *files):
                    status = os.stat(name, dir_fd=inside, follow_symlinks=False)
                    if status.st_uid == 0 and (stat.S_ISDIR(status.st_mode) or status.st_nlink == 1):
                        os.chown(name, owner.st_uid, owner.st_gid, dir_fd=inside, follow_symlinks=False)
