"""Certificates, enrolment tokens and revocations in the store (collection `certificates`).

Keys: ``issued/box/BOX_ID/SERIAL`` and ``issued/service/ROLE/SERIAL``, ``tokens/HASH``, ``used/HASH``,
``revoked/serial/SERIAL`` and ``revoked/box/BOX_ID``. A token is taken by removing it, which succeeds once.
"""

from typing import TypeVar

from opq.ids import BoxId
from opq.store.documents import from_document, to_document
from opq.store.port import Documents, Store
from opq.trust.certificates import CertificateInfo
from opq.trust.names import Identity
from opq.trust.records import Grant, IssuedCertificate, Revocation, Revocations, UsedGrant

T = TypeVar("T")
_ISSUED, _TOKENS, _USED = "issued/", "tokens/", "used/"
_REVOKED_SERIAL, _REVOKED_BOX = "revoked/serial/", "revoked/box/"


class Certificates:
    """What the store knows of certificates.

    Parameters
    ----------
    store : Store
        An open store.
    """

    def __init__(self, store: Store) -> None:
        self._documents: Documents = store.certificates

    # --- issued

    def add(self, certificate: IssuedCertificate) -> None:
        """Record a certificate that was signed."""
        self._documents.put(_folder(certificate.identity) + certificate.serial, to_document(certificate))

    def of(self, identity: Identity) -> list[IssuedCertificate]:
        """Return the certificates of one identity, oldest first."""
        return self._issued(_folder(identity))

    def all(self) -> list[IssuedCertificate]:
        """Return all certificates, oldest first."""
        return self._issued(_ISSUED)

    def _issued(self, prefix: str) -> list[IssuedCertificate]:
        found = self._documents.items(prefix).values()
        return sorted((from_document(IssuedCertificate, one) for one in found), key=lambda one: one.issued_unix_ns)

    def good_until(self, certificate: CertificateInfo) -> int:
        """Return when the last valid certificate ends that its holder got [ns since the epoch]; 0 if there is none."""
        revoked = self.revocations().serials
        found = [one for one in self.of(certificate.identity) if one.serial not in revoked]
        return max((one.not_after_unix_ns for one in found), default=0)

    def forget_expired(self, identity: Identity, before_unix_ns: int) -> None:
        """Remove what is known of the certificates of one identity that expired before a time."""
        for one in self.of(identity):
            if one.not_after_unix_ns < before_unix_ns:
                self._documents.remove(_folder(identity) + one.serial)
                self._documents.remove(_REVOKED_SERIAL + one.serial)

    # --- tokens

    def grant(self, digest: str, grant: Grant) -> None:
        """Record a token that was given out, by its hash."""
        self._documents.put(_TOKENS + digest, to_document(grant))

    def granted(self, digest: str) -> Grant | None:
        """Return a token that was not used yet."""
        document = self._documents.get(_TOKENS + digest)
        return None if document is None else from_document(Grant, document)

    def take(self, digest: str) -> bool:
        """Take a token that was not used yet; whether it was there. Of several at once one gets it."""
        return self._documents.remove(_TOKENS + digest)

    def used(self, digest: str) -> UsedGrant | None:
        """Return what came of a token that was used."""
        document = self._documents.get(_USED + digest)
        return None if document is None else from_document(UsedGrant, document)

    def mark_used(self, digest: str, used: UsedGrant) -> None:
        """Record what came of a token that was taken."""
        self._documents.put(_USED + digest, to_document(used))

    def forget_grants(self, box_id: BoxId | None, now_unix_ns: int) -> int:
        """Remove tokens that have expired, and those of a box that were not used; how many."""
        gone = 0
        for prefix in (_TOKENS, _USED):
            for key, document in self._documents.items(prefix).items():
                unused = prefix == _TOKENS and document["box_id"] == box_id
                if (unused or document["expires_unix_ns"] <= now_unix_ns) and self._documents.remove(key):
                    gone += 1
        return gone

    # --- revocations

    def revoke_serial(self, serial: str, revocation: Revocation) -> None:
        """Accept one certificate no longer; the first revocation of it stays."""
        if self._documents.get(_REVOKED_SERIAL + serial) is None:
            self._documents.put(_REVOKED_SERIAL + serial, to_document(revocation))

    def revoke_box(self, box_id: BoxId, revocation: Revocation) -> None:
        """Accept nothing of a box any more, whatever authority signed it, until `admit_box`."""
        self._documents.put(_REVOKED_BOX + box_id, to_document(revocation))

    def admit_box(self, box_id: BoxId) -> bool:
        """End the revocation of a box; revoked serial numbers stay revoked. Whether it was revoked."""
        return self._documents.remove(_REVOKED_BOX + box_id)

    def revocations(self) -> Revocations:
        """Return all that is revoked."""
        serials = self._read(_REVOKED_SERIAL, Revocation)
        boxes = self._read(_REVOKED_BOX, Revocation)
        return Revocations(serials, {BoxId(box_id): item for box_id, item in boxes.items()})

    def _read(self, prefix: str, cls: type[T]) -> dict[str, T]:
        items = self._documents.items(prefix).items()
        return {key.removeprefix(prefix): from_document(cls, document) for key, document in items}


def _folder(identity: Identity) -> str:
    return _ISSUED + (f"box/{identity.box_id}/" if identity.box_id else f"service/{identity.role.value}/")
