"""How a box that knows nothing but a fingerprint comes to believe a server.

The server shows its chain up to the root. The root whose SHA-256 is the one in the token is taken; who has the token from
the owner of the site has the fingerprint from him too. Everything after that is ordinary TLS against that root.
"""

import hashlib
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from opq.errors import InvalidInput, Unavailable

_TIMEOUT_S = 10.0
_DER = 2
"""As in `_ssl.ENCODING_DER`."""


def fetch_root(address: str, fingerprint: str) -> bytes:
    """Return the root certificate (PEM) with a fingerprint from what the server at ``host:port`` shows.

    Raises
    ------
    InvalidInput
        If the server shows no such certificate: it is not the one that the token is for.
    Unavailable
        If it does not answer.
    """
    host, _, port = address.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nothing is believed yet and nothing is said: only the chain is read.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S) as connection,
            context.wrap_socket(connection) as tls,
        ):
            shown = _shown_chain(tls)
    except (OSError, ValueError) as error:
        raise Unavailable(f"enrolment: {address} does not answer with TLS ({error})") from error
    for der in shown:
        if hashlib.sha256(der).hexdigest() == fingerprint:
            return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
    raise InvalidInput(
        f"enrolment: {address} is not the site that the token is for: none of the {len(shown)} certificates it shows has "
        f"the fingerprint {fingerprint}"
    )


def _shown_chain(tls: ssl.SSLSocket) -> list[bytes]:
    """Return what the peer showed, DER; the method has a public name from Python 3.13 on."""
    if hasattr(tls, "get_unverified_chain"):
        return list(tls.get_unverified_chain())
    return [certificate.public_bytes(_DER) for certificate in tls._sslobj.get_unverified_chain()]  # type: ignore[attr-defined]
