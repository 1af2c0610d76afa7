"""Writes a recording as CSV: a time column, one column per channel with its unit in brackets."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from opq.clock import NS
from opq.formats.recording import StoredRecording
from opq.formats.writing import WriteOptions, Written, only, replacing, walk


def write_csv(path: Path, recordings: Sequence[StoredRecording], options: WriteOptions) -> Written:
    """Write one recording; numbers are the shortest that read back as the same float64.

    The time column is ``unix_ns`` where the time is known, else ``t_s`` from 0.
    """
    stored = only(recordings, path, "CSV")
    count = 0
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        header = StringIO()
        names = [f"{info.name} [{info.unit}]" for info in stored.channels]
        time = "t_s" if stored.start_unix_ns is None else "unix_ns"
        csv.writer(header, lineterminator="\n").writerow([time, *names])
        file.write(header.getvalue())
        for block in walk(stored, options):
            times = [_time(stored, count + number) for number in range(block.shape[1])]
            rows = zip(times, *(map(repr, row) for row in block.tolist()), strict=True)
            file.write("\n".join(map(",".join, rows)) + "\n")
            count += block.shape[1]
    notes = ["CSV does not keep digital channels"] if stored.digital else []
    return Written("csv", (path,), 1, len(stored.channels), count, notes)


def _time(stored: StoredRecording, number: int) -> str:
    if stored.start_unix_ns is None:
        return repr(number / stored.sample_rate_hz)
    return str(stored.start_unix_ns + round(number * NS / stored.sample_rate_hz))
