import secrets
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from opq.errors import InvalidInput, NotFound
from opq.ids import AcquisitionId, BoxId, EventId
from opq.model.waveforms import Segment
from opq.store import Store
from opq.testing import samples
from opq.testing.samples import T0

ID = AcquisitionId("acquisition-1")
FAR_FUTURE_NS = 2**62


def commit(store: Store, acquisition_id: str = ID, data: bytes = b"0123456789", **changes: object) -> None:
    store.waveforms.append(AcquisitionId(acquisition_id), 0, data)
    store.waveforms.commit(samples.waveform_info(acquisition_id, encoded_bytes=len(data), **changes))


def test_appended_bytes_become_visible_by_commit(store: Store) -> None:
    assert store.waveforms.append(ID, 0, b"01234") == 5
    assert store.waveforms.append(ID, 5, b"56789") == 10
    assert store.waveforms.info(ID) is None
    with pytest.raises(NotFound):
        store.waveforms.data(ID)
    store.waveforms.commit(samples.waveform_info())
    assert store.waveforms.info(ID) == samples.waveform_info()
    assert store.waveforms.data(ID) == b"0123456789"


def test_of_a_waveform_nobody_sent_there_is_nothing(store: Store) -> None:
    assert store.waveforms.received(ID) == 0
    assert store.waveforms.uncommitted(ID) == b""
    assert store.waveforms.info(ID) is None
    assert store.waveforms.of_event(EventId("event-1")) == []
    assert store.waveforms.total_bytes() == 0


def test_bytes_that_are_there_are_not_written_again(store: Store) -> None:
    assert store.waveforms.append(ID, 0, b"0123") == 4
    assert store.waveforms.append(ID, 0, b"0123") == 4
    assert store.waveforms.append(ID, 1, b"12") == 4
    assert store.waveforms.append(ID, 2, b"XX456") == 7
    assert store.waveforms.append(ID, 7, b"") == 7
    assert store.waveforms.uncommitted(ID) == b"0123456"


@pytest.mark.parametrize("offset", [1, -1])
def test_an_offset_that_leaves_a_gap_is_refused(store: Store, offset: int) -> None:
    with pytest.raises(InvalidInput, match="expected from at most 0"):
        store.waveforms.append(ID, offset, b"1")
    store.waveforms.append(ID, 0, b"0123")
    with pytest.raises(InvalidInput, match="expected from at most 4"):
        store.waveforms.append(ID, 5, b"5")
    assert store.waveforms.received(ID) == 4


def test_received_counts_before_and_after_commit(store: Store) -> None:
    store.waveforms.append(ID, 0, b"0123456789")
    assert store.waveforms.received(ID) == 10
    store.waveforms.commit(samples.waveform_info())
    assert store.waveforms.received(ID) == 10


def test_bytes_larger_than_a_chunk_come_back(store: Store) -> None:
    data = secrets.token_bytes(2_500_000)
    assert store.waveforms.append(ID, 0, data[:100]) == 100
    assert store.waveforms.append(ID, 50, data[50:]) == len(data)
    assert store.waveforms.uncommitted(ID) == data
    store.waveforms.commit(samples.waveform_info(encoded_bytes=len(data)))
    assert store.waveforms.data(ID) == data


def test_a_commit_of_fewer_or_more_bytes_than_there_are_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="the 0 bytes"):
        store.waveforms.commit(samples.waveform_info())
    store.waveforms.append(ID, 0, b"012345678")
    with pytest.raises(InvalidInput, match="the 9 bytes"):
        store.waveforms.commit(samples.waveform_info())
    with pytest.raises(InvalidInput, match="the 9 bytes"):
        store.waveforms.commit(samples.waveform_info(encoded_bytes=8))
    assert store.waveforms.info(ID) is None
    store.waveforms.append(ID, 9, b"9")
    store.waveforms.commit(samples.waveform_info())
    assert store.waveforms.data(ID) == b"0123456789"


def test_a_commit_without_segments_is_refused(store: Store) -> None:
    store.waveforms.append(ID, 0, b"0123456789")
    with pytest.raises(InvalidInput, match="segment"):
        store.waveforms.commit(samples.waveform_info(segments=()))


def test_committing_again_changes_nothing(store: Store) -> None:
    commit(store)
    store.waveforms.commit(samples.waveform_info())
    store.waveforms.commit(samples.waveform_info(missing="other", encoded_bytes=3))
    assert store.waveforms.info(ID) == samples.waveform_info()
    assert store.waveforms.data(ID) == b"0123456789"


def test_a_committed_waveform_takes_no_more_bytes(store: Store) -> None:
    commit(store)
    assert store.waveforms.append(ID, 4, b"456789") == 10
    with pytest.raises(InvalidInput, match="committed"):
        store.waveforms.append(ID, 10, b"x")
    with pytest.raises(InvalidInput, match="committed"):
        store.waveforms.append(ID, 9, b"9x")
    assert store.waveforms.data(ID) == b"0123456789"
    assert store.waveforms.uncommitted(ID) == b""


def test_a_waveform_of_no_bytes_can_be_committed(store: Store) -> None:
    store.waveforms.commit(samples.waveform_info(encoded_bytes=0))
    assert store.waveforms.data(ID) == b""
    assert store.waveforms.info(ID) == samples.waveform_info(encoded_bytes=0)


def test_discarded_bytes_are_gone_and_can_be_sent_anew(store: Store) -> None:
    store.waveforms.append(ID, 0, b"wrong")
    store.waveforms.discard(ID)
    assert store.waveforms.received(ID) == 0
    assert store.waveforms.uncommitted(ID) == b""
    store.waveforms.discard(ID)
    commit(store)
    assert store.waveforms.data(ID) == b"0123456789"


def test_a_committed_waveform_is_not_discarded(store: Store) -> None:
    commit(store)
    store.waveforms.discard(ID)
    assert store.waveforms.data(ID) == b"0123456789"


def test_waveforms_of_an_event_come_by_box_and_start(store: Store) -> None:
    for acquisition_id, box_id, start in (("1", "b", 0), ("2", "a", 5), ("3", "a", 1), ("4", "b", -1)):
        commit(store, acquisition_id, box_id=BoxId(box_id), segments=(Segment(T0 + start, 5),))
    commit(store, "5", event_id=EventId("event-2"))
    store.waveforms.append(AcquisitionId("6"), 0, b"0123456789")
    found = store.waveforms.of_event(EventId("event-1"))
    assert [info.acquisition_id for info in found] == ["3", "2", "4", "1"]


def test_total_bytes_are_those_of_committed_waveforms(store: Store) -> None:
    commit(store, "1", b"123")
    commit(store, "2", b"12345")
    store.waveforms.append(AcquisitionId("3"), 0, b"1234567")
    assert store.waveforms.total_bytes() == 8


def test_a_sweep_removes_old_uncommitted_bytes_only(store: Store) -> None:
    commit(store, "whole")
    store.waveforms.append(AcquisitionId("part-1"), 0, b"123")
    store.waveforms.append(AcquisitionId("part-2"), 0, b"123")
    assert store.waveforms.sweep(T0 - 10**18) == 0
    assert store.waveforms.received(AcquisitionId("part-1")) == 3
    assert store.waveforms.sweep(FAR_FUTURE_NS) == 2
    assert store.waveforms.sweep(FAR_FUTURE_NS) == 0
    assert store.waveforms.received(AcquisitionId("part-1")) == 0
    assert store.waveforms.data(AcquisitionId("whole")) == b"0123456789"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\0b", "x" * 129, "ä"])
def test_an_id_that_cannot_name_a_file_is_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidInput, match="acquisition_id"):
        store.waveforms.append(AcquisitionId(name), 0, b"x")
    with pytest.raises(InvalidInput, match="acquisition_id"):
        store.waveforms.received(AcquisitionId(name))


def test_two_senders_of_the_same_waveform_do_no_harm(store: Store) -> None:
    data = secrets.token_bytes(40_000)
    ready = threading.Barrier(4)

    def send(step: int) -> None:
        ready.wait()
        for offset in range(0, len(data), step):
            store.waveforms.append(ID, offset, data[offset : offset + step])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, (4000, 4000, 5000, 7000)))
    store.waveforms.commit(samples.waveform_info(encoded_bytes=len(data)))
    assert store.waveforms.data(ID) == data
