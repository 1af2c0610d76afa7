"""Updates over the air: fetch what the site offers, from where the last try broke off, and lay it ready for the launcher."""

import asyncio
import hashlib
import re
import zlib
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

import opq
from opq.errors import CorruptData, InvalidInput, OpqError
from opq.ids import BoxId
from opq.updates.keys import load_public_key
from opq.updates.package import MAX_FILE_BYTES
from opq.v1 import box_pb2, problem_pb2
from opq_box_agent.session import OfferUpdate, Session
from opq_box_agent.updates.slots import Slots

_UPDATE_ID = re.compile(r"[0-9a-f]{64}")
_LOOK_S = 1.0


class Updater:
    """Takes offers of one box, one at a time.

    Parameters
    ----------
    slots : Slots
        Where the versions are; downloads lie beside them.
    key : Path, optional
        The public key that updates are checked with.
    launched : bool
        Whether there is a launcher, which alone can start another version.
    """

    def __init__(self, box_id: BoxId, slots: Slots, key: Path | None, launched: bool, log: Any) -> None:
        self._box_id, self._slots, self._key, self._launched, self._log = box_id, slots, key, launched, log
        self._running: asyncio.Task[None] | None = None

    def offered(
        self, offer: OfferUpdate, channel: grpc.aio.Channel, session: Session, said: Callable[[], None]
    ) -> None:
        """Take an offer in the background; `said` is called when the session has the answer.

        When the download breaks off there is none: the site offers again when the box is back.
        """
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._take(offer, channel, session, said))

    async def _take(
        self, offer: OfferUpdate, channel: grpc.aio.Channel, session: Session, said: Callable[[], None]
    ) -> None:
        log = self._log.bind(update_id=offer.update_id[:12], version=offer.version)

        def answer(problem: str = "") -> None:
            result = box_pb2.CommandResult(command_id=offer.command_id)
            if problem:
                log.error("update refused", reason=problem)
                result.problem.code, result.problem.message = problem_pb2.PROBLEM_CODE_OUT_OF_RANGE, problem[:500]
            session.say(box_pb2.BoxUp(command_result=result))
            said()

        try:
            if offer.version != opq.__version__:
                self._check(offer)
                path = await self._fetch(offer, channel)
                await asyncio.to_thread(self._install, path)
                log.info("the update lies ready")
        except grpc.aio.AioRpcError as error:
            log.warning("the download broke off", code=error.code().name, reason=error.details())
            return
        except (OpqError, OSError) as error:
            answer(str(error))
            return
        answer()
        # If the launcher takes the update, this process ends; if not, the site is told.
        while self._slots.state.pending:
            await asyncio.sleep(_LOOK_S)
        if reason := self._slots.state.refused.get(offer.version):
            answer(reason)

    def _check(self, offer: OfferUpdate) -> None:
        """Refuse what need not be fetched to be refused."""
        if not self._launched:
            raise InvalidInput("update: this agent was started without opq box launch, which alone can install updates")
        if self._key is None:
            raise InvalidInput("update: this box was given no key to check updates with (--update-key)")
        if not _UPDATE_ID.fullmatch(offer.update_id) or not 0 < offer.size_bytes <= MAX_FILE_BYTES:
            raise InvalidInput(f"update: got an offer of {offer.size_bytes} bytes, expected 1 to {MAX_FILE_BYTES}")
        if reason := self._slots.state.refused.get(offer.version):
            raise InvalidInput(f"update: version {offer.version} was tried here: {reason}")

    async def _fetch(self, offer: OfferUpdate, channel: grpc.aio.Channel) -> Path:
        """Download a file behind what is there of it."""
        inbox = self._slots.folder / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        path = inbox / offer.update_id
        for other in inbox.iterdir():
            if other != path:
                other.unlink()
        call = channel.unary_stream(
            "/opq.v1.BoxService/DownloadUpdate",
            request_serializer=box_pb2.DownloadUpdateRequest.SerializeToString,
            response_deserializer=box_pb2.DownloadUpdateResponse.FromString,
        )
        have = path.stat().st_size if path.exists() else 0
        if have < offer.size_bytes:
            request = box_pb2.DownloadUpdateRequest(box_id=self._box_id, update_id=offer.update_id, offset=have)
            await _append(path, have, call(request), offer.size_bytes)
        digest = await asyncio.to_thread(_sha256, path)
        if digest != offer.update_id:
            path.unlink()
            raise CorruptData(
                f"update: the file that came has SHA-256 {digest[:12]}..., {offer.update_id[:12]}... was offered"
            )
        return path

    def _install(self, path: Path) -> None:
        if self._key is not None:
            self._slots.install(path, load_public_key(self._key))
        path.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _append(
    path: Path, have: int, pieces: AsyncIterable[box_pb2.DownloadUpdateResponse], size_bytes: int
) -> None:
    with path.open("ab") as file:
        async for piece in pieces:
            if piece.offset != have or zlib.crc32(piece.data) != piece.crc32 or have + len(piece.data) > size_bytes:
                raise CorruptData(f"update: the piece at {piece.offset} does not check out, {have} bytes are there")
            file.write(piece.data)
            have += len(piece.data)
