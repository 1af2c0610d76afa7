"""What Makai did not get is named at the next greeting, however long it waited here."""

from opq.ids import BoxId
from opq.testing.clock import ManualClock
from opq_ingest.feed import _MAX_WAITING_BATCHES, MakaiFeed, _Stream

B1 = BoxId("b-1")


def feed_with_stream(clock: ManualClock) -> tuple[MakaiFeed, _Stream]:
    feed = MakaiFeed("ingest-1", "127.0.0.1:1", list, lambda _: None, clock)
    feed._stream = _Stream()
    return feed, feed._stream


def test_batches_that_waited_for_a_minute_are_in_the_hole_when_the_stream_overflows() -> None:
    clock = ManualClock()
    feed, _ = feed_with_stream(clock)
    for number in range(_MAX_WAITING_BATCHES + 10):
        feed.frames([(B1, b"", 1000 + number)])
        clock.advance(0.1)
    feed._note_unsent(0)
    assert feed._missed_from == 1000


def test_batches_that_were_taken_long_ago_are_not() -> None:
    clock = ManualClock()
    feed, stream = feed_with_stream(clock)
    for number in range(300):
        feed.frames([(B1, b"", 1000 + number)])
        stream.waiting.clear()
        clock.advance(0.1)
    feed._note_unsent(0)
    assert 1000 + 300 - 105 <= feed._missed_from <= 1000 + 300 - 95
