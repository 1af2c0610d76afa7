"""What the page of a box answers, and to whom. No sockets: a request goes in, an answer comes out.

Whoever can reach the page reads it if it is on loopback; else, and for every change, one has to be signed in. Requests that
name another host than an address or this machine are refused, so that no name on the internet can be turned to this page.
"""

import hmac
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.resources import files

from opq.clock import Clock
from opq.errors import InvalidInput, OpqError
from opq_box_agent.status import html
from opq_box_agent.status.password import is_password
from opq_box_agent.status.sessions import LIFE_NS, Session, Sessions, Throttle
from opq_box_agent.status.snapshot import Status

COOKIE = "opq-box"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_ASSETS = {"/page.css": "text/css", "/page.js": "text/javascript"}
_HTML = "text/html; charset=utf-8"
_FREE_TRIES, _FREE_TRIES_OF_ALL = 5, 20


@dataclass(frozen=True, slots=True)
class Request:
    """What came."""

    method: str
    path: str
    host: str
    """As the browser wrote it, with the port."""
    peer: str
    """Address of whoever asks."""
    session_id: str = ""
    origin: str = ""
    bearer: str = ""
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    status: HTTPStatus
    body: bytes = b""
    content_type: str = _HTML
    headers: tuple[tuple[str, str], ...] = ()


class Page:
    """The page of one box. May be asked from several threads.

    Parameters
    ----------
    look : callable
        Returns the status; raises `OpqError` if it cannot be had now.
    values : callable
        Returns what can be set, by name.
    change : callable
        Sets it; raises `InvalidInput`.
    password : callable
        Returns what is stored of the password; None if there is none.
    reader_key : str
        Opens the status for programs that can read the folder of the box.
    is_open : bool
        Whether one may read without having signed in.
    """

    def __init__(
        self,
        look: Callable[[], Status],
        values: Callable[[], Mapping[str, str]],
        change: Callable[[Mapping[str, str]], None],
        password: Callable[[], bytes | None],
        reader_key: str,
        is_open: bool,
        clock: Clock,
    ) -> None:
        self._look, self._values, self._change, self._password = look, values, change, password
        self._reader_key, self._is_open, self._clock = reader_key, is_open, clock
        self._sessions, self._of_one, self._of_all = Sessions(), Throttle(_FREE_TRIES), Throttle(_FREE_TRIES_OF_ALL)
        self._lock = threading.Lock()
        """One password is checked at a time: it costs memory, and nobody tries faster by trying many at once."""

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        if not is_own_name(request.host):
            return _refusal(HTTPStatus.FORBIDDEN, "This page is asked for by the address of the box or its name.")
        if request.method == "POST" and request.origin not in ("", f"http://{request.host}"):
            return _refusal(HTTPStatus.FORBIDDEN, "This came from another page.")
        if request.method == "GET" and request.path in _ASSETS:
            asset = files(__package__).joinpath(request.path[1:]).read_bytes()
            return Answer(HTTPStatus.OK, asset, _ASSETS[request.path])
        password = self._password()
        with self._lock:
            session = self._sessions.find(request.session_id, password, self._clock.monotonic_ns())
        try:
            return self._route(request, session, password)
        except OpqError as error:
            return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    def _route(self, request: Request, session: Session | None, password: bytes | None) -> Answer:
        reads = self._is_open or session is not None or hmac.compare_digest(request.bearer, self._reader_key)
        match request.method, request.path:
            case "GET", "/status.json" if reads:
                return Answer(HTTPStatus.OK, self._look().to_json().encode(), "application/json")
            case "GET", "/status.json":
                return Answer(HTTPStatus.UNAUTHORIZED, b'{"problem": "sign in first"}', "application/json")
            case "GET", "/" if reads:
                return _page(html.status_page(self._look(), session is not None))
            case "GET", "/sign-in":
                return _page(html.sign_in_page("", password is not None))
            case "POST", "/sign-in":
                return self._sign_in(request, password)
            case "GET", "/settings" if session is not None:
                return _page(html.settings_page(self._values(), session.csrf, ""))
            case "POST", "/settings" | "/sign-out" if session is not None:
                if not hmac.compare_digest(request.form.get("csrf", ""), session.csrf):
                    return _refusal(HTTPStatus.FORBIDDEN, "This came from another page, or one that is too old.")
                return self._sign_out(session) if request.path == "/sign-out" else self._set(request, session)
            case _, "/" | "/settings" | "/sign-out":
                return _to("/sign-in")
        return _refusal(HTTPStatus.NOT_FOUND, "There is no such page.")

    def _sign_in(self, request: Request, password: bytes | None) -> Answer:
        if password is None:
            return _page(html.sign_in_page("", False), HTTPStatus.FORBIDDEN)
        with self._lock:
            now = self._clock.monotonic_ns()
            wait_s = max(self._of_one.wait_s(request.peer, now), self._of_all.wait_s("", now))
            if wait_s:
                problem = f"Too many wrong passwords. Try again in {wait_s} s."
                retry = (("Retry-After", str(wait_s)),)
                return _page(html.sign_in_page(problem, True), HTTPStatus.TOO_MANY_REQUESTS, retry)
            if not is_password(password, request.form.get("password", "")):
                self._of_one.failed(request.peer, now)
                self._of_all.failed("", now)
                return _page(html.sign_in_page("This is not the password.", True), HTTPStatus.FORBIDDEN)
            self._of_one.succeeded(request.peer)
            self._sessions.end(request.session_id)
            session = self._sessions.begin(password, now)
        return _to("/", _cookie(session.session_id, LIFE_NS // 10**9))

    def _sign_out(self, session: Session) -> Answer:
        with self._lock:
            self._sessions.end(session.session_id)
        return _to("/sign-in", _cookie("", 0))

    def _set(self, request: Request, session: Session) -> Answer:
        given = {name: text.strip() for name, text in request.form.items() if name != "csrf"}
        try:
            self._change(given)
        except InvalidInput as error:
            wrong = html.settings_page({**self._values(), **given}, session.csrf, str(error))
            return _page(wrong, HTTPStatus.UNPROCESSABLE_ENTITY)
        return _to("/")


def is_own_name(host: str) -> bool:
    """Whether a Host header names an address, this machine, or loopback."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].strip("[]").lower()
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        own = socket.gethostname().lower()
        return name in ("localhost", own, f"{own}.local")


def _page(text: str, status: HTTPStatus = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, text.encode(), headers=headers)


def _refusal(status: HTTPStatus, reason: str) -> Answer:
    return _page(html.refusal_page(reason), status)


def _to(path: str, *headers: tuple[str, str]) -> Answer:
    return Answer(HTTPStatus.SEE_OTHER, headers=(("Location", path), *headers))


def _cookie(value: str, seconds: int) -> tuple[str, str]:
    # No "Secure": the page is HTTP, and a browser would not send it back.
    return "Set-Cookie", f"{COOKIE}={value}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Strict"
