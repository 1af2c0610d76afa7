"""The file of an update: a tar of ``manifest.json``, ``manifest.sig`` and ``payload.tar.gz``, in this order.

The manifest says name, version, the oldest version it may be installed over, length and SHA-256 of the payload; the
signature is Ed25519 over a fixed word and the bytes of the manifest as they are. Nothing of the payload is looked at before
signature, length and checksum are right, and then it is unpacked as if it were not signed: only plain files and folders
inside the target, bounded in number and size.

The payload is a folder that comes first on the module path of the agent: ``opq``, ``opq_box_agent`` and what else is newer
than on the box, as ``pip install --target`` makes it.
"""

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from packaging.version import InvalidVersion, Version

from opq.errors import CorruptData, InvalidInput, LimitExceeded

NAME = "opq-box"
MAX_FILE_BYTES = 64 << 20
MAX_UNPACKED_BYTES = 256 << 20
MAX_MEMBERS = 20_000
_MAX_MANIFEST_BYTES = 16 << 10
_WORD = b"opq-update-1\n"
"""Goes before the manifest where it is signed, so that no other signature of the key can stand for one of an update."""
_MEMBERS = ("manifest.json", "manifest.sig", "payload.tar.gz")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is signed."""

    name: str
    version: str
    minimum_from: str
    """The oldest version it may be installed over."""
    sha256: str
    """Of the payload, 64 hexadecimal digits."""
    size: int
    """Of the payload [bytes]."""

    def to_bytes(self) -> bytes:
        """Write as JSON."""
        return json.dumps(asdict(self), sort_keys=True, indent=1).encode() + b"\n"

    @staticmethod
    def from_bytes(data: bytes) -> "Manifest":
        """Read JSON.

        Raises
        ------
        InvalidInput
            If a field is missing or not as documented.
        """
        try:
            raw = json.loads(data)
            manifest = Manifest(**{name: raw[name] for name in Manifest.__slots__})
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InvalidInput("update: the manifest is not as documented") from error
        texts = (manifest.name, manifest.version, manifest.minimum_from, manifest.sha256)
        if not all(isinstance(text, str) for text in texts) or type(manifest.size) is not int:
            raise InvalidInput("update: the manifest is not as documented")
        parse_version(manifest.version)
        parse_version(manifest.minimum_from)
        return manifest


def parse_version(text: str) -> Version:
    """Read a version.

    Raises
    ------
    InvalidInput
        If it is none, or longer than 40 characters.
    """
    try:
        if len(text) <= 40:
            return Version(text)
    except InvalidVersion:
        pass
    raise InvalidInput(f"version: got {text[:60]!r}, expected one such as 1.4.0")


def check_step(manifest: Manifest, running: str) -> None:
    """Refuse an update that is not newer than what runs, or that may not be installed over it.

    Raises
    ------
    InvalidInput
        Naming both versions.
    """
    if manifest.name != NAME:
        raise InvalidInput(f"update: it is for {manifest.name[:40]!r}, expected {NAME!r}")
    if parse_version(manifest.version) <= parse_version(running):
        raise InvalidInput(f"update: it is version {manifest.version}, and {running} runs; expected a newer one")
    if parse_version(running) < parse_version(manifest.minimum_from):
        raise InvalidInput(
            f"update: version {manifest.version} is installed over {manifest.minimum_from} or newer, and {running} runs; "
            "install one between first"
        )


def sign_update(payload: Path, version: str, minimum_from: str, key: Ed25519PrivateKey, out: Path) -> Manifest:
    """Pack a folder, sign it and write the file; the same folder gives the same file.

    Raises
    ------
    InvalidInput
        If the folder has no agent in it, a version is none, or something in it is neither file nor folder.
    LimitExceeded
        If it is too large.
    """
    if not (payload / "opq_box_agent" / "__init__.py").is_file():
        raise InvalidInput(
            f"{payload}: expected a folder with the package opq_box_agent in it, as pip --target makes it"
        )
    packed = _pack(payload)
    manifest = Manifest(NAME, version, minimum_from, hashlib.sha256(packed).hexdigest(), len(packed))
    raw = manifest.to_bytes()
    Manifest.from_bytes(raw)
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in zip(_MEMBERS, (raw, key.sign(_WORD + raw), packed), strict=True):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    if out.stat().st_size > MAX_FILE_BYTES:
        size = out.stat().st_size
        out.unlink()
        raise LimitExceeded(f"update: it would have {size} bytes, expected at most {MAX_FILE_BYTES}")
    return manifest


def verify_update(path: Path, key: Ed25519PublicKey) -> Manifest:
    """Check signature, length and checksum of a file; return what it says of itself.

    Raises
    ------
    CorruptData
        If it was not signed with the key, or is not what was signed.
    InvalidInput
        If it is no update at all.
    LimitExceeded
        If it is larger than any update may be.
    """
    with _opened(path) as tar:
        return _verified(tar, key)[0]


def read_manifest(path: Path) -> Manifest:
    """Return what a file says of itself, without any check of it.

    Raises
    ------
    InvalidInput
        If it is no update.
    """
    with _opened(path) as tar:
        return Manifest.from_bytes(_member(tar, _MEMBERS[0], _MAX_MANIFEST_BYTES))


def unpack_update(path: Path, key: Ed25519PublicKey, target: Path) -> Manifest:
    """Check a file as `verify_update` does and unpack its payload into a new folder.

    Raises
    ------
    CorruptData, InvalidInput, LimitExceeded
        As `verify_update`; also if the payload would leave the folder or is too large. The folder is then gone.
    """
    with _opened(path) as tar:
        manifest, packed = _verified(tar, key)
    target.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as payload:
            _unpack(payload, target)
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, InvalidInput):
            raise
        raise CorruptData(f"update: the payload does not unpack: {error}") from error
    return manifest


def _opened(path: Path) -> tarfile.TarFile:
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise LimitExceeded(f"{path}: got {size} bytes, expected at most {MAX_FILE_BYTES}")
        return tarfile.open(path, "r:")
    except (OSError, tarfile.TarError, EOFError) as error:
        raise InvalidInput(f"{path}: this is no update of a box") from error


def _verified(tar: tarfile.TarFile, key: Ed25519PublicKey) -> tuple[Manifest, bytes]:
    raw = _member(tar, _MEMBERS[0], _MAX_MANIFEST_BYTES)
    try:
        key.verify(_member(tar, _MEMBERS[1], 64), _WORD + raw)
    except InvalidSignature:
        raise CorruptData("update: it is not signed with the key that this box trusts") from None
    manifest = Manifest.from_bytes(raw)
    packed = _member(tar, _MEMBERS[2], MAX_FILE_BYTES)
    if len(packed) != manifest.size:
        raise CorruptData(f"update: the payload has {len(packed)} bytes, {manifest.size} were signed")
    if hashlib.sha256(packed).hexdigest() != manifest.sha256:
        raise CorruptData("update: the payload is not what was signed")
    return manifest, packed


def _member(tar: tarfile.TarFile, name: str, max_bytes: int) -> bytes:
    """Read the next member, which must have this name."""
    try:
        info = tar.next()
        if info is None or info.name != name or not info.isreg() or info.size > max_bytes:
            got = f"{info.name[:40]!r} of {info.size} bytes" if info else "nothing"
            raise InvalidInput(f"update: got {got}, expected {name} of at most {max_bytes} bytes")
        file = tar.extractfile(info)
        data = file.read() if file else b""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise CorruptData(f"update: {name} does not read: {error}") from error
    if len(data) != info.size:
        raise CorruptData(f"update: {name} ends after {len(data)} of {info.size} bytes")
    return data


def _pack(folder: Path) -> bytes:
    """Pack a folder without times, owners and compiled files, in the order of names."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if "__pycache__" in inside.parts or path.is_dir():
                continue
            if path.is_symlink() or not path.is_file():
                raise InvalidInput(f"{path}: expected only files and folders")
            info = tarfile.TarInfo(inside.as_posix())
            info.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(info, file)
    return gzip.compress(plain.getvalue(), mtime=0)


def _unpack(payload: tarfile.TarFile, target: Path) -> None:
    left = MAX_UNPACKED_BYTES
    for number, member in enumerate(payload):
        inside = PurePosixPath(member.name)
        if inside.is_absolute() or ".." in inside.parts or "\\" in member.name or not inside.parts:
            raise InvalidInput(f"update: the payload would write to {member.name[:80]!r}")
        if not (member.isreg() or member.isdir()):
            raise InvalidInput(f"update: {member.name[:80]!r} is neither file nor folder")
        left -= member.size
        if left < 0 or number >= MAX_MEMBERS:
            raise LimitExceeded(f"update: more than {MAX_UNPACKED_BYTES} bytes or {MAX_MEMBERS} files to unpack")
        path = target.joinpath(*inside.parts)
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        source = payload.extractfile(member)
        with path.open("xb") as file:
            if source is not None:
                shutil.copyfileobj(source, file, _BLOCK)
