"""A whole site with TLS as real processes, set up by the commands of the manual; and nothing secret in what they say."""

import asyncio
import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from opq.clock import DAY_NS, NS, SystemClock
from opq.ids import BoxId
from opq.rpc.channels import healthy
from opq.store import open_store
from opq.store.certificates import Certificates
from opq.testing.processes import Processes, eventually, free_address, soon
from opq.trust.material import load_material
from opq.trust.names import Identity, Role
from opq.trust.tokens import parse_token
from opq_box_agent.identity import Access, Credentials, identity_files
from opq_box_agent.status.password import is_password, stored_password

LIFE_S = 24.0
SECRET_VARIABLE = "OPQ_ENROL_TOKEN"


class Commands:
    """What is typed at a site, with all that was printed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.printed = folder, ""
        self.url, self.ca = f"sqlite:{folder / 'store'}", folder / "ca"

    def run(self, *words: str, code: int = 0) -> str:
        command = [sys.executable, "-c", "from opq_cli.main import main; main()", *words]
        environment = {**os.environ, "OPQ_STORE": self.url, "OPQ_CA": str(self.ca)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
        assert done.returncode == code, done.stderr
        self.printed += done.stderr if words[:2] == ("boxes", "enrol") else done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    def tls(self, role: str) -> list[str]:
        folder = self.folder / role
        return [
            *("--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key")),
            *("--tls-ca", str(folder / "ca.crt")),
        ]


@pytest.fixture
def commands(tmp_path: Path) -> Commands:
    made = Commands(tmp_path)
    made.run("ca", "init")
    return made


def secrets_of(commands: Commands, tokens: list[str]) -> list[str]:
    """Everything that must never be in a log: tokens, their random part in any spelling, and lines of private keys."""
    found = []
    for text in tokens:
        secret = parse_token(text).secret
        found += [text, text.rpartition(".")[2], secret.hex(), base64.b64encode(secret).decode(), repr(secret)]
    keys = [path for path in commands.folder.rglob("*") if path.suffix in (".pem", ".key", ".new") and path.is_file()]
    assert len(keys) >= 7
    for path in keys:
        lines = path.read_text().splitlines()
        start, end = lines.index("-----BEGIN PRIVATE KEY-----"), lines.index("-----END PRIVATE KEY-----")
        found += [line for line in lines[start + 1 : end] if len(line) > 10]
    return [*found, "PRIVATE KEY"]


@pytest.mark.timeout(150)
def test_a_site_set_up_by_the_manual_works_and_says_no_secret(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, url = commands.folder, commands.url
    for role in ("ingest", "makai", "hub", "worker", "operator"):
        said = commands.run("ca", "issue", role, "--out", str(folder / role))
        assert said.startswith(f"issued {role} until ")
        assert (folder / role / "tls.key").stat().st_mode & 0o777 == 0o600
    words = commands.run("ca", "issue", "hub", "--out", str(folder / "hub"), code=1)
    assert words == f"opq: {folder / 'hub' / 'tls.crt'} exists already and is not overwritten without --replace\n"
    for box_id in ("one", "two"):
        commands.run("boxes", "add", box_id)
    tokens = [commands.run("boxes", "enrol", box_id, "--ttl", "10m").strip() for box_id in ("one", "two", "two")]

    ingest, makai, hub, enrol = (free_address() for _ in range(4))
    probes = {name: free_address() for name in ("ingest", "makai", "hub")}
    with Processes(folder) as processes:
        store = ["--store", url]
        where = {"makai": makai, "hub": hub}
        for name, address in where.items():
            probe = ["--health-listen", probes[name]]
            processes.start(name, "--listen", address, *probe, *store, *commands.tls(name))
        processes.start("worker", "--hub", hub, *commands.tls("worker"))
        processes.start(
            "ingest",
            *(
                "--listen",
                ingest,
                "--enrol-listen",
                enrol,
                "--health-listen",
                probes["ingest"],
                "--makai",
                makai,
                *store,
            ),
            *("--ca", str(commands.ca), "--certificate-days", str(LIFE_S * NS / DAY_NS), *commands.tls("ingest")),
        )
        for probe in probes.values():
            eventually(lambda probe=probe: asyncio.run(healthy(probe)), "a probe without a certificate is answered")
        eventually(lambda: "worker linked" in processes.log_text("hub"), "hub and worker know each other")

        # The token in the environment, so that it is in no list of processes; then the same token at another box.
        monkeypatch.setenv(SECRET_VARIABLE, tokens[0])
        agent = ["--box-id", "one", "--ingest", ingest, "--enrol", enrol, "--data-dir", str(folder / "boxes")]
        processes.start("box", *agent, "--ring-s", "30")
        monkeypatch.delenv(SECRET_VARIABLE)
        processes.start("wrong", "--box-id", "two", "--enrol-token", tokens[0], *agent[2:], program="box")
        assert processes.wait("wrong", 20) == 1
        assert "--enrol-token: got one for box one, expected one for two" in processes.log_text("wrong")
        data = ["--enrol", enrol, "--ingest", ingest, "--data-dir", str(folder / "boxes")]
        page = ["--page-password", "correct horse battery"]
        assert commands.run("box", "enrol", "--token", tokens[1], *page, *data).startswith("enrolled box two until ")
        assert is_password(stored_password(folder / "boxes" / "two") or b"", "correct horse battery")
        words = commands.run("box", "enrol", "--token", tokens[1], *data, code=1)
        assert "refused by the site: token: it was used already" in words
        words = commands.run("box", "enrol", "--token", tokens[2][:-5] + "AAAAA", *data, code=1)
        assert words.startswith("opq box enrol: ")

        opened = open_store(url)
        certificates = Certificates(opened)
        eventually(lambda: opened.measurements.count(BoxId("one")) > 0, "it streams")
        operator = [*commands.tls("operator"), "--makai", makai]
        said = commands.run("trigger", "--boxes", "one", "--last", "1s", "--wait", *operator)
        assert " stored " in said
        wrong = [*commands.tls("worker"), "--makai", makai]
        said = commands.run("makai", "state", "one", *wrong, code=1)
        assert "GetBoxState: got a certificate of worker, allowed: client, operator, view" in said

        def how() -> list[str]:
            return [one.how for one in certificates.of(Identity(Role.BOX, BoxId("one")))]

        session = opened.boxes.status(BoxId("one"))
        assert session is not None
        eventually(lambda: "renewal" in how(), "it renews by itself", 40)
        status = opened.boxes.status(BoxId("one"))
        assert status is not None
        assert (status.connected, status.session_id) == (True, session.session_id), "in the same stream"
        listed = commands.run("boxes", "certificates", "one").splitlines()
        assert [line.split()[-2:] for line in listed[1:3]] == [["token", "valid"], ["renewal", "valid"]]
        assert commands.run("boxes", "revoke", "one", "--reason", "sold").startswith("revoked box one: ")
        eventually(lambda: "refused by ingest" in processes.log_text("box"), "it is cut off", 10)
        assert "(sold)" in processes.log_text("box")
        opened.close()

        said_by_all = commands.printed + "".join(processes.log_text(path.stem) for path in folder.glob("*.log"))
    for name in ("ingest", "makai", "hub", "worker", "box"):
        assert processes.log_text(name).strip(), f"{name} has said something"
    assert "box enrolled" in said_by_all
    for secret in secrets_of(commands, tokens):
        assert secret not in said_by_all


async def test_a_renewal_that_fails_is_tried_again_until_the_site_is_there(commands: Commands) -> None:
    """Ingest is away when the certificate becomes due."""
    store, clock = open_store(commands.url), SystemClock()
    commands.run("boxes", "add", "one")
    commands.run("ca", "issue", "ingest", "--out", str(commands.folder / "ingest"))
    box = commands.folder / "box"
    commands.run("ca", "issue", "box", "--box", "one", "--days", str(15 * NS / DAY_NS), "--out", str(box))
    files, ingest = identity_files(box, "one"), free_address()
    first = load_material(files).info
    with capture_logs() as logs, Processes(commands.folder) as processes:
        access = Access(ingest, Credentials(files, own=True), clock, structlog.get_logger())
        renewing = asyncio.create_task(access.renew_for_ever())
        await soon(lambda: any(line["event"] == "certificate not renewed" for line in logs), "it is due and fails", 15)
        assert load_material(files).info == first
        processes.start(
            "ingest",
            *("--listen", ingest, "--makai", "127.0.0.1:1", "--store", commands.url, "--ca", str(commands.ca)),
            *commands.tls("ingest"),
        )
        await soon(lambda: any(line["event"] == "certificate renewed" for line in logs), "it renews", 15)
        renewing.cancel()
    renewed = load_material(files).info
    assert (renewed.identity, renewed.serial != first.serial) == (first.identity, True)
    assert renewed.not_after_unix_ns - clock.unix_ns() > 29 * DAY_NS
    store.close()
