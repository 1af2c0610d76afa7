"""Updates of a box with real processes: taken when they are right, refused or taken back when not, and it measures on."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import opq
import opq_box_agent
from opq.ids import BoxId
from opq.store.updates import Offer, OfferState, get_offer, offer_update, put_update
from opq.testing.processes import Processes, eventually
from opq.updates.keys import load_private_key, make_keys
from opq.updates.package import sign_update

from .conftest import RunningIngest

BOX = BoxId("b-1")
HEALTH_S = 15


class Site:
    """One box under its launcher, and updates for it."""

    def __init__(self, tmp_path: Path, running: RunningIngest, processes: Processes) -> None:
        self.path, self.running, self.processes = tmp_path, running, processes
        private, self.public = make_keys(tmp_path / "keys")
        self.key = load_private_key(private)
        self.data = tmp_path / "box"

    def launch(self, probation_s: str = "3") -> None:
        options = ["--box-id", BOX, "--ingest", self.running.address, "--data-dir", str(self.data), "--ring-s", "10"]
        limits = ["--update-health-s", str(HEALTH_S), "--update-probation-s", probation_s]
        self.processes.start("box", *options, *limits, "--update-key", str(self.public), program="launch")
        self.wait_for_frames()

    def update(self, version: str, agent: str = "", key: Ed25519PrivateKey | None = None) -> Path:
        """A signed update: the agent as it is under another version, with a line added to its beginning."""
        folder = self.path / f"payload-{version}"
        for package in (opq, opq_box_agent):
            source = Path(str(package.__file__)).parent
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        init = folder / "opq" / "__init__.py"
        init.write_text(init.read_text().replace(f'__version__ = "{opq.__version__}"', f'__version__ = "{version}"'))
        main = folder / "opq_box_agent" / "__main__.py"
        main.write_text(main.read_text().replace("import asyncio\n", f"import asyncio\n{agent}\n", 1))
        out = self.path / f"{version}.opq"
        sign_update(folder, version, "0", key or self.key, out)
        return out

    def install(self, file: Path) -> subprocess.CompletedProcess[str]:
        """``opq box update FILE``."""
        words = ["--box-id", BOX, "--data-dir", str(self.data), "--update-key", str(self.public), str(file)]
        command = [sys.executable, "-m", "opq_box_agent.updates.command", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    @property
    def count(self) -> int:
        return self.running.store.measurements.count(BOX)

    @property
    def version(self) -> str:
        status = self.running.store.boxes.status(BOX)
        return status.agent_version if status and status.connected else ""

    def wait_for_frames(self) -> None:
        before = self.count
        eventually(lambda: self.count > before + 2, "the box measures")

    def wait_for_log(self, words: str, timeout_s: float = 60) -> None:
        eventually(lambda: words in self.processes.log_text("box"), words, timeout_s)


@pytest.fixture
def site(tmp_path: Path, running: RunningIngest) -> Iterator[Site]:
    with Processes(tmp_path) as processes:
        yield Site(tmp_path, running, processes)


async def aside(function, *arguments):  # type: ignore[no-untyped-def]
    """Let ingest, which lives in this loop, go on meanwhile."""
    return await asyncio.to_thread(function, *arguments)


async def test_a_newer_version_takes_the_place_of_the_old_one_and_no_older_one_comes_back(site: Site) -> None:
    await aside(site.launch)
    assert site.version == opq.__version__
    done = await aside(site.install, site.update("7.1.0"))
    assert "version 7.1.0 lies ready" in done.stdout, done.stderr
    await aside(site.wait_for_log, "the new version is confirmed")
    await aside(eventually, lambda: site.version == "7.1.0", "the new version streams")
    for version in ("7.0.9", "7.1.0"):
        refused = await aside(site.install, site.update(version) if version != "7.1.0" else site.path / "7.1.0.opq")
        assert refused.returncode == 1
        assert f"it is version {version}, and 7.1.0 runs; expected a newer one" in refused.stderr
    await aside(site.wait_for_frames)
    # The launcher starts it again as it is, also after a cut of the power.
    site.processes.kill("box")
    await aside(site.launch)
    assert site.version == "7.1.0"


async def test_tampered_updates_and_those_of_another_key_are_refused_and_the_box_measures_on(site: Site) -> None:
    await aside(site.launch)
    good = await aside(site.update, "7.1.0")
    data = bytearray(good.read_bytes())
    data[len(data) // 2] ^= 1
    (site.path / "tampered").write_bytes(bytes(data))
    (site.path / "truncated").write_bytes(bytes(data[: len(data) // 2]))
    foreign = await aside(site.update, "7.2.0", "", Ed25519PrivateKey.generate())
    for file, reason in {
        site.path / "tampered": "the payload is not what was signed",
        site.path / "truncated": "payload.tar.gz",
        foreign: "not signed with the key that this box trusts",
    }.items():
        refused = await aside(site.install, file)
        assert refused.returncode == 1
        assert reason in refused.stderr
    await aside(site.wait_for_frames)
    assert site.version == opq.__version__


UNHEALTHY = {
    "does not even start": ("raise SystemExit(3)", "it ended with code 3 before it measured", True),
    "does not measure": ("import time; time.sleep(600)", f"it did not measure within {HEALTH_S} s", True),
    "fails on the real source": (
        "import os, sys\nif '--update-key' in sys.argv: raise SystemExit(4)",
        "it ended with code 4 before it measured",
        False,
    ),
    "dies in its probation": (
        "import os, sys, threading\n"
        "from opq_box_agent import notify\n"
        "if '--update-key' in sys.argv:\n"
        "    notify.Notifier.ready = lambda self: (self._send('READY=1'), threading.Timer(1, os._exit, [5]).start())",
        "it ended with code 5 in its probation",
        False,
    ),
    "does not reach the site": (
        "import sys\nif '--update-key' in sys.argv: sys.argv[sys.argv.index('--ingest') + 1] = '127.0.0.1:9'",
        f"it did not reach the site within {HEALTH_S} s, and the version before had",
        False,
    ),
}


@pytest.mark.parametrize("kind", UNHEALTHY)
async def test_an_unhealthy_version_is_refused_or_taken_back_and_the_old_one_measures(site: Site, kind: str) -> None:
    code, reason, beside = UNHEALTHY[kind]
    await aside(site.launch)
    started = site.processes.log_text("box").count("starting the agent")
    done = await aside(site.install, site.update("7.1.0", code))
    assert done.returncode == 0, done.stderr
    await aside(site.wait_for_log, "the new version is refused" if beside else "the new version is taken back")
    assert reason in site.processes.log_text("box")
    await aside(site.wait_for_frames)
    await aside(eventually, lambda: site.version == opq.__version__, "the old version streams")
    restarts = site.processes.log_text("box").count("starting the agent") - started
    assert restarts == (0 if beside else 2), "tried beside, the old one never stopped"


async def test_two_power_cuts_in_its_probation_take_a_version_back(site: Site) -> None:
    await aside(site.launch, "600")
    done = await aside(site.install, site.update("7.1.0"))
    assert done.returncode == 0, done.stderr
    for _ in range(2):
        await aside(eventually, lambda: site.version == "7.1.0", "the new version streams", 60)
        site.processes.kill("box")
        await aside(eventually, lambda: site.version == "", "the site has noticed")
        await aside(site.launch, "600")
    await aside(site.wait_for_log, "it ended with the whole box 2 times in its probation")
    assert site.version == opq.__version__


async def test_an_update_over_the_air_is_fetched_tried_and_confirmed(site: Site) -> None:
    await aside(site.launch)
    file = await aside(site.update, "7.1.0")
    store = site.running.store
    offer_update(store, BOX, put_update(store, file.read_bytes(), "7.1.0"), time.time_ns())
    await aside(eventually, lambda: site.version == "7.1.0", "the new version streams", 60)
    await aside(site.wait_for_log, "the new version is confirmed")
    offer = get_offer(store, BOX)
    assert offer is not None
    assert offer.state is OfferState.TAKEN


@pytest.mark.parametrize("kind", ["does not even start", "fails on the real source"])
async def test_an_unhealthy_update_over_the_air_is_refused_with_its_reason(site: Site, kind: str) -> None:
    code, reason, _ = UNHEALTHY[kind]
    await aside(site.launch)
    store = site.running.store
    file = await aside(site.update, "7.1.0", code)
    offer_update(store, BOX, put_update(store, file.read_bytes(), "7.1.0"), time.time_ns())

    def answered() -> Offer | None:
        offer = get_offer(store, BOX)
        return offer if offer and offer.state is OfferState.REFUSED else None

    await aside(eventually, answered, "the box says that it goes back", 60)
    offer = answered()
    assert offer is not None
    assert reason in offer.problem
    await aside(site.wait_for_frames)
    assert site.version == opq.__version__


async def test_what_was_cut_off_of_a_download_is_fetched_from_there(site: Site) -> None:
    file = await aside(site.update, "7.1.0")
    store = site.running.store
    update = put_update(store, file.read_bytes(), "7.1.0")
    inbox = site.data / BOX / "updates" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "older").write_bytes(b"x")
    half = file.read_bytes()[: update.size_bytes // 2]
    (inbox / update.update_id).write_bytes(half)
    sent = []
    download = site.running.ingest._updates.download

    async def counted(request):  # type: ignore[no-untyped-def]
        async for piece in download(request):
            sent.append(len(piece.data))
            yield piece

    site.running.ingest._updates.download = counted  # type: ignore[method-assign]
    await aside(site.launch)
    offer_update(store, BOX, update, time.time_ns())
    await aside(site.wait_for_log, "the update lies ready")
    assert sum(sent) == update.size_bytes - len(half)
    assert list(inbox.iterdir()) == []


async def test_an_agent_without_launcher_or_key_refuses_every_offer(site: Site) -> None:
    store = site.running.store
    options = ["--box-id", BOX, "--ingest", site.running.address, "--data-dir", str(site.data), "--ring-s", "10"]
    update = put_update(store, b"whatever", "7.1.0")
    offer_update(store, BOX, update, time.time_ns())

    def problem() -> str:
        offer = get_offer(store, BOX)
        return offer.problem if offer else ""

    site.processes.start("box", *options)
    await aside(eventually, lambda: "without opq box launch" in problem(), "it has no launcher")
    site.processes.stop("box")
    offer_update(store, BOX, update, time.time_ns())
    site.processes.start("box", *options, program="launch")
    await aside(eventually, lambda: "given no key" in problem(), "it has no key")
    await aside(site.wait_for_frames)
