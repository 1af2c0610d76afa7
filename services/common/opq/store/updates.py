"""Updates of boxes' agents in the store: the files in pieces, and which box was offered which.

A file is named by its SHA-256, so putting it twice leaves one. It lies in pieces that any adapter takes as documents.
"""

import base64
import hashlib
from dataclasses import dataclass, replace
from enum import Enum

from opq.errors import CorruptData, LimitExceeded
from opq.ids import BoxId
from opq.store.documents import from_document, to_document
from opq.store.port import Store
from opq.updates.package import MAX_FILE_BYTES

PIECE_BYTES = 192 << 10
_FILES, _PIECES, _OFFERS = "updates/files/", "updates/pieces/", "updates/offers/"


@dataclass(frozen=True, slots=True)
class StoredUpdate:
    """A file that lies in the store, whole."""

    update_id: str
    """SHA-256 of the file."""
    version: str
    size_bytes: int


class OfferState(Enum):
    """What became of an offer."""

    OFFERED = "offered"
    TAKEN = "taken"
    """The box has it and is about to start with it."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Offer:
    """An update that a box is to be told of until it runs it or refuses."""

    update_id: str
    version: str
    size_bytes: int
    offered_unix_ns: int
    state: OfferState = OfferState.OFFERED
    problem: str = ""
    """Why the box refused."""


def put_update(store: Store, data: bytes, version: str) -> StoredUpdate:
    """Store a file; it counts only once it is whole.

    Raises
    ------
    LimitExceeded
        If it is longer than `MAX_FILE_BYTES`.
    """
    if len(data) > MAX_FILE_BYTES:
        raise LimitExceeded(f"update: got {len(data)} bytes, expected at most {MAX_FILE_BYTES}")
    update = StoredUpdate(hashlib.sha256(data).hexdigest(), version, len(data))
    for number, at in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = base64.b64encode(data[at : at + PIECE_BYTES]).decode()
        store.settings.put(f"{_PIECES}{update.update_id}/{number:06d}", {"data": piece})
    store.settings.put(_FILES + update.update_id, to_document(update))
    return update


def get_update(store: Store, update_id: str) -> StoredUpdate | None:
    """Return what is known of a file."""
    document = store.settings.get(_FILES + update_id)
    return from_document(StoredUpdate, document) if document else None


def read_piece(store: Store, update: StoredUpdate, offset: int) -> bytes:
    """Return the bytes from `offset` to the end of the piece in which it lies.

    Raises
    ------
    CorruptData
        If the piece is not there.
    """
    number, skip = divmod(offset, PIECE_BYTES)
    document = store.settings.get(f"{_PIECES}{update.update_id}/{number:06d}")
    if document is None:
        raise CorruptData(f"update {update.update_id[:12]}: piece {number} is not in the store; put it there again")
    return base64.b64decode(document["data"])[skip:]


def offer_update(store: Store, box_id: BoxId, update: StoredUpdate, now_unix_ns: int) -> None:
    """Let a box be told of an update; it takes the place of the offer there was."""
    offer = Offer(update.update_id, update.version, update.size_bytes, now_unix_ns)
    store.settings.put(_OFFERS + box_id, to_document(offer))


def get_offer(store: Store, box_id: BoxId) -> Offer | None:
    """Return what a box was offered."""
    document = store.settings.get(_OFFERS + box_id)
    return from_document(Offer, document) if document else None


def read_offers(store: Store) -> dict[BoxId, Offer]:
    """Return what all boxes were offered."""
    documents = store.settings.items(_OFFERS)
    return {BoxId(key.removeprefix(_OFFERS)): from_document(Offer, document) for key, document in documents.items()}


def answer_offer(store: Store, box_id: BoxId, update_id: str, problem: str) -> None:
    """Note what a box answered, if it still is what it was offered."""
    offer = get_offer(store, box_id)
    if offer is not None and offer.update_id == update_id:
        state = OfferState.REFUSED if problem else OfferState.TAKEN
        store.settings.put(_OFFERS + box_id, to_document(replace(offer, state=state, problem=problem[:500])))
