"""Questions and answers of the API: each a function of a reader and the parameters of the address."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opq.clock import iso, parse_iso
from opq.codec import decode
from opq.errors import InvalidInput, NotFound
from opq.ids import AcquisitionId, BoxId, EventId, GridId, IncidentId
from opq.model.boxes import BoxStatus
from opq.model.features import FEATURE_NAMES
from opq.model.incidents import IncidentClass
from opq.model.measurements import Measurement, Trend
from opq.store.documents import Document, incident_document, to_document
from opq.store.port import EventFilter, IncidentFilter
from opq.store.reading import MOST_EVENTS, MOST_INCIDENTS, MOST_ROWS, Reader

Parameters = Mapping[str, str]
Answer = Callable[[Reader, Parameters], Any]
_DEFAULT_LIMIT = 100
MOST_SAMPLES = 1_000_000
"""Of one answer."""
_END_OF_TIME = 2**63 - 1
_ROWS = ("min", "mean", "max")


def grids(reader: Reader, _: Parameters) -> list[Document]:
    """Return the state of every grid."""
    return [to_document(grid) for grid in reader.grids(time.time_ns())]


def boxes(reader: Reader, _: Parameters) -> list[Document]:
    """Return the boxes that may be seen, with what was last seen of them."""
    statuses = {status.box_id: status for status in reader.statuses()}
    return [to_document(box) | {"status": _status(statuses.get(box.box_id))} for box in reader.boxes()]


def measurements(reader: Reader, given: Parameters) -> list[Document]:
    """Return a box's measurements, oldest first."""
    return _series(reader.measurements, given)


def trends(reader: Reader, given: Parameters) -> list[Document]:
    """Return a box's trends, oldest first."""
    return _series(reader.trends, given)


def events(reader: Reader, given: Parameters) -> list[Document]:
    """Return events, newest first."""
    which = EventFilter(
        grid_id=GridId(given["grid"]) if "grid" in given else None,
        box_id=BoxId(given["box"]) if "box" in given else None,
        start_unix_ns=_time(given, "start"),
        end_unix_ns=_time(given, "end"),
    )
    before = EventId(given["before"]) if "before" in given else None
    return [to_document(event) for event in reader.events(which, _limit(given, MOST_EVENTS), before)]


def event(reader: Reader, given: Parameters) -> Document:
    """Return all that is known of an event but the samples."""
    record = reader.event(EventId(given["event_id"]))
    if record is None:
        raise NotFound(f"event {given['event_id']} is not known")
    return to_document(record) | {"incidents": [incident_document(incident) for incident in record.incidents]}


def incidents(reader: Reader, given: Parameters) -> list[Document]:
    """Return incidents, newest first."""
    which = IncidentFilter(
        event_id=EventId(given["event"]) if "event" in given else None,
        box_id=BoxId(given["box"]) if "box" in given else None,
        classes=(_class(given["class"]),) if "class" in given else (),
        start_unix_ns=_time(given, "start"),
        end_unix_ns=_time(given, "end"),
    )
    before = IncidentId(given["before"]) if "before" in given else None
    return [incident_document(one) for one in reader.incidents(which, _limit(given, MOST_INCIDENTS), before)]


def waveform(reader: Reader, given: Parameters) -> Document:
    """Return a waveform: its description and some of its samples [counts; times `volts_per_count` are V]."""
    first, most = _count(given, "offset", 0, 0, 10**9), _count(given, "limit", MOST_SAMPLES, 1, MOST_SAMPLES)
    info, data = reader.waveform(AcquisitionId(given["acquisition_id"]))
    return to_document(info) | {"offset": first, "counts": decode(data)[first : first + most].tolist()}


def _status(status: BoxStatus | None) -> Document | None:
    return None if status is None else to_document(status)


def _series(read: Callable[..., Sequence[Measurement] | Sequence[Trend]], given: Parameters) -> list[Document]:
    start, end = _time(given, "start") or 0, _time(given, "end")
    rows = read(BoxId(given["box_id"]), start, _END_OF_TIME if end is None else end, _limit(given, MOST_ROWS))
    return [
        {
            "start": iso(row.start_unix_ns),
            "start_unix_ns": row.start_unix_ns,
            "flags": row.flags,
            **{
                name: dict(zip(_ROWS, map(_known, column), strict=True))
                for name, column in zip(FEATURE_NAMES, row.values.T.tolist(), strict=True)
            },
        }
        for row in rows
    ]


def _time(given: Parameters, name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) < len(str(_END_OF_TIME)):
        return int(text)
    return parse_iso(text)


def _known(value: float) -> float | None:
    """Return what was measured; None for a feature that boxes did not have yet when the row was stored."""
    return None if math.isnan(value) else value


def _limit(given: Parameters, most: int) -> int:
    return _count(given, "limit", _DEFAULT_LIMIT, 1, most)


def _count(given: Parameters, name: str, default: int, least: int, most: int) -> int:
    text = given.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        raise InvalidInput(f"{name}: got {text[:20]!r}, expected {least} to {most}")
    return int(text)


def _class(text: str) -> IncidentClass:
    try:
        return IncidentClass(text)
    except ValueError:
        names = ", ".join(one.value for one in IncidentClass)
        raise InvalidInput(f"class: got {text[:80]!r}, expected one of {names}") from None
