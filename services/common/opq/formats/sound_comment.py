"""The comment of a sound file: what its counts mean, as JSON in the RIFF chunk ICMT or the Vorbis comment."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opq.formats.counts import CountScale
from opq.formats.recording import NO_DETAILS, ChannelInfo, Details, StoredRecording

_VERSION = 1
_MOST_CHARACTERS = 60_000
"""libsndfile drops a longer comment of a WAV file, and says nothing."""


@dataclass(frozen=True, slots=True)
class SoundComment:
    """What a comment says; empty if there is none of ours.

    Attributes
    ----------
    steps : tuple of float
        Per channel, what a count of a 16-bit converter is [unit of the channel].
    """

    channels: tuple[ChannelInfo, ...] = ()
    steps: tuple[float, ...] = ()
    sample_rate_hz: float | None = None
    start_unix_ns: int | None = None
    details: Details = NO_DETAILS


def comment_text(stored: StoredRecording, scales: Sequence[CountScale], bits: int, notes: list[str]) -> str:
    """Write a comment; names are left out, and that is noted, where it would become too long."""
    in_16 = 2 ** (bits - 16)
    channels = [
        {"name": info.name, "unit": info.unit, "phase": info.phase, "step": scale.step * in_16, "offset": scale.offset}
        for info, scale in zip(stored.channels, scales, strict=True)
    ]
    content: dict[str, Any] = {
        "opq": _VERSION,
        "sample_rate_hz": stored.sample_rate_hz,
        "start_unix_ns": stored.start_unix_ns,
        "station": stored.details.station,
        "device": stored.details.device,
        "f_nominal_hz": stored.details.f_nominal_hz,
        "channels": channels,
    }
    text = json.dumps(content)
    if len(text) > _MOST_CHARACTERS:
        notes.append("names of channels are too long for the comment of a sound file and left out")
        for number, channel in enumerate(channels, 1):
            channel["name"] = f"channel {number}"
        text = json.dumps(content)
    return text


def parse_comment(text: str, channels: int, finest: float) -> SoundComment:
    """Read a comment; one that is not ours, or does not fit the file, says nothing.

    Parameters
    ----------
    finest : float
        The smallest step of the file, in counts of a 16-bit converter.
    """
    # libsndfile adds its name to comments of FLAC.
    text = text[: text.rfind("}") + 1]
    try:
        content = json.loads(text)
        if content["opq"] != _VERSION or len(content["channels"]) != channels:
            return SoundComment()
        steps = tuple(_finite(one["step"]) for one in content["channels"])
        infos = tuple(
            ChannelInfo(
                str(one["name"]), str(one["unit"]), str(one["phase"]), step=step * finest, offset=_finite(one["offset"])
            )
            for one, step in zip(content["channels"], steps, strict=True)
        )
        rate, start = _finite(content["sample_rate_hz"]), content["start_unix_ns"]
        details = Details(str(content["station"]), str(content["device"]), _finite(content["f_nominal_hz"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return SoundComment()
    usable = isinstance(start, int) and abs(start) < 2**63
    return SoundComment(infos, steps, rate if 1e-6 <= rate <= 1e12 else None, start if usable else None, details)


def _finite(value: object) -> float:
    number = float(value) if isinstance(value, (int, float)) else math.nan
    if not abs(number) < 1e30:
        raise ValueError(f"got {value!r}, expected a number")
    return number
