"""Signing in over real TLS: what a browser is given, what is refused, and what each then sees in the pages."""

import datetime
import http.client
import ipaddress
import json
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, Page, expect

from opq.clock import DAY_NS
from opq.ids import BoxId, UserId
from opq.store import open_store
from opq.store.cut_offs import record_cut_off
from opq.store.users import Users
from opq.testing.processes import Processes, eventually, free_address
from opq.testing.site import SAG, fill_site
from opq.trust.policy import Right, UserRole
from opq.trust.users import User

pytestmark = [pytest.mark.timeout(180)]
PASSWORDS = {"alice": "kitchen table lamp", "erin": "expert table lamp", "adam": "admin table lamp"}
ROLES = {"alice": UserRole.USER, "erin": UserRole.EXPERT, "adam": UserRole.ADMIN}
COOKIE = "__Host-opq-session"


@dataclass(frozen=True)
class Served:
    host: str
    port: int
    directory: Path

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    def ask(
        self, method: str, path: str, fields: dict[str, str] | bytes | None = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPSConnection(self.host, self.port, timeout=30, context=_TRUSTING)
        body = urlencode(fields) if isinstance(fields, dict) else fields
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded", **named})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def sign_in(self, name: str, **headers: str) -> str:
        status, answered, _ = self.ask("POST", "/sign-in", {"name": name, "password": PASSWORDS[name]}, **headers)
        assert status == 303
        return cookie_of(answered)

    def who(self, cookie: str) -> str:
        """Who the server takes the holder of a cookie for: the page of passwords says so."""
        _, _, text = self.ask("GET", "/password", Cookie=f"{COOKIE}={cookie}")
        found = re.search(r"You are (\S+)\.", text)
        return found[1] if found else ""


_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE


def cookie_of(headers: http.client.HTTPMessage) -> str:
    found = re.match(rf"{COOKIE}=([^;]+);", headers.get("set-cookie", ""))
    assert found, headers
    return found[1]


def write_certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for browsers, of nobody."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pages")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    certificate = built.add_extension(x509.SubjectAlternativeName([address]), False).sign(key, hashes.SHA256())
    files = directory / "pages.crt", directory / "pages.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("sign-in")
    store = open_store(f"sqlite:{directory / 'store'}")
    fill_site(store, time.time_ns())
    users, now = Users(store), time.time_ns()
    for name, password in PASSWORDS.items():
        users.add(User(UserId(name), ROLES[name], (BoxId("house-2"),) if name == "alice" else (), now))
        users.accept(users.invite(UserId(name), now), password, now)
    record_cut_off(store, BoxId("house-3"), now, "rate: this box sends too much")
    store.close()
    certificate, key = write_certificate(directory)
    host, port = free_address().split(":")
    found = Served(host, int(port), directory)
    with Processes(directory) as processes:
        processes.start(
            "view", "--host", host, "--port", port, "--store", f"sqlite:{directory / 'store'}", "--sign-in",
            "--https-cert", str(certificate), "--https-key", str(key), "--proxies", "1",
        )  # fmt: skip

        def healthy() -> bool:
            try:
                return found.ask("GET", "/_stcore/health")[0] == 200
            except OSError:
                return False

        eventually(healthy, "the pages are healthy")
        yield found


def test_the_cookie_is_out_of_reach_of_scripts_other_sites_and_clear_text(served: Served) -> None:
    status, headers, text = served.ask("POST", "/sign-in", {"name": "Alice ", "password": PASSWORDS["alice"]})
    assert (status, headers["location"], text) == (303, "/", "")
    attributes = {part.strip().lower() for part in headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/"} <= attributes
    assert served.who(cookie_of(headers)) == "alice"


def test_a_wrong_password_and_an_unknown_name_are_told_alike(served: Served) -> None:
    answers = [
        served.ask("POST", "/sign-in", {"name": name, "password": "wrong"}, X_Forwarded_For="192.0.2.1")
        for name in ("alice", "nobody")
    ]
    assert [status for status, _, _ in answers] == [401, 401]
    assert answers[0][2] == answers[1][2]
    assert "The name or the password is wrong." in answers[0][2]
    assert all("set-cookie" not in headers for _, headers, _ in answers)


def test_a_session_cannot_be_fixed(served: Served) -> None:
    planted = "opqs_" + "A" * 43
    given = served.sign_in("alice", Cookie=f"{COOKIE}={planted}")
    assert given != planted
    assert served.who(planted) == ""
    before = served.sign_in("erin")
    after = served.sign_in("alice", Cookie=f"{COOKIE}={before}")
    assert (served.who(before), served.who(after)) == ("erin", "alice")


def test_a_session_cannot_be_replayed_after_its_end(served: Served) -> None:
    cookie = served.sign_in("alice")
    other = served.sign_in("alice")
    status, headers, _ = served.ask("POST", "/sign-out", {}, Cookie=f"{COOKIE}={cookie}")
    assert status == 303
    assert "max-age=0" in headers["set-cookie"].lower()
    assert served.who(cookie) == ""
    assert served.who(other) == "alice"


def test_a_new_password_ends_all_sessions_and_an_invitation_is_good_once(served: Served) -> None:
    cookie = served.sign_in("erin")
    fields = {"password": PASSWORDS["erin"], "new": "another table lamp", "again": "another table lamp"}
    status, headers, _ = served.ask("POST", "/password", fields, Cookie=f"{COOKIE}={cookie}")
    assert (status, headers["location"]) == (303, "/sign-in")
    assert served.who(cookie) == ""
    assert served.ask("POST", "/sign-in", {"name": "erin", "password": PASSWORDS["erin"]})[0] == 401
    store = open_store(f"sqlite:{served.directory / 'store'}")
    invitation = Users(store).invite(UserId("erin"), time.time_ns())
    store.close()
    back = {"invitation": invitation, "new": PASSWORDS["erin"], "again": PASSWORDS["erin"]}
    assert served.ask("POST", "/password", {**back, "again": "typed otherwise"})[0] == 400
    assert served.ask("POST", "/password", {**back, "new": "short", "again": "short"})[0] == 400
    assert served.ask("POST", "/password", back)[0] == 303
    assert served.ask("POST", "/password", back)[0] == 401
    assert served.who(served.sign_in("erin")) == "erin"


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/password"])
def test_what_another_site_makes_a_browser_send_is_refused(served: Served, path: str, headers: dict[str, str]) -> None:
    cookie = served.sign_in("alice")
    fields = {"name": "alice", "password": PASSWORDS["alice"]}
    status, answered, _ = served.ask("POST", path, fields, Cookie=f"{COOKIE}={cookie}", **headers)
    assert status == 403
    assert "set-cookie" not in answered
    assert served.who(cookie) == "alice"


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example", "/\\evil.example", "/\r\nX: y"])
def test_nobody_is_sent_to_another_site_afterwards(served: Served, elsewhere: str) -> None:
    fields = {"name": "alice", "password": PASSWORDS["alice"], "next": elsewhere}
    status, headers, _ = served.ask("POST", "/sign-in", fields)
    assert (status, headers["location"]) == (303, "/")
    fields["next"] = "/event?event=e"
    assert served.ask("POST", "/sign-in", fields)[1]["location"] == "/event?event=e"


def test_what_is_no_small_form_is_refused(served: Served) -> None:
    assert served.ask("POST", "/sign-in", b"x" * 100_000)[0] == 400
    assert served.ask("POST", "/sign-in", b"&".join(b"a%d=b" % number for number in range(50)))[0] == 400
    assert served.ask("POST", "/sign-in", b"{}", Content_Type="application/json")[0] == 400
    assert served.ask("POST", "/sign-in", b"\xff\xfe=%ff%00")[0] == 401
    assert served.ask("DELETE", "/sign-in")[0] == 405


def test_what_is_typed_comes_back_escaped(served: Served) -> None:
    _, headers, text = served.ask("GET", "/sign-in?next=/%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in text
    assert "default-src 'none'" in headers["content-security-policy"]


def test_guessing_is_slowed_down_from_where_it_comes(served: Served) -> None:
    guess = {"name": "alice", "password": "guess"}
    for _ in range(5):
        served.ask("POST", "/sign-in", guess, X_Forwarded_For="198.51.100.9")
    right = {"name": "alice", "password": PASSWORDS["alice"]}
    status, _, text = served.ask("POST", "/sign-in", right, X_Forwarded_For="6.6.6.6, 198.51.100.9")
    assert status == 401
    assert "too many wrong tries" in text
    assert served.ask("POST", "/sign-in", right, X_Forwarded_For="198.51.100.10")[0] == 303


def test_no_secret_is_in_the_log_or_the_store(served: Served) -> None:
    cookie = served.sign_in("alice")
    logs = b"".join(path.read_bytes() for path in served.directory.glob("*.log"))
    assert b"serving pages" in logs
    stored = b"".join(path.read_bytes() for path in (served.directory / "store").glob("opq.sqlite*"))
    for secret in (cookie, *PASSWORDS.values()):
        assert secret.encode() not in logs
        assert secret.encode() not in stored


# --- in a browser


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    opened.goto(served.url)
    yield opened
    context.close()


def sign_in(page: Page, name: str, password: str = "") -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password or PASSWORDS[name])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The grid now", timeout=30_000)


@pytest.mark.browser
def test_a_stranger_sees_the_grid_and_no_house(served: Served, page: Page, tmp_path: Path) -> None:
    expect(page.get_by_text("Voltage, grid demo")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Single boxes are shown to their owners and to experts.")).to_be_visible()
    page.screenshot(path=tmp_path / "stranger.png")
    for path in ("/", "/events", f"/event?event={SAG}"):
        page.goto(served.url + path)
        expect(page.get_by_role("heading", level=1)).not_to_be_empty(timeout=30_000)
        page.wait_for_timeout(1500)
        found = page.content().find("house-")
        assert found < 0, page.content()[max(0, found - 300) : found + 100]
    for path in ("/account", "/administration"):
        page.goto(served.url + path)
        expect(page.get_by_role("link", name="Sign in")).to_be_visible(timeout=30_000)
        assert "alice" not in page.content()


@pytest.mark.browser
def test_an_owner_sees_his_own_box(served: Served, page: Page) -> None:
    sign_in(page, "alice")
    expect(page.get_by_role("cell", name="house-2", exact=True)).to_be_visible(timeout=30_000)
    page.goto(f"{served.url}/event?event={SAG}")
    expect(page.get_by_role("heading", name="Boxes in this event")).to_be_visible(timeout=30_000)
    assert "house-1" not in page.content()
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_text("Your boxes:")).to_be_visible()
    page.get_by_label("What is the token for?").fill("my report")
    page.get_by_role("button", name="Make a token").click()
    expect(page.get_by_text("Copy the token now")).to_be_visible()
    page.get_by_role("link", name="Sign out").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Single boxes are shown to their owners and to experts.")).to_be_visible(timeout=30_000)


@pytest.mark.browser
def test_an_administrator_invites_somebody_and_it_is_on_record(
    served: Served, page: Page, browser: Browser, tmp_path: Path
) -> None:
    sign_in(page, "adam")
    page.get_by_role("link", name="Administration").click()
    page.get_by_label("Name to sign in with").fill("nora@example.org")
    page.get_by_role("button", name="Add and invite").click()
    invitation = page.locator("code", has_text="opqi_").inner_text(timeout=30_000)
    page.screenshot(path=tmp_path / "administration.png")
    context = browser.new_context(ignore_https_errors=True)
    other = context.new_page()
    other.goto(served.url + "/password")
    other.get_by_label("Invitation").fill(invitation)
    for label in ("New password, 12 characters or more", "The new password again"):
        other.get_by_label(label).fill("nora table lamp")
    other.get_by_role("button", name="Set").click()
    other.get_by_label("Name").fill("nora@example.org")
    other.get_by_label("Password").fill("nora table lamp")
    other.get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("link", name="Account")).to_be_visible(timeout=30_000)
    expect(other.get_by_role("link", name="Administration")).to_have_count(0)
    page.get_by_role("tab", name="Boxes").click()
    expect(page.get_by_text("rate: this box sends too much")).to_be_visible()
    page.get_by_role("tab", name="Audit log").click()
    expect(page.get_by_text("user adam").first).to_be_visible()
    expect(page.get_by_text("user.put").first).to_be_visible()
    page.screenshot(path=tmp_path / "audit.png")
    context.close()


# --- programs


def token(served: Served, name: str, *scopes: Right, life_ns: int = DAY_NS) -> str:
    store = open_store(f"sqlite:{served.directory / 'store'}")
    text = Users(store).make_token(UserId(name), "test", scopes or list(Right), life_ns, time.time_ns())
    store.close()
    return text


def ask(served: Served, path: str, text: str, **headers: str) -> tuple[int, Any]:
    status, _, body = served.ask("GET", f"/api/v1/{path}", Authorization=f"Bearer {text}", **headers)
    answer = json.loads(body)
    return status, answer["data"] if status == 200 else answer["error"]


def test_a_program_reads_what_its_user_may(served: Served) -> None:
    mine, everybody = token(served, "alice"), token(served, "erin")
    assert [box["box_id"] for box in ask(served, "boxes", mine)[1]] == ["house-2"]
    assert len(ask(served, "boxes", everybody)[1]) == 5
    assert ask(served, "grids", mine)[1][0]["boxes"] == 5
    _, rows = ask(served, "boxes/house-2/measurements?limit=3", mine)
    assert [sorted(row["u_rms_v"]) for row in rows] == [["max", "mean", "min"]] * 3
    assert ask(served, "boxes/house-1/measurements", mine)[0] == 403
    assert ask(served, "boxes/house-2/trends", mine) == (200, [])
    status, event = ask(served, f"events/{SAG}", mine)
    assert status == 200
    assert "house-1" not in json.dumps(event)
    (info,) = event["waveforms"]
    acquisition = info["acquisition_id"]
    counts = ask(served, f"waveforms/{acquisition}", mine)[1]["counts"]
    assert len(counts) == sum(segment["samples"] for segment in info["segments"]) > 10_000
    assert ask(served, f"waveforms/{acquisition.replace('2', '1')}", mine)[0] == 404
    assert ask(served, "incidents?class=VOLTAGE_SAG&box=house-2", mine)[0] == 200
    assert ask(served, "incidents?box=house-1", mine)[0] == 403


def test_a_token_does_no_more_than_its_scopes_and_not_for_ever(served: Served) -> None:
    narrow = token(served, "erin", Right.SITE)
    assert ask(served, "boxes", narrow) == (200, [])
    assert ask(served, "boxes/house-1/measurements", narrow)[0] == 403
    short = token(served, "erin", life_ns=1)
    status, error = ask(served, "boxes", short)
    assert (status, "expired at" in error) == (401, True)
    store = open_store(f"sqlite:{served.directory / 'store'}")
    users = Users(store)
    revoked = token(served, "erin")
    assert ask(served, "boxes", revoked)[0] == 200
    users.revoke_token(users.tokens(UserId("erin"))[-1].token_id)
    store.close()
    status, error = ask(served, "boxes", revoked)
    assert (status, "not known" in error) == (401, True)


def test_without_a_token_nothing_is_answered(served: Served) -> None:
    cookie = served.sign_in("adam")
    for headers in ({}, {"Cookie": f"{COOKIE}={cookie}"}, {"Authorization": "Basic YWRhbTphZGFt"}):
        status, answered, _ = served.ask("GET", "/api/v1/boxes", **headers)
        assert (status, answered["www-authenticate"]) == (401, "Bearer")
    for text in (cookie, "opqt_guess", "x" * 5000):
        assert ask(served, "boxes", text)[0] == 401


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("events?limit=0", 400, "limit: got '0', expected 1 to 500"),
        ("events?limit=99999999999999999999", 400, "expected 1 to 500"),
        ("events?start=yesterday", 400, "expected ISO 8601"),
        ("events?before=no-such-event", 404, "no-such-event"),
        ("events/no-such-event", 404, "event no-such-event is not known"),
        ("incidents?class=NOISE", 400, "expected one of VOLTAGE_SAG"),
        ("boxes/house-1/measurements?limit=1000000", 400, "expected 1 to 10000"),
        ("waveforms/..%2F..%2Fetc", 400, "Bad Request"),
    ],
)
def test_a_question_that_makes_no_sense_is_told_why(served: Served, path: str, status: int, expected: str) -> None:
    answered, _, body = served.ask("GET", f"/api/v1/{path}", Authorization=f"Bearer {token(served, 'erin')}")
    assert answered == status
    assert expected in body
