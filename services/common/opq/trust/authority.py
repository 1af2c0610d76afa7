"""The certificate authority of a site: roots, certificates, and how one root takes over from another.

A new root is also signed by the one before (a cross certificate), and everybody shows the cross certificate along with
his own. Whoever knows only the old root follows it; whoever has the new bundle does not need it. So a root can be
changed in one step, without waiting until everybody has heard of it, and what the old root signed is valid for as
long as the old root is in the bundle.
"""

from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from opq.clock import DAY_NS, MINUTE_NS
from opq.errors import InvalidInput
from opq.trust.certificates import dump_chain, key_fingerprint, new_key, utc
from opq.trust.names import SERVERS, Identity

ROOT_LIFE_NS = 3650 * DAY_NS
SERVICE_LIFE_NS = 365 * DAY_NS
BOX_LIFE_NS = 30 * DAY_NS
_BACKDATE_NS = 5 * MINUTE_NS
"""A certificate begins a little before it is made: clocks of boxes are not right to the second."""
_USAGE = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True, slots=True)
class Authority:
    """A root that signs, and the roots before it that are still trusted."""

    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate
    crosses: tuple[x509.Certificate, ...] = ()
    """The root's key signed by the root before, and so on, newest first."""
    old_roots: tuple[x509.Certificate, ...] = ()
    """Newest first."""

    def __repr__(self) -> str:
        return f"Authority({self.fingerprint})"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the root, hexadecimal."""
        return fingerprint(self.root)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """All that are trusted, newest first."""
        return (self.root, *self.old_roots)

    @property
    def bundle(self) -> bytes:
        """PEM of all roots that are trusted."""
        return dump_chain(self.roots)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return SHA-256 of a certificate, hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def make_authority(now_unix_ns: int, life_ns: int = ROOT_LIFE_NS) -> Authority:
    """Make a new root with a new key."""
    key = new_key()
    # The name has the key's fingerprint in it: a verifier finds issuers by name, and roots must not be taken for each other.
    name = _name(f"OPQ root {key_fingerprint(key.public_key())[:16]}")
    return Authority(key, _sign_root(key.public_key(), name, name, key, now_unix_ns, life_ns))


def rotate(authority: Authority, now_unix_ns: int, life_ns: int = ROOT_LIFE_NS) -> Authority:
    """Make a new root that takes over; the old one stays trusted and vouches for it."""
    new = make_authority(now_unix_ns, life_ns)
    cross = _sign_root(
        new.key.public_key(), new.root.subject, authority.root.subject, authority.key, now_unix_ns, life_ns
    )
    return replace(new, crosses=(cross, *authority.crosses), old_roots=authority.roots)


def forget_old_roots(authority: Authority) -> Authority:
    """Trust only the newest root from now on: what others signed is no longer valid."""
    return Authority(authority.key, authority.root)


def issue(
    authority: Authority, identity: Identity, key: ec.EllipticCurvePublicKey, now_unix_ns: int, life_ns: int
) -> list[x509.Certificate]:
    """Sign a certificate; return the chain to show: the certificate, then cross certificates, then the roots.

    Roots are in the chain so that a box at first contact can find the one whose fingerprint its token has.

    Raises
    ------
    InvalidInput
        If the life is not positive or the root ends before the certificate would.
    """
    start, end = now_unix_ns - min(_BACKDATE_NS, life_ns // 10), now_unix_ns + life_ns
    if life_ns <= 0:
        raise InvalidInput(f"life: got {life_ns / DAY_NS:g} days, expected more than 0")
    if utc(end) > authority.root.not_valid_after_utc:
        raise InvalidInput(
            f"the root ends at {authority.root.not_valid_after_utc:%Y-%m-%d}, before the certificate would; "
            "make a new one with: opq ca rotate"
        )
    server = identity.role in SERVERS
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if server else [])]
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri), x509.DNSName(identity.dns)]
    certificate = (
        _builder(key, _name(identity.uri), authority.root.subject, start, end)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{**_USAGE, "digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    return [certificate, *authority.crosses, *authority.roots]


def _sign_root(
    key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    now_unix_ns: int,
    life_ns: int,
) -> x509.Certificate:
    start, end = now_unix_ns - _BACKDATE_NS, now_unix_ns + life_ns
    usage = x509.KeyUsage(**{**_USAGE, "key_cert_sign": True, "crl_sign": True})
    return (
        _builder(key, subject, issuer, start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name, start_unix_ns: int, end_unix_ns: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key)
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc(start_unix_ns))
        .not_valid_after(utc(end_unix_ns))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])
