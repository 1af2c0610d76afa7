"""The waveform codec is lossless for everything and says where bytes are bad."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from opq.codec import BLOCK_SAMPLES, Codec, decode, encode, samples_crc32
from opq.errors import CorruptData


@given(arrays(np.int16, st.integers(0, 300)), st.sampled_from(Codec))
def test_any_samples_come_back_identical(counts: np.ndarray, codec: Codec) -> None:
    assert np.array_equal(decode(encode(counts, codec)), counts)


def test_records_longer_than_a_block_come_back_identical() -> None:
    counts = np.random.default_rng(1).integers(-32768, 32768, 2 * BLOCK_SAMPLES + 17).astype(np.int16)
    assert np.array_equal(decode(encode(counts)), counts)


def test_a_mains_waveform_packs_to_about_half_at_eight_counts_of_noise() -> None:
    rng = np.random.default_rng(2)
    counts = (16000 * np.sin(np.arange(120_000) * 2 * np.pi * 60 / 12000) + rng.normal(0, 8, 120_000)).astype(np.int16)
    assert counts.nbytes / len(encode(counts)) > 1.9


def test_a_flipped_bit_anywhere_in_the_payload_is_found() -> None:
    data = bytearray(encode(np.arange(1000, dtype=np.int16)))
    for position in range(16, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        with pytest.raises(CorruptData, match="block at byte 0"):
            decode(bytes(damaged))


def test_truncated_data_names_the_block() -> None:
    data = encode(np.zeros(BLOCK_SAMPLES + 10, np.int16))
    first = len(encode(np.zeros(BLOCK_SAMPLES, np.int16)))
    with pytest.raises(CorruptData, match=f"block at byte {first}"):
        decode(data[: first + 3])


def test_the_checksum_is_that_of_little_endian_int16() -> None:
    assert samples_crc32(np.array([1, -2], np.int16)) == samples_crc32(np.array([1, -2], ">i2").astype(np.int16))
    assert samples_crc32(np.array([1, 2], np.int16)) != samples_crc32(np.array([2, 1], np.int16))
