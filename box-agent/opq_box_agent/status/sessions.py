"""Who is signed in at the page of a box, and how often one may try. No sockets and no clock: times are handed in."""

import secrets
from dataclasses import dataclass

from opq.clock import HOUR_NS, MINUTE_NS, NS

LIFE_NS = HOUR_NS
"""The page asks for fresh values by itself, so that doing nothing cannot be told: a session ends when it is this old."""
MAX_SESSIONS = 16
_FORGET_NS = 15 * MINUTE_NS
_MAX_WAIT_S = 300
_MAX_KEYS = 256


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    session_id: str
    csrf: str
    """Must come with every change, so that no other page can make the browser send one."""
    password: bytes
    """What was stored of the password then; with another one the session ends."""
    end_ns: int


class Sessions:
    """Those who are signed in; they are in memory only."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def begin(self, password: bytes, now_ns: int) -> Session:
        """Make a session under a new id; the oldest goes when there are too many."""
        while len(self._open) >= MAX_SESSIONS:
            self._open.pop(next(iter(self._open)))
        session = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), password, now_ns + LIFE_NS)
        self._open[session.session_id] = session
        return session

    def find(self, session_id: str, password: bytes | None, now_ns: int) -> Session | None:
        """Return a session that is still good."""
        session = self._open.get(session_id)
        if session is None or (now_ns < session.end_ns and session.password == password):
            return session
        self.end(session_id)
        return None

    def end(self, session_id: str) -> None:
        """Sign out."""
        self._open.pop(session_id, None)


class Throttle:
    """How long somebody has to wait after wrong passwords: not at all for a few, then twice as long each time.

    Parameters
    ----------
    free : int
        Wrong ones that cost nothing.
    """

    def __init__(self, free: int) -> None:
        self._free = free
        self._failed: dict[str, tuple[int, int]] = {}

    def wait_s(self, key: str, now_ns: int) -> int:
        """Return how long `key` has to wait [s]."""
        count, last_ns = self._failed.get(key, (0, 0))
        if count < self._free:
            return 0
        wait_s = min(_MAX_WAIT_S, 1 << min(30, count - self._free))
        return max(0, -(-(last_ns + wait_s * NS - now_ns) // NS))

    def failed(self, key: str, now_ns: int) -> None:
        """Count a wrong password."""
        count, last_ns = self._failed.pop(key, (0, now_ns))
        if len(self._failed) >= _MAX_KEYS:
            self._failed.pop(next(iter(self._failed)))
        self._failed[key] = (count + 1 if now_ns - last_ns < _FORGET_NS else 1, now_ns)

    def succeeded(self, key: str) -> None:
        """Forget the wrong ones."""
        self._failed.pop(key, None)
