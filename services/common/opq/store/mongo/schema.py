"""Collections and indexes of the MongoDB store.

`_id` is the natural key where that is one string; a compound key has a unique index. Indexes that serve a list end
in its order, so that nothing is sorted in memory.
"""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.synchronous.database import Database

from opq.store.mongo.connection import Document, translated

BOXES = "opq_boxes"
BOX_STATUS = "box_status"
MEASUREMENTS = "measurements"
TRENDS = "trends"
EVENTS = "events"
BOX_EVENTS = "box_events"
ACQUISITIONS = "acquisitions"
WAVEFORMS = "waveforms"
WAVEFORM_CHUNKS = "waveform_chunks"
INCIDENTS = "incidents"
TASKS = "tasks"
TASK_PLUGINS = "task_plugins"
SETTINGS = "settings"
CHECKPOINTS = "checkpoints"
CERTIFICATES = "certificates"
USERS = "users"
AUDIT = "audit"
SERVICES = "services"


def _index(*fields: str, unique: bool = False, **options: Any) -> IndexModel:
    if unique:
        options["unique"] = True
    return IndexModel([(field, ASCENDING) for field in fields], name="_".join(("by", *fields)), **options)


INDEXES: dict[str, tuple[IndexModel, ...]] = {
    BOXES: (_index("grid_id", "_id"),),
    MEASUREMENTS: (_index("box_id", "start_unix_ns", unique=True),),
    TRENDS: (_index("box_id", "start_unix_ns", unique=True),),
    EVENTS: (
        _index("start_unix_ns", "_id", "end_unix_ns"),
        _index("grid_id", "start_unix_ns", "_id", "end_unix_ns"),
        _index("state", "start_unix_ns", "_id", "end_unix_ns"),
        _index("grid_id", "state", "start_unix_ns", "_id", "end_unix_ns"),
        _index("span_ns"),
        _index("box_ids", "start_unix_ns", "_id", "end_unix_ns"),
    ),
    BOX_EVENTS: (_index("event_id", "box_id", unique=True),),
    ACQUISITIONS: (_index("event_id", "box_id", "start_unix_ns", "_id"), _index("state", "_id")),
    WAVEFORMS: (
        _index("event_id", "box_id", "start_unix_ns", "_id"),
        _index("state", "appended_unix_ns"),
        _index("state", "encoded_bytes"),
    ),
    WAVEFORM_CHUNKS: (_index("acquisition_id", "upload", "offset", unique=True),),
    INCIDENTS: (
        _index("plugin", "event_id", "box_id", "ordinal", unique=True),
        _index("start_unix_ns", "_id", "end_unix_ns"),
        _index("event_id", "start_unix_ns", "_id"),
        _index("box_id", "start_unix_ns", "_id", "end_unix_ns"),
        _index("incident_class", "start_unix_ns", "_id", "end_unix_ns"),
        _index("plugin", "start_unix_ns", "_id", "end_unix_ns"),
        _index("span_ns"),
        _index("open_end", "start_unix_ns", "_id", partialFilterExpression={"open_end": True}),
    ),
    TASKS: (
        _index("created_unix_ns", "_id"),
        _index("state", "created_unix_ns", "_id"),
        _index("plugin", "created_unix_ns", "_id"),
        _index("plugin", "state", "created_unix_ns", "_id"),
    ),
    SERVICES: (_index("role", "_id"),),
}


def create(database: Database[Document]) -> None:
    """Make the indexes that are missing; several programs may do so at once."""
    with translated():
        for name, indexes in INDEXES.items():
            database[name].create_indexes(list(indexes))
