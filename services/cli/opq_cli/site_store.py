"""The store of the site as a person at the command line opens it."""

import getpass
import socket

from opq.clock import SystemClock
from opq.store import Store, open_store
from opq.store.audited import AuditedStore


def actor() -> str:
    """Return how the audit log names whoever sits here; the computer's word is taken for it."""
    return f"{getpass.getuser()}@{socket.gethostname()} at the command line"


def open_site(url: str) -> Store:
    """Open the store at a URL; what is changed through it is in the audit log."""
    return AuditedStore(open_store(url), actor(), SystemClock())
