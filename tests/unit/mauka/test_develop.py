"""What those who write plugins are given: a template that works as it comes, and a try on a recorded event."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from opq.store import open_store
from opq.testing.site import fill_site


def plugin_command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "opq_mauka.develop", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_the_template_passes_its_own_tests_as_it_comes(tmp_path: Path) -> None:
    made = plugin_command("new", "my_peak", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    package = tmp_path / "opq-my-peak"
    assert 'my_peak = "opq_my_peak:MyPeak"' in (package / "pyproject.toml").read_text()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"],
        cwd=package,
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in run.stdout, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [("Bad-Name", "expected a letter and then a-z, 0-9 and _"), ("ieee1159", "a plugin ieee1159 is installed already")],
)
def test_names_that_cannot_be_are_refused(tmp_path: Path, name: str, words: str) -> None:
    made = plugin_command("new", name, cwd=tmp_path)
    assert made.returncode == 1
    assert words in made.stderr
    assert "Traceback" not in made.stderr


def test_what_exists_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "opq-mine").mkdir()
    (tmp_path / "opq-mine" / "file").touch()
    made = plugin_command("new", "mine", cwd=tmp_path)
    assert "exists and is not empty" in made.stderr


def test_installed_plugins_are_listed_with_their_version_and_what_they_take() -> None:
    listed = plugin_command("list").stdout
    assert "ieee1159 1 (event): " in listed
    assert "outage 2 (tick): " in listed


def test_a_plugin_is_tried_on_a_recorded_event_and_nothing_is_stored(tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path / 'store'}"
    store = open_store(url)
    fill_site(store, 1_800_000_000_000_000_000)
    event = store.events.list()[0]
    before = store.incidents.count()
    tried = plugin_command("try", "ieee1159", "--event", event.event_id, "--store", url)
    assert tried.returncode == 0, tried.stderr
    assert {finding["incident_class"] for finding in json.loads(tried.stdout)} == {"VOLTAGE_SAG"}
    assert store.incidents.count() == before
    store.close()
    unknown = plugin_command("try", "ieee1159", "--event", "none", "--store", url)
    assert (unknown.returncode, "event none is no longer in the store" in unknown.stderr) == (1, True)
