"""Servers and channels with the settings that were measured, in one place.

`bdp_probe` off: less CPU and bounded memory under a flooding peer. `max_pending_requests`: the defaults reject
most of a storm of reconnecting boxes. Keepalive finds dead peers within half a minute. Messages larger than
`MAX_MESSAGE_BYTES` are refused with RESOURCE_EXHAUSTED before they are read.
"""

from collections.abc import Sequence

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from opq.errors import InvalidInput

MAX_MESSAGE_BYTES = 16 << 20
MAX_BOX_MESSAGE_BYTES = 1 << 20
"""What a box may send in one message: a frame has 64 KiB at most, a piece of waveform 256 KiB."""
MAX_STREAMS = 20_000

Options = list[tuple[str, int | str]]


def server_options(max_message_bytes: int = MAX_MESSAGE_BYTES) -> Options:
    """Channel arguments of every server."""
    return [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.server.max_pending_requests", MAX_STREAMS),
        ("grpc.server.max_pending_requests_hard_limit", MAX_STREAMS),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.so_reuseport", 0),
    ]


def channel_options() -> Options:
    """Channel arguments of every client. A peer that was restarted is found within a second; callers pace themselves."""
    return [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.keepalive_time_ms", 10_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.min_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.use_local_subchannel_pool", 1),
    ]


def open_channel(target: str) -> grpc.aio.Channel:
    """Open a channel to ``host:port``; connects when first used."""
    return grpc.aio.insecure_channel(target, options=channel_options())


class Server:
    """A gRPC server with health: serving from `start` on, not serving from `stop` on."""

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self.grpc = grpc.aio.server(options=server_options(max_message_bytes))
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)

    async def start(self, listen: str, services: Sequence[str]) -> str:
        """Bind ``host:port`` (port 0: any free) and serve; return the address as ``host:port``.

        Raises
        ------
        InvalidInput
            If the address cannot be bound.
        """
        try:
            port = self.grpc.add_insecure_port(listen)
        except RuntimeError as error:
            raise InvalidInput(f"listen: cannot bind {listen!r}; is something else using the port?") from error
        await self.grpc.start()
        for service in ("", *services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return f"{listen.rsplit(':', 1)[0]}:{port}"

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give running ones `grace_s` seconds, then end them."""
        await self._health.enter_graceful_shutdown()
        await self.grpc.stop(grace_s)


async def healthy(target: str, timeout_s: float = 1.0) -> bool:
    """Whether the server at ``host:port`` says it is serving."""
    async with grpc.aio.insecure_channel(target, options=channel_options()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
