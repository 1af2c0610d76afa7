"""Batches of encoded frames to columns, without a Python object for any of them.

One compiled loop walks over the bytes of `opq.v1.FrameBatch`. A frame that is not plainly what agents send, whatever may
be the matter with it, is left to `opq.rpc.frames.decode_frame`, which reads everything protobuf allows and
says what is wrong with the rest.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf import message

from opq import ids
from opq.clock import DAY_NS
from opq.compiled import compiled
from opq.errors import InvalidInput, Malformed
from opq.model.features import (
    FEATURE_INDEX,
    FEATURE_NAMES,
    FEATURES,
    HIGHEST,
    LOWEST,
    OPTIONAL_FEATURES,
    FeatureFrame,
    FrameBatch,
    Windows,
)
from opq.rpc.frames import MAX_FRAME_BYTES, MAX_WINDOW_NS, MAX_WINDOWS, MIN_WINDOW_NS, decode_frame
from opq.rpc.twins import FrameBatchTwin
from opq.v1 import features_pb2

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_NUMBERS = {field.name: field.number for field in features_pb2.FeatureFrame.DESCRIPTOR.fields}
_FIELDS = max(_NUMBERS.values()) + 1
_SEQUENCE, _UNCERTAINTY = _NUMBERS["sequence"], _NUMBERS["clock_uncertainty_ns"]
_START, _DURATION, _FLAGS = _NUMBERS["start_unix_ns"], _NUMBERS["duration_ns"], _NUMBERS["flags"]
_COLUMNS = np.array([_NUMBERS[name] for name in FEATURE_NAMES])
"""Field of each feature."""
_OPTIONAL = np.array([name in OPTIONAL_FEATURES for name in FEATURE_NAMES])
_NUMBER, _SIZED = 0, 2
_BROKEN = -1
_LEAST_BYTES_PER_WINDOW = 8 + 8 + 4 + 4 * int((~_OPTIONAL).sum())
_ID_BYTES = 64
"""Of which ids have 63 at most."""
_HEAD = np.dtype([("name", "u1", _ID_BYTES), ("sequence", "i8"), ("uncertainty_ns", "i8"), ("windows", "i8")])


def decode_frames(
    batch: bytes, features: Sequence[str] = FEATURE_NAMES
) -> tuple[FrameBatch | None, list[tuple[str, InvalidInput]]]:
    """Decode and check the frames of an `opq.v1.FrameBatch` as `opq.rpc.frames.decode_frame` does each.

    Parameters
    ----------
    batch : bytes
        The encoded message.
    features : sequence of str
        What is wanted of each window; other columns may stay 0 and are not checked.

    Returns
    -------
    FrameBatch or None, list of (str, InvalidInput)
        The good ones, None if there are none; and what is wrong with the others, by box. Frames of unusual form come
        after the others.

    Raises
    ------
    Malformed
        If the batch is no such message.
    """
    raw = np.frombuffer(batch, np.uint8)
    spans = _spans(raw)
    if len(spans) and spans[0, 0] == _BROKEN:
        return _one_by_one(_messages(batch))
    most = len(raw) // _LEAST_BYTES_PER_WINDOW
    starts, durations, flags = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.uint32)
    values = np.zeros((len(FEATURES), most), np.float32)
    heads = np.zeros(len(spans), _HEAD)
    wanted = np.array([FEATURE_INDEX[name] for name in features], np.int64)
    plain = _read(raw, spans, wanted, heads, starts, durations, flags, values, values.view(np.uint32))
    together: list[FrameBatch] = []
    if plain.any():
        good = heads[plain]
        bounds = np.concatenate([[0], np.cumsum(good["windows"])]).astype(np.intp)
        end = bounds[-1]
        together.append(
            FrameBatch(
                np.ascontiguousarray(good["name"]).view(f"S{_ID_BYTES}").reshape(-1),
                good["sequence"],
                np.minimum(good["uncertainty_ns"], DAY_NS),
                bounds,
                Windows(starts[:end], durations[:end], flags[:end], values[:, :end].T),
            )
        )
    odd = [(batch[name:][:length], batch[at:][:size]) for name, length, at, size in spans[~plain].tolist()]
    rest, bad = _one_by_one([(name.decode(errors="replace"), data) for name, data in odd])
    if rest is not None:
        together.append(rest)
    if not together:
        return None, bad
    return (together[0] if len(together) == 1 else FrameBatch.join(together)), bad


def _messages(batch: bytes) -> list[tuple[str, bytes]]:
    """Read a batch the plain way: (box, encoded frame) of each."""
    try:
        return [(item.box_id, item.frame) for item in FrameBatchTwin.FromString(batch).frames]
    except message.DecodeError as error:
        raise Malformed(f"frames: {len(batch)} bytes that are no opq.v1.FrameBatch") from error


def _one_by_one(items: Sequence[tuple[str, bytes]]) -> tuple[FrameBatch | None, list[tuple[str, InvalidInput]]]:
    good: list[FeatureFrame] = []
    bad: list[tuple[str, InvalidInput]] = []
    for box_id, data in items:
        try:
            good.append(decode_frame(ids.box_id(box_id), data))
        except InvalidInput as error:
            bad.append((box_id, error))
    return (FrameBatch.of(good) if good else None), bad


# --- compiled


@compiled
def _byte(raw: Bytes, at: int) -> int:
    # An unsigned index cannot mean "from the end", which need not be looked at then.
    byte: int = np.int64(raw[np.uint64(at)])  # type: ignore[assignment]
    return byte


@compiled
def _varint(raw: Bytes, at: int, end: int) -> tuple[int, int]:
    """Return a varint and the place behind it; `_BROKEN` for both where there is none below 2**63."""
    value = 0
    for place in range(min(9, end - at)):
        part = _byte(raw, at + place)
        value |= (part & 0x7F) << (7 * place)
        if part < 0x80:
            return value, at + place + 1
    return _BROKEN, _BROKEN


@compiled
def _short(raw: Bytes, at: int, end: int) -> int:
    """Return a varint of one or two bytes; `_BROKEN` where there is none. It ends at ``at + 1 + (raw[at] >> 7)``."""
    if at >= end:
        return _BROKEN
    first = _byte(raw, at)
    if first < 0x80:
        return first
    if at + 1 >= end or _byte(raw, at + 1) >= 0x80:
        return _BROKEN
    return first & 0x7F | _byte(raw, at + 1) << 7


@compiled
def _spans(raw: Bytes) -> Ints:
    """Find the frames of a batch: place and size of box id and frame of each, (n, 4); -1 if it is not plainly built."""
    spans = np.empty((64, 4), np.int64)
    count, at = 0, 0
    while at < len(raw):
        if count == len(spans):
            larger = np.empty((4 * count, 4), np.int64)
            larger[:count] = spans
            spans = larger
        if _byte(raw, at) != 1 << 3 | _SIZED:
            return np.full((1, 4), _BROKEN)
        size, at = _varint(raw, at + 1, len(raw))
        end = at + size
        if size < 0 or end > len(raw):
            return np.full((1, 4), _BROKEN)
        for part in range(2):
            if at >= end or _byte(raw, at) != (part + 1) << 3 | _SIZED:
                return np.full((1, 4), _BROKEN)
            size, at = _varint(raw, at + 1, end)
            if size < 0 or at + size > end:
                return np.full((1, 4), _BROKEN)
            spans[count, 2 * part], spans[count, 2 * part + 1] = at, size
            at += size
        if at != end:
            return np.full((1, 4), _BROKEN)
        count += 1
    return spans[:count]


@compiled
def _read(
    raw: Bytes,
    spans: Ints,
    wanted: Ints,
    heads: npt.NDArray[np.void],
    starts: Ints,
    durations: Ints,
    flags: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
    bits: npt.NDArray[np.uint32],
) -> npt.NDArray[np.bool_]:
    """Copy the columns of frames one after the other; say of which frames: others are not plainly built or not good.

    Parameters
    ----------
    heads : (n,) _HEAD
        Filled with what each frame says once.
    starts, durations, flags : (most,)
        Filled with the windows of all frames.
    values, bits : (features, most)
        Filled with the wanted features; the same memory as numbers and as their bits.
    """
    plain = np.zeros(len(spans), np.bool_)
    places = np.zeros((_FIELDS, 2), np.int64)
    to = 0
    for row in range(len(spans)):
        name, length, at, size = spans[row]
        head = heads[row]
        places[:] = 0
        if (
            _name(raw, name, length, head)
            and size <= MAX_FRAME_BYTES
            and _fields(raw, at, at + size, places)
            and _lengths(places)
            and _columns(raw, places, wanted, to, starts, durations, flags, values, bits)
        ):
            head.sequence, head.uncertainty_ns = places[_SEQUENCE, 0], places[_UNCERTAINTY, 0]
            head.windows = places[_START, 1] // 8
            to += head.windows
            plain[row] = True
    return plain


@compiled
def _name(raw: Bytes, at: int, size: int, head: Any) -> bool:
    if not 0 < size < _ID_BYTES:
        return False
    for byte in range(size):
        letter = _byte(raw, at + byte)
        if not (97 <= letter <= 122 or 48 <= letter <= 57 or letter == 45):
            return False
        head.name[byte] = letter
    return True


@compiled
def _fields(raw: Bytes, at: int, end: int, places: Ints) -> bool:
    """Note place and size of each column and the value of each number; unknown columns are passed over."""
    while at < end:
        tag = _short(raw, at, end)
        if tag < 0:
            return False
        at += 1 + (_byte(raw, at) >> 7)
        kind, number = tag & 7, tag >> 3
        if kind == _SIZED and number >= _START:
            size = _short(raw, at, end)
            if size < 0:
                return False
            at += 1 + (_byte(raw, at) >> 7)
            if number < _FIELDS:
                places[number, 0], places[number, 1] = at, size
            at += size
        elif kind == _NUMBER and 0 < number < _START:
            places[number, 0], at = _varint(raw, at, end)
            if at < 0:
                return False
        else:
            return False
    return at == end


@compiled
def _lengths(places: Ints) -> bool:
    count = places[_START, 1] // 8
    if not 1 <= count <= MAX_WINDOWS or places[_SEQUENCE, 0] < 1 or places[_START, 1] != 8 * count:
        return False
    if places[_DURATION, 1] != 8 * count or places[_FLAGS, 1] != 4 * count:
        return False
    for feature in range(len(_COLUMNS)):
        size = places[_COLUMNS[feature], 1]
        if size != 4 * count and not (_OPTIONAL[feature] and size == 0):
            return False
    return True


@compiled
def _columns(
    raw: Bytes,
    places: Ints,
    wanted: Ints,
    to: int,
    starts: Ints,
    durations: Ints,
    flags: npt.NDArray[np.uint32],
    values: npt.NDArray[np.float32],
    bits: npt.NDArray[np.uint32],
) -> bool:
    """Copy the windows of one frame to place `to`; whether times and values are in range."""
    count = places[_START, 1] // 8
    before = 0
    for window in range(count):
        start = int(np.int64(_word(raw, places[_START, 0] + 8 * window, 8)))
        duration = np.int64(_word(raw, places[_DURATION, 0] + 8 * window, 8))
        if start <= before or duration < MIN_WINDOW_NS or duration > MAX_WINDOW_NS:
            return False
        before = start
        starts[to + window], durations[to + window] = start, duration
        flags[to + window] = np.uint32(_word(raw, places[_FLAGS, 0] + 4 * window, 4))
    for feature in wanted:
        at, size = places[_COLUMNS[feature]]
        for window in range(count):
            bits[feature, to + window] = np.uint32(_word(raw, at + 4 * window, 4)) if size else np.uint32(0)
        for window in range(to, to + count):
            if not LOWEST[feature] <= values[feature, window] <= HIGHEST[feature]:
                return False
    return True


@compiled
def _word(raw: Bytes, at: int, size: int) -> Any:
    """Return a little-endian unsigned number."""
    value = np.uint64(0)
    for place in range(size):
        value |= np.uint64(raw[np.uint64(at + place)]) << np.uint64(8 * place)
    return value
