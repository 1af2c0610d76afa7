"""Updates of agents lie in any store, in pieces, with what each box was offered and answered."""

import os

import pytest

from opq.errors import CorruptData, LimitExceeded
from opq.ids import BoxId
from opq.store import Store
from opq.store.updates import (
    PIECE_BYTES,
    Offer,
    OfferState,
    answer_offer,
    get_offer,
    get_update,
    offer_update,
    put_update,
    read_offers,
    read_piece,
)
from opq.updates.package import MAX_FILE_BYTES

BOX, OTHER = BoxId("box-1"), BoxId("box-2")


@pytest.mark.parametrize("size", [1, PIECE_BYTES, 2 * PIECE_BYTES + 7])
def test_a_file_comes_back_from_any_byte_on(store: Store, size: int) -> None:
    data = os.urandom(size)
    update = put_update(store, data, "1.2.0")
    assert put_update(store, data, "1.2.0") == update == get_update(store, update.update_id)
    for begin in {0, size // 2, size - 1, min(size - 1, PIECE_BYTES)}:
        got = b""
        while begin + len(got) < size:
            got += read_piece(store, update, begin + len(got))
        assert got == data[begin:]


def test_what_is_not_there_or_too_large_is_said(store: Store) -> None:
    assert get_update(store, "0" * 64) is None
    assert get_offer(store, BOX) is None
    update = put_update(store, b"x", "1")
    with pytest.raises(CorruptData, match="piece 1 is not in the store"):
        read_piece(store, update, PIECE_BYTES)
    with pytest.raises(LimitExceeded):
        put_update(store, bytes(MAX_FILE_BYTES + 1), "1")


def test_an_offer_stands_until_it_is_answered_and_an_answer_to_an_older_one_changes_nothing(store: Store) -> None:
    first, second = put_update(store, b"first", "1"), put_update(store, b"second", "2")
    offer_update(store, BOX, first, 10)
    offer_update(store, BOX, second, 20)
    answer_offer(store, BOX, first.update_id, "too old")
    answer_offer(store, OTHER, first.update_id, "never offered")
    assert read_offers(store) == {BOX: Offer(second.update_id, "2", 6, 20)}
    answer_offer(store, BOX, second.update_id, "it hung")
    assert get_offer(store, BOX) == Offer(second.update_id, "2", 6, 20, OfferState.REFUSED, "it hung")
    answer_offer(store, BOX, second.update_id, "")
    assert get_offer(store, BOX) == Offer(second.update_id, "2", 6, 20, OfferState.TAKEN)
