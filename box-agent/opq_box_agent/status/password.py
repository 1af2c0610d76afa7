"""The password of a box's page: kept as a hash, checked slowly. scrypt, because it is in every Python and argon2 is not.

Parameters are those of the OWASP sheet for 16 MiB: a box has little memory, so it is five passes and not more room.
"""

import base64
import hashlib
import hmac
import json
import secrets
from pathlib import Path

from opq.errors import CorruptData, InvalidInput
from opq.trust.files import SECRET, write_file

FILE = "page-password.json"
MIN_LENGTH, MAX_LENGTH = 10, 200
_COST = {"n": 1 << 14, "r": 8, "p": 5}


def set_password(folder: Path, password: str) -> None:
    """Keep the hash of a password; sessions of the one before end.

    Raises
    ------
    InvalidInput
        If it is too short or too long.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidInput(f"password: got {len(password)} characters, expected {MIN_LENGTH} to {MAX_LENGTH}")
    salt = secrets.token_bytes(16)
    document = {"salt": base64.b64encode(salt).decode(), "hash": base64.b64encode(_hash(password, salt)).decode()}
    write_file(folder / FILE, json.dumps(document).encode(), SECRET, replace=True)


def stored_password(folder: Path) -> bytes | None:
    """Return what is stored, which changes with the password; None if there is none."""
    try:
        return (folder / FILE).read_bytes()
    except OSError:
        return None


def is_password(stored: bytes, password: str) -> bool:
    """Whether a password is the one that was stored; takes a quarter of a second and 16 MiB.

    Raises
    ------
    CorruptData
        If what is stored does not read.
    """
    try:
        document = json.loads(stored)
        salt, right = (base64.b64decode(document[name], validate=True) for name in ("salt", "hash"))
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptData(f"{FILE}: it does not read; set the password again: opq box password") from error
    return len(password) <= MAX_LENGTH and hmac.compare_digest(_hash(password, salt), right)


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, **_COST, maxmem=64 << 20, dklen=32)
