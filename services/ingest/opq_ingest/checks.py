"""What ingest refuses, and how it says so."""

from opq.clock import DAY_NS, NS, iso
from opq.errors import CorruptData, InvalidInput, LimitExceeded, Malformed, OpqError
from opq.model.features import FeatureFrame
from opq.v1 import box_pb2, problem_pb2

MAX_AHEAD_NS = 5 * NS
"""A box's clock may be ahead of ours by this and its own uncertainty."""
MAX_AGE_NS = 60 * DAY_NS
"""Older frames than this cannot come out of any spool."""


class AbsurdTime(InvalidInput):
    """A time in the future or before anything a box can hold."""


class NoAuthority(OpqError):
    """A certificate is wanted where nobody signs."""


class TooManyCertificates(OpqError):
    """A box that has more certificates than any needs."""


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


_CODES: tuple[tuple[type[InvalidInput], problem_pb2.ProblemCode], ...] = (
    (AbsurdTime, problem_pb2.PROBLEM_CODE_ABSURD_TIME),
    (Malformed, problem_pb2.PROBLEM_CODE_MALFORMED),
    (LimitExceeded, problem_pb2.PROBLEM_CODE_LIMIT),
    (CorruptData, problem_pb2.PROBLEM_CODE_CHECKSUM),
    (InvalidInput, problem_pb2.PROBLEM_CODE_OUT_OF_RANGE),
)


def problem_of(error: InvalidInput) -> problem_pb2.Problem:
    """Put an error into words for the wire."""
    code = next(code for kind, code in _CODES if isinstance(error, kind))
    return problem_pb2.Problem(code=code, message=str(error)[:500])


def rejection(sequence: int, error: InvalidInput) -> box_pb2.BoxDown:
    """Make the message that refuses one frame for good."""
    return box_pb2.BoxDown(reject=box_pb2.Reject(sequence=sequence, problem=problem_of(error)))
