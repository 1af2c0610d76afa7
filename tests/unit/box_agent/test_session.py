"""The session decides what is sent when; it needs no network for that."""

from pathlib import Path

import pytest

from opq.clock import NS
from opq.v1 import box_pb2, problem_pb2
from opq_box_agent.session import (
    BACKFILL_PER_S,
    ApplyConfiguration,
    CancelWaveform,
    FrameRejected,
    Phase,
    SendWaveform,
    Session,
    TellInfo,
)
from opq_box_agent.spool import Spool


class Box:
    """A session with its spool, and what it would send."""

    def __init__(self, path: Path) -> None:
        self.spool = Spool(path, 1 << 20)
        self.session = Session(self.spool, lambda: box_pb2.Hello(box_id="b-1"))

    def measure(self, count: int = 1) -> None:
        for _ in range(count):
            sequence = self.spool.next_sequence()
            self.spool.append(sequence, sequence.to_bytes(4, "big"))
            self.session.frame_spooled(sequence)

    def connect(self, max_unacknowledged: int = 100) -> None:
        self.session.connected()
        assert self.send(0) == ["hello"]
        welcome = box_pb2.Welcome(max_unacknowledged=max_unacknowledged)
        assert self.session.receive(box_pb2.BoxDown(welcome=welcome)) == ApplyConfiguration("", 0)

    def send(self, now_ns: int) -> list[int | str]:
        """Everything that may go out at a moment: sequence numbers of frames, kinds of other messages."""
        out: list[int | str] = []
        while (message := self.session.next_message(now_ns)) is not None:
            up = box_pb2.BoxUp()
            if message[:1] == b"\x12":
                out.append(int.from_bytes(message[-4:], "big"))
            else:
                up.ParseFromString(message)
                out.append(str(up.WhichOneof("kind")))
        return out

    def ack(self, first: int, last: int) -> None:
        self.session.receive(box_pb2.BoxDown(ack=box_pb2.Ack(first=[first], last=[last])))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_nothing_but_the_greeting_goes_out_before_the_welcome(box: Box) -> None:
    box.session.connected()
    box.measure(3)
    assert box.send(0) == ["hello"]
    assert box.session.phase is Phase.GREETING


def test_live_frames_go_out_at_once_and_leave_the_spool_when_acknowledged(box: Box) -> None:
    box.connect()
    box.measure(3)
    assert box.send(0) == [1, 2, 3]
    assert box.session.waiting == 3
    box.ack(1, 2)
    assert box.spool.sequences == [3]


def test_no_more_frames_are_under_way_than_the_site_allows(box: Box) -> None:
    box.connect(max_unacknowledged=2)
    box.measure(5)
    assert box.send(0) == [1, 2]
    box.ack(1, 1)
    assert box.send(0) == [3]


def test_back_fill_goes_beside_live_frames_at_a_bounded_rate_and_never_before_them(box: Box) -> None:
    box.measure(1000)
    box.connect(max_unacknowledged=10_000)
    sent: list[int | str] = []
    for tenth in range(50):
        box.measure()
        out = box.send(10 * NS + tenth * NS // 10)
        assert out[0] == 1001 + tenth, "the live frame comes first"
        sent += out[1:]
    assert sent == list(range(1, len(sent) + 1)), "back-fill is in order"
    assert len(sent) == pytest.approx(5 * BACKFILL_PER_S, rel=0.1)


def test_six_hours_are_made_up_in_eight_minutes_and_no_live_frame_waits_for_it(box: Box) -> None:
    box.measure(6 * 3600)
    box.connect(max_unacknowledged=120)
    seconds = 0
    while box.session.waiting:
        seconds += 1
        assert seconds <= 8 * 60
        box.measure()
        sent: list[int | str] = []
        for tenth in range(10):
            sent += box.send(seconds * NS + tenth * NS // 10)
        assert sent[0] == 6 * 3600 + seconds
        for number in sent:
            assert isinstance(number, int)
            box.ack(number, number)


def test_what_was_under_way_is_sent_again_after_a_lost_connection(box: Box) -> None:
    box.connect()
    box.measure(3)
    assert box.send(0) == [1, 2, 3]
    box.ack(2, 2)
    box.session.disconnected()
    box.measure(1)
    assert box.send(0) == []
    box.connect()
    assert box.send(NS) + box.send(2 * NS) == [1, 3, 4]


def test_a_rejected_frame_is_dropped_and_told(box: Box) -> None:
    box.connect()
    box.measure(1)
    box.send(0)
    problem = problem_pb2.Problem(code=problem_pb2.PROBLEM_CODE_OUT_OF_RANGE, message="u_rms_v: got -1")
    wish = box.session.receive(box_pb2.BoxDown(reject=box_pb2.Reject(sequence=1, problem=problem)))
    assert wish == FrameRejected(1, "u_rms_v: got -1")
    assert (box.session.waiting, box.session.rejected) == (0, 1)


def test_commands_become_wishes(box: Box) -> None:
    box.connect()
    down = box_pb2.BoxDown
    request = box_pb2.WaveformRequest(acquisition_id="a", start_unix_ns=1, end_unix_ns=2)
    assert box.session.receive(down(waveform_request=request)) == SendWaveform("a", 1, 2)
    assert box.session.receive(down(cancel_request=box_pb2.CancelRequest(acquisition_id="a"))) == CancelWaveform("a")
    configure = box_pb2.Configure(command_id="c", configuration=box_pb2.BoxConfiguration(window_cycles=1))
    assert box.session.receive(down(configure=configure)) == ApplyConfiguration("c", 1)
    assert box.session.receive(down(get_info=box_pb2.GetInfo(command_id="g"))) == TellInfo("g")


def test_it_says_when_back_fill_may_go_on(box: Box) -> None:
    box.measure(20)
    box.connect()
    now = 100 * NS
    box.send(now)
    wake = box.session.wake_ns()
    assert wake is not None
    assert now < wake <= now + NS // BACKFILL_PER_S
    assert box.send(wake) != []
