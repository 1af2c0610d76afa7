"""What was given on the command line about recordings, checked."""

import json
from pathlib import Path

from opq.errors import InvalidInput
from opq.standards.envelopes import Envelope
from opq_cli.recordings.run import Options


def make_options(
    form: str,
    u_din: float | None,
    frequency: float | None,
    scale: float | None,
    sample_rate: float | None,
    channel: str,
    envelopes: list[Path],
    *,
    series: bool = False,
    signalling_hz: float = 0.0,
) -> Options:
    """Check what was given on the command line."""
    if frequency is not None and frequency not in (50, 60):
        raise InvalidInput(f"--frequency: got {frequency:g}, expected 50 or 60")
    if scale is not None and not 0 < abs(scale) < 1e6:
        raise InvalidInput(f"--scale: got {scale:g}, expected volts per count, not 0")
    curves = tuple(read_envelope(path) for path in envelopes)
    return Options(form, u_din, frequency, scale, sample_rate, channel, curves, series, signalling_hz)


def read_envelope(path: Path) -> Envelope:
    """Read a curve from JSON: ``{"name": ..., "lower": [[seconds, pu], ..., [null, pu]], "upper": [...]}``."""
    try:
        curve = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: not readable as a curve in JSON: {error}") from error
    if not isinstance(curve, dict):
        raise InvalidInput(f"{path}: got {type(curve).__name__}, expected an object with name, lower and upper")
    return Envelope.from_mapping(curve)
