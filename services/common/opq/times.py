"""Times and lengths of time as people type them."""

import re

from opq.clock import iso, parse_iso, seconds_ns
from opq.errors import InvalidInput

_UNITS_S = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_FROM_NOW = re.compile(rf"([+-]){_LENGTH.pattern}")


def parse_seconds(option: str, text: str) -> float:
    """Read a length of time, ``90s``, ``10m``, ``2h`` or a plain number of seconds, as seconds greater than 0.

    Raises
    ------
    InvalidInput
        Naming the option, what came and what is expected.
    """
    match = _LENGTH.fullmatch(text.strip())
    if not match or not float(match[1]):
        raise InvalidInput(f"{option}: got {text!r}, expected a length of time such as 90s, 10m or 2h")
    return float(match[1]) * _UNITS_S[match[2]]


def parse_moment(option: str, text: str, now_unix_ns: int) -> int:
    """Read a moment, ISO 8601, ``now``, or so long before or after now (``-10s``, ``+5s``), as ns since the epoch.

    Raises
    ------
    InvalidInput
        Naming the option, what came and what is expected.
    """
    word = text.strip()
    if word == "now":
        return now_unix_ns
    if match := _FROM_NOW.fullmatch(word):
        sign = -1 if match[1] == "-" else 1
        return now_unix_ns + sign * seconds_ns(float(match[2]) * _UNITS_S[match[3]])
    try:
        return parse_iso(word)
    except InvalidInput:
        raise InvalidInput(
            f"{option}: got {text!r}, expected now, -10s, +5s or ISO 8601 such as {iso(now_unix_ns)}"
        ) from None
