"""Certificates with their keys, as files."""

from pathlib import Path

from opq.clock import SystemClock
from opq.errors import InvalidInput
from opq.store import Store
from opq.store.trust import issue_certificate
from opq.trust.authority import Authority
from opq.trust.certificates import dump_chain, dump_key, new_key
from opq.trust.files import PUBLIC, SECRET, write_file
from opq.trust.names import Identity


def issue_files(
    store: Store, authority: Authority, identity: Identity, files: tuple[Path, Path], life_ns: int, replace: bool
) -> int:
    """Write certificate and key into two files or one; return until when it is valid [ns since the epoch].

    Raises
    ------
    InvalidInput
        If a file exists and is not to be replaced.
    """
    certificate_file, key_file = files
    for path in files:
        if path.exists() and not replace:
            raise InvalidInput(f"{path} exists already and is not overwritten without --replace")
    key, now = new_key(), SystemClock().unix_ns()
    chain = issue_certificate(store, authority, identity, key.public_key(), "by hand", now, life_ns)
    if certificate_file == key_file:
        write_file(key_file, dump_key(key) + dump_chain(chain), SECRET, replace)
    else:
        write_file(key_file, dump_key(key), SECRET, replace)
        write_file(certificate_file, dump_chain(chain), PUBLIC, replace)
    return now + life_ns
