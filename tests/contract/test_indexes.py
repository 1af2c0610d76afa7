"""Every query of every adapter is served by an index.

`use_everything` calls each method of the port with each kind of filter; the statements are caught on their way to
the database rather than listed here, so that a new query is checked without anybody remembering to.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pymongo
from pymongo import monitoring

from opq.ids import AcquisitionId, BoxId, EventId, GridId, IncidentId
from opq.model.boxes import BoxHealth, BoxSeen, Power
from opq.model.events import AcquisitionState, EventState
from opq.model.incidents import IncidentClass
from opq.model.tasks import TaskState
from opq.store import Store, open_store
from opq.store.port import EventFilter, IncidentFilter
from opq.testing import samples
from opq.testing.samples import T0

BOX, EVENT, ACQUISITION = BoxId("box-1"), EventId("event-1"), AcquisitionId("acquisition-1")
SPANS: tuple[dict[str, int], ...] = (
    {},
    {"start_unix_ns": T0},
    {"end_unix_ns": T0 + 9},
    {"start_unix_ns": T0, "end_unix_ns": T0 + 9},
)


def use_everything(store: Store) -> None:
    use_boxes(store)
    use_series(store)
    use_events(store)
    use_waveforms(store)
    use_incidents(store)
    use_tasks(store)
    for documents in (store.settings, store.checkpoints):
        documents.put("a", {})
        documents.get("a")
        documents.items()
        documents.items("a")
        documents.remove("a")
    store.heartbeats.beat(samples.heartbeat())
    store.heartbeats.list()
    store.heartbeats.list("ingest")


def use_boxes(store: Store) -> None:
    store.boxes.put(samples.box())
    store.boxes.connected(samples.status())
    store.boxes.seen([BoxSeen(BOX, T0, T0, 1.0, 1.0, 1.0)])
    store.boxes.gasped(BOX, T0)
    store.boxes.health(BOX, BoxHealth(Power.MAINS, 1))
    store.boxes.disconnected(BOX, "session-1", T0)
    store.boxes.get(BOX)
    store.boxes.status(BOX)
    store.boxes.statuses()
    store.boxes.list()
    store.boxes.list(GridId("grid-1"))
    store.boxes.remove(BOX)


def use_series(store: Store) -> None:
    store.measurements.add([samples.measurement()])
    store.measurements.range(BOX, T0, T0 + 1)
    store.measurements.latest(BOX)
    store.measurements.count()
    store.measurements.count(BOX, T0, T0 + 1)
    store.trends.put([samples.trend()])
    store.trends.range(BOX, T0, T0 + 1)
    store.trends.latest(BOX)


def use_events(store: Store) -> None:
    store.events.put(samples.event())
    store.events.put_boxes([samples.event_box()])
    store.events.boxes(EVENT)
    store.events.get(EVENT)
    for grid_id, box_id, states, span, before in itertools.product(
        (None, GridId("grid-1")), (None, BOX), ((), (EventState.OPEN,), tuple(EventState)), SPANS, (None, EVENT)
    ):
        which = EventFilter(grid_id, box_id, states, **span)
        store.events.list(which, before=before)
        store.events.count(which)
    store.acquisitions.put(samples.acquisition())
    store.acquisitions.get(ACQUISITION)
    store.acquisitions.of_event(EVENT)
    store.acquisitions.in_state(AcquisitionState.REQUESTED)


def use_waveforms(store: Store) -> None:
    store.waveforms.append(AcquisitionId("other"), 0, b"0123456789")
    store.waveforms.discard(AcquisitionId("other"))
    store.waveforms.append(ACQUISITION, 0, b"0123456789")
    store.waveforms.uncommitted(ACQUISITION)
    store.waveforms.sweep(0)
    store.waveforms.commit(samples.waveform_info())
    store.waveforms.received(ACQUISITION)
    store.waveforms.info(ACQUISITION)
    store.waveforms.data(ACQUISITION)
    store.waveforms.of_event(EVENT)
    store.waveforms.total_bytes()
    store.waveforms.sweep(2**62)


def use_incidents(store: Store) -> None:
    incidents = [samples.incident(str(number), ordinal=str(number)) for number in range(3)]
    store.incidents.replace("ieee1159", EVENT, incidents)
    store.incidents.replace("ieee1159", EVENT, incidents[:1])
    store.incidents.put(incidents[0])
    store.incidents.get(IncidentId("0"))
    for event_id, box_id, classes, plugin, open_only, span, before in itertools.product(
        (None, EVENT),
        (None, BOX),
        ((), (IncidentClass.OUTAGE,), tuple(IncidentClass)),
        (None, "ieee1159"),
        (False, True),
        SPANS,
        (None, IncidentId("0")),
    ):
        which = IncidentFilter(event_id, box_id, classes, plugin, open_only, **span)
        store.incidents.list(which, before=before)
        if before is None:
            store.incidents.count(which)
            store.incidents.count_by_class(which)
    store.incidents.remove(IncidentId("0"))


def use_tasks(store: Store) -> None:
    task = samples.task()
    store.tasks.add([task])
    store.tasks.claim(["ieee1159", "itic"], "w", T0, T0 + 9)
    store.tasks.renew(task.task_id, "w", T0 + 9)
    store.tasks.fail(task.task_id, "w", "", 0)
    store.tasks.claim(["ieee1159", "itic"], "w", T0, T0 + 9)
    store.tasks.fail(task.task_id, "w", "", None)
    store.tasks.requeue(task.task_id)
    store.tasks.complete(task.task_id, "w")
    store.tasks.get(task.task_id)
    for state, plugin in itertools.product((None, TaskState.DEAD), (None, "ieee1159")):
        store.tasks.list(state, plugin)
    store.tasks.backlog()
    store.tasks.remove_done(T0)


@contextmanager
def sqlite_statements() -> Iterator[dict[str, Any]]:
    """Catch statement and bindings of every connection that is opened meanwhile."""
    caught: dict[str, Any] = {}

    def trace(_: apsw.Cursor, sql: str, bindings: Any) -> bool:
        caught[sql] = bindings
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = trace

    apsw.connection_hooks.append(hook)
    yield caught
    apsw.connection_hooks.remove(hook)


READ_WHOLE_ON_PURPOSE = (
    "SCAN boxes",  # the boxes found by hopping, not a table
    "SCAN known",  # one row per plugin, all of them asked for
    "USING INDEX incidents_open",  # holds nothing but what is asked for
    "USING COVERING INDEX incidents_open",
    "USING COVERING INDEX events_longest",  # max() of its one column
    "USING COVERING INDEX incidents_longest",
    "SEARCH measurements",  # min() of the first column of its key
)


def is_slow(step: str, sql: str) -> bool:
    """Whether a step of a plan sorts, or reads all of a table although only some rows are asked for."""
    asks_for_some = "WHERE" in sql.replace("FILTER (WHERE", "")
    # A SEARCH without (condition) is for min() or max(): the first of the right index, or all of any other.
    reads_all = step.startswith("SCAN") or (step.startswith("SEARCH") and "(" not in step)
    on_purpose = any(known in step for known in READ_WHOLE_ON_PURPOSE)
    return "TEMP B-TREE" in step or (reads_all and asks_for_some and not on_purpose)


def test_sqlite_searches_and_never_sorts(sqlite_directory: Path) -> None:
    with sqlite_statements() as caught:
        store = open_store(f"sqlite:{sqlite_directory}")
        use_everything(store)
        store.close()
    queries = {
        sql: bindings
        for sql, bindings in caught.items()
        if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH")) and "sqlite_schema" not in sql
    }
    assert len(queries) > 100
    db = apsw.Connection(str(sqlite_directory / "opq.sqlite"), flags=apsw.SQLITE_OPEN_READONLY)
    bad = []
    for sql, bindings in queries.items():
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]
        bad += [f"{step}: {sql}" for step in plan if is_slow(step, sql)]
    db.close()
    assert not bad, "\n".join(bad)


class Commands(monitoring.CommandListener):
    """Catches the commands of all clients while `caught` is a list."""

    caught: list[dict[str, Any]] | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.caught is not None:
            self.caught.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


COMMANDS = Commands()
monitoring.register(COMMANDS)


def commands_of_everything(url: str) -> list[dict[str, Any]]:
    store = open_store(url)
    caught: list[dict[str, Any]] = []
    COMMANDS.caught = caught
    try:
        use_everything(store)
    finally:
        COMMANDS.caught = None
        store.close()
    return caught


def searches(command: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], Sequence[str]]]:
    """Yield collection, filter and sort keys of each search in a command."""
    name = next(iter(command))
    collection = command[name]
    if name in ("update", "delete"):
        for part in command[f"{name}s"]:
            yield collection, part["q"], ()
    elif name == "find":
        yield collection, command.get("filter", {}), tuple(command.get("sort", {}))
    elif name == "findAndModify":
        yield collection, command["query"], tuple(command.get("sort", {}))
    elif name == "aggregate":
        yield collection, command["pipeline"][0].get("$match", {}), ()
    elif name == "distinct":
        yield collection, {command["key"]: {"$exists": True}}, ()


def constrained(which: Mapping[str, Any]) -> Iterator[set[str]]:
    """Yield the fields that all hold together, once per alternative of a filter that is an ``$or``."""
    if set(which) == {"$or"}:
        for alternative in which["$or"]:
            yield from constrained(alternative)
        return
    fields = {field for field in which if not field.startswith("$")}
    for part in which.get("$and", ()):
        fields |= {field for field in part if not field.startswith("$")}
        for inner in part.get("$and", ()):
            fields |= set(inner)
    yield fields


def test_mongodb_has_an_index_that_begins_with_what_each_query_asks_for(mongo_url: str) -> None:
    shapes = {
        (collection, frozenset(fields), sort)
        for command in commands_of_everything(mongo_url)
        for collection, which, sort in searches(command)
        for fields in constrained(which)
    }
    assert len(shapes) > 50
    with pymongo.MongoClient(mongo_url) as client:  # type: ignore[var-annotated]
        database = client.get_default_database()
        indexes = {
            name: [
                ["_id"],
                *([field for field, _ in index["key"]] for index in database[name].index_information().values()),
            ]
            for name in {collection for collection, _, _ in shapes}
        }
    for collection, fields, sort in shapes:
        if fields:
            assert any(index[0] in fields for index in indexes[collection]), (collection, fields)
        elif sort:
            assert any(tuple(index[: len(sort)]) == sort for index in indexes[collection]), (collection, sort)


def test_a_real_mongodb_scans_no_collection_and_sorts_nothing_in_memory(real_mongo_url: str) -> None:
    caught = commands_of_everything(real_mongo_url)
    explained = ("find", "update", "delete", "findAndModify", "aggregate", "distinct")
    left_out = ("lsid", "txnNumber", "$clusterTime", "$db", "$readPreference", "readConcern", "writeConcern")
    bad = []
    with pymongo.MongoClient(real_mongo_url) as client:  # type: ignore[var-annotated]
        database = client.get_default_database()
        for command in caught:
            name = next(iter(command))
            if name not in explained or not any(which for _, which, _ in searches(command)):
                continue
            asked = {key: value for key, value in command.items() if key not in left_out}
            if name in ("update", "delete"):
                asked[f"{name}s"] = asked[f"{name}s"][:1]
            plan = str(database.command("explain", asked, verbosity="queryPlanner"))
            if "'COLLSCAN'" in plan or "'SORT'" in plan:
                bad.append(f"{asked}")
    assert not bad, "\n".join(bad)
