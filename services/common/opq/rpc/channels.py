"""Servers and channels with the settings that were measured, in one place.

`bdp_probe` off: less CPU and bounded memory under a flooding peer. `max_pending_requests`: the defaults reject
most of a storm of reconnecting boxes. Keepalive finds dead peers within half a minute. Messages larger than
`MAX_MESSAGE_BYTES` are refused with RESOURCE_EXHAUSTED before they are read.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from opq.errors import InvalidInput
from opq.rpc.tls import ServerTls, check_clear_text, unreachable, watch_files
from opq.trust.files import Reloading
from opq.trust.material import Material, TlsFiles
from opq.trust.names import Role, server_name

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
        ("grpc.min_reconnect_backoff_ms", 10_000),
        ("grpc.max_reconnect_backoff_ms", 1_000),
        ("grpc.use_local_subchannel_pool", 1),
    ]


def open_channel(target: str) -> grpc.aio.Channel:
    """Open a channel in clear text to ``host:port`` on this machine; connects when first used."""
    return grpc.aio.insecure_channel(target, options=channel_options())


class Dialer:
    """Opens the channel to one server, and another one when the certificate files have changed since.

    Parameters
    ----------
    target : str
        ``host:port``
    role : Role
        What the server must be by its certificate, whatever host it runs on.
    tls : TlsFiles, optional
        What to show; without it clear text, on loopback only.

    Raises
    ------
    InvalidInput
        If the target is not on loopback and there is no TLS, or the files do not read.
    """

    def __init__(self, target: str, role: Role, tls: TlsFiles | None = None) -> None:
        self.target, self._role = target, role
        self._material: Reloading[Material] | None = None
        if tls is None:
            check_clear_text(role.value, target)
        else:
            self._material = watch_files(tls)
        self._shown: Material | None = None
        self._channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def material(self) -> Material | None:
        """What a new connection shows; None in clear text."""
        return self._material.current() if self._material else None

    def explain(self, detail: str, now_unix_ns: int) -> str:
        """Say why the server does not answer, from what gRPC says and what we showed."""
        return unreachable(detail, self._shown, now_unix_ns) if self._shown else detail

    async def channel(self) -> grpc.aio.Channel:
        """Return the channel; connects when first used. One with older certificates is closed, calls on it end."""
        material = self.material
        if self._channel is not None and material is not self._shown:
            await self.close()
        if self._channel is None:
            self._shown = material
            self._channel = _channel(self.target, self._role, material)
        return self._channel

    async def close(self) -> None:
        """Close the channel."""
        if self._channel is not None:
            channel, self._channel = self._channel, None
            await channel.close()


def _channel(target: str, role: Role, material: Material | None) -> grpc.aio.Channel:
    if material is None:
        return open_channel(target)
    credentials = grpc.ssl_channel_credentials(material.authorities, material.key, material.chain)
    return named_channel(target, role, credentials)


def named_channel(target: str, role: Role, credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
    """Open a channel to a server that must have the certificate of a role."""
    options = [*channel_options(), ("grpc.ssl_target_name_override", server_name(role))]
    return grpc.aio.secure_channel(target, credentials, options=options)


class Server:
    """A gRPC server with health: serving from `start` on, not serving from `stop` on.

    Parameters
    ----------
    max_message_bytes : int
        Larger messages are refused unread.
    tls : ServerTls, optional
        Without it clear text, on loopback only.
    interceptors : sequence
        See `opq.rpc.guard`.
    """

    def __init__(
        self,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        tls: ServerTls | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        self._tls = tls
        self.grpc = grpc.aio.server(options=server_options(max_message_bytes), interceptors=list(interceptors))
        self._health = HealthServicer()
        self._probe: grpc.aio.Server | None = None
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc)

    async def start(self, listen: str, services: Sequence[str], health_listen: str = "") -> str:
        """Bind ``host:port`` (port 0: any free) and serve; return the address as ``host:port``.

        At `health_listen` nothing but the health is served, in clear text and to anybody: probes have no certificate.

        Raises
        ------
        InvalidInput
            If an address cannot be bound, or is not on loopback and there is no TLS.
        """
        if self._tls is None:
            check_clear_text("listen", listen)
        port = _bind(self.grpc, "listen", listen, self._tls.credentials() if self._tls else None)
        if health_listen:
            self._probe = grpc.aio.server(options=server_options(4096))
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._probe)
            _bind(self._probe, "health-listen", health_listen, None)
            await self._probe.start()
        await self.grpc.start()
        for service in ("", *services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return f"{listen.rsplit(':', 1)[0]}:{port}"

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, give running ones `grace_s` seconds, then end them."""
        await self._health.enter_graceful_shutdown()
        await self.grpc.stop(grace_s)
        if self._probe is not None:
            await self._probe.stop(0)


def _bind(server: grpc.aio.Server, what: str, listen: str, credentials: grpc.ServerCredentials | None) -> int:
    try:
        if credentials is None:
            return int(server.add_insecure_port(listen))
        return int(server.add_secure_port(listen, credentials))
    except RuntimeError as error:
        raise InvalidInput(f"{what}: cannot bind {listen!r}; is something else using the port?") from error


async def healthy(target: str, timeout_s: float = 1.0) -> bool:
    """Whether the server at ``host:port``, or its `health_listen`, says in clear text that it is serving."""
    async with grpc.aio.insecure_channel(target, options=channel_options()) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
