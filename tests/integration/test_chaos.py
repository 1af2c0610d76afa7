"""A short run of `opq chaos`: real programs, real faults, right books; and books that are wrong are seen to be."""

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.sim.scenario import quiet_scenario
from opq.store import open_store
from opq.testing import samples
from opq_cli.chaos.books import audit
from opq_cli.chaos.links import Link

NS = 1_000_000_000


@pytest.mark.timeout(240)
def test_a_site_under_faults_loses_and_doubles_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("opq")), "chaos", "--seed", "5", "--duration", "60s", "--boxes", "10", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=230,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert (done.returncode, report["errors"]) == (0, [])
    assert sum(report["faults"].values()) >= 8
    assert len(report["injected"]) >= 3
    assert report["frames"] == report["measurements"] > 400
    assert not list(tmp_path.iterdir()), "nothing is left of a good run"


def test_one_that_is_stopped_leaves_no_program_and_no_mount(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("opq")), "chaos", "--duration", "60s", "--boxes", "3"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
        try:
            assert run.stderr is not None
            next(line for line in run.stderr if "worker is up" in line)
            children = psutil.Process(run.pid).children()
            assert len(children) >= 4
            folder = re.search(r"/[^ :]*opq-chaos-\w+", " ".join(children[0].cmdline()))
            assert folder is not None
            run.terminate()
            assert run.wait(40) == 130
        finally:
            run.kill()
    assert not any(child.is_running() for child in children)
    assert folder[0] not in Path("/proc/mounts").read_text()
    assert not Path(folder[0]).exists()


def test_a_lost_frame_and_a_box_that_is_not_heard_are_seen(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}")
    scenario = quiet_scenario(1, 1_760_000_000 * NS, Nominal(120.0, 60.0))
    (box,) = scenario.boxes
    store.boxes.put(Box(BoxId(box.box_id), GridId("g"), box.nominal))
    end = scenario.start_unix_ns + 60 * NS
    kept = [second for second in range(60) if second != 30]
    rows = [
        replace(samples.measurement(scenario.start_unix_ns + second * NS, box.box_id), sequence=second + 1)
        for second in kept
    ]
    store.measurements.add(rows)
    assert list(audit(store, scenario, end)) == [f"{box.box_id}: 1 frames are lost, the first is number 31 of 60"]
    (late,) = list(audit(store, scenario, end + 20 * NS))[1:]
    assert "its newest frame is of" in late
    store.close()


async def test_a_link_passes_on_delays_holds_and_breaks() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    link = Link(f"{host}:{port}")
    there, at = (await link.start()).rsplit(":", 1)
    reader, writer = await asyncio.open_connection(there, int(at))
    writer.write(b"one")
    assert await asyncio.wait_for(reader.read(10), 5) == b"one"
    link.open.clear()
    writer.write(b"two")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(10), 0.3)
    link.open.set()
    assert await asyncio.wait_for(reader.read(10), 5) == b"two"
    link.break_all()
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(10), 5) == b""
    await link.stop()
    server.close()
