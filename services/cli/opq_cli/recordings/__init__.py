"""Recordings on the command line: what ``opq analyze`` and ``opq measure`` have in common, and what they print."""
