"""Who calls, and whether he may: one interceptor for every server.

A call is admitted by the certificate of its peer: valid now, not revoked, of a role that may make this call. A call that
stands is ended when its certificate is revoked or has expired. The guard is told what is revoked; it asks nobody.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio
import structlog

from opq.clock import Clock
from opq.errors import InvalidInput
from opq.rpc.read_on import read_on
from opq.trust.certificates import CertificateInfo, describe_pem
from opq.trust.policy import call_refusal
from opq.trust.records import Revocations

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PEM = "x509_pem_cert"


@dataclass(slots=True)
class _Call:
    """One call that stands."""

    certificate: CertificateInfo
    method: str
    good_until_unix_ns: int
    """The end of the certificate, or of one that its holder got meanwhile."""
    reason: str = ""
    """Why it is being ended."""


def peer_certificate(context: Context) -> CertificateInfo | None:
    """Return the certificate of a peer; None in clear text.

    Raises
    ------
    InvalidInput
        If it does not say who it is for.
    """
    pem = context.auth_context().get(_PEM)
    return describe_pem(pem[0]) if pem else None


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Admits calls by the certificate of their peer, and ends those whose certificate is no longer good."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = structlog.get_logger()
        self._revocations = Revocations()
        self._calls: dict[asyncio.Task[Any], _Call] = {}
        self._guarded: dict[str, grpc.RpcMethodHandler] = {}

    def set_revocations(self, revocations: Revocations) -> None:
        """Say what is revoked; calls of it are ended."""
        self._revocations = revocations
        for task, call in list(self._calls.items()):
            self._end(task, call, revocations.refusal(call.certificate))

    def overdue(self) -> set[CertificateInfo]:
        """Return the certificates of standing calls that have expired since the call began."""
        now = self._clock.unix_ns()
        return {call.certificate for call in self._calls.values() if call.good_until_unix_ns <= now}

    def settle(self, certificate: CertificateInfo, good_until_unix_ns: int) -> None:
        """Say until when the holder of an expired certificate has another one; if that is over too, its calls end."""
        now = self._clock.unix_ns()
        for task, call in list(self._calls.items()):
            if call.certificate == certificate:
                call.good_until_unix_ns = good_until_unix_ns
                if good_until_unix_ns <= now:
                    self._end(task, call, certificate.expiry(now))

    def _end(self, task: asyncio.Task[Any], call: _Call, reason: str) -> None:
        if reason and not call.reason:
            call.reason = reason
            self._log.warning("call ended", method=call.method, peer=str(call.certificate.identity), reason=reason)
            task.cancel()

    # --- admission

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler | None:
        """See grpc: put the guard before the handler of a call."""
        method = handler_call_details.method
        if method not in self._guarded:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = self._with_guard(handler, method)
        return self._guarded[method]

    def _with_guard(self, handler: grpc.RpcMethodHandler, method: str) -> grpc.RpcMethodHandler:
        kind = f"{_kind(handler.request_streaming)}_{_kind(handler.response_streaming)}"
        inner = getattr(handler, kind)
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        outer = self._stream(inner, method) if inspect.isasyncgenfunction(inner) else self._call(inner, method)
        return make(outer, handler.request_deserializer, handler.response_serializer)

    def _call(self, inner: Callable[[Any, Context], Awaitable[Any]], method: str) -> Callable[[Any, Context], Any]:
        async def call(request: Any, context: Context) -> Any:
            admitted = await self._admit(request, context, method)
            try:
                with self._standing(admitted):
                    return await inner(request, context)
            except asyncio.CancelledError:
                await _ended(context, admitted)

        return call

    def _stream(
        self, inner: Callable[[Any, Context], AsyncIterator[Any]], method: str
    ) -> Callable[[Any, Context], Any]:
        async def stream(request: Any, context: Context) -> AsyncIterator[Any]:
            admitted = await self._admit(request, context, method)
            try:
                with self._standing(admitted):
                    async with contextlib.aclosing(inner(request, context)) as answers:  # type: ignore[type-var]
                        async for answer in answers:
                            yield answer
            except asyncio.CancelledError:
                await _ended(context, admitted)

        return stream

    async def _admit(self, request: Any, context: Context, method: str) -> _Call:
        """Return the call if it may be made, else end it with the reason."""
        code = grpc.StatusCode.UNAUTHENTICATED
        try:
            certificate = peer_certificate(context)
            if certificate is None:
                raise InvalidInput("no certificate: got a connection without one, expected one of this site")
        except InvalidInput as error:
            reason = str(error)
        else:
            reason = certificate.expiry(self._clock.unix_ns()) or self._revocations.refusal(certificate)
            if not reason and (reason := call_refusal(certificate.identity, method)):
                code = grpc.StatusCode.PERMISSION_DENIED
            if not reason:
                return _Call(certificate, method, certificate.not_after_unix_ns)
        self._log.warning("call refused", method=method, peer=context.peer(), reason=reason)
        if hasattr(request, "__aiter__"):
            await read_on(request)
        await context.abort(code, reason)
        raise AssertionError("abort raises")

    @contextlib.contextmanager
    def _standing(self, call: _Call) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._calls[task] = call
        try:
            yield
        finally:
            del self._calls[task]


def _kind(streaming: bool) -> str:
    return "stream" if streaming else "unary"


async def _ended(context: Context, call: _Call) -> NoReturn:
    """Say why a call was ended, if it was the guard that did so."""
    task = asyncio.current_task()
    if call.reason and task is not None:
        task.uncancel()
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, call.reason)
    raise asyncio.CancelledError
