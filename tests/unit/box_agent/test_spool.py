"""The spool keeps what is not acknowledged, over restarts and torn writes, within its bound."""

from pathlib import Path

import numpy as np
import pytest

from opq.errors import InvalidInput
from opq_box_agent.durable import write_out
from opq_box_agent.spool import Spool, SpoolState, inspect_spool

MB = 1 << 20


def fill(spool: Spool, count: int, size: int = 100) -> list[int]:
    sequences = []
    for _ in range(count):
        sequence = spool.next_sequence()
        spool.append(sequence, f"{sequence:06d}".encode() * (size // 6 + 1))
        sequences.append(sequence)
    return sequences


def test_frames_come_back_until_they_are_removed(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 10)
    spool.remove(3, 5)
    assert spool.sequences == [1, 2, 6, 7, 8, 9, 10]
    assert spool.get(4) is None
    assert spool.get(6).startswith(b"000006")


def test_unacknowledged_frames_survive_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 10)
    again = Spool(tmp_path, MB)
    assert again.sequences == list(range(1, 11))
    assert again.get(10) == spool.get(10)
    assert again.next_sequence() == 11


def test_sequence_numbers_go_on_after_everything_was_acknowledged_and_the_agent_restarted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 10)
    spool.remove(1, 10)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 0, "nothing is left of what was acknowledged"
    again = Spool(tmp_path, MB)
    assert (len(again), again.next_sequence()) == (0, 11)


def segment_of(tmp_path: Path, count: int) -> tuple[Path, bytes, int]:
    """A segment with records of one length: its path, its bytes, the length."""
    fill(Spool(tmp_path, MB), count, size=96)
    (segment,) = tmp_path.glob("*.spool")
    data = segment.read_bytes()
    return segment, data, len(data) // count


def assert_goes_on(tmp_path: Path, held: list[int], at: object) -> None:
    """What is held reads right, and a frame written now is there with it after another start."""
    spool = Spool(tmp_path, MB)
    assert spool.sequences == held, at
    assert all(spool.get(n).startswith(f"{n:06d}".encode()) for n in held), at
    (fresh,) = fill(spool, 1)
    assert fresh not in held
    again = Spool(tmp_path, MB)
    assert again.sequences == [*held, fresh], at
    assert again.get(fresh) == spool.get(fresh)


def test_a_power_cut_at_any_byte_costs_the_record_being_written_and_no_other(tmp_path: Path) -> None:
    segment, data, record = segment_of(tmp_path, 4)
    for length in range(len(data) + 1):
        for other in tmp_path.glob("*.spool"):
            other.unlink()
        segment.write_bytes(data[:length])
        assert_goes_on(tmp_path, list(range(1, length // record + 1)), length)


@pytest.mark.parametrize("filler", ["zeros", "garbage", "magic"])
def test_a_file_that_has_its_length_but_not_its_bytes_costs_the_record_being_written(
    tmp_path: Path, filler: str
) -> None:
    segment, data, record = segment_of(tmp_path, 3)
    random = np.random.default_rng(1)
    for cut in range(2 * record, len(data)):
        rest = len(data) - cut
        tail = {"zeros": bytes(rest), "garbage": random.bytes(rest), "magic": (b"OPQF" * rest)[:rest]}[filler]
        segment.write_bytes(data[:cut] + tail + bytes(4096 if filler == "zeros" else 0))
        assert_goes_on(tmp_path, [1, 2], cut)
        for other in tmp_path.glob("*.spool"):
            other.unlink()


def test_a_page_that_never_reached_the_disk_costs_only_the_records_in_it(tmp_path: Path) -> None:
    fill(Spool(tmp_path, MB), 100, size=600)
    (segment,) = tmp_path.glob("*.spool")
    data = segment.read_bytes()
    record = len(data) // 100
    for page in range(0, len(data), 4096):
        segment.write_bytes(data[:page] + bytes(min(4096, len(data) - page)) + data[page + 4096 :])
        lost = range(page // record + 1, min(100, (page + 4095) // record + 1) + 1)
        held = [n for n in range(1, 101) if n not in lost]
        spool = Spool(tmp_path, MB)
        assert spool.sequences == held
        assert all(spool.get(n).startswith(f"{n:06d}".encode()) for n in held)
        segment.write_bytes(data)


def test_a_segment_that_was_torn_altogether_is_no_frame(tmp_path: Path) -> None:
    (tmp_path / f"{7:016d}.spool").write_bytes(bytes(5000))
    spool = Spool(tmp_path, MB)
    assert len(spool) == 0
    assert fill(spool, 2) == [7, 8]
    assert Spool(tmp_path, MB).sequences == [7, 8]


def test_what_is_to_be_written_out_is_named_once(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 3)
    paths = spool.take_unsynced()
    assert set(paths) == {tmp_path, *tmp_path.glob("*.spool")}
    write_out([*paths, tmp_path / "is-gone"])
    assert spool.take_unsynced() == []
    fill(spool, 1)
    assert spool.take_unsynced() == list(tmp_path.glob("*.spool"))


def test_a_spool_can_be_looked_at_while_it_is_in_use(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 3, size=96)
    assert inspect_spool(tmp_path) == SpoolState(3, sum(path.stat().st_size for path in tmp_path.iterdir()), 0)
    (segment,) = tmp_path.glob("*.spool")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(bytes(data))
    assert (inspect_spool(tmp_path).frames, inspect_spool(tmp_path).torn) == (2, 1)
    assert segment.read_bytes() == bytes(data)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match=r"spool: cannot use the folder .*file/spool"):
        Spool(tmp_path / "file" / "spool", MB)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    fill(Spool(tmp_path, MB), 3)
    (segment,) = tmp_path.glob("*.spool")
    data = bytearray(segment.read_bytes())
    data[-1] ^= 1
    segment.write_bytes(bytes(data))
    assert Spool(tmp_path, MB).sequences == [1, 2]


def test_when_it_is_full_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 30, size=60_000)
    assert sum(path.stat().st_size for path in tmp_path.glob("*.spool")) <= MB + 300_000
    assert spool.dropped == 30 - len(spool)
    assert spool.dropped > 0
    assert spool.sequences[-1] == 30


def test_removing_a_huge_range_touches_only_what_is_held(tmp_path: Path) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 5)
    spool.remove(1, 2**62)
    assert len(spool) == 0
