"""The password of a box's page, kept as `opq.trust.passwords` keeps those of people, in less memory: a box has little."""

from pathlib import Path

from opq.errors import CorruptData
from opq.trust.files import SECRET, write_file
from opq.trust.passwords import check_password, hash_password, password_matches

FILE = "page-password"
_MEMORY_KIB = 16 * 1024


def set_password(folder: Path, password: str) -> None:
    """Keep the hash of a password; sessions of the one before end.

    Raises
    ------
    InvalidInput
        If it is too short, too long, or too easily guessed.
    """
    check_password(password, folder.name)
    write_file(folder / FILE, hash_password(password, _MEMORY_KIB).encode(), SECRET, replace=True)


def stored_password(folder: Path) -> bytes | None:
    """Return what is stored, which changes with the password; None if there is none."""
    try:
        return (folder / FILE).read_bytes()
    except OSError:
        return None


def is_password(stored: bytes, password: str) -> bool:
    """Whether a password is the one that was stored.

    Raises
    ------
    CorruptData
        If what is stored does not read.
    """
    if not stored.startswith(b"$argon2id$") or not stored.isascii():
        raise CorruptData(f"{FILE}: it does not read; set the password again: opq box password")
    return password_matches(password, stored.decode())
