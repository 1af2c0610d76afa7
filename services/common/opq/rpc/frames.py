"""Feature frames between wire bytes and arrays, without touching single numbers.

See `opq.rpc.twins` for how; the public message stays what everybody else uses.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from google.protobuf import message

from opq.clock import DAY_NS, NS
from opq.errors import InvalidInput, LimitExceeded, Malformed
from opq.ids import BoxId
from opq.model.boxes import Power
from opq.model.features import (
    FEATURE_INDEX,
    FEATURE_NAMES,
    FEATURES,
    OPTIONAL_FEATURES,
    FeatureFrame,
    TimeSource,
    Windows,
    check_values,
)
from opq.rpc.twins import FrameTwin
from opq.v1 import box_pb2, features_pb2

MAX_WINDOWS = 120
MAX_FRAME_BYTES = 64 * 1024
MIN_WINDOW_NS, MAX_WINDOW_NS = 1_000_000, 120 * NS
_OPTIONAL = tuple(FEATURE_INDEX[name] for name in OPTIONAL_FEATURES)
_COLUMN_BYTES = {"start_unix_ns": 8, "duration_ns": 8, "flags": 4, **dict.fromkeys(FEATURE_NAMES, 4)}

TIME_SOURCES = {
    features_pb2.TIME_SOURCE_GPS: TimeSource.GPS,
    features_pb2.TIME_SOURCE_NTP: TimeSource.NTP,
    features_pb2.TIME_SOURCE_FREE: TimeSource.FREE,
}
TIME_SOURCE_NUMBERS = {source: number for number, source in TIME_SOURCES.items()}
POWERS = {
    box_pb2.POWER_SOURCE_UNSPECIFIED: Power.UNKNOWN,
    box_pb2.POWER_SOURCE_MAINS: Power.MAINS,
    box_pb2.POWER_SOURCE_BATTERY: Power.BATTERY,
}
POWER_NUMBERS = {power: number for number, power in POWERS.items()}


def encode_frame(frame: FeatureFrame, source: TimeSource) -> bytes:
    """Encode as `opq.v1.FeatureFrame`."""
    windows = frame.windows
    twin = FrameTwin(
        sequence=frame.sequence,
        clock_uncertainty_ns=frame.clock_uncertainty_ns,
        time_source=TIME_SOURCE_NUMBERS[source],
        start_unix_ns=windows.start_unix_ns.astype("<i8").tobytes(),
        duration_ns=windows.duration_ns.astype("<i8").tobytes(),
        flags=windows.flags.astype("<u4").tobytes(),
    )
    columns = np.ascontiguousarray(windows.values.T, "<f4")
    for name, column in zip(FEATURE_NAMES, columns, strict=True):
        setattr(twin, name, column.tobytes())
    encoded: bytes = twin.SerializeToString()
    return encoded


def decode_frame(box_id: BoxId, data: bytes) -> FeatureFrame:
    """Decode and check the form of `opq.v1.FeatureFrame`: lengths, order, ranges; not whether its time is plausible.

    Raises
    ------
    LimitExceeded
        More than `MAX_FRAME_BYTES` or `MAX_WINDOWS`.
    InvalidInput
        Anything else that is not as documented, naming what was expected and what came.
    """
    if len(data) > MAX_FRAME_BYTES:
        raise LimitExceeded(f"feature frame: got {len(data)} bytes, expected at most {MAX_FRAME_BYTES}")
    try:
        twin = FrameTwin.FromString(data)
    except message.DecodeError as error:
        raise Malformed(f"feature frame: {len(data)} bytes that are no opq.v1.FeatureFrame") from error
    starts: bytes = twin.start_unix_ns
    count = len(starts) // 8
    if not 1 <= count <= MAX_WINDOWS:
        raise LimitExceeded(f"start_unix_ns: got {count} windows, expected 1 to {MAX_WINDOWS}")
    columns = [getattr(twin, name) for name in FEATURE_NAMES]
    for at in _OPTIONAL:
        columns[at] = columns[at] or bytes(4 * count)
    joined = b"".join(columns)
    durations, flags = twin.duration_ns, twin.flags
    if len(joined) != 4 * count * len(FEATURES) or len(durations) != 8 * count or len(flags) != 4 * count:
        raise Malformed(_uneven(twin, count))
    values = np.frombuffer(joined, "<f4").reshape(len(FEATURES), count).T
    windows = Windows(
        np.frombuffer(starts, "<i8"), np.frombuffer(durations, "<i8"), np.frombuffer(flags, "<u4"), values
    )
    _check_times(windows)
    check_values(values)
    if not 1 <= twin.sequence < 2**63:
        raise InvalidInput(f"sequence: got {twin.sequence}, expected 1 to 2**63 - 1")
    return FeatureFrame(box_id, twin.sequence, windows, min(twin.clock_uncertainty_ns, DAY_NS))


def peek_sequence(data: bytes) -> int:
    """Return the sequence of a frame that may otherwise be wrong; 0 if it cannot be read."""
    try:
        return int(FrameTwin.FromString(data).sequence)
    except message.DecodeError:
        return 0


def _uneven(twin: Any, count: int) -> str:
    for name, size in _COLUMN_BYTES.items():
        length = len(getattr(twin, name))
        if length != size * count:
            return f"{name}: got {length / size:g} values, expected {count} (as many as start_unix_ns)"
    return f"columns: expected {count} values in each"


def _check_times(windows: Windows) -> None:
    # Frames are short: plain integers are checked three times as fast as arrays of five.
    starts, durations = windows.start_unix_ns.tolist(), windows.duration_ns.tolist()
    if starts[0] <= 0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise InvalidInput("start_unix_ns: expected positive, strictly rising times")
    if min(durations) < MIN_WINDOW_NS or max(durations) > MAX_WINDOW_NS:
        raise InvalidInput(
            f"duration_ns: got {min(durations)} to {max(durations)}, expected {MIN_WINDOW_NS} to {MAX_WINDOW_NS}"
        )
