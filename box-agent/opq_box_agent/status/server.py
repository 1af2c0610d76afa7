"""The page of a box on a socket: http.server in threads of its own, with bounds, beside the loop in which the box measures."""

import asyncio
import contextlib
import json
import secrets
import socket
import threading
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from opq.clock import Clock
from opq.errors import InvalidInput, Unavailable
from opq.rpc.tls import is_loopback
from opq.trust.files import SECRET, write_file
from opq_box_agent.status.page import COOKIE, Page, Request
from opq_box_agent.status.password import stored_password
from opq_box_agent.status.snapshot import Status

WAY = "page.json"
"""Where the page is and the key that opens the status, for programs that can read the folder of the box."""
_MAX_CONNECTIONS = 8
_MAX_FORM_BYTES = 8192
_IDLE_S = 5.0
_LOOK_S = 5.0
_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
     "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    # With "no-referrer" a browser would hide where its own forms come from, too.
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)  # fmt: skip


class PageServer:
    """Serves the page of one box while it is entered.

    Parameters
    ----------
    address : str
        ``host:port``; beyond loopback only with a password.
    folder : Path
        Of the box: its password is there, and `WAY` is written there.
    look : callable
        Returns the status; called in the loop that enters.
    values, change : callable
        See `Page`; `change` is called in the loop too.

    Raises
    ------
    InvalidInput
        If the address is not one, is taken, or is not on loopback and there is no password.
    """

    def __init__(
        self,
        address: str,
        folder: Path,
        look: Callable[[], Status],
        values: Callable[[], Mapping[str, str]],
        change: Callable[[Mapping[str, str]], None],
        clock: Clock,
    ) -> None:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise InvalidInput(f"--page: got {address[:120]!r}, expected HOST:PORT")
        if not is_loopback(address) and stored_password(folder) is None:
            raise InvalidInput(f"--page: {address} is not on loopback and needs a password; set it: opq box password")
        self._folder, self._loop = folder, asyncio.get_running_loop()
        key = secrets.token_urlsafe(32)
        page = Page(
            lambda: self._in_loop(look),
            lambda: self._in_loop(values),
            lambda given: self._in_loop(lambda: change(given)),
            lambda: stored_password(folder),
            key,
            is_loopback(address),
            clock,
        )
        try:
            self._http = _Http(host.strip("[]"), int(port), page)
        except OSError as error:
            raise InvalidInput(f"--page: {address} cannot be listened at: {error.strerror or error}") from error
        self.address = f"{host}:{self._http.server_port}"
        try:
            write_file(folder / WAY, json.dumps({"address": self.address, "key": key}).encode(), SECRET, replace=True)
        except OSError as error:
            self._http.server_close()
            raise InvalidInput(f"page: {folder / WAY} cannot be written: {error.strerror or error}") from error
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> "PageServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        (self._folder / WAY).unlink(missing_ok=True)
        self._http.shutdown()
        self._http.server_close()

    def _in_loop(self, call: Callable[[], Any]) -> Any:
        async def run() -> Any:
            return call()

        future = asyncio.run_coroutine_threadsafe(run(), self._loop)
        try:
            return future.result(_LOOK_S)
        except TimeoutError:
            future.cancel()
            raise Unavailable("page: the agent does not answer now") from None


class _Http(ThreadingHTTPServer):
    """A thread for each connection, but only so many; more are closed unheard."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = _MAX_CONNECTIONS

    def __init__(self, host: str, port: int, page: Page) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.page = page
        self._free = threading.BoundedSemaphore(_MAX_CONNECTIONS)
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # Whoever dribbles is cut off too: each read has its own limit, this is that of the whole.
        cut = threading.Timer(4 * _IDLE_S, _cut_off, (request,))
        cut.daemon = True
        cut.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            cut.cancel()
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is nobody's fault."""


def _cut_off(request: socket.socket) -> None:
    with contextlib.suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    timeout = _IDLE_S
    server_version, sys_version = "opq-box", ""

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MAX_FORM_BYTES:
            self.send_error(413, f"expected a form of at most {_MAX_FORM_BYTES} bytes")
            return
        try:
            text = self.rfile.read(int(length)).decode()
            form = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=20))
        except ValueError:
            self.send_error(400, "expected a form")
            return
        self._answer(form)

    def _answer(self, form: Mapping[str, str]) -> None:
        answer = self.server.page.answer(
            Request(
                self.command,
                urlsplit(self.path).path,
                self.headers.get("Host", ""),
                self.client_address[0],
                _cookie(self.headers.get("Cookie", "")),
                self.headers.get("Origin", ""),
                self.headers.get("Authorization", "").removeprefix("Bearer "),
                form,
            )
        )
        self.send_response(answer.status)
        content = (("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body))))
        for name, value in (*_HEADERS, *content, *answer.headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what is asked for may be anything."""


def _cookie(header: str) -> str:
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
