"""Domain objects as JSON-like documents and back; both adapters store what this module makes.

One codec for all dataclasses, driven by their annotations: a new field with a default needs no change here, and
a document written before the field existed reads as its default. What an adapter cannot keep exactly (NaN,
integers beyond 64 bits, keys with dots) is refused here, so that it is refused by every adapter alike.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, partial
from types import UnionType
from typing import Any, NewType, Protocol, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from opq.errors import CorruptData, InvalidInput
from opq.ids import AcquisitionId, EventId
from opq.model.features import FEATURES, FloatArray
from opq.model.incidents import Incident
from opq.model.waveforms import WaveformInfo

T = TypeVar("T")
Document = dict[str, Any]
SERIES_ROWS = 3
"""Rows of the values of measurements and trends: MIN, MEAN, MAX."""
_ACQUISITION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def plain(value: Any, where: str) -> Any:
    """Return a JSON-like copy of `value`: enums as values, dataclasses as maps, numpy scalars as numbers.

    Parameters
    ----------
    value : object
        A dataclass, enum, str, bool, int, float, None, numpy scalar, or sequences and maps of these.
    where : str
        What is being stored, for the message.

    Raises
    ------
    InvalidInput
        For NaN, infinity, integers beyond 64 bits, text that is no Unicode, and keys that are no strings, begin
        with ``$`` or contain a dot or NUL (MongoDB gives those a meaning).
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value, where)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InvalidInput(f"{where}: got {value}, expected an integer of at most 64 bits")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(f"{where}: got {value}, expected a finite number")
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return to_document(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [plain(item, where) for item in value]
    raise InvalidInput(f"{where}: got {type(value).__name__}, expected text, numbers, booleans, None, lists and maps")


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{where}: got text with half a surrogate pair, expected Unicode") from error
    return str(value)


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str) or key.startswith("$") or "." in key or "\0" in key:
        raise InvalidInput(f"{where}: got the key {key!r}, expected a string without dot and NUL that has no $ first")
    return _text(key, where)


def to_document(value: Any) -> Document:
    """Turn a dataclass into a document, one entry per field.

    Raises
    ------
    InvalidInput
        See :func:`plain`.
    """
    name = type(value).__name__
    return {field.name: plain(getattr(value, field.name), f"{name}.{field.name}") for field in fields(value)}


def from_document(cls: type[T], document: Mapping[str, Any]) -> T:
    """Make a dataclass of a document; entries it does not know are passed over.

    Raises
    ------
    CorruptData
        If an entry without a default is missing, or one is no longer a valid value.
    """
    readers = _readers(cls)  # type: ignore[arg-type]  # a class is hashable
    try:
        return cls(**{name: read(document[name]) for name, read in readers if name in document})
    except (TypeError, ValueError) as error:
        raise CorruptData(f"store: a stored {cls.__name__} does not read back: {error}") from error


@cache
def _readers(cls: type) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    return tuple((name, _reader(annotation)) for name, annotation in get_type_hints(cls).items())


def _reader(annotation: Any) -> Callable[[Any], Any]:
    if isinstance(annotation, NewType):
        return _reader(annotation.__supertype__)
    origin = get_origin(annotation)
    if origin in (Union, UnionType):  # Union where a NewType is part of it
        inner = _reader(next(part for part in get_args(annotation) if part is not type(None)))
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        item = _reader(get_args(annotation)[0])
        return lambda values: tuple(item(value) for value in values)
    if origin is dict:
        return builtin
    if isinstance(annotation, type) and is_dataclass(annotation):
        return partial(from_document, annotation)
    return annotation  # type: ignore[no-any-return]  # str, int, float, bool or an enum


def builtin(value: Any) -> Any:
    """Return `value` in Python's own types; BSON's 64-bit integers are a subclass of int."""
    if isinstance(value, Mapping):
        return {key: builtin(item) for key, item in value.items()}
    if isinstance(value, list):
        return [builtin(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


def incident_document(incident: Incident) -> Document:
    """Turn an incident into one flat document: the finding's fields stand beside its origin."""
    document = to_document(incident)
    finding: Document = document.pop("finding")
    return document | finding


def incident_from(document: Mapping[str, Any]) -> Incident:
    """Undo :func:`incident_document`."""
    return from_document(Incident, {**document, "finding": document} | {"event_id": document.get("event_id") or None})


def check_replacement(plugin: str, event_id: EventId, incidents: Sequence[Incident]) -> None:
    """Raise unless all `incidents` are of this plugin and event and their natural keys differ.

    Raises
    ------
    InvalidInput
        Naming the incident that does not belong.
    """
    keys = set()
    for incident in incidents:
        if (incident.plugin, incident.event_id) != (plugin, event_id):
            raise InvalidInput(
                f"incidents: got {incident.incident_id} of {incident.plugin} and event {incident.event_id}, "
                f"expected only those of {plugin} and event {event_id}"
            )
        key = (incident.finding.box_id, incident.ordinal)
        if key in keys:
            raise InvalidInput(f"incidents: got {key[0]} with ordinal {key[1]!r} twice, expected each once")
        keys.add(key)


def waveform_document(info: WaveformInfo) -> Document:
    """Turn a waveform's description into a document that also has `start_unix_ns`, by which it is sorted.

    Raises
    ------
    InvalidInput
        If it has no segment: a waveform without samples is a missing one, and the acquisition says so.
    """
    if not info.segments:
        raise InvalidInput(f"waveform {info.acquisition_id}: got no segments, expected at least one")
    return to_document(info) | {"start_unix_ns": info.start_unix_ns}


def check_acquisition_id(acquisition_id: AcquisitionId) -> AcquisitionId:
    """Return the id if it can name a file: letters, digits, dots, underscores and dashes, at most 128.

    Raises
    ------
    InvalidInput
        If it cannot.
    """
    if not _ACQUISITION_ID.fullmatch(acquisition_id):
        raise InvalidInput(
            f"acquisition_id: got {acquisition_id[:80]!r}, expected 1 to 128 of A-Z, a-z, 0-9, dot, _ and -"
        )
    return acquisition_id


class _Series(Protocol):
    @property
    def values(self) -> FloatArray: ...


def stack_values(rows: Sequence[_Series]) -> FloatArray:
    """Return the values of n measurements or trends as one (n, 3, len(FEATURES)) little-endian float32 array.

    Raises
    ------
    InvalidInput
        If a row has another shape or a value that is not finite.
    """
    shape = (SERIES_ROWS, len(FEATURES))
    for row in rows:
        if row.values.shape != shape:
            raise InvalidInput(f"values: got shape {row.values.shape}, expected {shape}")
    stacked = np.stack([row.values for row in rows]).astype("<f4", copy=False)
    if not np.isfinite(stacked).all():
        raise InvalidInput("values: got NaN or infinity, expected finite values")
    return stacked


def prefix_end(prefix: str) -> str | None:
    """Return the first string after all that start with `prefix`, by code point; None if there is none."""
    while prefix:
        code = ord(prefix[-1]) + 1
        if code == 0xD800:  # code points 0xD800 to 0xDFFF are no characters
            code = 0xE000
        if code <= 0x10FFFF:
            return prefix[:-1] + chr(code)
        prefix = prefix[:-1]
    return None
