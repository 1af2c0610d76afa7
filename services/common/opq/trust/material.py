"""What a program shows and whom it believes: certificate, key and authorities, from files made by anybody."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from opq.errors import InvalidInput
from opq.trust.certificates import CertificateInfo, describe, dump_chain, dump_key, load_chain, load_key
from opq.trust.files import Reloading, read_file


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where certificate, key and authorities are; certificate and key may be in one file."""

    certificate: Path
    key: Path
    authorities: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return self.certificate, self.key, self.authorities


@dataclass(frozen=True, slots=True)
class Material:
    """What the files hold."""

    chain: bytes
    key: bytes = field(repr=False)
    authorities: bytes
    info: CertificateInfo
    roots: tuple[x509.Certificate, ...]


def load_material(files: TlsFiles) -> Material:
    """Read the files.

    Raises
    ------
    InvalidInput
        If one cannot be read, or key and certificate do not belong together.
    """
    chain = load_chain(read_file(files.certificate), str(files.certificate))
    key = load_key(read_file(files.key), str(files.key))
    roots = load_chain(read_file(files.authorities), str(files.authorities))
    if key.public_key() != chain[0].public_key():
        raise InvalidInput(f"{files.key} is not the key of the certificate in {files.certificate}")
    return Material(dump_chain(chain), dump_key(key), dump_chain(roots), describe(chain[0]), tuple(roots))


def reloading_material(files: TlsFiles, on_problem: Callable[[str], None]) -> Reloading[Material]:
    """Read the files, and again whenever they change.

    Raises
    ------
    InvalidInput
        See `load_material`.
    """
    return Reloading(files.paths, lambda: load_material(files), on_problem)
