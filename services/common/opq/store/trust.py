"""Administrative acts about trust, one function each: every change of who is believed goes through here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from opq.clock import DAY_NS, iso
from opq.errors import InvalidInput, NotFound
from opq.ids import BoxId
from opq.store.certificates import Certificates
from opq.store.port import Store
from opq.trust import authority as authorities
from opq.trust.authority import Authority
from opq.trust.authority_file import load_authority, save_authority
from opq.trust.certificates import describe
from opq.trust.names import Identity, Role
from opq.trust.records import Grant, IssuedCertificate, Revocation
from opq.trust.tokens import Token, new_token

_LEAST_SERIAL_DIGITS = 16
_REMEMBER_NS = 90 * DAY_NS
"""How long a certificate is listed after it expired."""


@dataclass(frozen=True, slots=True)
class Revoked:
    """What a revocation was of."""

    box_id: BoxId | None
    """None if it was of one certificate."""
    serials: tuple[str, ...]
    tokens: int
    """Tokens of the box that were not used yet and are worth nothing any more."""


def init_authority(folder: Path, now_unix_ns: int) -> Authority:
    """Make the certificate authority of a site.

    Raises
    ------
    InvalidInput
        If there is one in the folder already.
    """
    authority = authorities.make_authority(now_unix_ns)
    save_authority(authority, folder, replace=False)
    return authority


def rotate_authority(folder: Path, now_unix_ns: int) -> Authority:
    """Let a new root sign from now on; the old ones stay trusted.

    Raises
    ------
    InvalidInput
        If there is no authority in the folder.
    """
    authority = authorities.rotate(load_authority(folder), now_unix_ns)
    save_authority(authority, folder, replace=True)
    return authority


def forget_old_roots(store: Store, folder: Path, now_unix_ns: int, force: bool) -> Authority:
    """Trust only the newest root from now on.

    Raises
    ------
    InvalidInput
        If somebody has valid certificates of older roots only and `force` is not given, or there is no authority.
    """
    authority = load_authority(folder)
    certificates = Certificates(store)
    revoked = certificates.revocations().serials
    living = [one for one in certificates.all() if one.not_after_unix_ns > now_unix_ns and one.serial not in revoked]
    renewed = {one.identity for one in living if one.root_fingerprint == authority.fingerprint}
    needed = [one for one in living if one.identity not in renewed]
    if needed and not force:
        last = max(needed, key=lambda one: one.not_after_unix_ns)
        count = "1 certificate" if len(needed) == 1 else f"{len(needed)} certificates"
        raise InvalidInput(
            f"{count} of older roots {'is' if len(needed) == 1 else 'are'} still needed: of {last.identity}, until "
            f"{iso(last.not_after_unix_ns)}; wait, issue anew, or use --force, which shuts the holders out"
        )
    authority = authorities.forget_old_roots(authority)
    save_authority(authority, folder, replace=True)
    return authority


def issue_certificate(
    store: Store,
    authority: Authority,
    identity: Identity,
    key: ec.EllipticCurvePublicKey,
    how: str,
    now_unix_ns: int,
    life_ns: int,
) -> list[x509.Certificate]:
    """Sign a certificate and record it; return the chain to show. Nothing that is not on record leaves this function.

    Raises
    ------
    InvalidInput
        See `opq.trust.authority.issue`.
    """
    chain = authorities.issue(authority, identity, key, now_unix_ns, life_ns)
    info, certificates = describe(chain[0]), Certificates(store)
    certificates.forget_expired(identity, now_unix_ns - _REMEMBER_NS)
    certificates.add(
        IssuedCertificate(
            info.serial,
            identity.role,
            identity.box_id,
            now_unix_ns,
            info.not_after_unix_ns,
            authority.fingerprint,
            how,
        )
    )
    return chain


def grant_enrolment(store: Store, authority: Authority, box_id: BoxId, now_unix_ns: int, ttl_ns: int) -> Token:
    """Make a token with which a box can enrol once; a box that was revoked is admitted again, its certificates are not.

    Raises
    ------
    NotFound
        If there is no such box.
    """
    if store.boxes.get(box_id) is None:
        raise NotFound(f"box {box_id} is not known at this site; add it with: opq boxes add {box_id}")
    certificates = Certificates(store)
    revoked = certificates.revocations().boxes.get(box_id)
    if revoked is not None:
        # What was signed in the moment of the revocation is not to live again.
        _revoke_all(certificates, box_id, revoked, now_unix_ns)
        certificates.admit_box(box_id)
    token = new_token(box_id, authority.fingerprint)
    certificates.forget_grants(None, now_unix_ns)
    certificates.grant(token.digest, Grant(box_id, now_unix_ns, now_unix_ns + ttl_ns))
    return token


def revoke(store: Store, name: str, now_unix_ns: int, reason: str) -> Revoked:
    """Revoke all that a box has, or one certificate by its serial number.

    Raises
    ------
    NotFound
        If `name` is no box of the site and no serial number.
    """
    certificates, revocation = Certificates(store), Revocation(now_unix_ns, reason[:200])
    box_id = BoxId(name)
    if store.boxes.get(box_id) is not None or certificates.of(Identity(Role.BOX, box_id)):
        certificates.revoke_box(box_id, revocation)
        tokens = certificates.forget_grants(box_id, now_unix_ns)
        return Revoked(box_id, _revoke_all(certificates, box_id, revocation, now_unix_ns), tokens)
    serial = name.lower().replace(":", "").lstrip("0")
    if len(serial) < _LEAST_SERIAL_DIGITS or not set(serial) <= set("0123456789abcdef"):
        raise NotFound(f"{name!r} is no box of this site and no serial number; see: opq boxes certificates")
    certificates.revoke_serial(serial, revocation)
    return Revoked(None, (serial,), 0)


def _revoke_all(certificates: Certificates, box_id: BoxId, revocation: Revocation, now_unix_ns: int) -> tuple[str, ...]:
    living: Sequence[IssuedCertificate] = [
        one for one in certificates.of(Identity(Role.BOX, box_id)) if one.not_after_unix_ns > now_unix_ns
    ]
    for one in living:
        certificates.revoke_serial(one.serial, revocation)
    return tuple(one.serial for one in living)
