import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from opq.ids import TaskId
from opq.model.tasks import Task, TaskKind, TaskState
from opq.store import Store
from opq.store.port import Backlog
from opq.testing import samples
from opq.testing.samples import T0

PLUGIN = "ieee1159"
LEASE = T0 + 100


def task(task_id: str, created: int = 0, plugin: str = PLUGIN, not_before: int = 0) -> Task:
    return samples.task(
        task_id, plugin=plugin, created_unix_ns=T0 + created, not_before_unix_ns=T0 + not_before if not_before else 0
    )


def claim(
    store: Store, worker: str = "w", now: int = 50, until: int = LEASE, plugins: tuple[str, ...] = (PLUGIN,)
) -> str:
    claimed = store.tasks.claim(plugins, worker, T0 + now, until)
    return claimed.task_id if claimed else ""


def ids(tasks: list[Task]) -> list[str]:
    return [each.task_id for each in tasks]


def test_a_task_comes_back_as_it_was_added(store: Store) -> None:
    tick = Task(TaskId("outage:tick:5"), "outage", TaskKind.TICK, T0, error="chybí „vzorky“")
    assert store.tasks.add([samples.task(), tick]) == 2
    assert store.tasks.get(samples.task().task_id) == samples.task()
    assert store.tasks.get(tick.task_id) == tick


def test_adding_tells_how_many_were_new_and_leaves_the_others(store: Store) -> None:
    assert store.tasks.add([]) == 0
    assert store.tasks.add(iter([task("a"), task("b")])) == 2
    assert claim(store) == "a"
    assert store.tasks.add([task("a"), task("b"), task("c"), task("c", created=9)]) == 1
    found = store.tasks.get(TaskId("a"))
    assert found is not None
    assert found.state is TaskState.LEASED
    assert store.tasks.get(TaskId("c")) == task("c")


def test_a_task_that_is_not_there_is_none(store: Store) -> None:
    unknown = TaskId("x")
    assert store.tasks.get(unknown) is None
    assert store.tasks.list() == []
    assert store.tasks.backlog() == {}
    assert claim(store) == ""
    assert store.tasks.renew(unknown, "w", LEASE) is False
    assert store.tasks.complete(unknown, "w") is False
    assert store.tasks.fail(unknown, "w", "", None) is False
    assert store.tasks.requeue(unknown) is False


def test_the_oldest_task_is_claimed_first_and_ties_go_by_id(store: Store) -> None:
    store.tasks.add([task("c", 2), task("b", 1), task("d", 1), task("a", 3)])
    assert [claim(store) for _ in range(5)] == ["b", "d", "c", "a", ""]


def test_a_claimed_task_is_leased_to_the_worker_and_counts_an_attempt(store: Store) -> None:
    store.tasks.add([task("a")])
    claimed = store.tasks.claim([PLUGIN], "worker-1", T0 + 50, LEASE)
    expected = replace(task("a"), state=TaskState.LEASED, attempts=1, worker="worker-1", lease_until_unix_ns=LEASE)
    assert claimed == expected
    assert store.tasks.get(TaskId("a")) == expected


def test_only_tasks_of_the_plugins_asked_for_are_claimed(store: Store) -> None:
    store.tasks.add([task("a", 0, "itic"), task("b", 1, "outage"), task("c", 2)])
    assert claim(store, plugins=()) == ""
    assert claim(store, plugins=("none",)) == ""
    assert claim(store, plugins=(PLUGIN, "outage")) == "b"
    assert claim(store, plugins=(PLUGIN, "outage")) == "c"
    assert claim(store, plugins=(PLUGIN, "outage")) == ""


def test_a_task_is_not_claimed_before_it_is_due(store: Store) -> None:
    store.tasks.add([task("a", not_before=60), task("b", 1)])
    assert claim(store, now=59) == "b"
    assert claim(store, now=59) == ""
    assert claim(store, now=60) == "a"


def test_an_expired_lease_is_claimed_by_another_and_counts_again(store: Store) -> None:
    store.tasks.add([task("a"), task("b", 1)])
    assert claim(store, "w1", until=T0 + 100) == "a"
    assert claim(store, "w2", now=99) == "b"
    assert claim(store, "w2", now=99) == ""
    again = store.tasks.claim([PLUGIN], "w2", T0 + 100, T0 + 200)
    assert again is not None
    assert (again.task_id, again.worker, again.attempts, again.lease_until_unix_ns) == ("a", "w2", 2, T0 + 200)
    assert store.tasks.complete(TaskId("a"), "w1") is False
    assert store.tasks.complete(TaskId("a"), "w2") is True


def test_an_older_expired_task_comes_before_a_newer_queued_one(store: Store) -> None:
    store.tasks.add([task("a"), task("b", 1)])
    assert claim(store, until=T0 + 60) == "a"
    assert claim(store, now=60, until=T0 + 90) == "a"
    assert claim(store, now=60) == "b"


def test_many_workers_never_get_the_same_task(store: Store) -> None:
    store.tasks.add([task(f"{number:03d}", number) for number in range(60)])
    ready = threading.Barrier(6)

    def work(worker: str) -> list[str]:
        ready.wait()
        claimed = []
        while task_id := claim(store, worker):
            claimed.append(task_id)
        return claimed

    with ThreadPoolExecutor(6) as pool:
        claimed = [task_id for each in pool.map(work, "abcdef") for task_id in each]
    assert Counter(claimed) == Counter(f"{number:03d}" for number in range(60))


def test_a_renewed_lease_expires_later(store: Store) -> None:
    store.tasks.add([task("a")])
    claim(store, "w1", until=T0 + 60)
    assert store.tasks.renew(TaskId("a"), "w2", T0 + 999) is False
    assert store.tasks.renew(TaskId("a"), "w1", T0 + 80) is True
    assert claim(store, "w2", now=79) == ""
    assert claim(store, "w2", now=80) == "a"
    assert store.tasks.renew(TaskId("a"), "w1", T0 + 200) is False


def test_an_expired_lease_nobody_took_can_still_be_renewed_and_completed(store: Store) -> None:
    store.tasks.add([task("a")])
    claim(store, "w1", until=T0 + 60)
    assert store.tasks.renew(TaskId("a"), "w1", T0 + 80) is True
    assert store.tasks.complete(TaskId("a"), "w1") is True


def test_a_completed_task_is_done_and_never_claimed(store: Store) -> None:
    store.tasks.add([task("a")])
    claim(store, "w1")
    assert store.tasks.complete(TaskId("a"), "w2") is False
    assert store.tasks.complete(TaskId("a"), "w1") is True
    assert store.tasks.complete(TaskId("a"), "w1") is False
    assert store.tasks.renew(TaskId("a"), "w1", LEASE) is False
    assert claim(store, now=10**9) == ""
    assert ids(store.tasks.list(TaskState.DONE)) == ["a"]


def test_a_failed_task_is_tried_again_when_it_is_due(store: Store) -> None:
    store.tasks.add([task("a")])
    claim(store, "w1")
    assert store.tasks.fail(TaskId("a"), "w2", "not mine", T0) is False
    assert store.tasks.fail(TaskId("a"), "w1", "no samples: ∅", T0 + 70) is True
    assert store.tasks.fail(TaskId("a"), "w1", "again", T0 + 70) is False
    failed = store.tasks.get(TaskId("a"))
    assert failed is not None
    assert (failed.state, failed.error, failed.attempts) == (TaskState.QUEUED, "no samples: ∅", 1)
    assert claim(store, now=69) == ""
    assert claim(store, now=70) == "a"
    assert store.tasks.complete(TaskId("a"), "w") is True
    done = store.tasks.get(TaskId("a"))
    assert done is not None
    assert (done.error, done.attempts) == ("", 2)


def test_a_task_that_failed_for_good_is_dead_and_keeps_its_error(store: Store) -> None:
    store.tasks.add([task("a")])
    claim(store)
    assert store.tasks.fail(TaskId("a"), "w", "broken", None) is True
    assert claim(store, now=10**9) == ""
    (dead,) = store.tasks.list(TaskState.DEAD)
    assert (dead.task_id, dead.error) == ("a", "broken")


def test_a_dead_or_done_task_can_be_put_back(store: Store) -> None:
    store.tasks.add([task("a", not_before=5), task("b", 1)])
    claim(store)
    claim(store)
    assert store.tasks.requeue(TaskId("a")) is False
    store.tasks.fail(TaskId("a"), "w", "broken", None)
    store.tasks.complete(TaskId("b"), "w")
    assert store.tasks.requeue(TaskId("a")) is True
    assert store.tasks.requeue(TaskId("b")) is True
    assert store.tasks.requeue(TaskId("a")) is False
    assert store.tasks.get(TaskId("a")) == task("a")
    assert claim(store, now=0) == "a"


def test_tasks_are_listed_newest_first_by_state_and_plugin(store: Store) -> None:
    store.tasks.add([task("a", 1), task("b", 2, "itic"), task("d", 2), task("c", 2)])
    claim(store)
    assert ids(store.tasks.list()) == ["d", "c", "b", "a"]
    assert ids(store.tasks.list(limit=2)) == ["d", "c"]
    assert store.tasks.list(limit=0) == []
    assert ids(store.tasks.list(TaskState.QUEUED)) == ["d", "c", "b"]
    assert ids(store.tasks.list(plugin=PLUGIN)) == ["d", "c", "a"]
    assert ids(store.tasks.list(TaskState.QUEUED, PLUGIN, 1)) == ["d"]
    assert store.tasks.list(TaskState.DEAD) == []


def test_the_backlog_says_what_waits_per_plugin(store: Store) -> None:
    store.tasks.add([task("a", 1), task("b", 2), task("c", 3), task("d", 4), task("e", 0, "itic")])
    claim(store)
    claim(store)
    store.tasks.fail(TaskId("a"), "w", "broken", None)
    assert store.tasks.backlog() == {PLUGIN: Backlog(2, 1, 1, T0 + 3), "itic": Backlog(1, 0, 0, T0)}


def test_the_backlog_remembers_plugins_whose_tasks_are_all_gone(store: Store) -> None:
    store.tasks.add([task("a")])
    claim(store)
    store.tasks.complete(TaskId("a"), "w")
    assert store.tasks.backlog() == {PLUGIN: Backlog(0, 0, 0, 0)}
    store.tasks.remove_done(T0 + 1)
    assert store.tasks.backlog() == {PLUGIN: Backlog(0, 0, 0, 0)}


def test_old_done_tasks_are_removed(store: Store) -> None:
    store.tasks.add([task("a", 0), task("b", 1), task("c", 2), task("d", -5)])
    assert claim(store) == "d"
    for _ in range(3):
        store.tasks.complete(TaskId(claim(store)), "w")
    assert store.tasks.remove_done(T0 + 2) == 2
    assert store.tasks.remove_done(T0 + 2) == 0
    assert ids(store.tasks.list()) == ["c", "d"]
