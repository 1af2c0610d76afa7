"""A whole site on this machine: the programs of the pods as processes, on loopback."""

import asyncio
import fcntl
import socket
import time
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO

from opq.clock import SystemClock
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.events import EventState
from opq.model.tasks import TaskState
from opq.rpc.channels import healthy
from opq.sim.scenario import Scenario, save_scenario
from opq.store import Store
from opq.store.port import EventFilter
from opq.store.trust import init_authority
from opq.trust.authority import BOX_LIFE_NS, SERVICE_LIFE_NS
from opq.trust.authority_file import BUNDLE_FILE
from opq.trust.files import PUBLIC, write_file
from opq.trust.material import TlsFiles
from opq.trust.names import Identity, Role
from opq_cli.issuing import issue_files
from opq_cli.programs import command_line
from opq_cli.up.supervisor import Child, Supervisor

FIRST_SECOND_S = 3.0
"""A scenario starts this long after its boxes are started, which need a moment to connect."""
_PORTS = {"ingest": 4500, "makai": 4501, "hub": 4502, "view": 8501}
_SETTLE_S = 30.0

Reach = Callable[[str, str], Awaitable[str]]
"""Given a program and the address of another, the address under which it is to be reached from there."""


async def _directly(program: str, address: str) -> str:
    return address


class LocalSite:
    """Starts the programs of a site one after the other, each when the one before is healthy, and stops them.

    Parameters
    ----------
    data_dir : Path
        Where store, ring buffers, spools and logs are kept; locked until `stop`.
    say : callable
        Told in a sentence what is up.
    died : callable
        Told in a sentence whenever a program dies.
    reach : callable
        See `Reach`; by default every program reaches every other directly.

    secure : bool
        Whether all speak TLS, with certificates of an authority that is made in the folder; else in clear text.

    Raises
    ------
    InvalidInput
        If another site runs in the folder.
    """

    def __init__(
        self,
        data_dir: Path,
        say: Callable[[str], None],
        died: Callable[[str], None],
        reach: Reach = _directly,
        secure: bool = False,
    ) -> None:
        self.data_dir, self._say, self._reach = data_dir, say, reach
        self._identities = data_dir / "identities"
        self._authority = init_authority(data_dir / "ca", SystemClock().unix_ns()) if secure else None
        self.store_url = f"sqlite:{data_dir / 'store'}"
        self.addresses: dict[str, str] = {}
        self.supervisor = Supervisor(died)
        self._clock = SystemClock()
        (data_dir / "logs").mkdir(parents=True, exist_ok=True)
        self._lock = _lock(data_dir)

    async def start_services(self, store: Store, view: bool) -> None:
        """Start Makai, ingest, hub, worker, and the pages if wanted."""
        for name in ("makai", "ingest", "hub", *(("view",) if view else ())):
            self.addresses[name] = f"127.0.0.1:{_free_port(_PORTS[name])}"
        self.issue_services(store)
        where = self.addresses
        stored = ["--store", self.store_url]
        # Few boxes to which much happens: every one of them is to be seen whole.
        budget = ["--witnesses", "200", "--box-budget-pct", "50", "--grid-budget-pct", "50"]
        makai_health, ingest_health, hub_health = (f"127.0.0.1:{_free_port(0)}" for _ in range(3))
        makai = ["--listen", where["makai"], *budget, *stored, *self._tls(Role.MAKAI)]
        await self._program("makai", [*makai, "--health-listen", makai_health], lambda: healthy(makai_health))
        watched = await self._reach("ingest", where["makai"])
        ingest = ["--listen", where["ingest"], "--makai", watched, *stored, *self._tls(Role.INGEST)]
        await self._program("ingest", [*ingest, "--health-listen", ingest_health], lambda: healthy(ingest_health))
        hub = ["--listen", where["hub"], *stored, *self._tls(Role.HUB), "--health-listen", hub_health]
        await self._program("hub", hub, lambda: healthy(hub_health))
        since = self._clock.unix_ns()
        worker = ["--hub", await self._reach("worker", where["hub"]), *self._tls(Role.WORKER)]
        await self._program("worker", worker, lambda: _worker_known(store, since))
        if view:
            host, port = where["view"].split(":")
            arguments = ["--host", host, "--port", port, *stored]
            await self._program("view", arguments, lambda: _answers(f"http://{where['view']}/_stcore/health"))

    async def simulate(self, store: Store, scenario: Scenario) -> None:
        """Enrol the boxes of a scenario and start them."""
        for box in scenario.boxes:
            store.boxes.put(box)
            self.issue_box(store, box.box_id)
        path = self.data_dir / "scenario.json"
        save_scenario(scenario, path)
        ingest = await self._reach("simulate", self.addresses["ingest"])
        arguments = ["--scenario", str(path), "--ingest", ingest, "--data-dir", str(self.data_dir / "boxes")]
        if self._authority is not None:
            arguments += ["--identities", str(self._identities)]
        await self._program("simulate", arguments, lambda: _all_connected(store, scenario))

    def issue_services(self, store: Store) -> None:
        """Give each program its certificate, or another one in place of the one it has."""
        for role in (Role.MAKAI, Role.INGEST, Role.HUB, Role.WORKER):
            self._issue(store, Identity(role), self._service_files(role), SERVICE_LIFE_NS)

    def issue_box(self, store: Store, box_id: BoxId) -> None:
        """Give a box its certificate."""
        self._issue(store, Identity(Role.BOX, box_id), self.box_files(box_id), BOX_LIFE_NS)

    def box_files(self, box_id: BoxId) -> TlsFiles:
        """Return where the certificate of a box is, if there is one."""
        path = self._identities / f"{box_id}.pem"
        return TlsFiles(path, path, self._identities / BUNDLE_FILE)

    def _issue(self, store: Store, identity: Identity, files: TlsFiles, life_ns: int) -> None:
        """Write a certificate where all speak TLS."""
        if self._authority is not None:
            issue_files(store, self._authority, identity, (files.certificate, files.key), life_ns, replace=True)
            write_file(files.authorities, self._authority.bundle, PUBLIC, replace=True)

    def _service_files(self, role: Role) -> TlsFiles:
        folder = self.data_dir / "tls" / role.value
        return TlsFiles(folder / "tls.crt", folder / "tls.key", folder / BUNDLE_FILE)

    def _tls(self, role: Role) -> list[str]:
        if self._authority is None:
            return []
        files = self._service_files(role)
        return [
            *("--tls-cert", str(files.certificate)), *("--tls-key", str(files.key)),
            *("--tls-ca", str(files.authorities)),
        ]  # fmt: skip

    async def stop(self) -> None:
        """End all programs in order."""
        await self.supervisor.stop()
        self._lock.close()

    async def _program(self, name: str, arguments: list[str], is_healthy: Callable[[], Awaitable[bool]]) -> None:
        child = Child(name, command_line(name, arguments), is_healthy, self.data_dir / "logs" / f"{name}.log")
        await self.supervisor.start(child)
        self._say(f"{name} is up" + (f" at {self.addresses[name]}" if name in self.addresses else ""))


def settle(store: Store, timeout_s: float = _SETTLE_S) -> None:
    """Wait until no event is under way and no event task waits."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        under_way = store.events.count(EventFilter(states=(EventState.OPEN, EventState.CLOSED)))
        waiting = [
            task for state in (TaskState.QUEUED, TaskState.LEASED) for task in store.tasks.list(state) if task.event_id
        ]
        if not under_way and not waiting:
            return
        time.sleep(0.2)


def _lock(data_dir: Path) -> IO[str]:
    """Hold a folder until the file is closed or this process ends, however it ends."""
    lock = (data_dir / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise InvalidInput(f"--data-dir: another opq up runs in {data_dir}; stop it or name another folder") from None
    return lock


async def _worker_known(store: Store, since_unix_ns: int) -> bool:
    """Whether the hub has taken up plugins since then; those of an earlier run are in the store too."""
    plugins = await asyncio.to_thread(store.checkpoints.items, "mauka/plugins/")
    return any(plugin["registered_unix_ns"] >= since_unix_ns for plugin in plugins.values())


async def _all_connected(store: Store, scenario: Scenario) -> bool:
    statuses = {status.box_id: status for status in await asyncio.to_thread(store.boxes.statuses)}
    return all((status := statuses.get(box.box_id)) and status.connected for box in scenario.boxes)


def _free_port(preferred: int) -> int:
    """Return the preferred port if it is free, else any that is."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise InvalidInput("no free port on 127.0.0.1")


async def _answers(url: str) -> bool:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    return await asyncio.to_thread(ask)
