"""The tables and indexes of the SQLite store, and which version of them a file has.

Columns are what is queried or updated in place, named as the fields they hold; `rest` is JSON of all other fields.
`features` are float32, little-endian, rows MIN, MEAN, MAX of `opq.model.features.FEATURES`.
Indexes that serve a list end in its order (start, id), so that nothing is sorted, and in `end_unix_ns`, so that
overlap is decided without reading the row.
"""

import apsw

from opq.errors import InvalidInput
from opq.store.sqlite.connection import Connections

_TABLES = """
CREATE TABLE opq_boxes (box_id TEXT PRIMARY KEY, grid_id TEXT NOT NULL, rest TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX opq_boxes_grid ON opq_boxes (grid_id, box_id);

CREATE TABLE box_status (
  box_id TEXT PRIMARY KEY, connected INTEGER NOT NULL, session_id TEXT NOT NULL,
  disconnected_unix_ns INTEGER NOT NULL, last_frame_unix_ns INTEGER NOT NULL, last_gasp_unix_ns INTEGER NOT NULL,
  u_rms_v REAL NOT NULL, f_hz REAL NOT NULL, thd_pct REAL NOT NULL, power TEXT NOT NULL,
  spooled_frames INTEGER NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE measurements (
  box_id TEXT, start_unix_ns INTEGER, duration_ns INTEGER NOT NULL, sequence INTEGER NOT NULL,
  windows INTEGER NOT NULL, flags INTEGER NOT NULL, features BLOB NOT NULL, PRIMARY KEY (box_id, start_unix_ns)
) WITHOUT ROWID;

CREATE TABLE trends (
  box_id TEXT, start_unix_ns INTEGER, windows INTEGER NOT NULL, flags INTEGER NOT NULL, features BLOB NOT NULL,
  PRIMARY KEY (box_id, start_unix_ns)
) WITHOUT ROWID;

CREATE TABLE events (
  event_id TEXT PRIMARY KEY, grid_id TEXT NOT NULL, state TEXT NOT NULL, start_unix_ns INTEGER NOT NULL,
  end_unix_ns INTEGER NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX events_start ON events (start_unix_ns, event_id, end_unix_ns);
CREATE INDEX events_grid ON events (grid_id, start_unix_ns, event_id, end_unix_ns);
CREATE INDEX events_state ON events (state, start_unix_ns, event_id, end_unix_ns);
CREATE INDEX events_grid_state ON events (grid_id, state, start_unix_ns, event_id, end_unix_ns);
CREATE INDEX events_longest ON events (end_unix_ns - start_unix_ns);
CREATE TABLE event_members (
  box_id TEXT, start_unix_ns INTEGER, event_id TEXT, end_unix_ns INTEGER NOT NULL,
  PRIMARY KEY (box_id, start_unix_ns, event_id)
) WITHOUT ROWID;
CREATE INDEX event_members_event ON event_members (event_id);

CREATE TABLE box_events (event_id TEXT, box_id TEXT, rest TEXT NOT NULL, PRIMARY KEY (event_id, box_id)) WITHOUT ROWID;

CREATE TABLE acquisitions (
  acquisition_id TEXT PRIMARY KEY, event_id TEXT NOT NULL, box_id TEXT NOT NULL, start_unix_ns INTEGER NOT NULL,
  state TEXT NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX acquisitions_event ON acquisitions (event_id, box_id, start_unix_ns, acquisition_id);
CREATE INDEX acquisitions_state ON acquisitions (state, acquisition_id);

CREATE TABLE waveforms (
  acquisition_id TEXT PRIMARY KEY, event_id TEXT NOT NULL, box_id TEXT NOT NULL, start_unix_ns INTEGER NOT NULL,
  encoded_bytes INTEGER NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX waveforms_event ON waveforms (event_id, box_id, start_unix_ns, acquisition_id);
CREATE INDEX waveforms_bytes ON waveforms (encoded_bytes);

CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY, plugin TEXT NOT NULL, event_id TEXT NOT NULL, box_id TEXT NOT NULL,
  ordinal TEXT NOT NULL, created_unix_ns INTEGER NOT NULL, incident_class TEXT NOT NULL,
  start_unix_ns INTEGER NOT NULL, end_unix_ns INTEGER NOT NULL, open_end INTEGER NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX incidents_key ON incidents (plugin, event_id, box_id, ordinal);
CREATE INDEX incidents_start ON incidents (start_unix_ns, incident_id, end_unix_ns, incident_class);
CREATE INDEX incidents_event ON incidents (event_id, start_unix_ns, incident_id);
CREATE INDEX incidents_box ON incidents (box_id, start_unix_ns, incident_id, end_unix_ns, incident_class);
CREATE INDEX incidents_class ON incidents (incident_class, start_unix_ns, incident_id, end_unix_ns);
CREATE INDEX incidents_plugin ON incidents (plugin, start_unix_ns, incident_id, end_unix_ns, incident_class);
CREATE INDEX incidents_longest ON incidents (end_unix_ns - start_unix_ns);
CREATE INDEX incidents_open ON incidents (start_unix_ns, incident_id) WHERE open_end;

CREATE TABLE tasks (
  task_id TEXT PRIMARY KEY, plugin TEXT NOT NULL, created_unix_ns INTEGER NOT NULL, state TEXT NOT NULL,
  attempts INTEGER NOT NULL, not_before_unix_ns INTEGER NOT NULL, lease_until_unix_ns INTEGER NOT NULL,
  worker TEXT NOT NULL, error TEXT NOT NULL, rest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX tasks_created ON tasks (created_unix_ns, task_id);
CREATE INDEX tasks_state ON tasks (state, created_unix_ns, task_id);
CREATE INDEX tasks_plugin ON tasks (plugin, created_unix_ns, task_id);
CREATE INDEX tasks_queue ON tasks (plugin, state, created_unix_ns, task_id);
CREATE TABLE task_plugins (plugin TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE TABLE settings (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE checkpoints (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE services (service_id TEXT PRIMARY KEY, role TEXT NOT NULL, rest TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX services_role ON services (role, service_id);
"""
_STEPS = (
    _TABLES,
    "CREATE TABLE certificates (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;",
    """
CREATE TABLE users (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE audit (number INTEGER PRIMARY KEY, rest TEXT NOT NULL);
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END;
""",
)
"""Step n makes version n of n - 1; a step that was released is never changed."""
VERSION = len(_STEPS)


def create(connections: Connections) -> None:
    """Make the tables that the file does not have yet; several processes may do so at once.

    Raises
    ------
    InvalidInput
        If a newer version made the file.
    """
    with connections.writing() as db:
        version = _version(db)
        if version > VERSION:
            raise InvalidInput(
                f"store: the file has schema version {version}, expected at most {VERSION}; a newer opq made it, "
                f"so update this one"
            )
        if version < VERSION:
            for step in _STEPS[version:]:
                db.execute(step)
            db.pragma("user_version", VERSION)


def _version(db: apsw.Connection) -> int:
    return int(db.pragma("user_version"))
