from pathlib import Path

import pytest

from opq.errors import InvalidInput, Unavailable
from opq.store import Store, open_store
from opq.testing import samples


def test_a_store_that_is_there_answers(store: Store) -> None:
    store.ping()


def test_what_was_stored_is_there_after_opening_again(url: str, store: Store) -> None:
    store.boxes.put(samples.box())
    store.waveforms.append(samples.waveform_info().acquisition_id, 0, b"0123456789")
    again = open_store(url)
    assert again.boxes.list() == [samples.box()]
    again.waveforms.commit(samples.waveform_info())
    again.close()
    assert store.waveforms.data(samples.waveform_info().acquisition_id) == b"0123456789"


def test_a_closed_store_is_unavailable(url: str) -> None:
    store = open_store(url)
    store.close()
    with pytest.raises(Unavailable):
        store.ping()
    with pytest.raises(Unavailable):
        store.boxes.put(samples.box())
    with pytest.raises(Unavailable):
        store.boxes.list()


@pytest.mark.parametrize("other", ["", "sqlite:", "sqlite://x", "postgres://x/y", "opq-data", "mongodb://127.0.0.1:1"])
def test_a_url_of_another_form_is_refused(other: str) -> None:
    with pytest.raises(InvalidInput):
        open_store(other)


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        open_store(f"sqlite:{tmp_path / 'file' / 'store'}")
