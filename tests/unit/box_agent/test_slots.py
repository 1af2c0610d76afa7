"""The two slots of a box: whatever is cut off, and wherever, a version that reads is there to be started."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import opq
from opq.errors import CorruptData, Duplicate, InvalidInput
from opq.updates.package import sign_update
from opq_box_agent.updates import slots as module
from opq_box_agent.updates.slots import Slots

KEY = Ed25519PrivateKey.generate()


def update(tmp_path: Path, version: str) -> Path:
    package = tmp_path / "payload" / "opq_box_agent"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("")
    sign_update(package.parent, version, "0", KEY, tmp_path / version)
    return tmp_path / version


def confirmed(tmp_path: Path, version: str) -> Slots:
    slots = Slots(tmp_path / "updates")
    slots.install(update(tmp_path, version), KEY.public_key())
    slots.begin_trial()
    slots.confirm()
    return slots


class PowerCut(BaseException):
    """Nothing after it happens."""


def cut_at(step: int, work: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Do some work up to a change of what is on the disk; whether it came to an end before."""
    left = step

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def change(*arguments: object, **named: object) -> object:
            nonlocal left
            if left == 0:
                raise PowerCut
            left -= 1
            return real(*arguments, **named)

        return change

    with monkeypatch.context() as patch:
        patch.setattr(module, "write_file", counted(module.write_file))
        for name in ("rename", "replace", "unlink", "symlink_to"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        try:
            work()
        except PowerCut:
            return False
    return True


WORK: dict[str, Callable[[Slots], object]] = {
    "begin": lambda slots: slots.begin_trial(),
    "confirm": lambda slots: (slots.begin_trial(), slots.confirm()),
    "refuse": lambda slots: (slots.begin_trial(), slots.refuse("it hung")),
}


@pytest.mark.parametrize("installed", [True, False], ids=["over the installed one", "over an update"])
@pytest.mark.parametrize("what", WORK)
def test_a_power_cut_at_any_step_leaves_the_old_or_the_new_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, installed: bool
) -> None:
    folder = tmp_path / "updates"
    old = opq.__version__ if installed else "7.0.0"
    if not installed:
        confirmed(tmp_path, old)
    Slots(folder).install(update(tmp_path, "7.1.0"), KEY.public_key())
    before = tmp_path / "before"
    shutil.copytree(folder, before, symlinks=True)
    step, done = 0, False
    while not done:
        shutil.rmtree(folder)
        shutil.copytree(before, folder, symlinks=True)
        done = cut_at(step, lambda: WORK[what](Slots(folder)), monkeypatch)
        after = Slots(folder)
        running, state = after.version(after.current), after.state
        assert running in (old, "7.1.0")
        if running == "7.1.0" and not (what == "confirm" and done):
            assert state.trial, "what was not confirmed is on trial, so that it can be taken back"
        if state.trial:
            after.try_again()
            after.refuse("two cuts")
            assert after.version(after.current) == old
        step += 1
    assert step > 2


def test_a_version_that_does_not_read_any_more_gives_way_to_the_installed_one(tmp_path: Path) -> None:
    slots = confirmed(tmp_path, "7.0.0")
    assert (slots.version(slots.current), slots.damaged) == ("7.0.0", "")
    (slots.path(slots.current) / "manifest.json").write_bytes(b"\0" * 100)
    assert (slots.current, slots.version(slots.current), slots.damaged) == ("", opq.__version__, "a")
    slots.install(update(tmp_path, "7.1.0"), KEY.public_key())
    assert slots.version(slots.state.pending) == "7.1.0"


def test_one_update_at_a_time_and_a_refused_version_again_by_hand_only(tmp_path: Path) -> None:
    slots, newer = Slots(tmp_path / "updates"), update(tmp_path, "7.1.0")
    slots.install(newer, KEY.public_key())
    with pytest.raises(Duplicate, match=r"version 7.1.0 is on its way"):
        slots.install(newer, KEY.public_key())
    slots.refuse("it hung")
    with pytest.raises(InvalidInput, match="it hung"):
        slots.install(newer, KEY.public_key())
    assert slots.install(newer, KEY.public_key(), again=True).version == "7.1.0"


def test_a_file_that_is_exchanged_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = update(tmp_path, "0.0.1"), update(tmp_path, "7.1.0")
    verify = module.verify_update

    def exchanging(*arguments):  # type: ignore[no-untyped-def]
        manifest = verify(*arguments)
        shutil.copyfile(older, newer)
        return manifest

    monkeypatch.setattr(module, "verify_update", exchanging)
    slots = Slots(tmp_path / "updates")
    with pytest.raises(CorruptData, match="the file changed while it was read"):
        slots.install(newer, KEY.public_key())
    assert slots.state.pending == ""


@pytest.mark.parametrize("text", ["", "[]", '{"pending": "c"}', '{"trial": "../x"}', '{"refused": 3}', '{"more": 1}'])
def test_a_state_that_is_not_one_counts_as_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    (tmp_path / "current").symlink_to("/etc")
    slots = Slots(tmp_path)
    assert slots.state == module.UpdateState()
    assert slots.current == ""
