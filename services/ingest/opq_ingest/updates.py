"""Updates of boxes' agents: who is told of one, what is sent of it, what the box answered."""

import re
import zlib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor

from opq.errors import InvalidInput, NotFound, check_range
from opq.ids import BoxId
from opq.rpc.threads import call_in
from opq.store import Store
from opq.store.updates import (
    Offer,
    OfferState,
    StoredUpdate,
    answer_offer,
    get_offer,
    get_update,
    read_offers,
    read_piece,
)
from opq.v1 import box_pb2
from opq_ingest.session import BoxSession

_PREFIX = "update-"
_UPDATE_ID = re.compile(r"[0-9a-f]{64}")


class Updates:
    """Passes offers on to the boxes that are connected, and files to the boxes that were offered them."""

    def __init__(self, store: Store, executor: Executor) -> None:
        self._store, self._executor = store, executor

    async def offer(self, sessions: Mapping[BoxId, BoxSession]) -> None:
        """Tell each connected box once of what it was offered, unless it runs it or has refused it."""
        for box_id, offer in (await call_in(self._executor, read_offers, self._store)).items():
            session = sessions.get(box_id)
            if (
                session is None
                or session.offered_unix_ns == offer.offered_unix_ns
                or offer.version == session.agent_version
            ):
                continue
            if offer.state is not OfferState.REFUSED:
                session.offered_unix_ns = offer.offered_unix_ns
                session.send(box_pb2.BoxDown(update_offer=_message(offer)))

    async def answered(self, session: BoxSession, command_id: str, problem: str) -> bool:
        """Note the answer to an offer; whether it was one."""
        if not command_id.startswith(_PREFIX):
            return False
        update_id = command_id.removeprefix(_PREFIX)
        await call_in(self._executor, answer_offer, self._store, session.box_id, update_id, problem)
        return True

    async def download(self, request: box_pb2.DownloadUpdateRequest) -> AsyncIterator[box_pb2.DownloadUpdateResponse]:
        """Yield the pieces of an update from a byte on.

        Raises
        ------
        NotFound
            If it was not offered to this box.
        InvalidInput
            If the offset is beyond the end.
        """
        update = await call_in(self._executor, self._offered, request)
        check_range("offset", request.offset, 0, update.size_bytes, "bytes")
        offset = request.offset
        while offset < update.size_bytes:
            data = await call_in(self._executor, read_piece, self._store, update, offset)
            yield box_pb2.DownloadUpdateResponse(offset=offset, data=data, crc32=zlib.crc32(data))
            offset += len(data)

    def _offered(self, request: box_pb2.DownloadUpdateRequest) -> StoredUpdate:
        if not _UPDATE_ID.fullmatch(request.update_id):
            raise InvalidInput(f"update_id: got {request.update_id[:80]!r}, expected 64 hexadecimal digits")
        offer = get_offer(self._store, BoxId(request.box_id))
        update = get_update(self._store, request.update_id)
        if offer is None or offer.update_id != request.update_id or update is None:
            raise NotFound(f"update {request.update_id[:12]} is not offered to box {request.box_id[:64]!r}")
        return update


def _message(offer: Offer) -> box_pb2.UpdateOffer:
    return box_pb2.UpdateOffer(
        command_id=_PREFIX + offer.update_id,
        update_id=offer.update_id,
        version=offer.version,
        size_bytes=offer.size_bytes,
    )
