"""Writes recordings in any known format."""

from collections.abc import Callable, Sequence
from pathlib import Path

from opq.errors import InvalidInput
from opq.formats.comtrade import write_comtrade
from opq.formats.csv_writer import write_csv
from opq.formats.parquet_file import write_parquet
from opq.formats.pqdif import write_pqdif
from opq.formats.pqds import write_pqds
from opq.formats.raw16 import write_raw16
from opq.formats.reader import form_of
from opq.formats.recording import Recording, StoredRecording
from opq.formats.sound_file import write_flac, write_wav
from opq.formats.writing import AS_USUAL, WriteOptions, Written

_WRITERS: dict[str, Callable[[Path, Sequence[StoredRecording], WriteOptions], Written]] = {
    "comtrade": write_comtrade,
    "pqdif": write_pqdif,
    "pqds": write_pqds,
    "csv": write_csv,
    "parquet": write_parquet,
    "wav": write_wav,
    "flac": write_flac,
    "raw16": write_raw16,
}
HOLD_SEVERAL = ("pqdif",)
"""Formats of which one file holds any number of recordings."""


def write_recordings(
    path: Path,
    recordings: Sequence[Recording | StoredRecording],
    form: str = "auto",
    options: WriteOptions = AS_USUAL,
) -> Written:
    """Write recordings to a file, in pieces; the file takes its place when it is whole.

    Parameters
    ----------
    form : str
        One of `FORMATS`; ``auto`` goes by the ending of the name.

    Returns
    -------
    Written
        What was written, and what of the recordings the format could not keep.

    Raises
    ------
    InvalidInput
        If the format cannot hold them.
    """
    known = form_of(path, form)
    stored = [one.stored() if isinstance(one, Recording) else one for one in recordings]
    if not stored or not all(one.channels for one in stored):
        raise InvalidInput(f"{path}: got nothing to write")
    return _WRITERS[known](path, stored, options)
