"""Who may speak with whom in clear text, and TLS with certificates that are read again when their files change."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import grpc
import structlog
from pydantic import Field, model_validator

from opq.errors import InvalidInput
from opq.rpc.service import ServiceSettings
from opq.trust.files import Reloading
from opq.trust.material import Material, TlsFiles, reloading_material

_OPTIONS = "--tls-cert, --tls-key and --tls-ca"


class TlsSettings(ServiceSettings):
    """Certificate, key and authorities of a program; without them it speaks on loopback only, in clear text."""

    tls_cert: Path | None = Field(None, description="certificate of this program (PEM, chain); see docs/security.md")
    tls_key: Path | None = Field(None, description="its private key (PEM)")
    tls_ca: Path | None = Field(None, description="authorities whose certificates are believed (PEM)")

    @model_validator(mode="after")
    def _all_or_none(self) -> Self:
        _ = self.tls
        return self

    @property
    def tls(self) -> TlsFiles | None:
        """Where they are; None without."""
        return tls_files(self.tls_cert, self.tls_key, self.tls_ca)


def tls_files(certificate: Path | None, key: Path | None, authorities: Path | None) -> TlsFiles | None:
    """Return where certificate, key and authorities are; None if none is given.

    Raises
    ------
    InvalidInput
        If only some are.
    """
    if certificate is not None and key is not None and authorities is not None:
        return TlsFiles(certificate, key, authorities)
    if certificate is None and key is None and authorities is None:
        return None
    raise InvalidInput(f"got some of {_OPTIONS}, expected all or none")


class ServerSettings(TlsSettings):
    """What every server can be told beside its own."""

    health_listen: str = Field(
        "", description="address and port where only the health is served, in clear text, for probes, HOST:PORT"
    )


def is_loopback(address: str) -> bool:
    """Whether ``host:port`` cannot be reached from another machine."""
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_clear_text(what: str, address: str) -> None:
    """Refuse clear text that leaves the machine.

    Raises
    ------
    InvalidInput
        If the address is not on loopback.
    """
    if not is_loopback(address):
        raise InvalidInput(
            f"{what}: got {address[:120]!r} without TLS, expected an address on loopback, or {_OPTIONS}; "
            "see docs/security.md"
        )


def watch_files(files: TlsFiles) -> Reloading[Material]:
    """Read certificate files, and again when they change; what does not fit is logged and the last good ones stay.

    Raises
    ------
    InvalidInput
        If they cannot be read or do not fit at the start.
    """
    log = structlog.get_logger()
    return reloading_material(files, lambda problem: log.warning("certificate files not taken", reason=problem))


@dataclass(slots=True)
class ServerTls:
    """The TLS of a listener: every handshake uses the files as they are then; streams that stand are left alone.

    Parameters
    ----------
    material : Reloading of Material
        The files.
    ask_clients : bool
        Whether clients must show a certificate of one of the authorities.
    """

    material: Reloading[Material]
    ask_clients: bool = True
    _served: Material | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Make what gRPC serves with."""
        return grpc.dynamic_ssl_server_credentials(self._configuration(), self._changed, self.ask_clients)

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        self._served = self.material.current()
        return grpc.ssl_server_certificate_configuration(
            [(self._served.key, self._served.chain)], self._served.authorities if self.ask_clients else None
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Asked by gRPC at every handshake; None is: as before."""
        return None if self.material.current() is self._served else self._configuration()


def unreachable(detail: str, material: Material, now_unix_ns: int) -> str:
    """Say why a server may not be reachable by TLS; it closes the connection without a reason, so we tell what we know.

    Parameters
    ----------
    detail : str
        What gRPC says.
    material : Material
        What was shown.
    """
    mine = f"certificate of {material.info.identity} ({material.info.serial})"
    if expiry := material.info.expiry(now_unix_ns):
        return f"{expiry}; get a new one"
    if "CERTIFICATE_VERIFY_FAILED" in detail or "Verification" in detail:
        return f"the certificate of the server is not believed: no authority of ours signed it for that role ({detail})"
    if "WRONG_VERSION_NUMBER" in detail:
        return f"the server does not speak TLS ({detail})"
    if "Socket closed" in detail:
        return f"the server closed the connection; if it runs, it does not accept our {mine}: see its log"
    return detail
