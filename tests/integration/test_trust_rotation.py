"""Everything about certificates changes under 200 streaming boxes, and none of them notices."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from opq.clock import DAY_NS, NS, SystemClock, iso
from opq.ids import BoxId
from opq.rpc.channels import Dialer
from opq.sim.grid import World, load_plan
from opq.store import Store, open_store
from opq.store.certificates import Certificates
from opq.testing.peer import Peer
from opq.testing.processes import Processes, eventually, free_address
from opq.trust.authority_file import load_authority
from opq.trust.names import Role
from opq_box_agent.identity import identity_files

PLAN = """
name: town
u_din_v: 230
f_hz: 50
feeders:
  - {count: 2, sections: 2, laterals: 20, transformers: 1, boxes: 5}
rates: {transmission_fault: 0, feeder_fault: 0, lateral_fault: 0, capacitor: 0, tap_change: 0, lightning: 0, distortion: 0,
  frequency_excursion: 0, local_sag_per_box: 0, local_swell_per_box: 0, motor_start_per_box: 0, gap_per_box: 0, reboot_per_box: 0}
"""
BOXES, SECONDS = 200, 60
LIFE_S = 40
"""Of a box's certificate: it is renewed after about 26 s, so twice while it streams."""


class Town:
    """A site with TLS everywhere, and 200 boxes with a certificate each."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        self.folder, self.processes = folder, processes
        self.url, self.ca = f"sqlite:{folder / 'store'}", folder / "ca"
        self.plan = folder / "town.yaml"
        self.plan.write_text(PLAN)
        self.opq("ca", "init", "--ca", str(self.ca))
        self.ingest = free_address()

    def opq(self, *words: str) -> str:
        command = [sys.executable, "-c", "from opq_cli.main import main; main()", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout

    def issue(self, role: str, *words: str) -> str:
        where = ("--out", str(self.folder / role), "--ca", str(self.ca), "--store", self.url)
        return self.opq("ca", "issue", role, *where, *words)

    def tls(self, role: str) -> list[str]:
        folder = self.folder / role
        ca = str(self.ca / "ca.crt")
        return ["--tls-cert", str(folder / "tls.crt"), "--tls-key", str(folder / "tls.key"), "--tls-ca", ca]

    def sessions(self, store: Store) -> dict[str, str]:
        return {status.box_id: status.session_id for status in store.boxes.statuses() if status.connected}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with Processes(tmp_path) as processes:
        yield Town(tmp_path, processes)


@pytest.mark.timeout(240)
def test_servers_roots_and_boxes_change_their_certificates_and_no_stream_ends_and_no_frame_is_lost(town: Town) -> None:
    processes, folder, makai = town.processes, town.folder, free_address()
    boxes = str(folder / "boxes.json")
    processes.start("list", "--scenario", str(town.plan), "--write-boxes", boxes, program="simulate")
    assert processes.wait("list", 60) == 0
    town.opq("boxes", "add", "--from", boxes, "--store", town.url)
    for role in ("ingest", "makai"):
        town.issue(role)
    processes.start("makai", "--listen", makai, "--store", town.url, *town.tls("makai"))
    processes.start(
        "ingest",
        *("--listen", town.ingest, "--makai", makai, "--store", town.url, "--ack-period-s", "1", "--ca", str(town.ca)),
        *("--certificate-days", str(LIFE_S * NS / DAY_NS), *town.tls("ingest")),
    )
    store = open_store(town.url)
    certificates = Certificates(store)
    old = load_authority(town.ca).fingerprint
    eventually(lambda: "linked to makai" in processes.log_text("ingest"), "the services speak with each other")
    town.issue("box", "--box", "all", "--days", str(LIFE_S * NS / DAY_NS))
    start = SystemClock().unix_ns() // NS * NS
    world = World(load_plan(town.plan), 1, start, SECONDS)
    processes.start(
        "simulate",
        *("--scenario", str(town.plan), "--duration", str(SECONDS), "--ingest", town.ingest, "--spread", "0.5"),
        *("--identities", str(folder / "box"), "--start", iso(start)),
    )
    eventually(lambda: len(town.sessions(store)) == BOXES, "all boxes are connected", 30)
    sessions = town.sessions(store)

    town.opq("ca", "rotate", "--ca", str(town.ca), "--store", town.url)
    for role in ("ingest", "makai"):
        town.issue(role, "--replace")
    new = load_authority(town.ca).fingerprint

    def on_the_new_root() -> bool:
        issued = certificates.all()
        return {one.box_id for one in issued if one.how == "renewal" and one.root_fingerprint == new} == set(sessions)

    eventually(on_the_new_root, "all boxes have renewed with the new root", 60)
    town.opq("ca", "rotate", "--forget-old", "--ca", str(town.ca), "--store", town.url)
    authority = load_authority(town.ca)
    assert (authority.fingerprint, authority.old_roots, new == old) == (new, (), False)

    assert processes.wait("simulate", 120) == 0
    block = world.block(0, SECONDS)
    assert len(world.boxes) == BOXES
    assert bool(np.all(block.present))
    stored = {box.box_id: store.measurements.count(box.box_id) for box in world.boxes}
    assert set(stored.values()) == {SECONDS}, {box: count for box, count in stored.items() if count != SECONDS}
    ended = {status.box_id: status.session_id for status in store.boxes.statuses()}
    assert ended == sessions, "every box had one session from the beginning to the end"
    log = processes.log_text("ingest")
    assert log.count('"box connected"') == BOXES
    for nothing in ("call ended", "call refused", "renewal refused", "frame refused"):
        assert nothing not in log
    renewals = [one for one in certificates.all() if one.how == "renewal"]
    assert len(renewals) >= 2 * BOXES, "each has outlived the certificate it connected with"
    store.close()


@pytest.mark.timeout(240)
async def test_what_only_the_forgotten_root_signed_is_out(town: Town) -> None:
    town.opq("boxes", "add", "old", "--store", town.url)
    town.opq("boxes", "add", "new", "--store", town.url)
    town.issue("ingest")
    town.issue("box", "--box", "old")
    town.opq("ca", "rotate", "--ca", str(town.ca), "--store", town.url)
    town.issue("box", "--box", "new")
    town.issue("ingest", "--replace")
    command = [sys.executable, "-c", "from opq_cli.main import main; main()", "ca", "rotate", "--forget-old"]
    command += ["--ca", str(town.ca), "--store", town.url]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert refused.returncode == 1
    assert refused.stderr.startswith("opq: 1 certificate of older roots is still needed: of box old, until ")
    town.opq("ca", "rotate", "--forget-old", "--force", "--ca", str(town.ca), "--store", town.url)
    words = ("--listen", town.ingest, "--makai", free_address(), "--store", town.url, "--ca", str(town.ca))
    town.processes.start("ingest", *words, *town.tls("ingest"))
    eventually(lambda: "serving boxes" in town.processes.log_text("ingest"), "ingest runs")
    for box_id, comes_in in (("new", True), ("old", False)):
        files = identity_files(town.folder / "box", box_id)
        async with Dialer(town.ingest, Role.INGEST, files) as dialer:
            peer = Peer(await dialer.channel())
            if comes_in:
                assert (await peer.hello(box_id)).HasField("welcome")
            else:
                assert await peer.refusal()
            peer.call.cancel()
    assert BoxId("old") not in {status.box_id for status in open_store(town.url).boxes.statuses()}
