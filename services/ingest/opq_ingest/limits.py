"""How much one box may send: slowed down at first, cut off when it does not follow. Pure: the time is handed in."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from opq.errors import LimitExceeded

_MOST_KNOWN = 50_000
K = TypeVar("K")
V = TypeVar("V", bound="_Fills")


class TooMuch(LimitExceeded):
    """A box, or an address, that passed a limit of rate for too long."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second, and so many at once after a quiet time."""

    per_s: float
    burst: float


class Allowance:
    """What is left of a rate (a token bucket that may run into debt)."""

    def __init__(self, rate: Rate, now_s: float) -> None:
        self._rate, self._left, self._at_s = rate, rate.burst, now_s
        self._slowed_since_s: float | None = None

    def take(self, amount: float, now_s: float) -> float:
        """Take an amount; return how long to wait before more is taken [s], 0 if there is enough."""
        self._fill(now_s)
        self._left -= amount
        if self._left >= 0:
            self._slowed_since_s = None
            return 0.0
        if self._slowed_since_s is None:
            self._slowed_since_s = now_s
        return -self._left / self._rate.per_s

    def try_take(self, amount: float, now_s: float) -> bool:
        """Take an amount if there is enough; whether there was."""
        self._fill(now_s)
        enough = self._left >= amount
        self._left -= amount if enough else 0
        return enough

    def full(self, now_s: float) -> bool:
        """Whether nothing of it is in use."""
        self._fill(now_s)
        return self._left >= self._rate.burst

    def slowed_s(self, now_s: float) -> float:
        """Return for how long it has been used up without a break [s]."""
        return 0.0 if self._slowed_since_s is None else now_s - self._slowed_since_s

    def _fill(self, now_s: float) -> None:
        gained = max(0.0, now_s - self._at_s) * self._rate.per_s
        self._left, self._at_s = min(self._rate.burst, self._left + gained), now_s


class Flow:
    """What one box sends, in however many sessions, against its limits of messages and bytes.

    Parameters
    ----------
    messages, octets : Rate
        Of messages and of bytes [B].
    patience_s : float
        A box that keeps its limit used up for so long is cut off [s].
    """

    def __init__(self, messages: Rate, octets: Rate, patience_s: float, now_s: float) -> None:
        self._limits = {"messages": (messages, Allowance(messages, now_s)), "bytes": (octets, Allowance(octets, now_s))}
        self._patience_s = patience_s

    def take(self, messages: float, octets: int, now_s: float) -> float:
        """Note what came; return how long not to read on [s].

        Raises
        ------
        TooMuch
            Naming the limit, if the box has been slowed down for too long.
        """
        wait_s = 0.0
        for (what, (rate, allowance)), amount in zip(self._limits.items(), (messages, octets), strict=True):
            wait_s = max(wait_s, allowance.take(amount, now_s))
            if allowance.slowed_s(now_s) > self._patience_s:
                raise TooMuch(
                    f"rate: this box sends all that it may, {rate.per_s:g} {what} a second, and more, "
                    f"for {self._patience_s:g} s without a break; expected about one message a second"
                )
        return wait_s

    def full(self, now_s: float) -> bool:
        """Whether nothing of it is in use."""
        return all(allowance.full(now_s) for _, allowance in self._limits.values())


class _Fills(Protocol):
    def full(self, now_s: float) -> bool: ...


class Kept(Generic[K, V]):
    """An allowance or a flow for each of many, the same one as long as anything of it is in use.

    Parameters
    ----------
    make : callable
        Makes a full one, given the time [s].
    """

    def __init__(self, make: Callable[[float], V]) -> None:
        self._make = make
        self._known: OrderedDict[K, V] = OrderedDict()

    def of(self, key: K, now_s: float) -> V:
        """Return that of a key; of others those that are full again are forgotten."""
        found = self._known.pop(key, None) or self._make(now_s)
        while self._known and (len(self._known) >= _MOST_KNOWN or next(iter(self._known.values())).full(now_s)):
            self._known.popitem(last=False)
        self._known[key] = found
        return found
