"""Secrets that are given out as text and kept as a hash: sessions, invitations and API tokens.

They are 32 random bytes, so that a fast hash is enough: nobody can try them all.
"""

import secrets
from dataclasses import dataclass, field
from hashlib import sha256

_BYTES = 32
_DIGEST_CHARACTERS = 64
MOST_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class SecretText:
    """A secret when it is made: the text to give out once, and what is kept of it."""

    text: str = field(repr=False)
    digest: str


def new_secret(prefix: str) -> SecretText:
    """Make a secret; the prefix tells people, and whoever searches for leaked ones, what it is."""
    text = f"{prefix}_{secrets.token_urlsafe(_BYTES)}"
    return SecretText(text, digest_of(text))


def digest_of(text: str) -> str:
    """Return what is kept of a secret; of a text too long to be one, what is kept of none."""
    if len(text) > MOST_CHARACTERS:
        return "0" * _DIGEST_CHARACTERS
    return sha256(text.encode(errors="replace")).hexdigest()
