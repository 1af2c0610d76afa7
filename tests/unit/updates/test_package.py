"""The file of an update: right ones come back, everything else is refused before anything is unpacked."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opq.errors import CorruptData, Duplicate, InvalidInput, LimitExceeded
from opq.updates import package
from opq.updates.keys import load_private_key, load_public_key, make_keys
from opq.updates.package import Manifest, check_step, read_manifest, sign_update, unpack_update, verify_update

KEY = Ed25519PrivateKey.generate()


def payload(tmp_path: Path) -> Path:
    folder = tmp_path / "payload"
    for name, text in {"opq_box_agent/__init__.py": '"""Agent."""', "opq/x/y.py": "Y = 1"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def signed(tmp_path: Path, version: str = "0.2.0") -> Path:
    out = tmp_path / "update.opq"
    sign_update(payload(tmp_path), version, "0.1.0", KEY, out)
    return out


def hand_made(tmp_path: Path, packed: bytes) -> Path:
    """A rightly signed update with any payload, as no tool of ours makes it."""
    import hashlib

    manifest = Manifest(package.NAME, "9", "0", hashlib.sha256(packed).hexdigest(), len(packed)).to_bytes()
    out = tmp_path / "hand-made.opq"
    with tarfile.open(out, "w") as tar:
        signature = KEY.sign(b"opq-update-1\n" + manifest)
        for name, data in (("manifest.json", manifest), ("manifest.sig", signature), ("payload.tar.gz", packed)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out


def packed_with(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(plain.getvalue())


def test_what_was_signed_comes_back(tmp_path: Path) -> None:
    update = signed(tmp_path)
    manifest = verify_update(update, KEY.public_key())
    assert (manifest.version, manifest.minimum_from, manifest.name) == ("0.2.0", "0.1.0", "opq-box")
    assert read_manifest(update) == manifest
    assert unpack_update(update, KEY.public_key(), tmp_path / "slot") == manifest
    assert (tmp_path / "slot/opq/x/y.py").read_text() == "Y = 1"


def test_the_same_folder_gives_the_same_file(tmp_path: Path) -> None:
    first = signed(tmp_path).read_bytes()
    (tmp_path / "payload/opq/__pycache__").mkdir()
    (tmp_path / "payload/opq/__pycache__/x.pyc").write_bytes(b"x")
    assert signed(tmp_path).read_bytes() == first


def test_another_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptData, match="not signed with the key that this box trusts"):
        verify_update(signed(tmp_path), Ed25519PrivateKey.generate().public_key())


@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_changed_bit_anywhere_is_refused_or_changes_nothing(tmp_path: Path, where: float, bit: int) -> None:
    good = signed(tmp_path)
    data = bytearray(good.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    bad = tmp_path / "bad.opq"
    bad.write_bytes(bytes(data))
    try:
        manifest = verify_update(bad, KEY.public_key())
    except InvalidInput:
        return
    # Times and owners in the outer tar, and its padding, are neither signed nor used.
    assert manifest == verify_update(good, KEY.public_key())


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    data = signed(tmp_path).read_bytes()
    end = data.rindex(b"payload.tar.gz") + 512 + read_manifest(tmp_path / "update.opq").size
    for length in range(0, end, 97):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(InvalidInput):
            verify_update(tmp_path / "cut", KEY.public_key())


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside", "a/../../outside", "a\\..\\b", "."])
def test_a_payload_that_would_leave_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    update = hand_made(tmp_path, packed_with((tarfile.TarInfo("good.py"), b"x"), (tarfile.TarInfo(name), b"x")))
    with pytest.raises(InvalidInput, match="would write to"):
        unpack_update(update, KEY.public_key(), tmp_path / "slot")
    assert not (tmp_path / "slot").exists()
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(InvalidInput, match="neither file nor folder"):
        unpack_update(hand_made(tmp_path, packed_with((info, b""))), KEY.public_key(), tmp_path / "slot")


def test_a_payload_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MAX_UNPACKED_BYTES", 1 << 20)
    update = hand_made(tmp_path, packed_with((tarfile.TarInfo("zeros"), bytes(2 << 20))))
    with pytest.raises(LimitExceeded, match="to unpack"):
        unpack_update(update, KEY.public_key(), tmp_path / "slot")
    assert not (tmp_path / "slot").exists()


def test_a_payload_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorruptData, match="does not unpack"):
        unpack_update(hand_made(tmp_path, b"not gzip"), KEY.public_key(), tmp_path / "slot")


def test_a_file_larger_than_any_update_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(package.MAX_FILE_BYTES + 1)
    with pytest.raises(LimitExceeded, match="expected at most"):
        verify_update(tmp_path / "huge", KEY.public_key())


def test_other_files_are_no_updates(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello" * 1000)
    with pytest.raises(InvalidInput, match="this is no update"):
        verify_update(tmp_path / "text", KEY.public_key())
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("readme"))
    with pytest.raises(InvalidInput, match=r"got 'readme' of 0 bytes, expected manifest.json"):
        verify_update(tmp_path / "tar", KEY.public_key())


@pytest.mark.parametrize(
    ("version", "minimum", "running", "reason"),
    [
        ("0.1.0", "0", "0.2.0", "expected a newer one"),
        ("0.2.0", "0", "0.2.0", "expected a newer one"),
        ("0.2.0rc1", "0", "0.2.0", "expected a newer one"),
        ("0.9.0", "0.5.0", "0.2.0", "install one between first"),
    ],
)
def test_old_versions_and_too_large_steps_are_refused(version: str, minimum: str, running: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        check_step(Manifest(package.NAME, version, minimum, "0" * 64, 1), running)


def test_a_newer_version_is_taken_and_what_is_for_something_else_is_not() -> None:
    check_step(Manifest(package.NAME, "0.10.0", "0.9", "0" * 64, 1), "0.9.0")
    with pytest.raises(InvalidInput, match="it is for 'view'"):
        check_step(Manifest("view", "0.10.0", "0.9", "0" * 64, 1), "0.9.0")


def test_a_manifest_that_is_not_as_documented_is_refused() -> None:
    for text in (b"", b"[]", b"{}", b'{"name": 1}', b"[" * 9000):
        with pytest.raises(InvalidInput):
            Manifest.from_bytes(text)
    good = Manifest(package.NAME, "1", "0", "0" * 64, 1)
    assert Manifest.from_bytes(good.to_bytes()) == good
    with pytest.raises(InvalidInput, match="expected one such as"):
        Manifest.from_bytes(Manifest(package.NAME, "1; rm", "0", "0" * 64, 1).to_bytes())


def test_keys_are_made_once_and_the_private_one_is_private(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    assert private.stat().st_mode & 0o777 == 0o600
    signature = load_private_key(private).sign(b"x")
    load_public_key(public).verify(signature, b"x")
    with pytest.raises(Duplicate, match="there is a key already"):
        make_keys(tmp_path)
    with pytest.raises(InvalidInput, match="expected a private Ed25519 key"):
        load_private_key(public)
    with pytest.raises(InvalidInput, match="expected a public Ed25519 key"):
        load_public_key(private)


def test_a_folder_without_an_agent_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="with the package opq_box_agent in it"):
        sign_update(tmp_path / "empty", "1", "0", KEY, tmp_path / "out")
