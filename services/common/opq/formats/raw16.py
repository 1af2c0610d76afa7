"""Headerless little-endian int16 samples."""

from pathlib import Path

import numpy as np

from opq.errors import InvalidInput
from opq.formats.recording import Channel, Recording

DEFAULT_RATE_HZ = 12_000.0
"""That of an OPQ Box."""


def read_raw16(path: Path, sample_rate_hz: float | None) -> Recording:
    """Read counts; `sample_rate_hz` [Hz] is that of an OPQ Box unless given.

    Raises
    ------
    InvalidInput
        If the file is empty or has half a sample at its end.
    """
    data = path.read_bytes()
    if not data or len(data) % 2:
        raise InvalidInput(f"{path}: got {len(data)} bytes, expected int16 samples of 2 bytes each, at least one")
    samples = np.frombuffer(data, "<i2").astype(np.float64)
    return Recording(str(path), sample_rate_hz or DEFAULT_RATE_HZ, (Channel("raw", "count", samples),))
