"""What is particular to the SQLite adapter: the file, several processes, crashes."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from opq.errors import CorruptData, InvalidInput, Unavailable
from opq.ids import AcquisitionId, BoxId
from opq.store import Store, open_store
from opq.store.sqlite import connection, schema, volumes
from opq.testing import samples
from opq.testing.samples import T0

BOX, ACQUISITION = BoxId("box-1"), AcquisitionId("acquisition-1")
ALL = (0, 2**63 - 1)
WRITER = """
import sys
from opq.store import open_store
from opq.testing import samples
store = open_store(sys.argv[1])
box, batches, rows = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
for batch in range(batches):
    added = store.measurements.add([samples.measurement(samples.T0 + batch * rows + row, box) for row in range(rows)])
    assert added == rows, added
    store.tasks.add([samples.task(f"{box}-{batch}")])
    print(batch, flush=True)
store.close()
"""


def start_writer(directory: Path, box_id: str, batches: int, rows: int) -> "subprocess.Popen[str]":
    arguments = [f"sqlite:{directory}", box_id, str(batches), str(rows)]
    return subprocess.Popen([sys.executable, "-c", WRITER, *arguments], stdout=subprocess.PIPE, text=True)


@pytest.fixture
def database(sqlite_store: Store, sqlite_directory: Path) -> Iterator[apsw.Connection]:
    """A connection of somebody else to the file of the store."""
    other = apsw.Connection(str(sqlite_directory / "opq.sqlite"))
    yield other
    other.close()


def test_several_processes_write_at_once_and_lose_nothing(sqlite_directory: Path) -> None:
    writers = [start_writer(sqlite_directory, f"box-{number}", 20, 50) for number in range(4)]
    assert [writer.wait() for writer in writers] == [0] * 4
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    store = open_store(f"sqlite:{sqlite_directory}")
    assert store.measurements.count() == 4 * 20 * 50
    assert store.tasks.backlog()["ieee1159"].queued == 4 * 20
    store.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_writer_killed_in_full_flight_loses_no_acknowledged_row(sqlite_directory: Path) -> None:
    rows = 40
    with start_writer(sqlite_directory, "box-1", 100_000, rows) as writer:
        assert writer.stdout is not None
        for _ in range(30):
            assert writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        rest = re.findall(r"\d+\n", writer.stdout.read())
    acknowledged = 30 + len(rest)
    store = open_store(f"sqlite:{sqlite_directory}")
    found = store.measurements.range(BOX, *ALL, limit=10**9)
    assert len(found) >= acknowledged * rows
    assert len(found) % rows == 0
    assert [row.start_unix_ns for row in found] == [T0 + number for number in range(len(found))]
    assert store.tasks.backlog()["ieee1159"].queued >= acknowledged
    store.close()
    database = apsw.Connection(str(sqlite_directory / "opq.sqlite"))
    assert database.pragma("integrity_check") == "ok"
    database.close()


def test_several_threads_write_and_read_at_once(sqlite_store: Store) -> None:
    ready = threading.Barrier(8)

    def work(number: int) -> None:
        ready.wait()
        for second in range(10):
            box = f"box-{number}"
            assert sqlite_store.measurements.add([samples.measurement(T0 + second, box)]) == 1
            latest = sqlite_store.measurements.latest(BoxId(box))
            assert latest is not None
            assert latest.start_unix_ns == T0 + second

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sqlite_store.measurements.count() == 80


def test_acknowledged_rows_are_on_the_disk(sqlite_directory: Path) -> None:
    opened: list[apsw.Connection] = []
    apsw.connection_hooks.append(opened.append)
    store = open_store(f"sqlite:{sqlite_directory}")
    apsw.connection_hooks.remove(opened.append)
    assert opened[0].pragma("journal_mode") == "wal"
    assert opened[0].pragma("synchronous") == 2  # FULL
    store.close()


def test_the_sqlite_is_one_without_the_wal_reset_race() -> None:
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)


def test_a_reader_does_not_wait_for_a_writer(sqlite_store: Store, database: apsw.Connection) -> None:
    sqlite_store.boxes.put(samples.box())
    database.execute("BEGIN IMMEDIATE; DELETE FROM opq_boxes")
    assert sqlite_store.boxes.list() == [samples.box()]
    database.execute("ROLLBACK")


def test_a_file_that_another_process_keeps_is_unavailable(
    sqlite_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.02)
    store = open_store(f"sqlite:{sqlite_directory}")
    other = apsw.Connection(str(sqlite_directory / "opq.sqlite"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="Busy"):
        store.boxes.put(samples.box())
    other.execute("ROLLBACK")
    store.boxes.put(samples.box())
    assert store.boxes.list() == [samples.box()]
    other.close()
    store.close()


def test_a_batch_that_fails_in_the_middle_leaves_nothing(sqlite_store: Store) -> None:
    with pytest.raises(InvalidInput):
        sqlite_store.measurements.add([samples.measurement(T0), samples.measurement(2**63)])
    assert sqlite_store.measurements.count() == 0
    assert sqlite_store.measurements.add([samples.measurement(T0)]) == 1


def test_a_file_that_is_gone_is_unavailable(sqlite_store: Store, sqlite_directory: Path) -> None:
    (sqlite_directory / "opq.sqlite").unlink()
    with pytest.raises(Unavailable):
        sqlite_store.ping()


def test_a_file_of_an_older_version_is_brought_up_to_date_and_keeps_what_it_has(sqlite_directory: Path) -> None:
    store = open_store(f"sqlite:{sqlite_directory}")
    store.settings.put("key", {"kept": True})
    store.close()
    database = apsw.Connection(str(sqlite_directory / "opq.sqlite"))
    for table in ("certificates", "users", "audit"):
        database.execute(f"DROP TABLE {table}")
    database.pragma("user_version", 1)
    database.close()
    store = open_store(f"sqlite:{sqlite_directory}")
    store.certificates.put("key", {})
    assert store.settings.get("key") == {"kept": True}
    store.close()


def test_a_file_of_a_newer_version_is_refused(sqlite_directory: Path) -> None:
    open_store(f"sqlite:{sqlite_directory}").close()
    database = apsw.Connection(str(sqlite_directory / "opq.sqlite"))
    database.pragma("user_version", 99)
    database.close()
    with pytest.raises(InvalidInput, match=f"version 99, expected at most {schema.VERSION}"):
        open_store(f"sqlite:{sqlite_directory}")


def test_a_file_that_is_no_database_is_corrupt(sqlite_directory: Path) -> None:
    sqlite_directory.mkdir()
    (sqlite_directory / "opq.sqlite").write_bytes(b"this is not a database" * 100)
    with pytest.raises(CorruptData):
        open_store(f"sqlite:{sqlite_directory}")


def test_a_row_that_lost_a_field_is_corrupt(sqlite_store: Store, database: apsw.Connection) -> None:
    sqlite_store.incidents.put(samples.incident())
    for rest, message in (("{}", "Incident"), ("{", "incident-1")):
        database.execute("UPDATE incidents SET rest = ?", (rest,))
        with pytest.raises(CorruptData, match=message):
            sqlite_store.incidents.list()


def test_a_feature_added_after_a_row_was_stored_is_nan(sqlite_store: Store, database: apsw.Connection) -> None:
    old, new = samples.measurement(T0), samples.measurement(T0 + 1)
    sqlite_store.measurements.add([old, new])
    narrow = old.values[:, :-1].tobytes()
    database.execute("UPDATE measurements SET features = ? WHERE start_unix_ns = ?", (narrow, T0))
    first, second = sqlite_store.measurements.range(BOX, *ALL)
    assert str(first.feature("pst")) == "(nan, nan, nan)"
    assert first.feature("crest") == old.feature("crest")
    assert second.values.tobytes() == new.values.tobytes()


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/", "ext4"),
        ("/home/opq/data", "ext4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/down", "nfs4"),
        ("/mnt/share2", "ext4"),
        ("/mnt/two words/x", "cifs"),
        ("/mnt/share/local/x", "xfs"),
    ],
)
def test_the_type_of_a_volume_is_that_of_the_innermost_mount(directory: str, kind: str) -> None:
    mounts = (
        "/dev/vda / ext4 rw 0 0\nhost:/x /mnt/share nfs4 rw 0 0\n//host/x /mnt/two\\040words cifs rw 0 0\n"
        "/dev/vdb /mnt/share/local xfs rw 0 0\n"
    )
    assert volumes.volume_type(Path(directory), mounts) == kind


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux lists its mounts there")
def test_a_network_volume_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nhost:/x {tmp_path.resolve() / 'share'} nfs4 rw 0 0\n")
    monkeypatch.setattr(volumes, "_MOUNTS", mounts)
    with pytest.raises(InvalidInput, match="nfs4 volume, expected a local disk"):
        open_store(f"sqlite:{tmp_path / 'share' / 'store'}")
    open_store(f"sqlite:{tmp_path / 'local'}").close()


@pytest.fixture
def crashed(sqlite_store: Store, sqlite_directory: Path) -> Callable[[], Path]:
    """A function that leaves a waveform as a crash between renaming its file and writing its row leaves it."""

    def crash() -> Path:
        sqlite_store.waveforms.append(ACQUISITION, 0, b"0123456789")
        whole = sqlite_directory / "waveforms" / f"{ACQUISITION}.wave"
        whole.with_suffix(".part").rename(whole)
        return whole

    return crash


def test_a_waveform_renamed_but_not_described_is_not_visible_and_can_be_committed(
    sqlite_store: Store, crashed: Callable[[], Path]
) -> None:
    crashed()
    assert sqlite_store.waveforms.info(ACQUISITION) is None
    assert sqlite_store.waveforms.received(ACQUISITION) == 10
    assert sqlite_store.waveforms.uncommitted(ACQUISITION) == b"0123456789"
    sqlite_store.waveforms.commit(samples.waveform_info())
    assert sqlite_store.waveforms.data(ACQUISITION) == b"0123456789"


def test_a_waveform_renamed_but_not_described_can_grow(sqlite_store: Store, crashed: Callable[[], Path]) -> None:
    crashed()
    assert sqlite_store.waveforms.append(ACQUISITION, 10, b"AB") == 12
    sqlite_store.waveforms.commit(samples.waveform_info(encoded_bytes=12))
    assert sqlite_store.waveforms.data(ACQUISITION) == b"0123456789AB"


@pytest.mark.parametrize("way", ["discard", "sweep"])
def test_a_waveform_renamed_but_not_described_can_be_removed(
    sqlite_store: Store, crashed: Callable[[], Path], way: str
) -> None:
    whole = crashed()
    if way == "discard":
        sqlite_store.waveforms.discard(ACQUISITION)
    else:
        assert sqlite_store.waveforms.sweep(2**62) == 1
    assert not whole.exists()
    assert sqlite_store.waveforms.received(ACQUISITION) == 0


@pytest.mark.parametrize("left", [None, b"01234"])
def test_a_waveform_whose_file_is_missing_or_cut_is_corrupt(
    sqlite_store: Store, sqlite_directory: Path, left: bytes | None
) -> None:
    sqlite_store.waveforms.append(ACQUISITION, 0, b"0123456789")
    sqlite_store.waveforms.commit(samples.waveform_info())
    file = sqlite_directory / "waveforms" / f"{ACQUISITION}.wave"
    file.unlink()
    if left is not None:
        file.write_bytes(left)
    with pytest.raises(CorruptData, match=ACQUISITION):
        sqlite_store.waveforms.data(ACQUISITION)


def test_a_sweep_removes_the_late_part_of_a_committed_waveform(sqlite_store: Store, sqlite_directory: Path) -> None:
    sqlite_store.waveforms.append(ACQUISITION, 0, b"0123456789")
    sqlite_store.waveforms.commit(samples.waveform_info())
    late = sqlite_directory / "waveforms" / f"{ACQUISITION}.part"
    late.write_bytes(b"0123456789AB")
    assert sqlite_store.waveforms.received(ACQUISITION) == 10
    assert sqlite_store.waveforms.sweep(2**62) == 0
    assert not late.exists()
    assert sqlite_store.waveforms.data(ACQUISITION) == b"0123456789"


def test_a_sweep_leaves_files_it_does_not_know(sqlite_store: Store, sqlite_directory: Path) -> None:
    note = sqlite_directory / "waveforms" / "README.txt"
    note.write_text("")
    assert sqlite_store.waveforms.sweep(2**62) == 0
    assert note.exists()
