"""Times, numbers and words as people read them; all times are UTC and say so."""

import math
import re
from datetime import UTC, datetime
from typing import Any

from opq.clock import NS
from opq.model.events import AcquisitionState, EventState, Extent, Role
from opq.model.features import FEATURES
from opq.model.incidents import Finding, IncidentClass
from opq.trust.policy import Right, UserRole

NOTHING = "–"
"""Stands where there is no value."""
CLASS_WORDS = {
    IncidentClass.VOLTAGE_SAG: "Voltage sag",
    IncidentClass.VOLTAGE_SWELL: "Voltage swell",
    IncidentClass.VOLTAGE_INTERRUPTION: "Voltage interruption",
    IncidentClass.UNDERVOLTAGE: "Undervoltage",
    IncidentClass.OVERVOLTAGE: "Overvoltage",
    IncidentClass.RAPID_VOLTAGE_CHANGE: "Rapid voltage change",
    IncidentClass.FREQUENCY_SAG: "Frequency sag",
    IncidentClass.FREQUENCY_SWELL: "Frequency swell",
    IncidentClass.FREQUENCY_INTERRUPTION: "Frequency interruption",
    IncidentClass.EXCESSIVE_THD: "Excessive distortion (THD)",
    IncidentClass.FLICKER: "Flicker",
    IncidentClass.IMPULSIVE_TRANSIENT: "Impulsive transient",
    IncidentClass.OSCILLATORY_TRANSIENT: "Oscillatory transient",
    IncidentClass.ARCING_TRANSIENT: "Arcing",
    IncidentClass.PERIODIC_NOTCHING: "Periodic notching",
    IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT: "Multiple zero crossings",
    IncidentClass.ITIC_PROHIBITED: "ITIC prohibited region",
    IncidentClass.ITIC_NO_DAMAGE: "ITIC no-damage region",
    IncidentClass.SEMI_F47_VIOLATION: "SEMI F47 violation",
    IncidentClass.IEEE_1668_VIOLATION: "IEEE 1668 violation",
    IncidentClass.ENVELOPE_VIOLATION: "Outside the envelope",
    IncidentClass.OUTAGE: "Outage",
}
CLASS_ICONS = {
    IncidentClass.VOLTAGE_SAG: ":material/south:",
    IncidentClass.VOLTAGE_SWELL: ":material/north:",
    IncidentClass.VOLTAGE_INTERRUPTION: ":material/power_off:",
    IncidentClass.UNDERVOLTAGE: ":material/south:",
    IncidentClass.OVERVOLTAGE: ":material/north:",
    IncidentClass.RAPID_VOLTAGE_CHANGE: ":material/stairs:",
    IncidentClass.FREQUENCY_SAG: ":material/trending_down:",
    IncidentClass.FREQUENCY_SWELL: ":material/trending_up:",
    IncidentClass.FREQUENCY_INTERRUPTION: ":material/trending_down:",
    IncidentClass.EXCESSIVE_THD: ":material/graphic_eq:",
    IncidentClass.FLICKER: ":material/lightbulb:",
    IncidentClass.IMPULSIVE_TRANSIENT: ":material/bolt:",
    IncidentClass.OSCILLATORY_TRANSIENT: ":material/waves:",
    IncidentClass.ARCING_TRANSIENT: ":material/flare:",
    IncidentClass.PERIODIC_NOTCHING: ":material/content_cut:",
    IncidentClass.MULTIPLE_ZERO_CROSSING_TRANSIENT: ":material/swap_vert:",
    IncidentClass.ITIC_PROHIBITED: ":material/rule:",
    IncidentClass.ITIC_NO_DAMAGE: ":material/rule:",
    IncidentClass.SEMI_F47_VIOLATION: ":material/rule:",
    IncidentClass.IEEE_1668_VIOLATION: ":material/rule:",
    IncidentClass.ENVELOPE_VIOLATION: ":material/rule:",
    IncidentClass.OUTAGE: ":material/power_off:",
}
EXTENT_WORDS = {Extent.LOCAL: "Local", Extent.NEIGHBOURHOOD: "Neighbourhood", Extent.GRID: "Grid"}
EVENT_STATE_WORDS = {
    EventState.OPEN: "Going on",
    EventState.CLOSED: "Collecting waveforms",
    EventState.COMPLETE: "Complete",
}
ROLE_WORDS = {
    Role.HARD: "triggered, beyond limits",
    Role.SOFT: "triggered, unlike its habit",
    Role.NEIGHBOUR: "asked as a neighbour",
    Role.MANUAL: "asked by a person",
}
ACQUISITION_WORDS = {
    AcquisitionState.REQUESTED: "… requested",
    AcquisitionState.STORED: "✓ stored",
    AcquisitionState.MISSING: "✗ missing",
}
_FEATURE_TITLES = {feature.name: feature.title for feature in FEATURES}
_FEATURE_NAME = re.compile(r"\b(" + "|".join(sorted(_FEATURE_TITLES, key=len, reverse=True)) + r")\b")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|$:~])")


def utc(unix_ns: int) -> str:
    """Write a time with milliseconds: ``2026-11-24 19:30:39.202 UTC``."""
    return f"{_date(unix_ns):%Y-%m-%d %H:%M:%S}.{unix_ns % NS // 1_000_000:03d} UTC"


def utc_clock(unix_ns: int) -> str:
    """Write the time of day alone: ``19:30:39.202``, for columns whose heading says UTC."""
    return f"{_date(unix_ns):%H:%M:%S}.{unix_ns % NS // 1_000_000:03d}"


def ago(unix_ns: int, now_unix_ns: int) -> str:
    """Say how long ago something was; ``never`` for 0, ``just now`` for what is to come by another clock."""
    if not unix_ns:
        return "never"
    seconds = (now_unix_ns - unix_ns) / NS
    if seconds < 1:
        return "just now"
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def seconds_text(seconds: float) -> str:
    """Write a duration: ``0.308 s``, ``12.3 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.3f} s"
    if seconds < 119.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 120:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def duration_text(finding: Finding) -> str:
    """Say how long a finding lasted, and if that is not all of it."""
    text = seconds_text(finding.duration_ns / NS)
    if finding.open_end:
        return f"{text}, not over then"
    return f"{text}, had begun before" if finding.open_start else text


def extreme_text(finding: Finding) -> str:
    """Write the farthest value: ``0.750 pu (90.0 V)``, ``59.654 Hz``, ``9.48 %``."""
    if finding.unit in ("", "s"):
        return NOTHING
    digits = {"V": 1, "Hz": 3, "%": 2}.get(finding.unit, 3)
    value = f"{finding.extreme:.{digits}f} {finding.unit}"
    return value if finding.extreme_pu is None else f"{finding.extreme_pu:.3f} pu ({value})"


def value_text(value: Any) -> str:
    """Write one piece of evidence."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.5g}" if math.isfinite(value) else NOTHING
    if isinstance(value, list | tuple):
        return ", ".join(value_text(item) for item in value)
    return NOTHING if value is None else str(value)


def size_text(count: int) -> str:
    """Write a number of bytes: ``812 B``, ``31.3 kB``, ``1.2 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1e6 else f"{count / 1e6:.1f} MB"


ROLE_OF_USER_WORDS: dict[UserRole, str] = {
    UserRole.USER: "Sees own boxes",
    UserRole.EXPERT: "Sees all boxes",
    UserRole.ADMIN: "Sees all boxes and changes the site",
}
RIGHT_WORDS: dict[Right, str] = {
    Right.SITE: "the site without the names of boxes",
    Right.BOXES: "values, events and incidents of boxes",
    Right.WAVEFORMS: "waveforms",
    Right.ADMINISTER: "users and the audit log",
}


def reason_text(reason: str) -> str:
    """Put the titles of features where their names stand in a trigger's reason."""
    return _FEATURE_NAME.sub(lambda match: _FEATURE_TITLES[match[1]].lower(), reason)


def plain(text: str) -> str:
    """Escape what Markdown would make something of."""
    return _MARKDOWN.sub(r"\\\1", text)


def counted(count: int, noun: str) -> str:
    """Write ``1 box``, ``3 boxes``."""
    plural = noun + ("es" if noun.endswith("x") else "s")
    return f"{count} {noun if count == 1 else plural}"


def _date(unix_ns: int) -> datetime:
    return datetime.fromtimestamp(unix_ns // NS, UTC)
