"""Writing and reading the audit log of a site."""

from collections.abc import Iterator

from opq.errors import Duplicate, Unavailable
from opq.store.port import Store
from opq.trust.audit import AuditEntry, next_entry

_TRIES = 200
_PAGE = 500


def record(store: Store, unix_ns: int, actor: str, action: str, subject: str, detail: str = "") -> AuditEntry:
    """Add an act to the log, after whatever others add at this moment.

    Raises
    ------
    Unavailable
        If the store does not answer; then the act is not to be done.
    """
    for _ in range(_TRIES):
        newest = store.audit.list(1)
        entry = next_entry(newest[0] if newest else None, unix_ns, actor, action, subject, detail)
        try:
            store.audit.append(entry)
        except Duplicate:
            continue
        return entry
    raise Unavailable("audit log: others write to it without a pause; try again")


def oldest_first(store: Store) -> Iterator[AuditEntry]:
    """Go through the whole log."""
    newest = store.audit.list(1)
    end = newest[0].number if newest else 0
    for first in range(1, end + 1, _PAGE):
        yield from reversed(store.audit.list(_PAGE, min(first + _PAGE, end + 1)))
