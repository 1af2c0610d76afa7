"""The store of one machine: one SQLite file and a folder of waveforms."""

from opq.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
