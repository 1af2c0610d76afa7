"""Writes recordings in any known format."""

import csv
from collections.abc import Sequence
from pathlib import Path

from opq.errors import InvalidInput
from opq.formats.comtrade import write_comtrade
from opq.formats.reader import form_of
from opq.formats.recording import Recording, StoredRecording
from opq.formats.writing import WriteOptions


def write_recordings(path: Path, recordings: Sequence[Recording | StoredRecording], form: str = "auto") -> None:
    """Write recordings to a file.

    Raises
    ------
    InvalidInput
        If the format cannot hold them.
    """
    form = form_of(path, form)
    if form == "comtrade":
        write_comtrade(
            path, [one.stored() if isinstance(one, Recording) else one for one in recordings], WriteOptions()
        )
        return
    if form != "csv" or len(recordings) != 1:
        raise InvalidInput(f"{path}: writing {len(recordings)} recordings as {form} is not supported yet")
    stored = recordings[0].stored() if isinstance(recordings[0], Recording) else recordings[0]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["t_s", *(f"{channel.name} [{channel.unit}]" for channel in stored.channels)])
        at = 0
        for block in stored.blocks(range(len(stored.channels)), 4096):
            for row in block.T:
                writer.writerow([repr(at / stored.sample_rate_hz), *(repr(float(value)) for value in row)])
                at += 1
