"""The certificate of a box: got with a token, kept on its disk, renewed in time; or that of somebody else's making."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from opq.clock import NS, Clock, iso
from opq.errors import InvalidInput, OpqError, Unavailable
from opq.rpc.channels import Dialer, named_channel
from opq.trust.certificates import CertificateInfo, dump_key, load_key, make_request, new_key
from opq.trust.files import PUBLIC, SECRET, read_file, write_file
from opq.trust.material import TlsFiles, load_material
from opq.trust.names import Role
from opq.trust.tokens import Token
from opq.v1 import enrolment_pb2, enrolment_pb2_grpc
from opq_box_agent.first_contact import fetch_root

_ANSWER_S = 20.0
_RENEW_AT = 2 / 3
"""Of its life a certificate is used before the next one is asked for."""
_SPREAD = 0.05
"""Of their life by which boxes that enrolled together renew apart."""
_LOOK_S = 60.0
"""A clock that is set meanwhile is noticed so soon."""
_MAX_PAUSE_S = 3600.0
_REFUSALS = (
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
)


def identity_files(folder: Path, name: str = "identity") -> TlsFiles:
    """Return where a box keeps its key and certificate, which are one file so that they change together."""
    return TlsFiles(folder / f"{name}.pem", folder / f"{name}.pem", folder / "ca.crt")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """How a box comes to its first certificate."""

    token: Token = field(repr=False)
    address: str
    """``host:port`` where no certificate is asked for."""


async def enrol(enrolment: Enrolment, files: TlsFiles) -> CertificateInfo:
    """Make a key, have it certified, and keep both.

    The key is on disk before it is certified: if the answer is lost, asking again with the same key gives it again.

    Raises
    ------
    InvalidInput
        If the site refuses, or is not the one that the token is for.
    Unavailable
        If it does not answer.
    """
    root = await asyncio.to_thread(fetch_root, enrolment.address, enrolment.token.root_fingerprint)
    waiting = files.key.with_suffix(".new")
    if waiting.exists():
        key = load_key(read_file(waiting), str(waiting))
    else:
        key = new_key()
        write_file(waiting, dump_key(key), SECRET, replace=False)
    request = enrolment_pb2.EnrolRequest(token=enrolment.token.text, request_pem=make_request(key).decode())
    async with named_channel(enrolment.address, Role.INGEST, grpc.ssl_channel_credentials(root)) as channel:
        answer = await _asked(enrolment_pb2_grpc.EnrolmentServiceStub(channel).Enrol, request)
    info = _keep(files, dump_key(key), answer.chain_pem, answer.authorities_pem)
    waiting.unlink()
    return info


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where the certificate of a box is, and who sees to it."""

    files: TlsFiles
    own: bool
    """Whether the box itself gets and renews it; else somebody else replaces the files."""
    enrolment: Enrolment | None = None
    """How to get the first one."""


class Access:
    """How one box reaches ingest, and as whom.

    Parameters
    ----------
    ingest : str
        ``host:port``
    credentials : Credentials, optional
        Without them clear text, on loopback only.
    log : structlog logger
        With the box already bound.
    """

    def __init__(self, ingest: str, credentials: Credentials | None, clock: Clock, log: Any) -> None:
        self._ingest, self._credentials, self._clock, self._log = ingest, credentials, clock, log

    @contextlib.asynccontextmanager
    async def dialer(self) -> AsyncIterator[Dialer]:
        """Get a certificate if there is none, then open the way to ingest and keep the certificate fresh."""
        credentials = self._credentials
        if credentials is not None and credentials.enrolment is not None:
            await self._ensure(credentials.enrolment, credentials.files)
        async with Dialer(self._ingest, Role.INGEST, credentials.files if credentials else None) as dialer:
            renewing = asyncio.create_task(self.renew_for_ever())
            try:
                yield dialer
            finally:
                renewing.cancel()
                await asyncio.gather(renewing, return_exceptions=True)

    async def _ensure(self, enrolment: Enrolment, files: TlsFiles) -> None:
        """Enrol unless there is a certificate that is valid; go on trying while the site is away."""
        if self._valid(files):
            return
        failures = 0
        while True:
            try:
                info = await enrol(enrolment, files)
            except OpqError as error:
                failures += 1
                self._log.warning("not enrolled yet", reason=str(error))
                await asyncio.sleep(_pause_s(failures))
            else:
                self._log.info("enrolled", serial=info.serial, until=iso(info.not_after_unix_ns))
                return

    def _valid(self, files: TlsFiles) -> bool:
        try:
            return not load_material(files).info.expiry(self._clock.unix_ns())
        except InvalidInput:
            return False

    async def renew_for_ever(self) -> None:
        """Renew the certificate at two thirds of its life, again and again; the connection that stands is left alone."""
        if self._credentials is None or not self._credentials.own:
            return
        files = self._credentials.files
        failures, spread = 0, random.uniform(0, _SPREAD)
        while True:
            try:
                info = load_material(files).info
                wait_s = _due_in_s(info, spread, self._clock.unix_ns())
                if wait_s > 0:
                    await asyncio.sleep(min(wait_s, _LOOK_S))
                    continue
                renewed = await renew(self._ingest, files)
            except OpqError as error:
                failures += 1
                self._log.warning("certificate not renewed", reason=str(error))
                await asyncio.sleep(_pause_s(failures))
            else:
                failures = 0
                self._log.info("certificate renewed", serial=renewed.serial, until=iso(renewed.not_after_unix_ns))


async def renew(ingest: str, files: TlsFiles) -> CertificateInfo:
    """Ask for the next certificate with the present one, for a new key, in a connection of its own.

    Raises
    ------
    InvalidInput
        If the site refuses.
    Unavailable
        If it does not answer.
    """
    key = new_key()
    request = enrolment_pb2.RenewRequest(request_pem=make_request(key).decode())
    async with Dialer(ingest, Role.INGEST, files) as dialer:
        answer = await _asked(enrolment_pb2_grpc.EnrolmentServiceStub(await dialer.channel()).Renew, request)
    return _keep(files, dump_key(key), answer.chain_pem, answer.authorities_pem)


async def _asked(call: Any, request: Any) -> Any:
    try:
        return await call(request, timeout=_ANSWER_S)
    except grpc.aio.AioRpcError as error:
        words = error.details() or error.code().name
        if error.code() in _REFUSALS:
            raise InvalidInput(f"refused by the site: {words}") from error
        raise Unavailable(f"the site does not answer: {words}") from error


def _keep(files: TlsFiles, key: bytes, chain_pem: str, authorities_pem: str) -> CertificateInfo:
    """Write what came; the authorities first, for they hold the old ones too."""
    write_file(files.authorities, authorities_pem.encode(), PUBLIC, replace=True)
    write_file(files.certificate, key + chain_pem.encode(), SECRET, replace=True)
    return load_material(files).info


def _due_in_s(info: CertificateInfo, spread: float, now_unix_ns: int) -> float:
    life = info.not_after_unix_ns - info.not_before_unix_ns
    return (info.not_before_unix_ns + life * (_RENEW_AT + spread) - now_unix_ns) / NS


def _pause_s(failures: int) -> float:
    return random.uniform(0.5, 1.0) * min(_MAX_PAUSE_S, 2.0 ** min(failures, 20))
