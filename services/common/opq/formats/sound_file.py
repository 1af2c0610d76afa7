"""WAV and FLAC, through libsndfile; what samples mean in volts is kept in the comment of the file."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from opq.errors import InvalidInput, LimitExceeded, Unavailable
from opq.formats.counts import CountScale, count_scale, exact_scale
from opq.formats.missing import filled
from opq.formats.recording import ChannelInfo, SampleArray, StoredRecording
from opq.formats.recording_file import RecordingFile
from opq.formats.sound_comment import comment_text, parse_comment
from opq.formats.text import note
from opq.formats.writing import Extent, WriteOptions, Written, extent, only, replacing, walk

_CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF")
_CHUNK = 4096
"""A block of FLAC: what is in one with a damaged place is lost."""
_FULL_SCALE = 32_768
"""Counts are those of a 16-bit converter, whatever the file has."""
_MOST_FRAMES_PER_BYTE = 8192
"""No codec packs silence tighter; a header that says more is wrong."""
_GREATEST = {16: 32_767, 24: 8_388_607}
_FINER = 256
"""Counts of 24 bits in one of 16."""
_MOST_WAV_BYTES = 2**32 - 2**20
_FLAC_CHANNELS, _FLAC_RATE_HZ = 8, 655_350
_WAV_CHANNELS = 1024


def _soundfile() -> Any:
    """Import the library when it is needed: not every installation has it."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise Unavailable("WAV and FLAC need soundfile, which is not installed: pip install 'opq[analyze]'") from error
    return soundfile


def open_sound(path: Path, sample_rate_hz: float | None) -> RecordingFile:
    """Open all channels: volts if the comment gives the scale, else counts of a 16-bit converter (full scale 32 768).

    Raises
    ------
    InvalidInput
        If libsndfile does not read it, or it holds no samples.
    """
    soundfile = _soundfile()
    notes: list[str] = []
    try:
        with soundfile.SoundFile(str(path)) as file:
            frames, rate, channels = int(file.frames), float(file.samplerate), int(file.channels)
            container, subtype, text = str(file.format), str(file.subtype), str(file.comment)
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError) as error:
        raise InvalidInput(f"{path}: not readable as WAV or FLAC: {error}") from error
    if container not in _CONTAINERS:
        raise InvalidInput(f"{path}: not readable as WAV or FLAC: it is {container}")
    if frames <= 0:
        raise InvalidInput(f"{path}: holds no samples")
    if frames > _MOST_FRAMES_PER_BYTE * path.stat().st_size:
        raise InvalidInput(f"{path}: announces {frames} samples, more than its {path.stat().st_size} bytes can hold")
    comment = parse_comment(text, channels, 1.0 if subtype == "PCM_16" else 1 / _FINER)
    infos = comment.channels or tuple(
        ChannelInfo(f"channel {number + 1}", "count", step=1.0 if subtype == "PCM_16" else 0.0)
        for number in range(channels)
    )

    def chunks(wanted: tuple[int, ...]) -> Iterator[SampleArray]:
        steps = np.array([[comment.steps[one] if comment.channels else 1.0] for one in wanted])
        offsets = np.array([[infos[one].offset if comment.channels else 0.0] for one in wanted])
        raw = (block.T[list(wanted)] * _FULL_SCALE * steps + offsets for block in _blocks(path, frames, notes))
        return filled(raw, [infos[one].name for one in wanted], notes)

    stored = StoredRecording(
        source=str(path),
        channels=infos,
        sample_rate_hz=sample_rate_hz or comment.sample_rate_hz or rate,
        start_unix_ns=comment.start_unix_ns,
        samples=frames,
        chunks=chunks,
        details=comment.details,
    )
    return RecordingFile(str(path), container.lower() if container == "FLAC" else "wav", (stored,), notes)


def _blocks(path: Path, frames: int, notes: list[str]) -> Iterator[SampleArray]:
    """Yield (n, channels) samples; a file that ends early, or is damaged, gives what is before that."""
    soundfile, done = _soundfile(), 0
    try:
        with soundfile.SoundFile(str(path)) as file:
            while done < frames:
                block = file.read(min(_CHUNK, frames - done), dtype="float64", always_2d=True)
                if not len(block):
                    break
                done += len(block)
                yield block
    except (soundfile.LibsndfileError, RuntimeError) as error:
        if not done:
            raise InvalidInput(f"{path}: not readable as WAV or FLAC: {error}") from error
        note(notes, f"damaged after sample {done} of {frames}: {error}")
        return
    if done < frames:
        note(notes, f"announces {frames} samples, there are {done}: read what there is")


def write_wav(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write WAV: 16 bits where the values are counts of a 16-bit converter or were read so, else 24 bits."""
    return _write(path, recordings, options, "WAV", _WAV_CHANNELS, 2**31 - 1)


def write_flac(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write FLAC, which is lossless, in 16 or 24 bits as `write_wav`; at most 8 channels."""
    return _write(path, recordings, options, "FLAC", _FLAC_CHANNELS, _FLAC_RATE_HZ)


def _write(
    path: Path,
    recordings: Sequence[StoredRecording],
    options: WriteOptions,
    container: str,
    most_channels: int,
    most_rate_hz: float,
) -> Written:
    stored = only(recordings, path, container)
    rate = round(stored.sample_rate_hz)
    if len(stored.channels) > most_channels or not 1 <= rate <= most_rate_hz:
        raise LimitExceeded(
            f"{path}: {container} holds at most {most_channels} channels of 1 to {most_rate_hz:g} Hz,"
            f" got {len(stored.channels)} of {stored.sample_rate_hz:g} Hz"
        )
    values = extent(stored, options)
    bits, scales = _scales(stored, values, options.volts_per_count)
    large = values.samples * len(stored.channels) * bits // 8 > _MOST_WAV_BYTES
    notes = [f"{container} does not keep digital channels"] if stored.digital else []
    text = comment_text(stored, scales, bits, notes)
    with replacing(path) as temporary, _soundfile().SoundFile(
        str(temporary), "w", rate, len(stored.channels), f"PCM_{bits}",
        format="RF64" if large and container == "WAV" else container,
    ) as file:  # fmt: skip
        file.comment = text
        for block in walk(stored, options):
            file.write(_numbers(block, scales, bits))
    return Written(container.lower(), (path,), 1, len(stored.channels), values.samples, notes)


def _scales(stored: StoredRecording, values: Extent, volts_per_count: float | None) -> tuple[int, list[CountScale]]:
    """Return 16 or 24 bits, and the scale of each channel in counts of so many bits."""
    channels = list(enumerate(stored.channels))
    exact = [exact_scale(info, values, number, _GREATEST[16], volts_per_count) for number, info in channels]
    scales = [one for one in exact if one is not None]
    if len(scales) == len(channels):
        return 16, scales
    fine = None if volts_per_count is None else volts_per_count / _FINER
    return 24, [count_scale(info, values, number, _GREATEST[24], fine) for number, info in channels]


def _numbers(block: SampleArray, scales: list[CountScale], bits: int) -> npt.NDArray[Any]:
    steps = np.array([[one.step] for one in scales])
    offsets = np.array([[one.offset] for one in scales])
    counts: SampleArray = np.rint((block - offsets) / steps).T
    if bits == 16:
        return counts.astype(np.int16)
    # libsndfile takes the upper 24 of 32 bits.
    return np.left_shift(counts.astype(np.int32), np.int32(8))
