"""Lossless coding of waveform samples: blocks that stand alone, smallest difference order chosen per block.

A block is a 16-byte header and a payload::

    samples u32 | payload length u32 | codec u8 | difference order u8 | zero u16 | CRC-32 of the payload u32

all little-endian. Codec 1 is int16 as it is. Codec 2 takes differences of order 0, 1 or 2 (modulo 2**16, so
that nothing overflows), puts all low bytes before all high bytes, and packs with zstd. Mains at 12 kHz is
smooth, so second differences of a quiet record lie within a byte and the high bytes vanish.

The layout is part of the wire contract (proto/README.md).
"""

import struct
import zlib
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import zstandard

from opq.errors import CorruptData
from opq.model.waveforms import CountArray

BLOCK_SAMPLES = 65536
_HEADER = struct.Struct("<IIBBHI")
_ZSTD_LEVEL = 3


class Codec(IntEnum):
    """How a block is coded; the numbers are those of `opq.v1.WaveformCodec`."""

    RAW_INT16 = 1
    DELTA_SHUFFLE_ZSTD = 2


def encode(counts: CountArray, codec: Codec = Codec.DELTA_SHUFFLE_ZSTD) -> bytes:
    """Encode (n,) int16 samples."""
    packer = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_content_size=True)
    blocks = []
    for offset in range(0, len(counts), BLOCK_SAMPLES):
        block = np.ascontiguousarray(counts[offset : offset + BLOCK_SAMPLES], "<i2")
        order = 0 if codec is Codec.RAW_INT16 else _best_order(block)
        payload = block.tobytes() if codec is Codec.RAW_INT16 else packer.compress(_shuffle(_differences(block, order)))
        blocks.append(_HEADER.pack(len(block), len(payload), codec, order, 0, zlib.crc32(payload)) + payload)
    return b"".join(blocks)


def decode(data: bytes) -> CountArray:
    """Decode what `encode` made into (n,) int16 samples.

    Raises
    ------
    CorruptData
        Naming the byte offset of the block that does not check out.
    """
    unpacker = zstandard.ZstdDecompressor()
    pieces: list[CountArray] = []
    offset = 0
    while offset < len(data):
        if offset + _HEADER.size > len(data):
            raise CorruptData(
                f"waveform block at byte {offset}: {len(data) - offset} bytes, a header has {_HEADER.size}"
            )
        samples, length, codec, order, _, crc = _HEADER.unpack_from(data, offset)
        payload = data[offset + _HEADER.size : offset + _HEADER.size + length]
        if len(payload) != length or zlib.crc32(payload) != crc:
            raise CorruptData(
                f"waveform block at byte {offset}: checksum or length of its {length} bytes does not match"
            )
        if samples > BLOCK_SAMPLES or order > 2 or codec not in tuple(Codec):
            raise CorruptData(
                f"waveform block at byte {offset}: unknown codec {codec}, order {order} or {samples} samples"
            )
        try:
            raw = (
                payload if codec == Codec.RAW_INT16 else unpacker.decompress(payload, max_output_size=2 * BLOCK_SAMPLES)
            )
        except zstandard.ZstdError as error:
            raise CorruptData(f"waveform block at byte {offset}: {error}") from error
        if len(raw) != 2 * samples:
            raise CorruptData(f"waveform block at byte {offset}: {len(raw)} bytes, expected {2 * samples}")
        pieces.append(np.frombuffer(raw, "<i2") if codec == Codec.RAW_INT16 else _sums(_unshuffle(raw), order))
        offset += _HEADER.size + length
    return np.concatenate(pieces).astype(np.int16) if pieces else np.empty(0, np.int16)


def samples_crc32(counts: CountArray) -> int:
    """CRC-32 (zlib) of samples as little-endian int16."""
    return zlib.crc32(np.ascontiguousarray(counts, "<i2").tobytes())


def _best_order(block: CountArray) -> int:
    """Order whose differences are smallest in the mean, which predicts the packed size well enough."""
    wide = block.astype(np.int32)
    sizes = [np.abs(np.diff(wide, n=order)).mean() if len(block) > order else np.inf for order in range(3)]
    return int(np.argmin(sizes))


def _differences(block: CountArray, order: int) -> npt.NDArray[np.uint16]:
    out = block.view(np.uint16)
    for _ in range(order):
        out = np.concatenate([out[:1], out[1:] - out[:-1]])
    return out


def _sums(differences: npt.NDArray[np.uint16], order: int) -> CountArray:
    out = differences
    for _ in range(order):
        out = np.cumsum(out, dtype=np.uint16)
    return out.view(np.int16)


def _shuffle(words: npt.NDArray[np.uint16]) -> bytes:
    return np.ascontiguousarray(words.view(np.uint8).reshape(-1, 2).T).tobytes()


def _unshuffle(raw: bytes) -> npt.NDArray[np.uint16]:
    return np.ascontiguousarray(np.frombuffer(raw, np.uint8).reshape(2, -1).T).reshape(-1).view(np.uint16)
