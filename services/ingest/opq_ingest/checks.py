"""What ingest refuses, and how it says so."""

from opq.clock import DAY_NS, NS, iso
from opq.errors import CorruptData, InvalidInput, LimitExceeded
from opq.model.features import FeatureFrame
from opq.v1 import box_pb2, problem_pb2

MAX_AHEAD_NS = 5 * NS
"""A box's clock may be ahead of ours by this and its own uncertainty."""
MAX_AGE_NS = 60 * DAY_NS
"""Older frames than this cannot come out of any spool."""


class AbsurdTime(InvalidInput):
    """A time in the future or before anything a box can hold."""


def check_time(frame: FeatureFrame, now_unix_ns: int) -> None:
    """Refuse frames from the future or from before any spool.

    Raises
    ------
    AbsurdTime
        Naming the time and the allowed span.
    """
    earliest, latest = now_unix_ns - MAX_AGE_NS, now_unix_ns + MAX_AHEAD_NS + frame.clock_uncertainty_ns
    if not earliest <= frame.start_unix_ns <= latest:
        raise AbsurdTime(
            f"start_unix_ns: got {frame.start_unix_ns}, expected {earliest} ({iso(earliest)}) to {latest} ({iso(latest)}); "
            "is the clock of the box set?"
        )


def problem_of(error: InvalidInput) -> problem_pb2.Problem:
    """Put an error into words for the wire."""
    code = problem_pb2.PROBLEM_CODE_OUT_OF_RANGE
    if isinstance(error, AbsurdTime):
        code = problem_pb2.PROBLEM_CODE_ABSURD_TIME
    elif isinstance(error, LimitExceeded):
        code = problem_pb2.PROBLEM_CODE_LIMIT
    elif isinstance(error, CorruptData):
        code = problem_pb2.PROBLEM_CODE_CHECKSUM
    elif "no opq.v1" in str(error) or "values, expected" in str(error):
        code = problem_pb2.PROBLEM_CODE_MALFORMED
    return problem_pb2.Problem(code=code, message=str(error)[:500])


def rejection(sequence: int, error: InvalidInput) -> box_pb2.BoxDown:
    """Make the message that refuses one frame for good."""
    return box_pb2.BoxDown(reject=box_pb2.Reject(sequence=sequence, problem=problem_of(error)))
