"""Opens a file of any known format."""

from collections.abc import Callable
from pathlib import Path

from opq.errors import InvalidInput, check_option, check_range
from opq.formats.comtrade import open_comtrade
from opq.formats.csv_reader import open_csv
from opq.formats.parquet_file import open_parquet
from opq.formats.pqdif import open_pqdif
from opq.formats.pqds import is_pqds, open_pqds
from opq.formats.raw16 import open_raw16
from opq.formats.recording import Recording
from opq.formats.recording_file import RecordingFile
from opq.formats.sound_file import open_sound

_READERS: dict[str, Callable[[Path, float | None], RecordingFile]] = {
    "comtrade": open_comtrade,
    "pqdif": open_pqdif,
    "pqds": open_pqds,
    "csv": open_csv,
    "parquet": open_parquet,
    "wav": open_sound,
    "flac": open_sound,
    "raw16": open_raw16,
}
_SUFFIXES = {
    ".raw": "raw16",
    ".i16": "raw16",
    ".bin": "raw16",
    ".wav": "wav",
    ".flac": "flac",
    ".csv": "csv",
    ".tsv": "csv",
    ".cfg": "comtrade",
    ".cff": "comtrade",
    ".dat": "comtrade",
    ".pqd": "pqdif",
    ".pqdif": "pqdif",
    ".pqds": "pqds",
    ".parquet": "parquet",
}
FORMATS = ("auto", *_READERS)
_LEAST_RATE_HZ, _MOST_RATE_HZ = 1e-6, 1e12


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
            f"{path}: cannot tell the format from the ending {suffix!r} (known: {endings}); name the format"
        )
    return _SUFFIXES[suffix]


def open_recordings(path: Path, form: str = "auto", sample_rate_hz: float | None = None) -> RecordingFile:
    """Open a file of recordings; samples are read when they are asked for.

    Parameters
    ----------
    form : str
        One of `FORMATS`; ``auto`` goes by the ending of the name, and tells PQDS from other CSV by its content.
    sample_rate_hz : float, optional
        Samples per second [Hz], for files that do not say; takes the place of what others say.

    Raises
    ------
    InvalidInput
        If the file is missing, of unknown or another form, or damaged beyond use; names the line or byte.
    """
    check_option("format", form, FORMATS)
    if not path.is_file():
        raise InvalidInput(f"{path}: no such file")
    if sample_rate_hz is not None:
        check_range("sample rate", sample_rate_hz, _LEAST_RATE_HZ, _MOST_RATE_HZ, "Hz")
    known = form_of(path, form)
    if form == "auto" and known == "csv" and is_pqds(path):
        known = "pqds"
    return _READERS[known](path, sample_rate_hz)


def read_recording(path: Path, form: str = "auto", sample_rate_hz: float | None = None) -> Recording:
    """Read the first recording of a file whole into memory; see `open_recordings`."""
    with open_recordings(path, form, sample_rate_hz) as file:
        return file.load()
