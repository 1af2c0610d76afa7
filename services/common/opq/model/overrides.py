"""Other limits or another window of a box for a while, after which everything is as before by itself."""

from dataclasses import dataclass, fields, replace

from opq.clock import MINUTE_NS, NS, iso
from opq.errors import check_range
from opq.model.boxes import Box, Limits

_LONGEST_WINDOW_NS = MINUTE_NS


@dataclass(frozen=True, slots=True)
class LimitChanges:
    """Limits that differ from the box's own; None is as the box has it. See :class:`Limits`."""

    u_low_pu: float | None = None
    u_high_pu: float | None = None
    f_deviation_hz: float | None = None
    thd_pct: float | None = None
    transient_pu: float | None = None

    def __post_init__(self) -> None:
        for name, low, high, unit in _RANGES:
            value = getattr(self, name)
            if value is not None:
                check_range(name, value, low, high, unit)

    def applied(self, limits: Limits) -> Limits:
        """Return `limits` with these changes."""
        return replace(limits, **self.given())

    def given(self) -> dict[str, float]:
        """Return the changes there are, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


_RANGES = (
    ("u_low_pu", 0, 1, "pu"),
    ("u_high_pu", 1, 3, "pu"),
    ("f_deviation_hz", 0.001, 10, "Hz"),
    ("thd_pct", 0.1, 100, "%"),
    ("transient_pu", 0.001, 10, "pu"),
)


@dataclass(frozen=True, slots=True)
class Override:
    """What is different at one box until a time (settings document ``overrides/<box_id>``)."""

    until_unix_ns: int
    reason: str = ""
    limits: LimitChanges = LimitChanges()
    window_cycles: int | None = None
    """Cycles per feature window; None is as the box has it."""

    def __post_init__(self) -> None:
        if self.window_cycles is not None:
            check_range("window_cycles", self.window_cycles, 0, 3600)

    def phrase(self) -> str:
        """Say it to people: ``u_low_pu 0.9, 1-cycle windows until 2026-11-24T18:00:00.000Z (a storm comes)``."""
        parts = [f"{name} {value:g}" for name, value in self.limits.given().items()]
        if self.window_cycles is not None:
            parts.append(f"{self.window_cycles}-cycle windows" if self.window_cycles else "basic windows")
        reason = f" ({self.reason})" if self.reason else ""
        return f"{', '.join(parts) or 'nothing changed'} until {iso(self.until_unix_ns)}{reason}"


def in_force(box: Box, override: Override | None, now_unix_ns: int) -> Box:
    """Return the box as it is to run now: with its override until that ends, then as enrolled."""
    if override is None or now_unix_ns >= override.until_unix_ns:
        return box
    cycles = box.window_cycles if override.window_cycles is None else override.window_cycles
    return replace(box, limits=override.limits.applied(box.limits), window_cycles=cycles)


def check_window_cycles(window_cycles: int, f_hz: float) -> int:
    """Return the same if a box can form such windows: 0 (the basic window), or one cycle to one minute.

    Raises
    ------
    InvalidInput
        Naming the range: 3600 cycles at 60 Hz, 3000 at 50 Hz.
    """
    check_range("window_cycles", window_cycles, 0, round(f_hz * _LONGEST_WINDOW_NS / NS))
    return window_cycles
