"""Where results live: one narrow port, two adapters that pass the same contract suite."""

from opq.store.port import Store
from opq.store.urls import open_store

__all__ = ["Store", "open_store"]
