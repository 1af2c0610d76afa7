"""The MongoDB store as a whole."""

from opq.store.mongo import schema
from opq.store.mongo.boxes import MongoBoxes
from opq.store.mongo.connection import connect, translated
from opq.store.mongo.documents import MongoAudit, MongoDocuments, MongoHeartbeats
from opq.store.mongo.events import MongoAcquisitions, MongoEvents
from opq.store.mongo.incidents import MongoIncidents
from opq.store.mongo.measurements import MongoMeasurements, MongoTrends
from opq.store.mongo.tasks import MongoTasks
from opq.store.mongo.waveforms import MongoWaveforms
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


class MongoStore:
    """A store in one database of a MongoDB replica set.

    Parameters
    ----------
    url : str
        ``mongodb://HOST[:PORT],.../DATABASE[?OPTIONS]``; see `opq.store.mongo.connection` for what it may not change.

    Raises
    ------
    InvalidInput
        If the URL names no database, would weaken a guarantee, or leads to a server that is no replica set.
    Unavailable
        If no server answers within some seconds.
    """

    def __init__(self, url: str) -> None:
        database = connect(url)
        self._client = database.client
        try:
            schema.create(database)
        except BaseException:
            self._client.close()
            raise
        self.boxes: Boxes = MongoBoxes(database)
        self.measurements: Measurements = MongoMeasurements(database)
        self.trends: Trends = MongoTrends(database)
        self.events: Events = MongoEvents(database)
        self.acquisitions: Acquisitions = MongoAcquisitions(database)
        self.waveforms: Waveforms = MongoWaveforms(database)
        self.incidents: Incidents = MongoIncidents(database)
        self.tasks: Tasks = MongoTasks(database)
        self.settings: Documents = MongoDocuments(database, schema.SETTINGS)
        self.checkpoints: Documents = MongoDocuments(database, schema.CHECKPOINTS)
        self.certificates: Documents = MongoDocuments(database, schema.CERTIFICATES)
        self.users: Documents = MongoDocuments(database, schema.USERS)
        self.audit: Audit = MongoAudit(database)
        self.heartbeats: Heartbeats = MongoHeartbeats(database)

    def ping(self) -> None:
        """See the port."""
        with translated():
            self._client.admin.command("ping")

    def close(self) -> None:
        """See the port."""
        self._client.close()
