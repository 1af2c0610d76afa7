"""The SQLite store as a whole."""

from pathlib import Path

from opq.store.port import (
    Acquisitions,
    Audit,
    Boxes,
    Documents,
    Events,
    Heartbeats,
    Incidents,
    Measurements,
    Tasks,
    Trends,
    Waveforms,
)
from opq.store.sqlite import schema
from opq.store.sqlite.boxes import SqliteBoxes
from opq.store.sqlite.connection import Connections, translated
from opq.store.sqlite.documents import SqliteAudit, SqliteDocuments, SqliteHeartbeats
from opq.store.sqlite.events import SqliteAcquisitions, SqliteEvents
from opq.store.sqlite.incidents import SqliteIncidents
from opq.store.sqlite.measurements import SqliteMeasurements, SqliteTrends
from opq.store.sqlite.tasks import SqliteTasks
from opq.store.sqlite.volumes import refuse_network_volume
from opq.store.sqlite.waveforms import SqliteWaveforms

DATABASE = "opq.sqlite"
WAVEFORM_FOLDER = "waveforms"


class SqliteStore:
    """A store in one directory of a local disk: ``opq.sqlite`` and ``waveforms/``.

    Several threads and several processes of one machine may have it open at once.

    Parameters
    ----------
    directory : Path
        Made with its parents if missing.

    Raises
    ------
    InvalidInput
        If the directory lies on a network volume, or a newer version made the file.
    Unavailable
        If it cannot be opened or written.
    """

    def __init__(self, directory: Path) -> None:
        with translated():
            directory.mkdir(parents=True, exist_ok=True)
        refuse_network_volume(directory)
        self._connections = Connections(directory / DATABASE)
        try:
            schema.create(self._connections)
        except BaseException:
            self._connections.close()
            raise
        self.boxes: Boxes = SqliteBoxes(self._connections)
        self.measurements: Measurements = SqliteMeasurements(self._connections)
        self.trends: Trends = SqliteTrends(self._connections)
        self.events: Events = SqliteEvents(self._connections)
        self.acquisitions: Acquisitions = SqliteAcquisitions(self._connections)
        self.waveforms: Waveforms = SqliteWaveforms(self._connections, directory / WAVEFORM_FOLDER)
        self.incidents: Incidents = SqliteIncidents(self._connections)
        self.tasks: Tasks = SqliteTasks(self._connections)
        self.settings: Documents = SqliteDocuments(self._connections, "settings")
        self.checkpoints: Documents = SqliteDocuments(self._connections, "checkpoints")
        self.certificates: Documents = SqliteDocuments(self._connections, "certificates")
        self.users: Documents = SqliteDocuments(self._connections, "users")
        self.audit: Audit = SqliteAudit(self._connections)
        self.heartbeats: Heartbeats = SqliteHeartbeats(self._connections)

    def ping(self) -> None:
        """See the port."""
        self._connections.ping()

    def close(self) -> None:
        """See the port."""
        self._connections.close()
