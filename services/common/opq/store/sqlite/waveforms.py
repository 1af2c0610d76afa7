"""Waveforms beside the SQLite file: bytes as files, descriptions as rows.

``<id>.part`` grows by appending; `commit` renames it to ``<id>.wave`` and then writes its row. The row is what makes
a waveform visible: a file without one was left by a crash between the two, counts as not committed, and the next
append, commit or sweep deals with it. Commit, discard and sweep hold the write transaction while they touch files,
so that none removes what another is just making visible.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from opq.errors import CorruptData, InvalidInput, NotFound
from opq.ids import AcquisitionId, EventId
from opq.model.waveforms import WaveformInfo
from opq.store.documents import check_acquisition_id, waveform_document
from opq.store.sqlite.connection import Connections, translated
from opq.store.sqlite.records import Records

_PART, _WHOLE = ".part", ".wave"
_WAVEFORMS = Records(
    WaveformInfo,
    "waveforms",
    ("acquisition_id", "event_id", "box_id", "start_unix_ns", "encoded_bytes"),
    encode=waveform_document,
)
_ONE = f"SELECT {_WAVEFORMS.select} FROM waveforms WHERE acquisition_id = ?"
_SIZE = "SELECT encoded_bytes FROM waveforms WHERE acquisition_id = ?"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _sync_directory(directory: Path) -> None:
    """Make renames in a directory survive a power cut; Windows can neither open directories nor needs it."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SqliteWaveforms:
    """See `opq.store.port.Waveforms`.

    Parameters
    ----------
    connections : Connections
        Where the descriptions are.
    directory : Path
        Where the files are; made if missing.
    """

    def __init__(self, connections: Connections, directory: Path) -> None:
        self._connections = connections
        self._directory = directory
        with translated():
            directory.mkdir(exist_ok=True)

    def _part(self, acquisition_id: AcquisitionId) -> Path:
        return self._directory / (check_acquisition_id(acquisition_id) + _PART)

    def _whole(self, acquisition_id: AcquisitionId) -> Path:
        return self._directory / (check_acquisition_id(acquisition_id) + _WHOLE)

    def _committed_bytes(self, acquisition_id: AcquisitionId) -> int | None:
        row = self._connections.row(_SIZE, (acquisition_id,))
        return None if row is None else int(row[0])

    def append(self, acquisition_id: AcquisitionId, offset: int, data: bytes) -> int:
        """See the port."""
        part = self._part(acquisition_id)
        there = self.received(acquisition_id)
        if offset < 0 or offset > there:
            raise InvalidInput(f"waveform {acquisition_id}: got bytes from {offset}, expected from at most {there}")
        fresh = data[there - offset :]
        if not fresh:
            return there
        if self._committed_bytes(acquisition_id) is not None:
            raise InvalidInput(f"waveform {acquisition_id}: got bytes beyond {there}, but it was committed with these")
        with translated():
            self._reopen(acquisition_id)
            part.touch()  # and never opened for writing anew: that would cut off what another sender just wrote
            with part.open("r+b") as file:
                file.seek(there)
                file.write(fresh)
                file.flush()
                os.fsync(file.fileno())
        return there + len(fresh)

    def _reopen(self, acquisition_id: AcquisitionId) -> None:
        """Make a whole file without a row, left by a crash, a part again."""
        whole = self._whole(acquisition_id)
        if whole.exists():
            with self._connections.writing() as db:
                if whole.exists() and not list(db.execute(_SIZE, (acquisition_id,))):
                    whole.replace(self._part(acquisition_id))

    def received(self, acquisition_id: AcquisitionId) -> int:
        """See the port."""
        part, whole = self._part(acquisition_id), self._whole(acquisition_id)
        with translated():
            growing = _size(part)  # looked at first, since a commit in between turns it into the whole file
            return _size(whole) or growing

    def uncommitted(self, acquisition_id: AcquisitionId) -> bytes:
        """See the port."""
        if self._committed_bytes(acquisition_id) is not None:
            return b""
        with translated():
            for path in (self._whole(acquisition_id), self._part(acquisition_id)):
                if path.exists():
                    return path.read_bytes()
        return b""

    def commit(self, info: WaveformInfo) -> None:
        """See the port."""
        row = _WAVEFORMS.row(info)
        part, whole = self._part(info.acquisition_id), self._whole(info.acquisition_id)
        with self._connections.writing() as db:
            if list(db.execute(_SIZE, (info.acquisition_id,))):
                return
            there = self.received(info.acquisition_id)
            if there != info.encoded_bytes:
                raise InvalidInput(
                    f"waveform {info.acquisition_id}: got a description of {info.encoded_bytes} bytes, expected the "
                    f"{there} bytes that are there"
                )
            if whole.exists():
                part.unlink(missing_ok=True)
            else:
                part.touch()
                part.replace(whole)
            _sync_directory(self._directory)
            db.execute(_WAVEFORMS.insert, row)

    def discard(self, acquisition_id: AcquisitionId) -> None:
        """See the port."""
        part = self._part(acquisition_id)
        with self._connections.writing() as db:
            if not list(db.execute(_SIZE, (acquisition_id,))):
                part.unlink(missing_ok=True)
                self._whole(acquisition_id).unlink(missing_ok=True)

    def info(self, acquisition_id: AcquisitionId) -> WaveformInfo | None:
        """See the port."""
        row = self._connections.row(_ONE, (acquisition_id,))
        return _WAVEFORMS.read(row) if row else None

    def of_event(self, event_id: EventId) -> list[WaveformInfo]:
        """See the port."""
        rows = self._connections.rows(
            f"SELECT {_WAVEFORMS.select} FROM waveforms WHERE event_id = ? "
            f"ORDER BY box_id, start_unix_ns, acquisition_id",
            (event_id,),
        )
        return [_WAVEFORMS.read(row) for row in rows]

    def data(self, acquisition_id: AcquisitionId) -> bytes:
        """See the port."""
        expected = self._committed_bytes(acquisition_id)
        if expected is None:
            raise NotFound(f"waveform {acquisition_id}: there is none")
        path = self._whole(acquisition_id)
        if not path.exists():
            raise CorruptData(f"waveform {acquisition_id}: its file {path} is missing")
        with translated():
            data = path.read_bytes()
        if len(data) != expected:
            raise CorruptData(f"waveform {acquisition_id}: got {len(data)} bytes in {path}, expected {expected}")
        return data

    def total_bytes(self) -> int:
        """See the port."""
        return self._connections.number("SELECT coalesce(sum(encoded_bytes), 0) FROM waveforms")

    def sweep(self, older_than_unix_ns: int) -> int:
        """See the port."""
        candidates = self._candidates(older_than_unix_ns)
        swept = set()
        with self._connections.writing() as db:
            for path in candidates:
                committed = list(db.execute(_SIZE, (path.stem,)))
                if not committed:
                    swept.add(path.stem)
                if not committed or path.suffix == _PART:
                    path.unlink(missing_ok=True)
        return len(swept)

    def _candidates(self, older_than_unix_ns: int) -> Sequence[Path]:
        """Return old parts and old files without a row, before the transaction, so that writers do not wait for it."""
        committed = {row[0] for row in self._connections.rows("SELECT acquisition_id FROM waveforms")}
        with translated():
            paths = [path for path in self._directory.iterdir() if path.suffix in (_PART, _WHOLE)]
            return [
                path
                for path in paths
                if (path.suffix == _PART or path.stem not in committed) and path.stat().st_mtime_ns < older_than_unix_ns
            ]
