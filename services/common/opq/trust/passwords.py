"""Passwords: argon2id with the memory-saving parameters of RFC 9106, in the form that says how each was made (PHC)."""

import os

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from opq.errors import InvalidInput

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 256
_SALT_BYTES, _KEY_BYTES = 16, 32
_PASSES, _LANES, _MEMORY_KIB = 3, 4, 64 * 1024
_NOBODYS = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5J3Mgc2FsdA$" + "A" * 43


def check_password(password: str, name: str) -> None:
    """Refuse a password that is too easily guessed or too long to be typed.

    Raises
    ------
    InvalidInput
        Never repeating it.
    """
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise InvalidInput(
            f"password: got {len(password)} characters, expected {LEAST_CHARACTERS} to {MOST_CHARACTERS}"
        )
    if len(set(password)) < 4 or name in password.lower():
        raise InvalidInput("password: it is one of the first that are tried; a few words in a row are better")


def hash_password(password: str, memory_kib: int = _MEMORY_KIB) -> str:
    """Return what is kept of a password. Takes about 0.1 s and all of that memory, as it is meant to."""
    salt = os.urandom(_SALT_BYTES)
    kdf = Argon2id(salt=salt, length=_KEY_BYTES, iterations=_PASSES, lanes=_LANES, memory_cost=memory_kib)
    return kdf.derive_phc_encoded(password.encode(errors="replace"))


def password_matches(password: str, kept: str) -> bool:
    """Whether a password is the one of which `kept` was made; of an empty `kept` none is, after the same time."""
    if len(password) > MOST_CHARACTERS:
        return False
    try:
        Argon2id.verify_phc_encoded(password.encode(errors="replace"), kept or _NOBODYS)
    except InvalidKey:
        return False
    return bool(kept)
