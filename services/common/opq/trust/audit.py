"""The audit log: who did what to the site, entry after entry, each with a digest that covers the one before.

Whoever changes or removes an entry in the store must change all that follow, and then its newest digest is no longer the
one that was seen before.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

_START = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act."""

    number: int
    """1, 2, ..., without a gap."""
    unix_ns: int
    actor: str
    """``user alice``, ``root@site1 at the command line``"""
    action: str
    """``box.put``, ``user.sign_in``"""
    subject: str
    """What it was done to."""
    detail: str
    """What exactly, or why it did not come about; never a secret."""
    before: str
    """Digest of the entry before."""
    digest: str


def next_entry(last: AuditEntry | None, unix_ns: int, actor: str, action: str, subject: str, detail: str) -> AuditEntry:
    """Make the entry that follows the last one."""
    number, before = (last.number + 1, last.digest) if last else (1, _START)
    content = (number, unix_ns, actor, action, subject, detail, before)
    return AuditEntry(*content, _digest(*content))


def problems(entries: Iterable[AuditEntry]) -> list[str]:
    """Say, in a sentence each, where a log (oldest first, from the first entry on) was changed."""
    found, number, before = [], 0, _START
    for entry in entries:
        if entry.number != number + 1:
            found.append(f"audit log: after entry {number} comes entry {entry.number}; what was between is gone")
        elif entry.before != before:
            found.append(f"audit log: entry {entry.number} does not follow the entry before it; one was changed")
        content = (entry.number, entry.unix_ns, entry.actor, entry.action, entry.subject, entry.detail, entry.before)
        if _digest(*content) != entry.digest:
            found.append(f"audit log: entry {entry.number} was changed after it was written")
        number, before = entry.number, entry.digest
    return found


def _digest(*content: str | int) -> str:
    return sha256(json.dumps(content, ensure_ascii=True).encode()).hexdigest()
