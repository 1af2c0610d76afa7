"""The audit log, in every adapter: added to, never changed, and every change of a person's is in it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import apsw
import pytest

from opq.clock import SystemClock
from opq.errors import Duplicate
from opq.ids import BoxId, GridId, IncidentId, TaskId, UserId
from opq.model.boxes import Box, Nominal
from opq.store import Store, port
from opq.store.audit import oldest_first, record
from opq.store.audited import AuditedStore
from opq.store.check import check_store
from opq.store.users import Users
from opq.testing.samples import T0
from opq.trust.audit import next_entry, problems
from opq.trust.policy import UserRole
from opq.trust.users import User

KITCHEN = Box(BoxId("kitchen"), GridId("g"), Nominal(120, 60))


def test_entries_are_numbered_and_listed_newest_first_in_pages(store: Store) -> None:
    assert store.audit.list() == []
    for number in range(5):
        record(store, T0 + number, "alice", "box.put", f"box-{number}", "{}")
    entries = store.audit.list()
    assert [entry.number for entry in entries] == [5, 4, 3, 2, 1]
    assert entries[0].subject == "box-4"
    assert entries[0].before == entries[1].digest
    assert [entry.number for entry in store.audit.list(2, before=4)] == [3, 2]
    assert store.audit.list(0) == []
    assert [entry.number for entry in oldest_first(store)] == [1, 2, 3, 4, 5]


def test_a_number_is_taken_once(store: Store) -> None:
    entry = next_entry(None, T0, "alice", "box.put", "kitchen", "")
    store.audit.append(entry)
    with pytest.raises(Duplicate):
        store.audit.append(replace(entry, actor="mallory"))
    assert store.audit.list() == [entry]


def test_many_who_write_at_once_lose_nothing(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: record(store, T0, "all", "box.put", str(number)), range(60)))
    entries = list(oldest_first(store))
    assert sorted(int(entry.subject) for entry in entries) == list(range(60))
    assert problems(entries) == []


def test_a_changed_or_removed_entry_is_told(store: Store) -> None:
    for number in range(4):
        record(store, T0, "alice", "box.put", str(number))
    whole = list(oldest_first(store))
    assert problems(whole) == []
    changed = [replace(entry, actor="bob") if entry.number == 2 else entry for entry in whole]
    assert problems(changed) == ["audit log: entry 2 was changed after it was written"]
    assert problems(whole[:1] + whole[2:]) == ["audit log: after entry 1 comes entry 3; what was between is gone"]
    again = next_entry(whole[0], T0, "bob", "box.put", "1", "")
    (problem,) = problems([whole[0], again, *whole[2:]])
    assert problem == "audit log: entry 3 does not follow the entry before it; one was changed"
    assert list(check_store(store)) == []


def test_the_sqlite_file_itself_refuses_to_change_the_log(sqlite_directory: Path) -> None:
    from opq.store import open_store

    store = open_store(f"sqlite:{sqlite_directory}")
    record(store, T0, "alice", "box.put", "kitchen")
    store.close()
    with apsw.Connection(str(sqlite_directory / "opq.sqlite")) as db:
        for statement in ("DELETE FROM audit", "UPDATE audit SET rest = '{}'"):
            with pytest.raises(apsw.ConstraintError, match="only added to"):
                db.execute(statement)


@pytest.fixture
def audited(store: Store) -> AuditedStore:
    return AuditedStore(store, "alice", SystemClock())


def test_a_change_of_a_box_says_what_changed(store: Store, audited: AuditedStore) -> None:
    audited.boxes.put(KITCHEN)
    audited.boxes.put(replace(KITCHEN, name="Kitchen"))
    assert audited.boxes.remove(KITCHEN.box_id)
    removed, renamed, added = store.audit.list()
    assert (added.actor, added.action, added.subject) == ("alice", "box.put", "kitchen")
    assert renamed.detail == '{"name": "Kitchen"}'
    assert (removed.action, removed.subject) == ("box.remove", "kitchen")
    assert store.boxes.list() == []


def test_no_password_and_no_hash_of_a_secret_is_in_the_log(store: Store, audited: AuditedStore) -> None:
    users = Users(audited)
    users.add(User(UserId("bob"), UserRole.USER))
    text = users.invite(UserId("bob"), T0)
    users.accept(text, "correct horse battery", T0)
    log = str(store.audit.list())
    kept = store.users.get("user/bob")
    assert kept is not None
    assert kept["password"].startswith("$argon2id$")
    assert kept["password"] not in log
    assert '"password": "(set)"' in log
    assert text not in log
    assert "invitation.put" in log


# What people's tools never call, because it is what programs write.
PROGRAMS_WRITE = {
    "boxes": {"connected", "disconnected", "seen", "gasped", "health", "configured"},
    "incidents": {"replace", "put"},
    "tasks": {"add", "claim", "renew", "complete", "fail", "remove_done"},
}
READS = {"get", "list", "items", "status", "statuses", "count", "count_by_class", "backlog"}


@pytest.mark.parametrize("name", ["boxes", "incidents", "tasks", "settings", "certificates", "users"])
def test_every_method_with_which_a_person_changes_something_is_recorded(
    store: Store, audited: AuditedStore, name: str
) -> None:
    protocol = get_type_hints(port.Store)[name]
    methods = {method for method in vars(protocol) if not method.startswith("_")}
    arguments: dict[str, tuple[Any, ...]] = {
        "boxes.put": (KITCHEN,),
        "boxes.remove": (KITCHEN.box_id,),
        "incidents.remove": (IncidentId("i"),),
        "tasks.requeue": (TaskId("t"),),
    }
    changing = methods - READS - PROGRAMS_WRITE.get(name, set())
    assert changing
    for method in changing:
        before = len(store.audit.list())
        call = arguments.get(f"{name}.{method}") or (("key", {"a": 1}) if method == "put" else ("key",))
        getattr(getattr(audited, name), method)(*call)
        assert len(store.audit.list()) == before + 1, method
