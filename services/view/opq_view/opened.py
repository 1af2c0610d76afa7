"""The one open store of the process that serves the pages."""

import threading

from opq.store import Store, open_store

_lock = threading.Lock()
_stores: dict[str, Store] = {}


def opened_store(url: str) -> Store:
    """Return the open store at a URL.

    Raises
    ------
    Unavailable
        If it does not answer; the next call tries again.
    """
    with _lock:
        if url not in _stores:
            _stores[url] = open_store(url)
        return _stores[url]
