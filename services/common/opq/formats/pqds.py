"""PQDS: the CSV of the Power Quality Data Sharing format, tags before the columns (specification 1.1 (M))."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from opq.clock import NS
from opq.errors import InvalidInput
from opq.formats.csv_reader import Column, open_table
from opq.formats.csv_times import whole_rate
from opq.formats.recording import ChannelInfo, Details, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.table import quoted, read_header
from opq.formats.text import decoded, note
from opq.formats.units import base_unit
from opq.formats.writing import WriteOptions, Written, only, replacing, walk

_MOST_TAG_LINES = 2000
_HEADER = b"waveform-data"
_LABEL = re.compile(r"([vui])(ab|bc|ca|[abcn]|res)?")
_RATE_TAG, _CHANNEL_TAG = "opq-samplerate", "opq-channel-"
"""Tags of our own: PQDS has none for the rate, and allows few names of channels."""


def is_pqds(path: Path) -> bool:
    """Whether a CSV file has the line that begins the samples of PQDS."""
    return _header_line(path) is not None


def _header_line(path: Path) -> int | None:
    """Return how many lines stand before the names of the columns."""
    with path.open("rb") as file:
        for number in range(_MOST_TAG_LINES):
            line = file.readline(1 << 20)
            if not line:
                return None
            if line.lower().lstrip(b'\xef\xbb\xbf "').startswith(_HEADER):
                return number
    return None


def open_pqds(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open a PQDS file with waveforms: columns ``va``, ``ib`` and so on over milliseconds after the event's start.

    Raises
    ------
    InvalidInput
        If there is no line ``waveform-data,...``; naming the line of what is wrong in the samples.
    """
    before = _header_line(path)
    if before is None:
        raise InvalidInput(f"{path}: not readable as PQDS: no line that begins with 'waveform-data'")
    notes: list[str] = []
    tags = _tags(path, before, notes)
    table = read_header(path, notes, before)
    columns = [_column(number, name, tags) for number, name in enumerate(table.names) if number]
    if not columns:
        raise InvalidInput(f"{path} line {before + 1}: names no channels")
    details = Details(
        tags.get("devicelocation", ""), tags.get("devicename", ""), _number(tags.get("nominalfrequency", ""))
    )
    rate = sample_rate_hz or _number(tags.get(_RATE_TAG, "")) or None
    return open_table(table, columns, rate, "pqds", notes, details, _start(tags, notes))


def _tags(path: Path, lines: int, notes: list[str]) -> dict[str, str]:
    """Read the lines ``key,value,unit,type,note`` before the samples."""
    with path.open("rb") as file:
        head = b"".join(file.readline(1 << 20) for _ in range(lines))
    rows = (quoted(line, ",") for line in decoded(head, notes).splitlines())
    return {row[0].strip().lower(): row[1].strip() for row in rows if len(row) > 1}


def _column(number: int, label: str, tags: dict[str, str]) -> Column:
    kept = tags.get(f"{_CHANNEL_TAG}{number}", "").split("|")
    if len(kept) == 3:
        unit, scale = base_unit(kept[1])
        return Column(number, ChannelInfo(kept[0], unit, kept[2]), scale)
    match = _LABEL.fullmatch(label.lower())
    unit = "A" if label.lower().startswith("i") else "V"
    return Column(number, ChannelInfo(label, unit, (match[2] or "").upper() if match else ""))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 1e-6 <= value <= 1e12 else 0.0


def _start(tags: dict[str, str], notes: list[str]) -> int | None:
    """Return the time that milliseconds count from [ns since the epoch]; times without a zone are taken as UTC."""
    date, time = tags.get("eventdate", ""), tags.get("eventtime", "")
    if not date:
        parts = [tags.get(f"event{name}", "") for name in ("year", "month", "day", "hour", "minute", "second")]
        if not all(part.isdecimal() for part in parts):
            return None
        date, time = "{1}/{2}/{0}".format(*parts), ":".join(parts[3:])
    try:
        month, day, year = (int(part) for part in date.split("/"))
        hour, minute, second = (int(part) for part in (time or "0:0:0").split(":"))
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return int(moment.timestamp()) * NS + int(float(tags.get("eventnanosecond", "0") or 0))
    except (ValueError, OverflowError):
        note(notes, f"the time of the event is not readable: {date[:20]} {time[:20]}")
        return None


def write_pqds(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write one recording; times are milliseconds from the second in which it began."""
    stored = only(recordings, path, "PQDS")
    labels = _labels(stored.channels)
    start = stored.start_unix_ns
    begins_ms = 0.0 if start is None else start % NS / 1e6
    count = 0
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        file.write("".join(line + "\r\n" for line in _tag_lines(stored)))
        file.write(",".join(["waveform-data", *labels]) + "\r\n")
        for block in walk(stored, options):
            times = (
                repr(begins_ms + number * 1000 / stored.sample_rate_hz)
                for number in range(count, count + block.shape[1])
            )
            rows = zip(times, *(map(repr, row) for row in block.tolist()), strict=True)
            file.write("\r\n".join(map(",".join, rows)) + "\r\n")
            count += block.shape[1]
    notes = ["PQDS does not keep digital channels"] if stored.digital else []
    if start is None:
        notes.append("the time is not known; PQDS readers will take the present day")
    return Written("pqds", (path,), 1, len(stored.channels), count, notes)


def _tag_lines(stored: StoredRecording) -> list[str]:
    details = stored.details
    tags: list[tuple[str, object, str, str]] = []
    if details.device:
        tags.append(("DeviceName", details.device, "", "T"))
    if details.station:
        tags.append(("DeviceLocation", details.station, "", "T"))
    if details.f_nominal_hz:
        tags.append(("NominalFrequency", details.f_nominal_hz, "Hz", "N"))
    if stored.start_unix_ns is not None:
        moment = datetime.fromtimestamp(stored.start_unix_ns // NS, UTC)
        tags.append(("EventDate", f"{moment:%m/%d/%Y}", "", "T"))
        tags.append(("EventTime", f"{moment:%H:%M:%S}", "", "T"))
    tags.append((_RATE_TAG, whole_rate(stored.sample_rate_hz), "Hz", "N"))
    for number, info in enumerate(stored.channels, 1):
        tags.append((f"{_CHANNEL_TAG}{number}", "|".join((info.name, info.unit, info.phase)), "", "T"))
    return [f'{key},"{_clean(value)}",{unit},{kind},""' for key, value, unit, kind in tags]


def _clean(value: object) -> str:
    """Take out what readers that split at every comma would stumble over."""
    return " ".join(str(value).replace(",", ";").replace('"', "'").split())


def _labels(channels: Sequence[ChannelInfo]) -> list[str]:
    """Return labels such as ``va``; where two would be the same, the later one gets its number."""
    labels: list[str] = []
    for number, info in enumerate(channels, 1):
        kind = {"V": "v", "A": "i"}.get(info.unit, "x")
        label = kind + (info.phase.lower() if _LABEL.fullmatch(kind + info.phase.lower()) else "")
        labels.append(label if len(label) > 1 and label not in labels else f"{kind}{number}")
    return labels
