"""Every error the shared library raises on purpose.

::

    OpqError
    |-- InvalidInput      what came is not what was expected; the same call fails again
    |   |-- Malformed     a message that does not have the form of the contract
    |   |-- CorruptData   stored or received bytes do not check out (length, checksum, magic)
    |   `-- LimitExceeded a documented limit on size, rate, range or depth
    |-- NotFound          the named thing does not exist
    |-- Duplicate         the natural key is taken by something else
    |-- Unauthenticated   who calls did not show who he is, or no longer is he
    |-- Forbidden         who calls may not do this
    `-- Unavailable       a peer or store does not answer now; the same call may succeed later

Messages say what was expected, what came, and where it helps what to do.
"""

from collections.abc import Iterable


class OpqError(Exception):
    """Base of the tree; `retryable` says whether the same call may succeed later."""

    retryable = False


class InvalidInput(OpqError, ValueError):
    """What came is not what was expected."""


class Malformed(InvalidInput):
    """A message that does not have the form of the contract."""


class CorruptData(InvalidInput):
    """Bytes that do not check out: wrong length, checksum or magic."""


class LimitExceeded(InvalidInput):
    """A documented limit was passed."""


class NotFound(OpqError, LookupError):
    """The named thing does not exist."""


class Duplicate(OpqError):
    """The natural key is taken."""


class Unauthenticated(OpqError):
    """Nobody we know: a name, password, session or token that is wrong, or no longer good."""


class Forbidden(OpqError):
    """Who calls may not do this."""


class Unavailable(OpqError):
    """A peer or store does not answer now."""

    retryable = True


def check_option(name: str, value: str, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of `allowed`; the one message for every bad choice.

    Raises
    ------
    InvalidInput
        Naming the option, what came and what is allowed.
    """
    choices = sorted(allowed)
    if value not in choices:
        raise InvalidInput(f"{name}: got {value!r}, expected one of {', '.join(choices)}")
    return value


def check_range(name: str, value: float, low: float, high: float, unit: str = "") -> float:
    """Return `value` if ``low <= value <= high`` (NaN never is).

    Raises
    ------
    InvalidInput
        Naming the quantity, what came, the range and its unit.
    """
    if not low <= value <= high:
        suffix = f" {unit}" if unit else ""
        raise InvalidInput(f"{name}: got {value:g}{suffix}, expected {low:g} to {high:g}{suffix}")
    return value
