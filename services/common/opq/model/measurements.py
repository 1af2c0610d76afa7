"""Measurements (one stored frame, about a second) and trends (one stored minute) of one box."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from opq.ids import BoxId
from opq.model.features import FEATURE_INDEX, FEATURES, FeatureFrame, FloatArray, Windows

MIN, MEAN, MAX = 0, 1, 2
"""Rows of the `values` of measurements and trends."""
_RMS_COLUMNS: list[int] = [FEATURE_INDEX["u_rms_v"], FEATURE_INDEX["transient_rms_v"]]
"""Averaged as the root of the mean square (IEC 61000-4-30, 5.2.3); all others plainly."""
_NONE: FloatArray = np.empty((3, len(FEATURES)), np.float32)


@dataclass(slots=True, eq=False)
class Measurement:
    """Minimum, mean and maximum of each feature over one frame.

    Not frozen: ingest makes thousands a second, and a frozen dataclass costs four times as much to make.
    """

    box_id: BoxId
    start_unix_ns: int
    """Start of the frame's first window; with `box_id` the natural key."""
    duration_ns: int
    sequence: int
    windows: int
    flags: int
    """OR of the windows' flags."""
    values: FloatArray
    """(3, len(FEATURES)): rows MIN, MEAN, MAX."""

    def feature(self, name: str) -> tuple[float, float, float]:
        """Return (min, mean, max) of one feature."""
        low, mean, high = self.values[:, FEATURE_INDEX[name]]
        return float(low), float(mean), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class Trend:
    """The same over one minute of the clock, folded from the minute's measurements."""

    box_id: BoxId
    start_unix_ns: int
    """Start of the minute."""
    windows: int
    flags: int
    values: FloatArray
    """(3, len(FEATURES)): rows MIN, MEAN, MAX."""

    def feature(self, name: str) -> tuple[float, float, float]:
        """Return (min, mean, max) of one feature."""
        low, mean, high = self.values[:, FEATURE_INDEX[name]]
        return float(low), float(mean), float(high)


def fold_frames(frames: Sequence[FeatureFrame]) -> list[Measurement]:
    """Fold each frame into its measurement, in the order given; frames of equal length are folded together."""
    folded: list[FloatArray] = [_NONE] * len(frames)
    by_length: dict[int, list[int]] = {}
    for position, frame in enumerate(frames):
        by_length.setdefault(len(frame.windows), []).append(position)
    for positions in by_length.values():
        values = np.stack([frames[position].windows.values for position in positions])
        mean = values.mean(axis=1)
        mean[:, _RMS_COLUMNS] = np.sqrt((values[:, :, _RMS_COLUMNS] ** 2).mean(axis=1))
        together = np.stack([values.min(axis=1), mean, values.max(axis=1)], axis=1)
        for row, position in enumerate(positions):
            folded[position] = together[row]
    return [
        Measurement(
            box_id=frame.box_id,
            start_unix_ns=frame.start_unix_ns,
            duration_ns=frame.end_unix_ns - frame.start_unix_ns,
            sequence=frame.sequence,
            windows=len(frame.windows),
            flags=int(np.bitwise_or.reduce(frame.windows.flags)),
            values=values,
        )
        for frame, values in zip(frames, folded, strict=True)
    ]


def fold_trend(box_id: BoxId, start_unix_ns: int, rows: list[Measurement]) -> Trend:
    """Fold the measurements of one minute into its trend; means are weighted by windows."""
    values = np.stack([row.values for row in rows]).astype(np.float64)
    weights = np.array([row.windows for row in rows], np.float64)
    mean = np.average(values[:, MEAN], axis=0, weights=weights)
    mean[_RMS_COLUMNS] = np.sqrt(np.average(values[:, MEAN][:, _RMS_COLUMNS] ** 2, axis=0, weights=weights))
    flags = 0
    for row in rows:
        flags |= row.flags
    folded = np.stack([values[:, MIN].min(axis=0), mean, values[:, MAX].max(axis=0)]).astype(np.float32)
    return Trend(box_id, start_unix_ns, int(weights.sum()), flags, folded)


def as_windows(rows: Sequence[Measurement]) -> Windows:
    """See stored measurements as windows a frame long: extremes stay extremes, the rest is the mean.

    So that a detector that missed frames finds in the store what it would have found in them, a second coarse.
    """
    values = np.stack([row.values[MEAN] for row in rows])
    for name, which in _EXTREMES.items():
        values[:, FEATURE_INDEX[name]] = [row.values[which, FEATURE_INDEX[name]] for row in rows]
    return Windows(
        np.array([row.start_unix_ns for row in rows], np.int64),
        np.array([row.duration_ns for row in rows], np.int64),
        np.array([row.flags for row in rows], np.uint32),
        values,
    )


_EXTREMES = {
    "u_rms_half_min_v": MIN,
    "u_rms_half_max_v": MAX,
    "f_min_hz": MIN,
    "f_max_hz": MAX,
    "thd_pct": MAX,
    "transient_peak_v": MAX,
}
