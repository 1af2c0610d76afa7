"""Detectors configured and reloaded while Makai runs; what is wrong is told and changes nothing.

People write the settings documents ``makai/detectors`` (configuration by detector) and ``makai/reload`` (when a reload
was asked for). Each shard looks at them every two seconds and says in the checkpoint ``makai/status/<makai_id>`` what
became of them.
"""

import importlib
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog

from opq.clock import Clock
from opq.errors import InvalidInput
from opq.model.detectors import DETECTORS_KEY, GROUP, RELOAD_KEY, STATUS_PREFIX
from opq.store import Store
from opq_makai.watch import Watch

Documents = tuple[dict[str, Any], int]


class DetectorSettings:
    """Applies what was set; `read` and `write` block, `apply` does not."""

    def __init__(self, makai_id: str, watch: Watch, store: Store, clock: Clock) -> None:
        self._key = STATUS_PREFIX + makai_id
        self._watch, self._store, self._clock = watch, store, clock
        self._log = structlog.get_logger()
        self._seen: dict[str, Any] | None = None
        self._in_force: dict[str, Any] = {}
        self._reload_unix_ns: int | None = None
        self._stamps = _stamps()
        self._status: dict[str, Any] = {"reload_unix_ns": 0, "reload_problem": "", "reloaded": []}

    def read(self) -> Documents:
        """Read what people set: configuration by detector, and when they last asked for a reload."""
        asked = (self._store.settings.get(RELOAD_KEY) or {}).get("unix_ns", 0)
        return self._store.settings.get(DETECTORS_KEY) or {}, asked

    def apply(self, documents: Documents) -> dict[str, Any] | None:
        """Take up what changed; return the status to be written, None if nothing did."""
        configs, asked = documents
        changed = configs != self._seen
        reload = self._reload_unix_ns is not None and asked != self._reload_unix_ns
        first, self._seen, self._reload_unix_ns = self._seen is None, configs, asked
        if reload:
            self._reload(asked)
        if changed or reload:
            self._configure(configs, quiet=first and not configs)
            return self._status
        return None

    def write(self, status: Mapping[str, Any]) -> None:
        """Tell people what became of it."""
        self._store.checkpoints.put(self._key, status)

    def _configure(self, configs: dict[str, Any], quiet: bool) -> None:
        problem = ""
        try:
            self._watch.configure(configs)
        except InvalidInput as error:
            problem = str(error)
            self._log.warning("detectors keep their configuration", reason=problem)
        else:
            self._in_force = configs
            if not quiet:
                self._log.info("detectors configured", detectors=sorted(configs))
        self._status |= {"unix_ns": self._clock.unix_ns(), "problem": problem, "in_force": self._in_force}

    def _reload(self, asked_unix_ns: int) -> None:
        reloaded: list[str] = []
        problem = ""
        importlib.invalidate_caches()
        for name, stamp in _stamps().items():
            if self._stamps.get(name, stamp) == stamp:
                self._stamps[name] = stamp
                continue
            try:
                importlib.reload(sys.modules[name])
            except Exception as error:  # noqa: BLE001 - a module may fail in any way
                problem = f"module {name} does not load: {type(error).__name__}: {error}"
                self._log.warning("detectors are not all reloaded", reason=problem)
            else:
                self._stamps[name] = stamp
                reloaded.append(name)
        self._log.info("detectors reloaded", modules=reloaded)
        self._status |= {"reload_unix_ns": asked_unix_ns, "reload_problem": problem, "reloaded": reloaded}


def _stamps() -> dict[str, tuple[int, int]]:
    """When the sources of detectors were last changed, by module: theirs and those beside them in their package."""
    modules = {entry.module for entry in entry_points(group=GROUP)}
    packages = tuple({module.rpartition(".")[0] + "." for module in modules if "." in module})
    # What a detector imports comes before the detector.
    names = sorted(
        (name for name in sys.modules if name in modules or name.startswith(packages)), key=modules.__contains__
    )
    found = ((name, _stamp(sys.modules[name])) for name in names)
    return {name: stamp for name, stamp in found if stamp is not None}


def _stamp(module: ModuleType) -> tuple[int, int] | None:
    path = getattr(module, "__file__", None)
    if path is None or not Path(path).is_file():
        return None
    status = Path(path).stat()
    return status.st_mtime_ns, status.st_size
