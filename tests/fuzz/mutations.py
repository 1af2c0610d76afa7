"""Damage, from a seed: what wires, disks and people do to bytes."""

import random
from collections.abc import Sequence

_TELLING = [
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x00\x00\x00\x80",
    b"\xff" * 9 + b"\x01", b"9", b"-", b".", b",", b";", b"\n", b"\r", b'"', b"{", b"[" * 50, b"nan", b"inf", b"1e999",
    b"-1", b"NaN", b"null", b"%", b"\\", b"..", b"/", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80",
]  # fmt: skip
_MOST_BYTES = 1 << 20


def damaged(rng: random.Random, samples: Sequence[bytes]) -> bytes:
    """Return a sample after one to twenty kinds of damage, or bytes that never were one."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(2000))
    data = bytearray(rng.choice(samples))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4, 8, 20))):
        _damage(rng, data, samples)
    return bytes(data[:_MOST_BYTES])


def _damage(rng: random.Random, data: bytearray, samples: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    length = rng.choice((1, 1, 2, 4, 8, rng.randrange(1, 200)))
    kind = rng.randrange(9)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        data[at : at + length] = rng.randbytes(length)
    elif kind == 2:
        del data[at : at + length]
    elif kind == 3:
        data[at:at] = rng.choice(_TELLING)
    elif kind == 4:
        telling = rng.choice(_TELLING)
        data[at : at + len(telling)] = telling
    elif kind == 5:
        data[at:at] = data[at : at + length] * rng.choice((1, 2, 50))
    elif kind == 6:
        del data[at:]
    elif kind == 7:
        other = rng.choice(samples)
        cut = rng.randrange(len(other) + 1)
        data[at:] = other[cut:]
    elif at < len(data):
        data[at] = (data[at] + rng.choice((-1, 1))) % 256
