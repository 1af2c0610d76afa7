"""What the store keeps about certificates, tokens and revocations."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from opq.clock import iso
from opq.ids import BoxId
from opq.trust.certificates import CertificateInfo
from opq.trust.names import Identity, Role


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate that the site's own authority signed."""

    serial: str
    role: Role
    box_id: BoxId | None
    issued_unix_ns: int
    not_after_unix_ns: int
    root_fingerprint: str
    how: str
    """``token``, ``renewal`` or ``by hand``"""

    @property
    def identity(self) -> Identity:
        """Whom it stands for."""
        return Identity(self.role, self.box_id)


@dataclass(frozen=True, slots=True)
class Grant:
    """A token that was given out and not used yet, under its hash."""

    box_id: BoxId
    created_unix_ns: int
    expires_unix_ns: int


@dataclass(frozen=True, slots=True)
class UsedGrant:
    """A token that was used: by which key, and what came of it."""

    box_id: BoxId
    key_fingerprint: str
    expires_unix_ns: int
    chain_pem: str


@dataclass(frozen=True, slots=True)
class Revocation:
    """Since when a certificate, or everything of a box, is no longer accepted."""

    unix_ns: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Revocations:
    """All that is revoked right now."""

    serials: Mapping[str, Revocation] = field(default_factory=dict)
    boxes: Mapping[BoxId, Revocation] = field(default_factory=dict)

    def refusal(self, certificate: CertificateInfo) -> str:
        """Say why a certificate is not accepted; empty if it is."""
        box_id = certificate.identity.box_id
        found = self.serials.get(certificate.serial) or (self.boxes.get(box_id) if box_id else None)
        if found is None:
            return ""
        reason = f" ({found.reason})" if found.reason else ""
        return f"the certificate of {certificate.identity} was revoked at {iso(found.unix_ns)}{reason}"
