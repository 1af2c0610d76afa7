"""Certificates for boxes: the first one for a one-time token, the next ones for the one before."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from opq.clock import Clock, iso
from opq.errors import InvalidInput, NotFound, OpqError, Unauthenticated
from opq.ids import BoxId
from opq.rpc.guard import peer_certificate
from opq.rpc.threads import call_in
from opq.store import Store
from opq.store.certificates import Certificates
from opq.store.trust import issue_certificate
from opq.trust.authority import Authority
from opq.trust.authority_file import SECRET_FILE, load_authority
from opq.trust.certificates import CertificateInfo, dump_chain, key_fingerprint, request_key
from opq.trust.files import Reloading
from opq.trust.names import Identity, Role
from opq.trust.records import UsedGrant
from opq.trust.tokens import Token, parse_token
from opq.v1 import enrolment_pb2
from opq_ingest.calls import abort
from opq_ingest.checks import NoAuthority, TooManyCertificates

MAX_REQUEST_BYTES = 8 << 10
MAX_TOKEN = 300
MAX_MESSAGE_BYTES = 16 << 10
MAX_LIVING = 20
"""Certificates of one box that are valid at once; a box that renews in time has two."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a box gets."""

    chain_pem: str
    authorities_pem: str


class Enrolment:
    """Serves `opq.v1.EnrolmentService`.

    Parameters
    ----------
    folder : Path, optional
        Where the authority is (`opq.trust.authority_file`); without it every call is refused.
    life_ns : int
        How long a certificate of a box is valid.

    Raises
    ------
    InvalidInput
        If there is no authority in the folder.
    """

    def __init__(self, store: Store, clock: Clock, folder: Path | None, life_ns: int) -> None:
        self._store, self._clock, self._life_ns = store, clock, life_ns
        self._certificates = Certificates(store)
        self._log = structlog.get_logger()
        self._executor = ThreadPoolExecutor(1, "signing")
        self._authority: Reloading[Authority] | None = None
        if folder is not None:
            self._authority = Reloading([folder / SECRET_FILE], lambda: load_authority(folder), self._not_taken)

    def _not_taken(self, problem: str) -> None:
        self._log.warning("authority not taken", reason=problem)

    def enrol_handlers(self) -> grpc.GenericRpcHandler:
        """Make the handler of Enrol, for a listener that asks for no certificate."""
        enrol = grpc.unary_unary_rpc_method_handler(
            self._enrol, enrolment_pb2.EnrolRequest.FromString, enrolment_pb2.EnrolResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler("opq.v1.EnrolmentService", {"Enrol": enrol})

    def renew_handlers(self) -> grpc.GenericRpcHandler:
        """Make the handler of Renew, for a listener that asks for one."""
        renew = grpc.unary_unary_rpc_method_handler(
            self._renew, enrolment_pb2.RenewRequest.FromString, enrolment_pb2.RenewResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler("opq.v1.EnrolmentService", {"Renew": renew})

    async def _enrol(
        self, request: enrolment_pb2.EnrolRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> enrolment_pb2.EnrolResponse:
        try:
            signed = await call_in(self._executor, self.enrol, request.token, request.request_pem.encode())
        except OpqError as error:
            self._log.warning("enrolment refused", peer=context.peer(), reason=str(error))
            await abort(context, error)
        return enrolment_pb2.EnrolResponse(chain_pem=signed.chain_pem, authorities_pem=signed.authorities_pem)

    async def _renew(
        self, request: enrolment_pb2.RenewRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> enrolment_pb2.RenewResponse:
        try:
            certificate = peer_certificate(context)
            signed = await call_in(self._executor, self.renew, certificate, request.request_pem.encode())
        except OpqError as error:
            self._log.warning("renewal refused", peer=context.peer(), reason=str(error))
            await abort(context, error)
        return enrolment_pb2.RenewResponse(chain_pem=signed.chain_pem, authorities_pem=signed.authorities_pem)

    def enrol(self, text: str, request_pem: bytes) -> Signed:
        """Give the box of a token its first certificate, for a key.

        Raises
        ------
        Unauthenticated
            If the token is unknown, expired, for another box, or was used by another key.
        NoAuthority
            If nobody signs here.
        InvalidInput
            If token or request do not read.
        """
        authority = self._signing()
        key = _requested_key(request_pem)
        token = _token(text)
        now = self._clock.unix_ns()
        grant = self._certificates.granted(token.digest)
        if grant is None:
            return self._again(authority, token, key, now)
        if grant.box_id != token.box_id:
            raise Unauthenticated(f"token: it is not for box {token.box_id}")
        if now >= grant.expires_unix_ns:
            raise Unauthenticated(f"token: it expired at {iso(grant.expires_unix_ns)}; {_ANOTHER}")
        self._check_known(grant.box_id)
        if not self._certificates.take(token.digest):
            raise Unauthenticated(f"token: it was used already; {_ANOTHER}")
        signed = self._sign(authority, grant.box_id, key, "token")
        used = UsedGrant(grant.box_id, key_fingerprint(key), grant.expires_unix_ns, signed.chain_pem)
        self._certificates.mark_used(token.digest, used)
        self._log.info("box enrolled", box_id=grant.box_id)
        return signed

    def _again(self, authority: Authority, token: Token, key: ec.EllipticCurvePublicKey, now_unix_ns: int) -> Signed:
        """Answer as before if the same key asks again: the answer may have been lost."""
        used = self._certificates.used(token.digest)
        if used is None or now_unix_ns >= used.expires_unix_ns:
            raise Unauthenticated(f"token: this site does not know it (any more); {_ANOTHER}")
        if used.key_fingerprint != key_fingerprint(key):
            raise Unauthenticated(f"token: it was used already; {_ANOTHER}")
        return Signed(used.chain_pem, authority.bundle.decode())

    def renew(self, certificate: CertificateInfo | None, request_pem: bytes) -> Signed:
        """Give a box the next certificate.

        Raises
        ------
        Unauthenticated
            If the caller showed no certificate of a box.
        TooManyCertificates
            If it has `MAX_LIVING` already.
        NoAuthority
            If nobody signs here.
        NotFound
            If the box is no longer at this site.
        InvalidInput
            If the request does not read.
        """
        authority = self._signing()
        if certificate is None or certificate.identity.box_id is None:
            raise Unauthenticated("renew: got no certificate of a box, expected the present one of the box")
        box_id, key = certificate.identity.box_id, _requested_key(request_pem)
        self._check_known(box_id)
        now = self._clock.unix_ns()
        living = [one for one in self._certificates.of(certificate.identity) if one.not_after_unix_ns > now]
        if len(living) >= MAX_LIVING:
            first = min(one.not_after_unix_ns for one in living)
            raise TooManyCertificates(
                f"box {box_id} has {len(living)} valid certificates already, the first ends at {iso(first)}"
            )
        signed = self._sign(authority, box_id, key, "renewal")
        self._log.info("certificate renewed", box_id=box_id, before=certificate.serial)
        return signed

    def _sign(self, authority: Authority, box_id: BoxId, key: ec.EllipticCurvePublicKey, how: str) -> Signed:
        identity = Identity(Role.BOX, box_id)
        chain = issue_certificate(self._store, authority, identity, key, how, self._clock.unix_ns(), self._life_ns)
        return Signed(dump_chain(chain).decode(), authority.bundle.decode())

    def _signing(self) -> Authority:
        if self._authority is None:
            raise NoAuthority(
                "this site signs no certificates for boxes; they come from the authority its owner uses "
                "(or start ingest with --ca, see docs/security.md)"
            )
        return self._authority.current()

    def _check_known(self, box_id: BoxId) -> None:
        if self._store.boxes.get(box_id) is None:
            raise NotFound(f"box {box_id} is not known at this site any more; add it with: opq boxes add {box_id}")


_ANOTHER = "make another one with: opq boxes enrol BOX"


def _token(text: str) -> Token:
    if len(text) > MAX_TOKEN:
        raise InvalidInput(f"token: got {len(text)} characters, expected at most {MAX_TOKEN}")
    return parse_token(text)


def _requested_key(request_pem: bytes) -> ec.EllipticCurvePublicKey:
    if len(request_pem) > MAX_REQUEST_BYTES:
        raise InvalidInput(f"request: got {len(request_pem)} bytes, expected at most {MAX_REQUEST_BYTES}")
    return request_key(request_pem)
