"""What ingest says to good and to bad boxes, over real sockets. The bad ones never disturb the good one."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import grpc.aio
import numpy as np
import pytest

from opq.ids import AcquisitionId, BoxId, EventId
from opq.model.boxes import BoxStatus
from opq.model.events import Acquisition
from opq.model.features import FEATURE_INDEX, TimeSource
from opq.rpc.channels import healthy
from opq.rpc.frames import encode_frame
from opq.testing.frames import good_frame
from opq.testing.peer import Peer, Upload, a_frame
from opq.testing.processes import soon
from opq.v1 import box_pb2, problem_pb2, waveform_pb2

NS = 1_000_000_000


async def test_a_frame_is_stored_and_then_acknowledged(running) -> None:
    async with Peer(running.address) as box:
        welcome = (await box.hello("b-1")).welcome
        assert welcome.max_unacknowledged == 50
        for sequence in (1, 2, 3):
            await box.frame(a_frame(sequence))
        acked = set()
        while acked != {1, 2, 3}:
            ack = (await box.receive()).ack
            for first, last in zip(ack.first, ack.last, strict=True):
                acked |= set(range(first, last + 1))
        assert running.store.measurements.count(BoxId("b-1")) == 3
        status = running.store.boxes.status(BoxId("b-1"))
        assert status is not None
        assert status.connected


async def test_the_server_says_that_it_is_healthy(running) -> None:
    assert await healthy(running.address)
    assert not await healthy("127.0.0.1:1", timeout_s=0.3)


@pytest.mark.parametrize(
    ("first", "code", "words"),
    [
        (box_pb2.BoxUp(hello=box_pb2.Hello(box_id="stranger")).SerializeToString(), grpc.StatusCode.NOT_FOUND,
         "box 'stranger' is not enrolled at this site; enrol it with: opq boxes add stranger"),
        (box_pb2.BoxUp(hello=box_pb2.Hello(box_id="Not A Name")).SerializeToString(), grpc.StatusCode.INVALID_ARGUMENT,
         "box_id: got 'Not A Name', expected 1 to 63 of a-z, 0-9 and -"),
        (box_pb2.BoxUp(goodbye=box_pb2.Goodbye()).SerializeToString(), grpc.StatusCode.INVALID_ARGUMENT,
         "first message: got goodbye, expected hello"),
        (b"\xff\xff\xff\xff", grpc.StatusCode.INVALID_ARGUMENT, "first message: these bytes are no opq.v1.BoxUp"),
    ],
    ids=["unknown box", "bad name", "no greeting", "garbage"],
)  # fmt: skip
async def test_whoever_may_not_speak_is_told_why(running, first: bytes, code: grpc.StatusCode, words: str) -> None:
    async with Peer(running.address) as peer:
        await peer.send(first)
        assert await peer.refusal() == (code, words)


async def test_bad_frames_are_rejected_by_number_with_a_reason_and_the_other_box_notices_nothing(running) -> None:
    nan = good_frame("b-1", 3, time.time_ns())
    nan.windows.values[0, FEATURE_INDEX["f_hz"]] = np.nan
    bad = {
        1: (a_frame(1, at_ns=time.time_ns() + 3600 * NS), problem_pb2.PROBLEM_CODE_ABSURD_TIME, "is the clock of the box set?"),
        2: (a_frame(2, u_rms_v=1e6), problem_pb2.PROBLEM_CODE_OUT_OF_RANGE, "expected 0 to 2000 V"),
        3: (encode_frame(nan, TimeSource.NTP), problem_pb2.PROBLEM_CODE_OUT_OF_RANGE, "f_hz of window 0: got nan"),
        0: (b"\x0a\xff\xff", problem_pb2.PROBLEM_CODE_MALFORMED, "no opq.v1.FeatureFrame"),
    }  # fmt: skip
    async with Peer(running.address) as hostile, Peer(running.address) as good:
        await hostile.hello("b-1")
        await good.hello("b-2")
        for data, _, _ in bad.values():
            await hostile.frame(data)
        await hostile.send(b"\xff\xff\xff\xff\xff")
        await good.frame(a_frame(1, box="b-2"))
        rejected: dict[int, list[problem_pb2.Problem]] = {}
        while sum(len(problems) for problems in rejected.values()) < 5:
            reject = (await hostile.receive()).reject
            rejected.setdefault(reject.sequence, []).append(reject.problem)
        for sequence, (_, code, words) in bad.items():
            assert any(problem.code == code and words in problem.message for problem in rejected[sequence]), sequence
        assert (await good.receive()).ack.last == [1]
        await hostile.frame(a_frame(9))
        assert (await hostile.receive()).ack.last == [9], "the session of the hostile box lives on"


async def test_an_oversized_message_ends_its_own_stream_with_the_limit(running) -> None:
    async with Peer(running.address) as hostile, Peer(running.address) as good:
        await hostile.hello("b-1")
        await good.hello("b-2")
        await hostile.send(b"\x12" + b"\x00" * (2 << 20))
        code, words = await hostile.refusal()
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in words
        await good.frame(a_frame(1, box="b-2"))
        assert (await good.receive()).ack.last == [1]


async def test_a_second_session_of_a_box_replaces_the_first(running) -> None:
    async with Peer(running.address) as old, Peer(running.address) as new:
        await old.hello("b-1")
        await new.hello("b-1")
        assert await asyncio.wait_for(old.call.read(), 10) is grpc.aio.EOF
        await new.frame(a_frame(1))
        assert (await new.receive()).ack.last == [1]


async def test_a_box_confirms_the_configuration_of_its_greeting_and_every_change(running) -> None:
    def status() -> BoxStatus:
        found = running.store.boxes.status(BoxId("b-1"))
        assert found is not None
        return found

    async with Peer(running.address) as box:
        await box.hello("b-1")
        assert box.first.configuration.window_cycles == 0
        assert status().configured_unix_ns == 0
        await box.answer(box.first.command_id)
        await soon(lambda: status().configured_unix_ns, "the greeting's configuration is confirmed")
        known = running.store.boxes.get(BoxId("b-1"))
        running.store.boxes.put(replace(known, window_cycles=1))
        configure = (await box.receive()).configure
        assert configure.configuration.window_cycles == 1
        assert status().window_cycles == 0
        await box.answer(configure.command_id)
        await soon(lambda: status().window_cycles == 1, "the change is confirmed")
        running.store.boxes.put(replace(known, window_cycles=7))
        await box.answer((await box.receive()).configure.command_id, "windows of 7 cycles are odd")
        await soon(lambda: status().configuration_problem, "the refusal is stored")
        assert (status().window_cycles, status().configuration_problem) == (1, "windows of 7 cycles are odd")


@pytest.fixture
async def asked(running) -> AsyncIterator[tuple]:
    """A box with one acquisition to answer."""
    running.store.acquisitions.put(Acquisition(AcquisitionId("acq-1"), EventId("e"), BoxId("b-1"), 0, 1))
    async with Peer(running.address) as peer:
        yield running, peer.stub


async def failed(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), error.value.details()


async def test_a_waveform_is_stored_whole(asked) -> None:
    running, stub = asked
    upload = Upload()
    receipt = await stub.UploadWaveform(upload.chunks())
    assert receipt.stored_bytes == len(upload.data)
    info = running.store.waveforms.info(AcquisitionId("acq-1"))
    assert (info.samples, info.event_id, info.volts_per_count) == (50_000, "e", 0.01)
    assert running.store.waveforms.data(AcquisitionId("acq-1")) == upload.data


async def test_a_truncated_upload_says_how_far_it_came_and_is_resumed_from_there(asked) -> None:
    running, stub = asked
    upload = Upload()
    code, words = await failed(stub.UploadWaveform(upload.chunks(high=20_000)))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert words == f"upload: the stream ended after 20000 of {len(upload.data)} bytes; resume at 20000"
    assert running.store.waveforms.info(AcquisitionId("acq-1")) is None
    where = await stub.ResumeWaveform(waveform_pb2.ResumeWaveformRequest(acquisition_id="acq-1", box_id="b-1"))
    assert (where.received_bytes, where.committed) == (20_000, False)
    await stub.UploadWaveform(upload.chunks(low=20_000))
    again = await stub.ResumeWaveform(waveform_pb2.ResumeWaveformRequest(acquisition_id="acq-1", box_id="b-1"))
    assert again.committed


async def test_a_piece_with_a_wrong_checksum_is_refused_and_what_came_before_is_kept(asked) -> None:
    _, stub = asked
    upload = Upload()

    async def spoilt() -> AsyncIterator[waveform_pb2.WaveformChunk]:
        yield waveform_pb2.WaveformChunk(header=upload.header)
        yield upload.piece(0, 10_000)
        bad = upload.piece(10_000, 20_000)
        bad.piece.crc32 ^= 1
        yield bad

    code, words = await failed(stub.UploadWaveform(spoilt()))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert words.startswith("piece at 10000: CRC-32 of the data is ")
    where = await stub.ResumeWaveform(waveform_pb2.ResumeWaveformRequest(acquisition_id="acq-1", box_id="b-1"))
    assert where.received_bytes == 10_000


async def test_a_waveform_whose_samples_are_not_those_announced_is_refused_whole(asked) -> None:
    running, stub = asked
    upload = Upload()
    upload.header.samples_crc32 ^= 1
    code, words = await failed(stub.UploadWaveform(upload.chunks()))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert words.startswith("waveform: CRC-32 of the samples is ")
    assert running.store.waveforms.received(AcquisitionId("acq-1")) == 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"acquisition_id": "nobody-asked"}, "'nobody-asked', which nobody asked of box 'b-1'"),
        ({"box_id": "b-2"}, "'acq-1', which nobody asked of box 'b-2'"),
        ({"sample_rate_hz": 0.0}, "sample_rate_hz: got 0 Hz, expected 100 to 200000 Hz"),
        ({"volts_per_count": float("nan")}, "volts_per_count: got nan V"),
        ({"encoded_bytes": 1 << 40}, "encoded_bytes: got"),
    ],
    ids=["unknown acquisition", "other box", "no rate", "NaN", "too large"],
)
async def test_a_wrong_header_is_refused_by_the_field(asked, spoil: dict, words: str) -> None:
    _, stub = asked
    upload = Upload()
    for field, value in spoil.items():
        setattr(upload.header, field, value)
    code, detail = await failed(stub.UploadWaveform(upload.chunks()))
    assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
    assert words in detail


async def test_more_bytes_than_announced_are_refused(asked) -> None:
    _, stub = asked
    upload = Upload()
    upload.header.encoded_bytes = 5000
    code, words = await failed(stub.UploadWaveform(upload.chunks()))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    assert words == "piece: ends at byte 10000, the header announced 5000"
