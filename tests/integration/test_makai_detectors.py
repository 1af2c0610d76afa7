"""Detectors are configured, refused and reloaded while a real Makai runs; it never ends over what somebody wrote."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.store import Store, open_store
from opq.testing.processes import Processes, eventually, free_address

MODULE = """
from typing import Any
from pydantic import BaseModel, ConfigDict, Field
from opq_makai.detectors.detector import Detector


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    level: float = Field(1.0, ge=0, le=10)


class Extra(Detector):
    name = "extra"
    config_class = Config

    def __init__(self, config: Any = None) -> None:
        self.config = config

    def detect(self, batch: Any) -> list[Any]:
        return []
"""


@dataclass
class Site:
    """A Makai that runs, with a detector of somebody else installed."""

    directory: Path
    store: Store
    processes: Processes

    @property
    def module(self) -> Path:
        return self.directory / "packages" / "extra_detector.py"

    def opq(self, *words: str) -> tuple[int, str]:
        command = [sys.executable, "-c", "from opq_cli.main import main; main()", *words]
        done = subprocess.run(
            [*command, "--store", f"sqlite:{self.directory / 'store'}"], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        return self.store.checkpoints.get("makai/status/makai-1") or {}

    def alive(self) -> bool:
        return self.processes._running["makai"].poll() is None


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    packages = tmp_path / "packages"
    info = packages / "extra_detector-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: extra-detector\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[opq.makai.detectors]\nextra = extra_detector:Extra\n")
    monkeypatch.setenv("PYTHONPATH", str(packages), prepend=":")
    store = open_store(f"sqlite:{tmp_path / 'store'}")
    store.boxes.put(Box(BoxId("b-1"), GridId("g"), Nominal(120, 60)))
    with Processes(tmp_path) as processes:
        made = Site(tmp_path, store, processes)
        made.module.write_text(MODULE)
        processes.start("makai", "--listen", free_address(), "--store", f"sqlite:{tmp_path / 'store'}")
        eventually(lambda: made.status() and store.heartbeats.list("makai"), "makai says what it works with")
        yield made
    store.close()


def test_a_detector_is_configured_while_makai_runs_and_a_wrong_configuration_changes_nothing(site: Site) -> None:
    assert site.opq("makai", "detectors", "set", "extra", "level=2.5")[0] == 0
    eventually(lambda: site.status()["in_force"] == {"extra": {"level": 2.5}}, "it is taken up")
    code, said = site.opq("makai", "detectors")
    assert code == 0
    assert "extra-detector 1.2" in said
    assert "level=2.5*" in said
    assert "makai-1 took this up" in said

    code, said = site.opq("makai", "detectors", "set", "extra", "level=11", "colour=red")
    assert code == 1
    assert "level: Input should be less than or equal to 10 (got 11)" in said
    assert "colour: Extra inputs are not permitted (got 'red'); its settings: level" in said

    # Somebody wrote past the command.
    site.store.settings.put("makai/detectors", {"extra": {"level": -1}})
    eventually(lambda: site.status()["problem"], "it is refused")
    assert site.status()["in_force"] == {"extra": {"level": 2.5}}
    code, said = site.opq("makai", "detectors")
    assert "makai-1 refused this" in said
    assert site.processes.log_text("makai").count("detectors keep their configuration") == 1

    assert site.opq("makai", "detectors", "set", "extra", "--defaults", "--disable")[0] == 0
    eventually(lambda: site.status()["in_force"] == {"extra": {"enabled": False}}, "it is off")
    assert site.status()["problem"] == ""
    assert site.alive()


def test_a_detector_nobody_installed_cannot_be_configured(site: Site) -> None:
    code, said = site.opq("makai", "detectors", "set", "nonsense", "--disable")
    assert (code, said) == (1, "opq: detector 'nonsense' is not installed; installed: extra, habit, limits\n")


def test_changed_modules_are_reloaded_and_a_broken_one_is_told_and_not_fatal(site: Site) -> None:
    code, said = site.opq("makai", "reload")
    assert (code, said) == (0, "makai-1: reloaded: no module had changed\n")

    site.module.write_text(MODULE.replace("le=10", "le=100"))
    assert site.opq("makai", "reload") == (0, "makai-1: reloaded: extra_detector\n")
    assert site.opq("makai", "detectors", "set", "extra", "level=50")[0] == 0
    eventually(lambda: site.status()["in_force"] == {"extra": {"level": 50}}, "the new limit holds")
    assert site.status()["problem"] == ""

    site.module.write_text("this is no Python")
    code, said = site.opq("makai", "reload")
    assert code == 1
    assert "makai-1: goes on with what it has: module extra_detector does not load: SyntaxError" in said
    assert site.alive()

    site.module.write_text(MODULE)
    code, said = site.opq("makai", "reload")
    assert code == 1, "level 50 is too much again"
    assert site.alive()


def test_without_a_makai_a_reload_says_so(tmp_path: Path) -> None:
    site = Site(tmp_path, open_store(f"sqlite:{tmp_path / 'store'}"), Processes(tmp_path))
    code, said = site.opq("makai", "reload")
    assert (code, said) == (1, "opq: no Makai runs at this store; start one with: opq makai --store ...\n")
