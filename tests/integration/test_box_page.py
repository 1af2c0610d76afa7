"""The page of a box, of a real agent on real sockets: what it shows to whom, and what can be set."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from opq.testing.processes import Processes, eventually, free_address
from opq_box_agent.status.password import set_password

PASSWORD = "correct horse battery"
WRONG = "correct horse batterz"


class Box:
    """An agent without a site, and its page."""

    def __init__(self, path: Path, processes: Processes) -> None:
        self.data, self.folder, self.processes = path / "data", path / "data" / "b-1", processes
        self.port = free_address().rpartition(":")[2]

    def start(self, host: str = "127.0.0.1") -> None:
        options = ["--box-id", "b-1", "--data-dir", str(self.data), "--ring-s", "5", "--ingest", "127.0.0.1:9"]
        self.processes.start("box", *options, "--page", f"{host}:{self.port}")

    def started(self, host: str = "127.0.0.1") -> "Box":
        self.start(host)
        eventually(lambda: self.status()["live"] is not None, "it measures and shows it")
        return self

    def key(self) -> str:
        return str(json.loads((self.folder / "page.json").read_text())["key"])

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, cookie: str = "", **headers: str
    ) -> tuple[http.client.HTTPResponse, str]:
        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=20)
        sent = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"opq-box={cookie}", **headers}
        connection.request(method, path, urlencode(form) if form is not None else None, sent)
        answer = connection.getresponse()
        return answer, answer.read().decode()

    def status(self) -> Any:
        try:
            answer, text = self.ask("GET", "/status.json", Authorization=f"Bearer {self.key()}")
        except OSError:
            return {"live": None}
        assert answer.status == 200, text
        return json.loads(text)

    def sign_in(self, cookie: str = "") -> str:
        answer, text = self.ask("POST", "/sign-in", {"password": PASSWORD}, cookie)
        assert answer.status == 303, text
        found = re.fullmatch(
            r"opq-box=([\w-]{43}); Max-Age=3600; Path=/; HttpOnly; SameSite=Strict", answer.headers["Set-Cookie"]
        )
        assert found, answer.headers["Set-Cookie"]
        return found[1]

    def csrf(self, cookie: str) -> str:
        text = self.ask("GET", "/settings", cookie=cookie)[1]
        found = re.search(r'name="csrf" value="([\w-]{43})"', text)
        assert found, text
        return found[1]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with Processes(tmp_path) as processes:
        yield Box(tmp_path, processes)


@pytest.fixture
def guarded(box: Box) -> Box:
    """A box whose page is on every network, with a password."""
    set_password(box.folder, PASSWORD)
    return box.started("0.0.0.0")


def command(word: str, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-c", "from opq_cli.main import main; main()", "box", word, "--box-id", "b-1", *words]
    return subprocess.run(line, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_on_loopback_everybody_reads_and_nobody_changes_without_a_password(box: Box) -> None:
    box.started()
    answer, text = box.ask("GET", "/")
    assert answer.status == 200
    assert "<h1>Box b-1</h1>" in text
    assert re.search(r"12\d\.\d <small>V</small>", text)
    assert "no connection with 127.0.0.1:9; what is measured is kept" in text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert (answer.headers["X-Content-Type-Options"], answer.headers["Cache-Control"]) == ("nosniff", "no-store")
    shown = json.loads(box.ask("GET", "/status.json")[1])
    assert {"u_rms_v", "f_hz", "thd_pct"} < shown["live"].keys()
    for method, path in (("GET", "/settings"), ("POST", "/settings"), ("POST", "/sign-out")):
        answer, _ = box.ask(method, path, {"spool_max_mb": "9"} if method == "POST" else None)
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    answer, text = box.ask("POST", "/sign-in", {"password": ""})
    assert answer.status == 403
    assert "This box has no password" in text
    assert not (box.folder / "local.json").exists()


def test_no_name_but_its_own_and_no_other_page_reaches_it(guarded: Box) -> None:
    for host in ("evil.example", f"evil.example:{guarded.port}", ""):
        assert guarded.ask("GET", "/status.json", Host=host, Authorization=f"Bearer {guarded.key()}")[0].status == 403
    cookie = guarded.sign_in()
    form = {"csrf": guarded.csrf(cookie), "spool_max_mb": "9"}
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert guarded.ask("POST", "/settings", form, cookie, Origin=origin)[0].status == 403
    for csrf in ("", "x", guarded.csrf(guarded.sign_in())):
        assert guarded.ask("POST", "/settings", {**form, "csrf": csrf}, cookie)[0].status == 403
    assert not (guarded.folder / "local.json").exists()


def test_beyond_loopback_there_is_no_page_without_a_password_and_the_box_measures_all_the_same(box: Box) -> None:
    box.start("0.0.0.0")
    eventually(lambda: "needs a password; set it: opq box password" in box.processes.log_text("box"), "it says why")
    eventually(lambda: any((box.folder / "spool").iterdir()), "it measures")
    with pytest.raises(OSError):
        box.ask("GET", "/")
    done = command("password", "--data-dir", str(box.data), given=PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    box.processes.stop("box")
    box.started("0.0.0.0")


def test_beyond_loopback_only_who_is_signed_in_reads(guarded: Box) -> None:
    answer, _ = guarded.ask("GET", "/")
    assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
    answer, text = guarded.ask("GET", "/status.json")
    assert (answer.status, text) == (401, '{"problem": "sign in first"}')
    assert guarded.ask("GET", "/status.json", Authorization="Bearer x")[0].status == 401
    assert guarded.ask("GET", "/page.css")[0].status == 200
    fixed = "x" * 43
    cookie = guarded.sign_in(fixed)
    assert cookie != fixed, "an id that was there before is not taken over"
    assert guarded.ask("GET", "/", cookie=cookie)[0].status == 200
    again = guarded.sign_in(cookie)
    assert again != cookie
    assert guarded.ask("GET", "/", cookie=cookie)[0].status == 303, "the id before is worth nothing"
    answer, _ = guarded.ask("POST", "/sign-out", {"csrf": guarded.csrf(again)}, again)
    assert answer.headers["Set-Cookie"].startswith("opq-box=; Max-Age=0;")
    assert guarded.ask("GET", "/", cookie=again)[0].status == 303
    last = guarded.sign_in()
    set_password(guarded.folder, PASSWORD + "!")
    assert guarded.ask("GET", "/", cookie=last)[0].status == 303, "another password ends all sessions"


def test_wrong_passwords_are_slowed_down_and_then_the_right_one_too(guarded: Box) -> None:
    codes = [guarded.ask("POST", "/sign-in", {"password": WRONG})[0].status for _ in range(5)]
    assert codes == [403] * 5
    seen = []
    for _ in range(6):
        answer, text = guarded.ask("POST", "/sign-in", {"password": WRONG})
        seen.append(answer.status)
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) > 0
            assert "Too many wrong passwords" in text
    assert 429 in seen
    eventually(
        lambda: guarded.ask("POST", "/sign-in", {"password": PASSWORD})[0].status == 303, "it opens in the end", 60
    )


def test_what_is_set_is_checked_used_at_once_and_kept(guarded: Box) -> None:
    cookie = guarded.sign_in()
    form = {"csrf": guarded.csrf(cookie), "ingest": "127.0.0.1:9", "backfill_per_s": "20", "spool_max_mb": "64"}
    wrong = {
        "ingest": ("site", "expected HOST:PORT"),
        "backfill_per_s": ("0", "--backfill-per-s: Input should be greater than or equal to 1"),
        "spool_max_mb": ("<b>", "--spool-max-mb: Input should be a valid integer"),
        "u_din_v": ("230", "got &#x27;u_din_v&#x27;, expected ingest"),
    }
    for name, (value, reason) in wrong.items():
        answer, text = guarded.ask("POST", "/settings", {**form, name: value}, cookie)
        assert answer.status == 422
        assert reason in text
        assert "<b>" not in text
    answer, text = guarded.ask("POST", "/settings", {**form, "ingest": "site.example:4500"}, cookie)
    assert "expected an address on loopback" in text, "without a certificate nothing leaves the machine"
    assert not (guarded.folder / "local.json").exists()
    answer, _ = guarded.ask("POST", "/settings", {**form, "ingest": "127.0.0.1:10"}, cookie)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    eventually(lambda: guarded.status()["live"] and guarded.status()["ingest"] == "127.0.0.1:10", "it is used")
    assert guarded.ask("GET", "/", cookie=cookie)[0].status == 200, "who is signed in stays so"
    guarded.processes.stop("box")
    guarded.started("0.0.0.0")
    assert guarded.status()["ingest"] == "127.0.0.1:10"
    (guarded.folder / "local.json").write_text('{"u_din_v": 1}')
    guarded.processes.stop("box")
    guarded.started("0.0.0.0")
    assert guarded.status()["ingest"] == "127.0.0.1:9"
    assert "what was set at the box is not used" in guarded.processes.log_text("box")


def test_nothing_that_is_secret_is_shown_or_logged(guarded: Box) -> None:
    cookie = guarded.sign_in()
    guarded.ask("POST", "/sign-in", {"password": WRONG})
    *_, salt, kept = (guarded.folder / "page-password").read_text().split("$")
    texts = [guarded.ask("GET", path, cookie=cookie)[1] for path in ("/", "/status.json", "/settings", "/nothing")]
    texts.append(guarded.processes.log_text("box"))
    for secret in (PASSWORD, WRONG, kept, salt, guarded.key(), cookie):
        assert not any(secret in text for text in texts)
    assert (guarded.folder / "page.json").stat().st_mode & 0o777 == 0o600


def test_the_terminal_shows_the_same(guarded: Box) -> None:
    done = command("status", "--data-dir", str(guarded.data))
    assert done.returncode == 0, done.stderr
    assert re.search(r"12\d\.\d V, (59|60)\.\d{3} Hz, THD", done.stdout)
    assert "WARNING link: no connection with 127.0.0.1:9" in done.stdout
    shown = json.loads(command("status", "--data-dir", str(guarded.data), "--json").stdout)
    assert shown.keys() == guarded.status().keys()
    guarded.processes.stop("box")
    done = command("status", "--data-dir", str(guarded.data))
    assert (done.returncode, done.stdout) == (1, "")
    assert "no agent runs here with a page" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as sudo on a box does")
def test_what_root_makes_belongs_to_the_user_of_the_service(tmp_path: Path) -> None:
    data, outside = tmp_path / "data", tmp_path / "outside"
    outside.write_text("root's own")
    (data / "b-1").mkdir(parents=True)
    (data / "b-1" / "link").symlink_to(outside)
    os.link(outside, data / "b-1" / "other name")
    os.chown(data, 12345, 12345)
    assert command("password", "--data-dir", str(data), given=PASSWORD + "\n").returncode == 0
    assert command("doctor", "--data-dir", str(data), "--ingest", "127.0.0.1:9").returncode == 1
    owners = {path.name: path.lstat().st_uid for path in data.rglob("*")}
    assert owners == {"b-1": 12345, "page-password": 12345, "lock": 12345, "link": 12345, "other name": 0}
    assert outside.stat().st_uid == 0


def test_whoever_holds_all_connections_holds_them_for_seconds_and_the_box_measures(box: Box) -> None:
    box.started()
    before = box.status()["waiting_frames"]
    held = [socket.create_connection(("127.0.0.1", int(box.port))) for _ in range(40)]
    try:
        eventually(lambda: box.status().get("waiting_frames", 0) > before + 3, "it measures, and answers again", 60)
    finally:
        for one in held:
            one.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.0\r\n\r\n",
        b"POST /sign-in HTTP/1.0\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n",
        b"POST /sign-in HTTP/1.0\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /sign-in HTTP/1.0\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"POST /sign-in HTTP/1.0\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n" + b"a=b&" * 15 * 2,
        b"GET /../../etc/passwd HTTP/1.0\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: localhost\r\nCookie: opq-box=\x00\xff; ;;=\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" * 100,
    ],
)
def test_what_is_no_request_is_answered_or_cut_off_and_the_page_stays(box: Box, sent: bytes) -> None:
    box.started()
    with socket.create_connection(("127.0.0.1", int(box.port)), timeout=30) as connection:
        connection.sendall(sent)
        got = b""
        while piece := _received(connection):
            got += piece
    assert b"root:" not in got
    assert box.ask("GET", "/")[0].status == 200
    assert "Traceback" not in box.processes.log_text("box")


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""
