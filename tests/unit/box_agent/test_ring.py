"""The ring buffer gives back what it was given, says what it has not, and survives a restart."""

from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq_box_agent.ring import SLOT_SAMPLES, Ring

RATE = 12_000.0
T0 = 1_760_000_000 * NS


def ramp(first: int, count: int) -> np.ndarray:
    return ((np.arange(first, first + count)) % 30_000).astype(np.int16)


def at(sample: int) -> int:
    return T0 + round(sample * NS / RATE)


def filled(path: Path, seconds: float, samples: int, block: int = 2400) -> Ring:
    ring = Ring(path, RATE, seconds)
    for first in range(0, samples, block):
        ring.append(at(first), ramp(first, min(block, samples - first)))
    return ring


@pytest.mark.parametrize("block", [200, 1200, 2400, 5000])
def test_an_interval_comes_back_to_the_sample(tmp_path: Path, block: int) -> None:
    ring = filled(tmp_path / "ring", 10, 60_000, block)
    answer = ring.read(at(12_345), at(23_456))
    assert answer.missing == ""
    assert np.array_equal(answer.counts, ramp(12_345, 23_456 - 12_345))
    assert [(segment.start_unix_ns, segment.samples) for segment in answer.segments] == [(at(12_345), 11_111)]


def test_what_was_overwritten_is_named_as_missing(tmp_path: Path) -> None:
    ring = filled(tmp_path / "ring", 2, 120_000)
    assert ring.oldest_unix_ns >= at(120_000 - 24_000 - 2 * SLOT_SAMPLES)
    answer = ring.read(at(0), at(120_000))
    assert "no samples from 0.000 s" in answer.missing
    assert answer.counts[-1] == ramp(119_999, 1)[0]


def test_small_blocks_do_not_shorten_what_is_kept(tmp_path: Path) -> None:
    ring = filled(tmp_path / "ring", 2, 120_000, block=200)
    assert ring.read(at(96_000), at(120_000)).missing == ""


def test_a_gap_splits_the_answer_and_is_named(tmp_path: Path) -> None:
    ring = Ring(tmp_path / "ring", RATE, 10)
    ring.append(at(0), ramp(0, 2400))
    ring.append(at(12_000), ramp(12_000, 2400))
    answer = ring.read(at(0), at(14_400))
    assert [segment.samples for segment in answer.segments] == [2400, 2400]
    assert answer.missing == "no samples from 0.200 s to 1.000 s of the interval"


def test_an_interval_that_is_wholly_gone_gives_nothing_and_says_so(tmp_path: Path) -> None:
    ring = filled(tmp_path / "ring", 10, 12_000)
    answer = ring.read(at(-24_000), at(-12_000))
    assert not len(answer.counts)
    assert answer.segments == ()
    assert "no samples from 0.000 s to 1.000 s" in answer.missing


def test_samples_survive_a_restart_without_being_closed(tmp_path: Path) -> None:
    filled(tmp_path / "ring", 10, 36_000)
    again = Ring(tmp_path / "ring", RATE, 10)
    again.append(at(36_000), ramp(36_000, 2400))
    answer = again.read(at(0), at(38_400))
    assert np.array_equal(answer.counts, ramp(0, 38_400))


def test_a_torn_slot_is_empty_and_harms_no_other(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    filled(path, 10, 12_000).close()
    data = bytearray(path.read_bytes())
    header, entry = 24, 24
    data[header + 2 * entry + 9] ^= 0xFF
    path.write_bytes(bytes(data))
    answer = Ring(path, RATE, 10).read(at(0), at(12_000))
    # slot 2 of 1, 2, 3, 4, 5 holds samples 2400 to 4800
    assert len(answer.counts) == 12_000 - 2400
    assert answer.missing == "no samples from 0.200 s to 0.400 s of the interval"


def test_another_rate_starts_the_file_anew(tmp_path: Path) -> None:
    filled(tmp_path / "ring", 10, 12_000).close()
    ring = Ring(tmp_path / "ring", 8000.0, 10)
    assert (ring.oldest_unix_ns, ring.newest_unix_ns) == (0, 0)


def test_a_buffer_of_no_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="ring buffer: got 0 s"):
        Ring(tmp_path / "ring", RATE, 0)
