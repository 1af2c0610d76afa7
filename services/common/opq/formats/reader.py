"""Opens a file of any known format."""

from collections.abc import Callable
from pathlib import Path

from opq.errors import InvalidInput, check_option
from opq.formats.comtrade import open_comtrade
from opq.formats.csv_file import read_csv
from opq.formats.pqdif import open_pqdif
from opq.formats.raw16 import read_raw16
from opq.formats.recording import Recording
from opq.formats.recording_file import RecordingFile
from opq.formats.sound_file import read_sound

_READERS: dict[str, Callable[[Path, float | None], Recording]] = {
    "raw16": read_raw16,
    "wav": read_sound,
    "flac": read_sound,
    "csv": read_csv,
}
_SUFFIXES = {
    ".raw": "raw16",
    ".i16": "raw16",
    ".bin": "raw16",
    ".wav": "wav",
    ".flac": "flac",
    ".csv": "csv",
    ".cfg": "comtrade",
    ".cff": "comtrade",
    ".dat": "comtrade",
    ".pqd": "pqdif",
    ".pqdif": "pqdif",
}
FORMATS = ("auto", *_READERS, "comtrade", "pqdif")


def form_of(path: Path, form: str = "auto") -> str:
    """Return the name of the format: `form`, or for ``auto`` what the ending of the name says.

    Raises
    ------
    InvalidInput
        If `form` is none of `FORMATS`, or nothing is known of the ending.
    """
    check_option("format", form, FORMATS)
    if form != "auto":
        return form
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        endings = ", ".join(sorted(_SUFFIXES))
        raise InvalidInput(
            f"{path}: cannot tell the format from the ending {suffix!r} (known: {endings}); give --format"
        )
    return _SUFFIXES[suffix]


def open_recordings(path: Path, form: str = "auto", sample_rate_hz: float | None = None) -> RecordingFile:
    """Open a file of recordings; samples are read when they are asked for.

    Parameters
    ----------
    form : str
        One of `FORMATS`; ``auto`` goes by the ending of the name.
    sample_rate_hz : float, optional
        Samples per second [Hz], for files that do not say.

    Raises
    ------
    InvalidInput
        If the file is missing, of unknown or another form, or damaged beyond use; names the line or byte.
    """
    check_option("format", form, FORMATS)
    if not path.is_file():
        raise InvalidInput(f"{path}: no such file")
    form = form_of(path, form)
    if form == "comtrade":
        return open_comtrade(path, sample_rate_hz)
    if form == "pqdif":
        return open_pqdif(path, sample_rate_hz)
    recording = _READERS[form](path, sample_rate_hz)
    return RecordingFile(str(path), form, (recording.stored(),), list(recording.notes))


def read_recording(path: Path, form: str = "auto", sample_rate_hz: float | None = None) -> Recording:
    """Read the first recording of a file whole into memory; see `open_recordings`."""
    with open_recordings(path, form, sample_rate_hz) as file:
        return file.load()
