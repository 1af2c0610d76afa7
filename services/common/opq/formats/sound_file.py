"""WAV and FLAC, through libsndfile."""

from pathlib import Path

import numpy as np
import soundfile

from opq.errors import InvalidInput
from opq.formats.recording import Channel, Recording


def read_sound(path: Path, sample_rate_hz: float | None) -> Recording:
    """Read all channels as counts of a 16-bit converter (full scale 32 768); the rate is the file's unless given.

    Raises
    ------
    InvalidInput
        If libsndfile does not read it, or it holds no samples.
    """
    try:
        samples, rate = soundfile.read(str(path), dtype="float64", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise InvalidInput(f"{path}: not readable as WAV or FLAC: {error}") from error
    if not len(samples):
        raise InvalidInput(f"{path}: holds no samples")
    channels = tuple(
        Channel(f"channel {number + 1}", "count", np.ascontiguousarray(samples[:, number]) * 32768)
        for number in range(samples.shape[1])
    )
    return Recording(str(path), float(sample_rate_hz or rate), channels)
