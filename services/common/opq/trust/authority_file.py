"""The authority of a site in a folder: ``authority.pem``, the secret, and ``ca.crt``, which everybody may have."""

from pathlib import Path

from cryptography import x509

from opq.errors import InvalidInput
from opq.trust.authority import Authority
from opq.trust.certificates import dump_chain, dump_key, load_chain, load_key
from opq.trust.files import PUBLIC, SECRET, read_file, write_file

SECRET_FILE = "authority.pem"
BUNDLE_FILE = "ca.crt"


def save_authority(authority: Authority, folder: Path, replace: bool) -> None:
    """Write both files; the bundle first, for what the new root signs must be believed as soon as it can sign.

    Raises
    ------
    InvalidInput
        If there is an authority and it is not to be replaced.
    """
    secret = folder / SECRET_FILE
    if secret.exists() and not replace:
        raise InvalidInput(f"{secret} exists already and is not overwritten; a new root is made with: opq ca rotate")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(folder / BUNDLE_FILE, authority.bundle, PUBLIC, replace=True)
    certificates = [authority.root, *authority.crosses, *authority.old_roots]
    write_file(secret, dump_key(authority.key) + dump_chain(certificates), SECRET, replace)


def load_authority(folder: Path) -> Authority:
    """Read the authority of a folder.

    Raises
    ------
    InvalidInput
        If there is none or it does not read.
    """
    path = folder / SECRET_FILE
    if not path.exists():
        raise InvalidInput(f"there is no certificate authority in {folder}; make one with: opq ca init --ca {folder}")
    data = read_file(path)
    root, *others = load_chain(data, str(path))
    key = load_key(data, str(path))
    if key.public_key() != root.public_key():
        raise InvalidInput(f"{path}: the key is not that of the first certificate")
    crosses = tuple(certificate for certificate in others if not _self_signed(certificate))
    return Authority(key, root, crosses, tuple(certificate for certificate in others if _self_signed(certificate)))


def _self_signed(certificate: x509.Certificate) -> bool:
    return certificate.issuer == certificate.subject
