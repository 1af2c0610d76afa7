"""Where Makai is, as people say it to a command."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from opq.rpc.makai import MakaiClient
from opq.rpc.shards import parse_addresses
from opq.rpc.tls import tls_files

T = TypeVar("T")

MAKAI_OPTION = typer.Option(
    "127.0.0.1:4501",
    "--makai",
    envvar="OPQ_MAKAI",
    help="Where Makai is: HOST:PORT, or ID=HOST:PORT,... of its shards.",
)


TlsCert = Annotated[
    Path | None, typer.Option("--tls-cert", envvar="OPQ_TLS_CERT", help="Your certificate, where Makai wants one.")
]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", envvar="OPQ_TLS_KEY", help="Its private key.")]
TlsCa = Annotated[Path | None, typer.Option("--tls-ca", envvar="OPQ_TLS_CA", help="Authorities to believe.")]


def client(makai: str, tls_cert: Path | None, tls_key: Path | None, tls_ca: Path | None) -> MakaiClient:
    """Return a client of the shards that a ``--makai`` names.

    Raises
    ------
    InvalidInput
        If only some of the three files are named.
    """
    return MakaiClient(parse_addresses(makai), tls_files(tls_cert, tls_key, tls_ca))


def run(call: Coroutine[Any, Any, T]) -> T:
    """Run one call to its end."""
    return asyncio.run(call)
