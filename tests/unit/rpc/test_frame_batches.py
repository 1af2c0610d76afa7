"""Many frames at once: the same answer as one by one, whatever is among them."""

import numpy as np
import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.features import FeatureFrame, FrameBatch, TimeSource
from opq.rpc.frame_batches import decode_frames
from opq.rpc.frames import decode_frame, encode_frame
from opq.rpc.twins import FrameTwin
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


def decode(items: list[tuple[str, bytes]]) -> tuple[FrameBatch | None, list[tuple[BoxId, InvalidInput]]]:
    return decode_frames([box_id for box_id, _ in items], [data for _, data in items])


def same(batch: FrameBatch | None, frames: list[FeatureFrame]) -> None:
    assert batch is not None
    batch = batch.take(np.argsort(batch.box_ids))
    expected = FrameBatch.of(sorted(frames, key=lambda frame: frame.box_id))
    assert batch.box_ids == expected.box_ids
    for name in ("sequences", "uncertainty_ns", "bounds"):
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
