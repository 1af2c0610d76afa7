"""The pair of keys of whoever makes updates: the private one signs and stays at home, the public one goes onto boxes."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from opq.errors import Duplicate, InvalidInput

PRIVATE_NAME, PUBLIC_NAME = "update.key", "update.pub"


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Make a pair of Ed25519 keys as PEM files; return where the private and the public one are.

    Raises
    ------
    Duplicate
        If there is a key already: boxes that know it would take no update signed with another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    private_path, public_path = folder / PRIVATE_NAME, folder / PUBLIC_NAME
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with os.fdopen(os.open(private_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(private)
    except FileExistsError:
        raise Duplicate(f"{private_path}: there is a key already; nothing was changed") from None
    public_path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return private_path, public_path


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read the key that signs.

    Raises
    ------
    InvalidInput
        If it is no private Ed25519 key in PEM.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{path}: expected a private Ed25519 key (PEM), as opq update keygen makes it") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput(f"{path}: got another kind of key, expected Ed25519")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read the key that updates are checked with.

    Raises
    ------
    InvalidInput
        If it is no public Ed25519 key in PEM.
    """
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise InvalidInput(f"{path}: expected a public Ed25519 key (PEM), as opq update keygen makes it") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidInput(f"{path}: got another kind of key, expected Ed25519")
    return key
