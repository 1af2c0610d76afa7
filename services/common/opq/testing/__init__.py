"""Doubles for tests of this project and of plugins: a clock that stands still, a MongoDB server on loopback."""

from opq.testing.clock import ManualClock

__all__ = ["ManualClock"]
