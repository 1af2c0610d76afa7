"""Which Makai process owns which grid.

Every program computes it from the same list of names, so nobody has to be asked. Rendezvous hashing: each shard draws
a number for the grid and the highest owns it; when a shard comes or goes only the grids it wins or held move.
"""

import re
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from opq.errors import InvalidInput
from opq.ids import GridId

ONLY_SHARD = "makai-1"
"""What a lone Makai is called unless it is told otherwise."""
_NAME = re.compile(r"[a-z0-9-]{1,63}")


def owner(grid_id: GridId, shards: Iterable[str]) -> str:
    """Return the shard that owns a grid; the order of `shards` does not matter."""
    return max(shards, key=lambda shard: (_draw(grid_id, shard), shard))


def _draw(grid_id: GridId, shard: str) -> bytes:
    return blake2b(f"{shard}/{grid_id}".encode(), digest_size=8).digest()


def parse_shards(text: str) -> tuple[str, ...]:
    """Read names of shards, ``makai-1,makai-2``.

    Raises
    ------
    InvalidInput
        If a name has another form or comes twice.
    """
    return tuple(_once(part.strip() for part in text.split(",")))


def parse_addresses(text: str) -> dict[str, str]:
    """Read where shards are, ``makai-1=host:4501,makai-2=other:4501``; a lone ``host:4501`` is that of `ONLY_SHARD`.

    Raises
    ------
    InvalidInput
        If a part has another form or a name comes twice.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) == 1 and "=" not in parts[0]:
        return {ONLY_SHARD: _address(parts[0])}
    pairs = [part.partition("=") for part in parts]
    names = _once(name for name, _, _ in pairs)
    return {name: _address(address) for name, (_, _, address) in zip(names, pairs, strict=True)}


def only_address(addresses: Mapping[str, str]) -> str | None:
    """Return the address if there is only one shard, whatever it is called: it owns everything."""
    return next(iter(addresses.values())) if len(addresses) == 1 else None


def _once(names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"shard: got {name[:80]!r}, expected names of 1 to 63 of a-z, 0-9 and -, with commas between"
            )
        if name in found:
            raise InvalidInput(f"shard: got {name!r} twice, expected each once")
        found.append(name)
    return found


def _address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not (host and colon and port.isdigit()):
        raise InvalidInput(f"makai: got {text[:80]!r}, expected HOST:PORT, or ID=HOST:PORT with commas between")
    return text
