"""Many frames to columns at once.

Frames of one layout differ in nothing but the bytes of their numbers: the same tags and lengths stand at the same
places. So the first of each layout is decoded the plain way, it is noted where its columns lie, and all others of the
same length whose tags agree are cut out of one array. What does not agree is decoded the plain way.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from opq.clock import DAY_NS
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.features import FEATURE_INDEX, FEATURE_NAMES, FEATURES, FeatureFrame, FrameBatch, Windows, in_range
from opq.rpc.frames import MAX_WINDOW_NS, MIN_WINDOW_NS, decode_frame
from opq.v1 import features_pb2

Bytes = npt.NDArray[np.uint8]
Good = tuple[list[int], FrameBatch]
_FIELDS = {field.number: field.name for field in features_pb2.FeatureFrame.DESCRIPTOR.fields}
_ANY_BOX = BoxId("any")
_LEAST_TOGETHER = 4
"""Fewer frames of one length are decoded one by one."""


def decode_frames(
    box_ids: Sequence[str], frames: Sequence[bytes], features: Sequence[str] = FEATURE_NAMES
) -> tuple[FrameBatch | None, list[tuple[BoxId, InvalidInput]]]:
    """Decode and check frames as `opq.rpc.frames.decode_frame` does each.

    Parameters
    ----------
    box_ids : sequence of str
        Box of each frame.
    frames : sequence of bytes
        Encoded `opq.v1.FeatureFrame` messages.
    features : sequence of str
        What is wanted of each window; other columns may stay 0.

    Returns
    -------
    FrameBatch or None, list of (BoxId, InvalidInput)
        The good ones, None if there are none; and what is wrong with the others. Frames of one box keep their order
        only if they are of one length.
    """
    lengths = np.array([len(data) for data in frames], np.intp)
    together: list[FrameBatch] = []
    single: list[FeatureFrame] = []
    bad: list[tuple[BoxId, InvalidInput]] = []
    for length in np.unique(lengths).tolist():
        rows = left = np.flatnonzero(lengths == length).tolist()
        if len(rows) >= _LEAST_TOGETHER and (fast := _same_layout(box_ids, frames, rows, features)) is not None:
            taken, batch = fast
            together.append(batch)
            left = sorted(set(rows) - set(taken)) if len(taken) < len(rows) else []
        for row in left:
            box_id = BoxId(box_ids[row])
            try:
                single.append(decode_frame(box_id, frames[row]))
            except InvalidInput as error:
                bad.append((box_id, error))
    if single:
        together.append(FrameBatch.of(single))
    if not together:
        return None, bad
    return (together[0] if len(together) == 1 else FrameBatch.join(together)), bad


class _Layout:
    """Where the parts of a frame lie: learned from one good frame."""

    def __init__(self, data: bytes, windows: int) -> None:
        self.windows = windows
        self.columns: dict[str, tuple[int, int]] = {}
        self.numbers: dict[str, tuple[int, int]] = {}
        fixed = np.ones(len(data), np.bool_)
        at = 0
        while at < len(data):
            tag, at = _varint(data, at)
            name = _FIELDS.get(tag >> 3, f"field {tag >> 3}")
            if tag & 7 == 2:
                size, at = _varint(data, at)
                self.columns[name] = (at, size)
                fixed[at : at + size] = False
                at += size
            elif tag & 7 == 0:
                begin = at
                _, at = _varint(data, at)
                self.numbers[name] = (begin, at)
                fixed[begin:at] = False
            else:
                raise InvalidInput(f"feature frame: field {tag >> 3} is of a kind that no frame has")
        self.fixed = np.flatnonzero(fixed)
        self.template = np.frombuffer(data, np.uint8)[self.fixed]

    def fits(self, raw: Bytes) -> npt.NDArray[np.bool_]:
        """Whether each row of bytes has this layout: the same tags and lengths, and numbers as long as here."""
        fits: npt.NDArray[np.bool_] = (raw[:, self.fixed] == self.template).all(axis=1)
        for begin, end in self.numbers.values():
            fits &= (raw[:, begin : end - 1] >= 0x80).all(axis=1) & (raw[:, end - 1] < 0x80)
        return fits

    def number(self, raw: Bytes, name: str) -> npt.NDArray[np.int64]:
        """Return a varint field of each row; 0 where it is absent."""
        begin, end = self.numbers.get(name, (0, 0))
        total = np.zeros(len(raw), np.int64)
        for place, at in enumerate(range(begin, min(end, begin + 9))):
            total |= (raw[:, at] & 0x7F).astype(np.int64) << (7 * place)
        return total

    def column(self, raw: Bytes, name: str, kind: str) -> npt.NDArray[Any]:
        """Return a packed column of all rows, (rows, windows), as a view."""
        at, size = self.columns[name]
        return raw[:, at : at + size].view(kind)


def _same_layout(
    box_ids: Sequence[str], frames: Sequence[bytes], rows: list[int], features: Sequence[str]
) -> Good | None:
    """Decode those of some frames of one length that have the layout of the first good one."""
    layout = next((found for row in rows[:_LEAST_TOGETHER] if (found := _layout(frames[row]))), None)
    if layout is None:
        return None
    raw = np.frombuffer(b"".join([frames[row] for row in rows]), np.uint8).reshape(len(rows), -1)
    fits = layout.fits(raw)
    if not fits.all():
        raw = raw[fits]
    count = layout.windows
    starts = layout.column(raw, "start_unix_ns", "<i8").astype(np.int64).reshape(-1)
    durations = layout.column(raw, "duration_ns", "<i8").astype(np.int64).reshape(-1)
    flags = layout.column(raw, "flags", "<u4").astype(np.uint32).reshape(-1)
    values = np.zeros((len(FEATURES), len(starts)), np.float32)
    for name in features:
        if name in layout.columns:
            values[FEATURE_INDEX[name]].reshape(len(raw), count)[:] = layout.column(raw, name, "<f4")
    windows = Windows(starts, durations, flags, values.T)
    sequence = layout.number(raw, "sequence")
    if not (_times_are_good(windows, count) and (sequence >= 1).all() and in_range(values, features)):
        return None
    kept = rows if fits.all() else [row for row, good in zip(rows, fits.tolist(), strict=True) if good]
    return kept, FrameBatch(
        [BoxId(box_ids[row]) for row in kept],
        sequence,
        np.minimum(layout.number(raw, "clock_uncertainty_ns"), DAY_NS),
        np.arange(len(kept) + 1, dtype=np.intp) * count,
        windows,
    )


def _layout(data: bytes) -> _Layout | None:
    """Return the layout of a frame; None if it is not good."""
    try:
        return _Layout(data, len(decode_frame(_ANY_BOX, data).windows))
    except InvalidInput:
        return None


def _times_are_good(windows: Windows, count: int) -> bool:
    starts = windows.start_unix_ns.reshape(-1, count)
    shortest, longest = windows.duration_ns.min(), windows.duration_ns.max()
    rising = (starts[:, 0] > 0).all() and (np.diff(starts, axis=1) > 0).all()
    return bool(rising and shortest >= MIN_WINDOW_NS and longest <= MAX_WINDOW_NS)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
