"""How calls begin and end: what a greeting tells of a box, and how a refusal reaches its peer."""

from typing import Any, NoReturn

import grpc
import grpc.aio

from opq.clock import Clock
from opq.errors import Forbidden, NotFound, OpqError, Unauthenticated, Unavailable
from opq.model.boxes import BoxHealth, BoxStatus, Power
from opq.model.features import TimeSource
from opq.rpc.frames import POWERS, TIME_SOURCES
from opq.rpc.guard import peer_certificate
from opq.v1 import box_pb2
from opq_ingest.checks import NoAuthority, TooManyCertificates
from opq_ingest.limits import TooMuch
from opq_ingest.session import BoxSession

_STATUS_CODES = {
    NotFound: grpc.StatusCode.NOT_FOUND,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    NoAuthority: grpc.StatusCode.FAILED_PRECONDITION,
    TooManyCertificates: grpc.StatusCode.RESOURCE_EXHAUSTED,
    TooMuch: grpc.StatusCode.RESOURCE_EXHAUSTED,
}


def status_of(session: BoxSession, hello: box_pb2.Hello, clock: Clock) -> BoxStatus:
    """Return what a new session tells of its box."""
    return BoxStatus(
        box_id=session.box_id,
        connected=True,
        session_id=session.session_id,
        boot_id=hello.boot_id[:64],
        connected_unix_ns=clock.unix_ns(),
        time_source=TIME_SOURCES.get(hello.time_source, TimeSource.FREE),
        clock_uncertainty_ns=min(hello.clock_uncertainty_ns, 2**62),
        agent_version=hello.agent_version[:40],
        spooled_frames=min(hello.spooled_frames, 2**62),
    )


def health_of(health: box_pb2.Health) -> BoxHealth:
    """Return what a box says of itself; a percentage that is none is left out."""
    battery = health.battery_pct if health.HasField("battery_pct") and 0 <= health.battery_pct <= 100 else None
    return BoxHealth(
        power=POWERS.get(health.power, Power.UNKNOWN),
        spooled_frames=min(health.spooled_frames, 2**62),
        dropped_frames=min(health.dropped_frames, 2**62),
        battery_pct=battery,
    )


def check_own(context: grpc.aio.ServicerContext[Any, Any], box_id: str) -> None:
    """Refuse what a peer says in the name of another box than the one its certificate names. In clear text none is named.

    Raises
    ------
    Forbidden
        Naming both.
    """
    certificate = peer_certificate(context)
    if certificate is not None and certificate.identity.box_id != box_id:
        raise Forbidden(f"box_id: got {box_id[:80]!r} with a certificate of {certificate.identity}")


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: OpqError) -> NoReturn:
    """End the call with the status that belongs to the error; never returns."""
    code = _STATUS_CODES.get(type(error), grpc.StatusCode.INVALID_ARGUMENT)
    await context.abort(code, str(error)[:500])
    raise AssertionError("abort raises")
