"""Feature frames for tests."""

import numpy as np

from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.features import FEATURE_INDEX, FEATURES, FeatureFrame, Windows


def good_windows(start_unix_ns: int, count: int = 5, nominal: Nominal = Nominal(120, 60), **features: float) -> Windows:
    """Make consecutive 200-ms windows of an undisturbed supply; `features` replace single values in all of them."""
    values = np.zeros((count, len(FEATURES)), np.float32)
    normal = {
        "u_rms_v": nominal.u_din_v,
        "u_rms_half_min_v": nominal.u_din_v,
        "u_rms_half_max_v": nominal.u_din_v,
        "f_hz": nominal.f_hz,
        "f_min_hz": nominal.f_hz,
        "f_max_hz": nominal.f_hz,
        "thd_pct": 1.0,
        "transient_peak_v": 0.5,
        "transient_rms_v": 0.1,
        "crest": 1.414,
    }
    for name, value in {**normal, **features}.items():
        values[:, FEATURE_INDEX[name]] = value
    starts = start_unix_ns + np.arange(count, dtype=np.int64) * 200_000_000
    return Windows(starts, np.full(count, 200_000_000, np.int64), np.zeros(count, np.uint32), values)


def good_frame(box_id: str, sequence: int, start_unix_ns: int, count: int = 5, **features: float) -> FeatureFrame:
    """Make one frame of `good_windows`."""
    return FeatureFrame(
        BoxId(box_id), sequence, good_windows(start_unix_ns, count, Nominal(120, 60), **features), 1_000_000
    )
