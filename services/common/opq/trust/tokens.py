"""One-time tokens with which a box enrols.

The text carries the box it is for, the fingerprint of the site's root, by which the box knows the site at first contact,
and 32 random bytes. The site keeps only a hash of these: whoever reads the store cannot enrol.
"""

import base64
import binascii
import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256

from opq import ids
from opq.errors import InvalidInput
from opq.ids import BoxId

_PREFIX = "opq1"
_BYTES = 32
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Token:
    """What a token's text says."""

    box_id: BoxId
    root_fingerprint: str
    """SHA-256 of the root certificate, hexadecimal."""
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        ids.box_id(self.box_id)
        if not _FINGERPRINT.fullmatch(self.root_fingerprint) or len(self.secret) != _BYTES:
            raise InvalidInput(f"token: expected a fingerprint of 64 hexadecimal digits and {_BYTES} random bytes")

    @property
    def text(self) -> str:
        """The text to give to the box: ``opq1.BOX_ID.FINGERPRINT.SECRET``."""
        return ".".join((_PREFIX, self.box_id, _encoded(bytes.fromhex(self.root_fingerprint)), _encoded(self.secret)))

    @property
    def digest(self) -> str:
        """What the site keeps of it."""
        return sha256(self.secret).hexdigest()


def new_token(box_id: BoxId, root_fingerprint: str) -> Token:
    """Make a token."""
    return Token(box_id, root_fingerprint, secrets.token_bytes(_BYTES))


def parse_token(text: str) -> Token:
    """Read a token; one that does not read is never repeated in the message.

    Raises
    ------
    InvalidInput
        If it has another form.
    """
    parts = text.strip().split(".")
    if len(parts) != 4 or parts[0] != _PREFIX:
        raise InvalidInput(f"token: this is none, expected the text that opq boxes enrol printed, {_PREFIX}.BOX_ID....")
    try:
        return Token(ids.box_id(parts[1]), _decoded(parts[2]).hex(), _decoded(parts[3]))
    except ValueError:
        raise InvalidInput("token: it is not whole; copy again all of what opq boxes enrol printed") from None


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("token") from None
    if _encoded(data) != text:  # one token has one text
        raise InvalidInput("token")
    return data
