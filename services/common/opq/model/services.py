"""What runs: one heartbeat per process of a site."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Last sign of life of one process."""

    service_id: str
    role: str
    """``ingest``, ``makai``, ``hub``, ``worker``, ``view``"""
    started_unix_ns: int
    """Since when it has been working without a break."""
    alive_unix_ns: int
