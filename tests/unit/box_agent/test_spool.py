"""The spool keeps what is not acknowledged, over restarts and torn writes, within its bound."""

from pathlib import Path

import pytest

from opq_box_agent.spool import Spool

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
    assert list(tmp_path.glob("*.spool")) == []
    assert Spool(tmp_path, MB).next_sequence() == 11


@pytest.mark.parametrize("cut", range(1, 130, 5))
def test_a_record_torn_anywhere_costs_only_itself(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, MB)
    fill(spool, 3, size=96)
    (segment,) = tmp_path.glob("*.spool")
    data = segment.read_bytes()
    record = len(data) // 3
    segment.write_bytes(data[: len(data) - min(cut, record)])
    again = Spool(tmp_path, MB)
    assert again.sequences == [1, 2]
    fill(again, 1)
    assert Spool(tmp_path, MB).sequences[:2] == [1, 2]
    assert len(Spool(tmp_path, MB)) == 3


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
