"""Where Makai is, as people say it to a command."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer

from opq.rpc.makai import MakaiClient
from opq.rpc.shards import parse_addresses

T = TypeVar("T")

MAKAI_OPTION = typer.Option(
    "127.0.0.1:4501",
    "--makai",
    envvar="OPQ_MAKAI",
    help="Where Makai is: HOST:PORT, or ID=HOST:PORT,... of its shards.",
)


def client(makai: str) -> MakaiClient:
    """Return a client of the shards that a ``--makai`` names."""
    return MakaiClient(parse_addresses(makai))


def run(call: Coroutine[Any, Any, T]) -> T:
    """Run one call to its end."""
    return asyncio.run(call)
