"""Many frames at once: the same answer as one by one, whatever is among them."""

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.features import FeatureFrame, FrameBatch, TimeSource
from opq.rpc.frame_batches import decode_frames
from opq.rpc.frames import decode_frame, encode_frame
from opq.rpc.twins import BoxFrameTwin, FrameBatchTwin, FrameTwin
from opq.testing.frames import good_frame

T0 = 1_760_000_000 * NS


def made(count: int, seed: int = 1) -> list[tuple[str, bytes]]:
    """Frames of many boxes with 1 to 12 windows, sequence numbers of any length and values of any kind."""
    rng = np.random.default_rng(seed)
    items = []
    for number in range(count):
        frame = good_frame(
            f"b-{number}", int(rng.integers(1, 2**40)), T0 + number * NS, int(rng.choice([1, 5, 5, 5, 12]))
        )
        frame.windows.values[:] += rng.random(frame.windows.values.shape)
        items.append((frame.box_id, encode_frame(frame, TimeSource.NTP)))
    return items


def encoded(items: list[tuple[str, bytes]]) -> bytes:
    batch = FrameBatchTwin(frames=[BoxFrameTwin(box_id=box_id, frame=data) for box_id, data in items])
    return batch.SerializeToString()


def decode(items: list[tuple[str, bytes]]) -> tuple[FrameBatch | None, list[tuple[str, InvalidInput]]]:
    return decode_frames(encoded(items))


def same(batch: FrameBatch | None, frames: list[FeatureFrame]) -> None:
    assert batch is not None
    batch = batch.take(np.argsort(batch.box_ids))
    expected = FrameBatch.of(sorted(frames, key=lambda frame: frame.box_id))
    for name in ("box_ids", "sequences", "uncertainty_ns", "bounds"):
        np.testing.assert_array_equal(getattr(batch, name), getattr(expected, name))
    for name in ("start_unix_ns", "duration_ns", "flags", "values"):
        np.testing.assert_array_equal(getattr(batch.windows, name), getattr(expected.windows, name))


@pytest.mark.parametrize("count", [1, 3, 50, 500])
def test_a_batch_is_what_its_frames_are_one_by_one(count: int) -> None:
    items = made(count)
    batch, bad = decode(items)
    assert bad == []
    same(batch, [decode_frame(BoxId(box_id), data) for box_id, data in items])


def test_no_good_frame_is_no_batch() -> None:
    assert decode([]) == (None, [])
    batch, bad = decode([("b-1", b"\xff\xff")])
    assert batch is None
    assert [box_id for box_id, _ in bad] == ["b-1"]


def twin(data: bytes, **fields: object) -> bytes:
    changed = FrameTwin.FromString(data)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed.SerializeToString()


def test_whatever_is_wrong_with_some_is_told_of_those_and_the_others_count() -> None:
    rng = np.random.default_rng(5)
    good = [
        (f"b-{number}", encode_frame(good_frame(f"b-{number}", 1000 + number, T0), TimeSource.NTP))
        for number in range(60)
    ]
    nan = np.full(5, np.nan, "<f4").tobytes()
    items = list(good)
    for row, data in {
        3: twin(good[3][1], f_hz=nan),
        10: twin(good[10][1], duration_ns=np.zeros(5, "<i8").tobytes()),
        20: twin(good[20][1], start_unix_ns=np.full(5, T0, "<i8").tobytes()),
        30: twin(good[30][1], sequence=0),
        40: good[40][1][:-1],
        50: bytes(rng.integers(0, 256, len(good[50][1]), dtype=np.uint8)),
    }.items():
        items[row] = (good[row][0], data)
    batch, bad = decode(items)
    expected, wrong = [], []
    for box_id, data in items:
        try:
            expected.append(decode_frame(BoxId(box_id), data))
        except InvalidInput as error:
            wrong.append((box_id, str(error)))
    assert {box_id for box_id, _ in wrong} == {f"b-{row}" for row in (3, 10, 20, 30, 40, 50)}
    assert sorted((box_id, str(error)) for box_id, error in bad) == sorted(wrong)
    same(batch, expected)


def test_frames_of_agents_that_send_less_or_more_are_read_as_well() -> None:
    frames = [good_frame(f"b-{number}", 77, T0) for number in range(8)]
    without = [(each.box_id, twin(encode_frame(each, TimeSource.GPS), pst=b"", p_inst_max=b"")) for each in frames]
    newer = [(each.box_id, encode_frame(each, TimeSource.GPS) + b"\xd0\x0f\x2a") for each in frames]
    for items in (without, newer):
        batch, bad = decode(items)
        assert bad == []
        same(batch, frames)


def test_random_bytes_never_do_more_than_be_refused() -> None:
    rng = np.random.default_rng(3)
    template = made(20)
    for _ in range(200):
        items = []
        for box_id, data in template:
            raw = bytearray(data)
            for _ in range(rng.integers(0, 4)):
                raw[rng.integers(len(raw))] = rng.integers(256)
            items.append((box_id, bytes(raw)))
        batch, bad = decode(items)
        assert (len(batch) if batch else 0) + len(bad) == len(items)
        good = [(box_id, data) for box_id, data in items if box_id not in {each for each, _ in bad}]
        if batch:
            same(batch, [decode_frame(BoxId(box_id), data) for box_id, data in good])


def test_a_batch_of_unusual_form_is_read_as_protobuf_reads_it_or_refused() -> None:
    items = made(5)
    reversed_parts = b"".join(
        b"\x0a" + _varint(len(part)) + part
        for part in (
            b"\x12" + _varint(len(data)) + data + b"\x0a" + _varint(len(box_id)) + box_id.encode()
            for box_id, data in items
        )
    )
    batch, bad = decode_frames(reversed_parts)
    assert bad == []
    same(batch, [decode_frame(BoxId(box_id), data) for box_id, data in items])
    with pytest.raises(InvalidInput, match=r"frames: 3 bytes that are no opq\.v1\.FrameBatch"):
        decode_frames(b"\x0a\xff\x01")


@pytest.mark.parametrize("name", ["", "B-1", "b 1", "b-1\0", "b" * 64])
def test_a_frame_of_a_box_that_cannot_be_is_refused(name: str) -> None:
    items = made(3)
    batch, bad = decode([*items, (name, items[0][1])])
    assert [(box_id, str(error)[:7]) for box_id, error in bad] == [(name, "box_id:")]
    same(batch, [decode_frame(BoxId(box_id), data) for box_id, data in items])


def _varint(value: int) -> bytes:
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80]) + _varint(value >> 7)
