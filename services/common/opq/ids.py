"""Names of things: one type per kind of identifier, one way to check and to make each."""

import re
import secrets
from typing import NewType

from opq.errors import InvalidInput

BoxId = NewType("BoxId", str)
GridId = NewType("GridId", str)
EventId = NewType("EventId", str)
AcquisitionId = NewType("AcquisitionId", str)
IncidentId = NewType("IncidentId", str)
TaskId = NewType("TaskId", str)
UserId = NewType("UserId", str)

_NAME = re.compile(r"[a-z0-9-]{1,63}")
_USER = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


def _name(kind: str, text: str) -> str:
    if not _NAME.fullmatch(text):
        raise InvalidInput(f"{kind}: got {text[:80]!r}, expected 1 to 63 of a-z, 0-9 and -")
    return text


def box_id(text: str) -> BoxId:
    """Check a box id: 1 to 63 of ``a-z 0-9 -``, so that it is also a valid Kubernetes and DNS label."""
    return BoxId(_name("box_id", text))


def grid_id(text: str) -> GridId:
    """Check a grid id; same form as a box id."""
    return GridId(_name("grid_id", text))


def user_id(text: str) -> UserId:
    """Check the name with which somebody signs in: 1 to 64 of ``a-z 0-9 . _ @ + -``, so that an e-mail address can be one."""
    if not _USER.fullmatch(text):
        raise InvalidInput(
            f"user: got {text[:80]!r}, expected 1 to 64 of a-z, 0-9 and . _ @ + -, a letter or digit first"
        )
    return UserId(text)


def new_id(unix_ns: int) -> str:
    """Make an id that sorts by time: 16 hex digits of `unix_ns`, 8 random ones."""
    return f"{unix_ns:016x}-{secrets.token_hex(4)}"
