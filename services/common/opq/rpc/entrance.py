"""How a program lets others in: TLS and guard of its servers, and what the guard must be told while they run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from opq.clock import Clock
from opq.errors import OpqError
from opq.rpc.channels import MAX_MESSAGE_BYTES, Server
from opq.rpc.guard import Guard
from opq.rpc.tls import ServerTls, watch_files
from opq.trust.certificates import CertificateInfo
from opq.trust.material import TlsFiles
from opq.trust.records import Revocations

_LOOK_S = 1.0
"""How soon a revocation works."""


def never_renewed(_: CertificateInfo) -> int:
    """Whoever got another certificate shows it in another connection."""
    return 0


class Entrance:
    """The entrance of one program; without certificate files it is open, on loopback only.

    Parameters
    ----------
    revocations : callable
        Reads what is revoked; may block.
    good_until : callable
        Until when [ns since the epoch] the holder of a certificate that has expired has another one; may block. Calls of
        somebody who has none are ended.

    Raises
    ------
    InvalidInput
        If the files do not read.
    """

    def __init__(
        self,
        tls: TlsFiles | None,
        clock: Clock,
        revocations: Callable[[], Revocations],
        good_until: Callable[[CertificateInfo], int] = never_renewed,
    ) -> None:
        self._material = watch_files(tls) if tls else None
        self._guard = Guard(clock) if tls else None
        self._revocations, self._good_until = revocations, good_until
        self._log = structlog.get_logger()

    def server(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> Server:
        """Make a server for those who have a certificate."""
        if self._material is None or self._guard is None:
            return Server(max_message_bytes)
        return Server(max_message_bytes, ServerTls(self._material), [self._guard])

    def open_server(self, max_message_bytes: int) -> Server:
        """Make a server for anybody: its own certificate is shown, none is asked for."""
        tls = ServerTls(self._material, ask_clients=False) if self._material else None
        return Server(max_message_bytes, tls)

    @contextlib.asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keep the guard informed; entered before anybody is let in."""
        if self._guard is None:
            yield
            return
        self._guard.set_revocations(await asyncio.to_thread(self._revocations))
        watching = asyncio.create_task(self._watch(self._guard))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, guard: Guard) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            try:
                guard.set_revocations(await asyncio.to_thread(self._revocations))
                for certificate in guard.overdue():
                    guard.settle(certificate, await asyncio.to_thread(self._good_until, certificate))
            except OpqError as error:
                self._log.warning("revocations not read; those known hold", reason=str(error))
