"""The ring buffer gives back what it was given, says what it has not, and survives a restart."""

from pathlib import Path

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq_box_agent.ring import SLOT_SAMPLES, Ring, RingAnswer, inspect_ring

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


def cut_writes(before: bytes, after: bytes) -> list[tuple[int, bytes]]:
    """What the file is after a power cut at each byte that one append changes, the lower addresses written first."""
    changed = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    return [(at, after[: at + 1] + before[at + 1 :]) for at in changed]


@pytest.mark.parametrize("held", [2, 3], ids=["a slot that grows", "a slot that begins"])
def test_a_power_cut_at_any_byte_costs_what_was_being_written_and_nothing_before(tmp_path: Path, held: int) -> None:
    path, block = tmp_path / "ring", 800
    filled(path, 1, block * held, block).close()
    before = path.read_bytes()
    filled(path, 1, 0)
    ring = Ring(path, RATE, 1)
    ring.append(at(block * held), ramp(block * held, block))
    ring.close()
    after = path.read_bytes()
    for low_first in (True, False):
        # Whether the table or the samples come first on the disk must not matter.
        images = cut_writes(before, after) if low_first else cut_writes(after, before)
        assert len(images) > block
        for where, image in images:
            path.write_bytes(image)
            again = Ring(path, RATE, 1)
            answer = again.read(at(0), at(block * (held + 1)))
            assert len(answer.counts) in (block * held, block * (held + 1)), where
            assert np.array_equal(answer.counts, ramp(0, len(answer.counts))), where
            assert image in (before, after) or len(answer.counts) == block * held, where
            again.append(at(block * (held + 1)), ramp(block * (held + 1), block))
            went_on = again.read(at(block * (held + 1)), at(block * (held + 2)))
            assert np.array_equal(went_on.counts, ramp(block * (held + 1), block)), where
            again.close()


@pytest.mark.parametrize("fill", [b"\0", b"\xff"])
def test_a_page_of_samples_that_never_reached_the_disk_is_missing_and_never_wrong(tmp_path: Path, fill: bytes) -> None:
    path = tmp_path / "ring"
    filled(path, 10, 36_000).close()
    whole = path.read_bytes()
    for page in range(4096, len(whole), 4096):
        path.write_bytes((whole[:page] + 4096 * fill + whole[page + 4096 :])[: len(whole)])
        ring = Ring(path, RATE, 10)
        answer = ring.read(at(0), at(36_000))
        for segment in answer.segments:
            first = round((segment.start_unix_ns - T0) * RATE / NS)
            counts, answer_counts = answer.counts[: segment.samples], answer.counts[segment.samples :]
            assert np.array_equal(counts, ramp(first, segment.samples))
            answer = RingAnswer(answer.segments, answer_counts, answer.missing)
        lost = 36_000 - sum(segment.samples for segment in answer.segments)
        assert lost % SLOT_SAMPLES == 0
        assert lost <= 2 * SLOT_SAMPLES or page == 4096, "only the page of the table costs more"
        assert bool(lost) == bool(answer.missing)
        ring.close()


def test_a_slot_torn_long_ago_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    filled(path, 600, 12_000 * 400).close()
    state = inspect_ring(path)
    assert (state.held, state.torn) == (2000, 0)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - (state.slots - 2) * SLOT_SAMPLES * 2)
        file.write(b"torn")
    assert inspect_ring(path).torn == 1
    ring = Ring(path, RATE, 600)
    answer = ring.read(at(0), at(12_000))
    assert answer.missing == "no samples from 0.200 s to 0.400 s of the interval"
    assert len(answer.counts) == 12_000 - SLOT_SAMPLES


def test_a_file_that_is_no_ring_buffer_is_named(tmp_path: Path) -> None:
    (tmp_path / "ring").write_bytes(b"x" * 10_000)
    with pytest.raises(InvalidInput, match="this is no ring buffer"):
        inspect_ring(tmp_path / "ring")


@pytest.mark.parametrize("back_s", [0.5, 2, 3600])
def test_where_the_clock_was_set_back_only_the_later_samples_have_the_time(tmp_path: Path, back_s: float) -> None:
    ring = filled(tmp_path / "ring", 20, 48_000)
    back = T0 + 4 * NS - round(back_s * NS)
    for first in range(0, 36_000, 2400):
        ring.append(back + round(first * NS / RATE), ramp(first + 7, 2400))
    answer = ring.read(back - 2 * NS, back + 3 * NS)
    assert np.array_equal(answer.counts[-36_000:], ramp(7, 36_000))
    starts = [segment.start_unix_ns for segment in answer.segments]
    ends = [segment.start_unix_ns + round(segment.samples * NS / RATE) for segment in answer.segments]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert ring.newest_unix_ns == pytest.approx(back + 3 * NS, abs=10)


def test_another_rate_starts_the_file_anew(tmp_path: Path) -> None:
    filled(tmp_path / "ring", 10, 12_000).close()
    ring = Ring(tmp_path / "ring", 8000.0, 10)
    assert (ring.oldest_unix_ns, ring.newest_unix_ns) == (0, 0)


def test_a_buffer_of_no_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="ring buffer: got 0 s"):
        Ring(tmp_path / "ring", RATE, 0)


def test_a_damaged_head_is_told_and_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "ring"
    Ring(path, 1000, 3).close()
    data = bytearray(path.read_bytes())
    data[16:20] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="its head says 4294967295 slots, which its length is not that of"):
        inspect_ring(path)
