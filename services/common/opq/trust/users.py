"""What the store keeps about people: users, their sessions, invitations and API tokens, and failed tries to get in."""

from dataclasses import dataclass, field

from opq.clock import HOUR_NS, MINUTE_NS, NS
from opq.ids import BoxId, UserId
from opq.trust.policy import Principal, Right, UserRole

SESSION_LIFE_NS = 12 * HOUR_NS
_FREE_TRIES = 5
_FIRST_WAIT_NS, _LONGEST_WAIT_NS = NS, 15 * MINUTE_NS
_FORGIVEN_NS = HOUR_NS


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can sign in."""

    user_id: UserId
    role: UserRole
    box_ids: tuple[BoxId, ...] = ()
    """The boxes he owns."""
    created_unix_ns: int = 0
    disabled: bool = False
    password: str = field(default="", repr=False)
    """As `opq.trust.passwords.hash_password` made it; empty until he has set one."""
    password_unix_ns: int = 0

    def principal(self) -> Principal:
        """Return him as somebody who reads or acts."""
        return Principal(f"user {self.user_id}", self.role, frozenset(self.box_ids))


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody is signed in, under the hash of his cookie."""

    user_id: UserId
    created_unix_ns: int
    expires_unix_ns: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody may set his password once, under the hash of its text."""

    user_id: UserId
    created_unix_ns: int
    expires_unix_ns: int


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A program may read in the name of a user, under the hash of the token."""

    token_id: str
    """By which it is listed and revoked; says nothing of the token."""
    user_id: UserId
    name: str
    """What it is for, in the user's words."""
    scopes: tuple[Right, ...]
    created_unix_ns: int
    expires_unix_ns: int

    def principal(self, user: User) -> Principal:
        """Return who reads: never more than the user may."""
        return Principal(
            f"token {self.token_id} of {user.user_id}", user.role, frozenset(user.box_ids), frozenset(self.scopes)
        )


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed tries to get in under one name, or from one address."""

    failures: int = 0
    last_unix_ns: int = 0

    def wait_ns(self, now_unix_ns: int) -> int:
        """Return how long nobody is listened to yet [ns]: nothing at first, then twice as long after each failure."""
        if self.failures < _FREE_TRIES:
            return 0
        wait = min(_LONGEST_WAIT_NS, _FIRST_WAIT_NS << min(self.failures - _FREE_TRIES, 20))
        return max(0, min(wait, self.last_unix_ns + wait - now_unix_ns))

    def failed(self, now_unix_ns: int) -> "Tries":
        """Return it with one failure more; those of long ago are forgiven."""
        before = 0 if self.forgiven(now_unix_ns) else self.failures
        return Tries(before + 1, now_unix_ns)

    def forgiven(self, now_unix_ns: int) -> bool:
        """Whether the failures no longer count."""
        return now_unix_ns - self.last_unix_ns >= _FORGIVEN_NS
