"""Two folders for versions of the agent, a link that says which one runs, and what is known of updates.

In the folder: ``a`` and ``b``, the slots; ``current``, a link to one of them, missing while the version that was installed
with the box runs; ``state.json``. Every change is a rename, so that a power cut leaves the state before or after.
"""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import opq
from opq.errors import CorruptData, Duplicate, InvalidInput
from opq.trust.files import PUBLIC, write_file
from opq.updates.package import Manifest, check_step, unpack_update, verify_update
from opq_box_agent.durable import write_out

SLOTS = ("a", "b")
MAX_REFUSED = 50


@dataclass(frozen=True, slots=True)
class UpdateState:
    """What is known of updates.

    Attributes
    ----------
    pending : str
        Slot with a new version that nobody has started yet; empty: none.
    trial : str
        Slot that runs on trial.
    before : str
        During a trial: the slot that ran before, empty for the installed version.
    tries : int
        How often the trial was begun.
    refused : dict
        Versions that did not work here, with the reason.
    """

    pending: str = ""
    trial: str = ""
    before: str = ""
    tries: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class Slots:
    """The versions of the agent on one box.

    Parameters
    ----------
    folder : Path
        Made when an update is installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def current(self) -> str:
        """The slot that is to run; empty for the version that was installed with the box, also when the slot does not read."""
        chosen = self._chosen()
        return chosen if self._reads(chosen) else ""

    @property
    def damaged(self) -> str:
        """The slot that would run if it could be read; empty if all is well."""
        return "" if self.current else self._chosen()

    @property
    def state(self) -> UpdateState:
        """What is known of updates; what does not read counts as nothing."""
        try:
            raw = json.loads((self.folder / "state.json").read_bytes())
            state = UpdateState(**raw)
        except (OSError, ValueError, TypeError):
            return UpdateState()
        right = all(
            not slot or (slot in SLOTS and self._reads(slot)) for slot in (state.pending, state.trial, state.before)
        )
        return state if right and isinstance(state.refused, dict) else UpdateState()

    def version(self, slot: str) -> str:
        """Return the version in a slot; of the empty name the one that was installed with the box."""
        if not slot:
            return opq.__version__
        return Manifest.from_bytes((self.folder / slot / "manifest.json").read_bytes()).version

    def _chosen(self) -> str:
        try:
            name = (self.folder / "current").readlink().name
        except OSError:
            return ""
        return name if name in SLOTS else ""

    def _reads(self, slot: str) -> bool:
        try:
            return bool(self.version(slot))
        except (OSError, InvalidInput):
            return False

    def path(self, slot: str) -> Path:
        """Return the folder that comes first on the module path."""
        return self.folder / slot

    def install(self, update: Path, key: Ed25519PublicKey, again: bool = False) -> Manifest:
        """Check an update and unpack it into the free slot, where the launcher finds it.

        Parameters
        ----------
        again : bool
            Also take a version that did not work here before.

        Raises
        ------
        InvalidInput
            If it is not signed, not whole, not newer, or was refused before.
        Duplicate
            If another one is on its way.
        """
        state = self.state
        if state.pending or state.trial:
            raise Duplicate(f"update: version {self.version(state.pending or state.trial)} is on its way already")
        manifest = verify_update(update, key)
        check_step(manifest, self.version(self.current))
        if manifest.version in state.refused and not again:
            raise InvalidInput(f"update: version {manifest.version} was tried here: {state.refused[manifest.version]}")
        slot = next(name for name in SLOTS if name != self.current)
        fresh = self.folder / f"{slot}.new"
        for leftover in (fresh, self.folder / slot):
            shutil.rmtree(leftover, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        if unpack_update(update, key, fresh) != manifest:
            raise CorruptData("update: the file changed while it was read")
        (fresh / "manifest.json").write_bytes(manifest.to_bytes())
        os.sync()
        fresh.rename(self.folder / slot)
        self._write(replace(state, pending=slot))
        return manifest

    def begin_trial(self) -> None:
        """Let the pending slot be the one that runs."""
        state = self.state
        self._write(replace(state, pending="", trial=state.pending, before=self.current, tries=1))
        self._point_to(state.pending)

    def try_again(self) -> int:
        """Count another beginning of the trial, after a power cut in it; how many that makes."""
        state = self.state
        self._write(replace(state, tries=state.tries + 1))
        self._point_to(state.trial)
        return state.tries + 1

    def confirm(self) -> None:
        """The trial went well."""
        self._write(replace(self.state, trial="", before="", tries=0))

    def refuse(self, reason: str) -> str:
        """Remember that the pending or tried version does not work here; the one before is to run again. Which it was."""
        state = self.state
        slot = state.pending or state.trial
        version = self.version(slot)
        refused = dict(list({**state.refused, version: reason}.items())[-MAX_REFUSED:])
        if state.trial:
            self._point_to(state.before)
        self._write(UpdateState(refused=refused))
        return version

    def _point_to(self, slot: str) -> None:
        link = self.folder / "current"
        if not slot:
            link.unlink(missing_ok=True)
        else:
            fresh = self.folder / "current.new"
            with contextlib.suppress(FileNotFoundError):
                fresh.unlink()
            fresh.symlink_to(slot)
            fresh.replace(link)
        write_out([self.folder])

    def _write(self, state: UpdateState) -> None:
        write_file(self.folder / "state.json", json.dumps(asdict(state)).encode(), PUBLIC, replace=True)
