"""A store as one file: what is restored is what was there, whichever adapter it was and is; a damaged file restores nothing."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from opq.errors import CorruptData, Duplicate, InvalidInput
from opq.ids import UserId
from opq.model.events import AcquisitionState
from opq.store import Store, open_store
from opq.store.archive import backup, restore
from opq.store.audit import record
from opq.store.check import check_store
from opq.store.users import Users
from opq.testing import samples
from opq.testing.site import SAG, fill_site
from opq.trust.policy import UserRole
from opq.trust.users import User

NOW = 1_760_000_000 * 1_000_000_000


def quiet(what: str, done: int, total: int) -> None:
    assert 0 <= done <= total, what


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist() if not name.endswith(".npz")}


def filled(store: Store) -> Store:
    fill_site(store, NOW)
    store.settings.put("makai/detectors", {"habit": {"threshold": 3.5}})
    store.trends.put([samples.trend(box_id="house-1")])
    store.tasks.add([samples.task()])
    Users(store).add(User(UserId("alice"), UserRole.EXPERT))
    for number in range(3):
        record(store, NOW, "alice", "box.put", f"house-{number}")
    return store


def test_what_is_restored_is_what_was_there(store: Store, tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    backup(filled(store), first, NOW, quiet)
    copy = open_store(f"sqlite:{tmp_path / 'copy'}")
    restore(copy, first, quiet)
    backup(copy, second, NOW, quiet)
    assert contents(second).keys() == contents(first).keys()
    for name, data in contents(first).items():
        # Of sessions only what outlasts them is kept.
        if name != "statuses.jsonl":
            assert contents(second)[name] == data, name
    for box in store.boxes.list():
        rows, copied = (each.measurements.range(box.box_id, 0, 2**62) for each in (store, copy))
        assert [(row.start_unix_ns, row.sequence, row.values.tolist()) for row in rows] == [
            (row.start_unix_ns, row.sequence, row.values.tolist()) for row in copied
        ]
        seen = copy.boxes.status(box.box_id)
        assert seen is not None
        assert not seen.connected
        assert seen.last_frame_unix_ns == store.boxes.status(box.box_id).last_frame_unix_ns  # type: ignore[union-attr]
    assert len(copy.measurements.range("house-1", 0, 2**62)) == 300
    assert list(check_store(copy)) == []
    copy.close()


def test_a_store_is_restored_from_what_another_adapter_wrote(store: Store, tmp_path: Path) -> None:
    other = open_store(f"sqlite:{tmp_path / 'other'}")
    backup(filled(other), tmp_path / "other.zip", NOW, quiet)
    restore(store, tmp_path / "other.zip", quiet)
    assert store.events.count() == other.events.count() > 0
    assert store.waveforms.total_bytes() == other.waveforms.total_bytes() > 0
    other.close()


def test_only_an_empty_store_is_restored_into_and_no_backup_is_written_over(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    backup(filled(store), path, NOW, quiet)
    with pytest.raises(Duplicate, match="not empty"):
        restore(store, path, quiet)
    with pytest.raises(Duplicate, match="never written over"):
        backup(store, path, NOW, quiet)


@pytest.mark.parametrize("damage", ["torn", "flipped", "none of ours"])
def test_a_damaged_file_restores_nothing(store: Store, tmp_path: Path, damage: str) -> None:
    other = open_store(f"sqlite:{tmp_path / 'other'}")
    path = tmp_path / "a.zip"
    backup(filled(other), path, NOW, quiet)
    other.close()
    data = bytearray(path.read_bytes())
    if damage == "torn":
        data = data[: len(data) // 2]
    elif damage == "flipped":
        with zipfile.ZipFile(path) as file:
            inside = file.getinfo("events.jsonl").header_offset + 200
        data[inside] ^= 0xFF
    else:
        data = bytearray(b"PK nothing")
    path.write_bytes(data)
    expected: Any = CorruptData if damage == "flipped" else InvalidInput
    with pytest.raises(expected):
        restore(store, path, quiet)
    assert store.boxes.list() == []


def test_what_does_not_fit_together_is_said(store: Store) -> None:
    fill_site(store, NOW)
    assert list(check_store(store)) == []
    lost = samples.acquisition(acquisition_id="lost", event_id="event-sag", state=AcquisitionState.STORED)
    store.acquisitions.put(lost)
    (sentence,) = check_store(store)
    assert sentence.startswith("acquisition lost of box")
    assert "there is no waveform" in sentence


def test_a_waveform_that_is_damaged_in_the_store_does_not_keep_the_rest_from_being_copied(tmp_path: Path) -> None:
    store = filled(open_store(f"sqlite:{tmp_path / 'store'}"))
    damaged = next((tmp_path / "store" / "waveforms").rglob("*sag-house-1*"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    (sentence,) = backup(store, tmp_path / "a.zip", NOW, quiet)
    assert sentence.startswith("waveform sag-house-1")
    copy = open_store(f"sqlite:{tmp_path / 'copy'}")
    restore(copy, tmp_path / "a.zip", quiet)
    assert len(copy.waveforms.of_event(SAG)) == 3
    (sentence,) = check_store(copy)
    assert "sag-house-1" in sentence
    assert "there is no waveform" in sentence
    store.close()
    copy.close()
