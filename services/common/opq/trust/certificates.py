"""Certificates as the rest of the system speaks of them: who, until when, under which number; and their PEM text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from opq.clock import NS, iso
from opq.errors import InvalidInput
from opq.trust.names import Identity, identity_of

MAX_PEM_BYTES = 64 << 10
"""A chain or bundle is not longer; a CSR far shorter."""
_CURVES = (ec.SECP256R1, ec.SECP384R1)
_NAME = "OPQ"


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """What is asked of a certificate again and again."""

    identity: Identity
    serial: str
    """Serial number, hexadecimal, without leading zeros."""
    not_before_unix_ns: int
    not_after_unix_ns: int

    def expiry(self, now_unix_ns: int) -> str:
        """Say why it is not valid at a time; empty if it is."""
        if now_unix_ns >= self.not_after_unix_ns:
            return f"the certificate of {self.identity} expired at {iso(self.not_after_unix_ns)}"
        if now_unix_ns < self.not_before_unix_ns:
            return f"the certificate of {self.identity} begins only at {iso(self.not_before_unix_ns)}"
        return ""


_UNREADABLE = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
"""What a damaged certificate may raise; only the first of them is a ValueError."""


def serial_text(certificate: x509.Certificate) -> str:
    """Return a serial number as it is written everywhere: hexadecimal."""
    return f"{certificate.serial_number:x}"


def describe(certificate: x509.Certificate) -> CertificateInfo:
    """Read a certificate.

    Raises
    ------
    InvalidInput
        If it does not say who it is for, see `opq.trust.names.identity_of`.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        dns_names = names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        uris, dns_names = [], []
    except _UNREADABLE as error:
        raise InvalidInput(f"certificate: its names do not read ({error})") from error
    return CertificateInfo(
        identity_of(uris, dns_names),
        serial_text(certificate),
        _unix_ns(certificate.not_valid_before_utc),
        _unix_ns(certificate.not_valid_after_utc),
    )


@lru_cache(maxsize=4096)
def describe_pem(pem: bytes) -> CertificateInfo:
    """Read the first certificate of a PEM text; a peer shows the same one with every call.

    Raises
    ------
    InvalidInput
        If there is none, or it does not say who it is for.
    """
    return describe(load_chain(pem, "certificate")[0])


def load_chain(pem: bytes, what: str) -> list[x509.Certificate]:
    """Read the certificates of a PEM text, in their order.

    Raises
    ------
    InvalidInput
        If there is none or the text is longer than `MAX_PEM_BYTES`.
    """
    if len(pem) > MAX_PEM_BYTES:
        raise InvalidInput(f"{what}: got {len(pem)} bytes, expected at most {MAX_PEM_BYTES}")
    try:
        return x509.load_pem_x509_certificates(pem)
    except _UNREADABLE as error:
        raise InvalidInput(f"{what}: got no certificate that reads, expected PEM ({error})") from error


def load_key(pem: bytes, what: str) -> ec.EllipticCurvePrivateKey:
    """Read a private key; what does not read is never repeated in the message.

    Raises
    ------
    InvalidInput
        If there is none, it is encrypted, or of another kind than ECDSA.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError):
        raise InvalidInput(f"{what}: got no private key that reads, expected PEM without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InvalidInput(f"{what}: got {type(key).__name__.strip('_')}, expected an ECDSA key")
    return key


def dump_chain(certificates: Sequence[x509.Certificate]) -> bytes:
    """Write certificates as PEM, in their order."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def dump_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as PEM, without a password."""
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def new_key() -> ec.EllipticCurvePrivateKey:
    """Make a key: ECDSA P-256, which costs a storm of handshakes half of what RSA does."""
    return ec.generate_private_key(ec.SECP256R1())


def make_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Make a certificate signing request (PEM). Whom the certificate is for is decided by who signs."""
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, _NAME)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def request_key(pem: bytes) -> ec.EllipticCurvePublicKey:
    """Return the public key that a signing request asks a certificate for; nothing else of it counts.

    Raises
    ------
    InvalidInput
        If it does not read, is not signed by its key, or the key is not ECDSA on P-256 or P-384.
    """
    if len(pem) > MAX_PEM_BYTES:
        raise InvalidInput(f"request: got {len(pem)} bytes, expected at most {MAX_PEM_BYTES}")
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError) as error:
        raise InvalidInput("request: got no certificate signing request that reads, expected PEM") from error
    except Exception as error:
        # The library has errors of its own for keys and algorithms it does not know.
        raise InvalidInput(f"request: it does not read ({type(error).__name__})") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, _CURVES):
        raise InvalidInput("request: got a key of another kind, expected ECDSA on P-256 or P-384")
    if not signed:
        raise InvalidInput("request: its signature is not that of its key")
    return key


def key_fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """Return SHA-256 of a public key, hexadecimal."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(serialization.Encoding.DER, form))
    return digest.finalize().hex()


def _unix_ns(when: datetime) -> int:
    return int(when.timestamp()) * NS


def utc(unix_ns: int) -> datetime:
    """Return a time as certificates have it: whole seconds."""
    return datetime.fromtimestamp(unix_ns // NS, UTC)
