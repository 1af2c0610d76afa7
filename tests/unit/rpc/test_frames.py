"""Feature frames on the wire: the twin says what the public message says, and bad frames are named."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opq.errors import InvalidInput, LimitExceeded
from opq.ids import BoxId
from opq.model.features import FEATURE_INDEX, FEATURE_NAMES, FeatureFrame, TimeSource, Windows
from opq.rpc.frames import MAX_WINDOWS, decode_frame, encode_frame, peek_sequence
from opq.rpc.twins import FrameTwin
from opq.testing.frames import good_frame
from opq.v1 import features_pb2

START = 1_760_000_000_000_000_000
BOX = BoxId("b-1")


def encoded(frame: FeatureFrame) -> bytes:
    return encode_frame(frame, TimeSource.NTP)


def test_the_twin_writes_what_the_public_message_reads() -> None:
    frame = good_frame("b-1", 42, START, thd_pct=2.5)
    public = features_pb2.FeatureFrame.FromString(encoded(frame))
    assert (public.sequence, public.clock_uncertainty_ns) == (42, 1_000_000)
    assert public.time_source == features_pb2.TIME_SOURCE_NTP
    assert list(public.start_unix_ns) == frame.windows.start_unix_ns.tolist()
    assert list(public.flags) == [0] * 5
    for name in FEATURE_NAMES:
        assert list(getattr(public, name)) == frame.windows.column(name).tolist()


def test_the_twin_reads_what_the_public_message_writes() -> None:
    frame = good_frame("b-1", 7, START)
    public = features_pb2.FeatureFrame.FromString(encoded(frame))
    back = decode_frame(BOX, public.SerializeToString())
    assert back.sequence == 7
    assert np.array_equal(back.windows.values, frame.windows.values)
    assert np.array_equal(back.windows.start_unix_ns, frame.windows.start_unix_ns)


def test_the_time_source_travels_with_the_frame() -> None:
    encoded_with_gps = encode_frame(good_frame("b-1", 1, START), TimeSource.GPS)
    assert features_pb2.FeatureFrame.FromString(encoded_with_gps).time_source == features_pb2.TIME_SOURCE_GPS


def test_bytes_that_are_no_frame_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"3 bytes that are no opq\.v1\.FeatureFrame"):
        decode_frame(BOX, b"\xff\xff\xff")
    assert peek_sequence(b"\xff\xff\xff") == 0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0, 1e9])
def test_values_that_cannot_be_real_are_named(bad: float) -> None:
    frame = good_frame("b-1", 1, START)
    frame.windows.values[3, FEATURE_INDEX["u_rms_v"]] = bad
    with pytest.raises(InvalidInput, match=r"u_rms_v of window 3: got .* V, expected 0 to 2000 V"):
        decode_frame(BOX, encoded(frame))


def test_a_column_of_another_length_is_named() -> None:
    twin = FrameTwin.FromString(encoded(good_frame("b-1", 1, START)))
    twin.h7_pct = twin.h7_pct[:-4]
    with pytest.raises(InvalidInput, match="h7_pct: got 4 values, expected 5"):
        decode_frame(BOX, twin.SerializeToString())


def test_windows_must_rise_in_time() -> None:
    frame = good_frame("b-1", 1, START)
    frame.windows.start_unix_ns[2] = frame.windows.start_unix_ns[1]
    with pytest.raises(InvalidInput, match="strictly rising"):
        decode_frame(BOX, encoded(frame))


def test_more_windows_than_allowed_are_refused_with_the_limit() -> None:
    with pytest.raises(LimitExceeded, match=f"got 121 windows, expected 1 to {MAX_WINDOWS}"):
        decode_frame(BOX, encoded(good_frame("b-1", 1, START, count=121)))


def test_a_frame_without_windows_or_sequence_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="got 0 windows"):
        decode_frame(BOX, b"")
    with pytest.raises(InvalidInput, match="sequence: got 0"):
        decode_frame(BOX, encoded(replace(good_frame("b-1", 1, START), sequence=0)))


@given(st.binary(max_size=600))
def test_no_bytes_whatever_do_more_than_be_refused(data: bytes) -> None:
    try:
        frame = decode_frame(BOX, data)
    except InvalidInput:
        return
    assert isinstance(frame.windows, Windows)
