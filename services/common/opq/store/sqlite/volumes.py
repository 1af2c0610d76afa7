"""Which volumes a write-ahead log must not lie on.

WAL keeps its index in memory shared through the file system; over a network that memory is not shared and
writers destroy each other's pages without an error.
"""

import sys
from pathlib import Path

from opq.errors import InvalidInput

NETWORK_TYPES = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph-fuse", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gfs2"}
    | {"glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs"}
)
_MOUNTS = Path("/proc/mounts")


def volume_type(directory: Path, mounts: str) -> str:
    """Return the file system type that `directory` lies on, from the text of ``/proc/mounts``; empty if not there."""
    best, best_type = -1, ""
    for line in mounts.splitlines():
        _, point, kind, *_ = line.split(" ")
        # The kernel writes blanks in paths as octal escapes.
        mount = Path(point.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if directory.is_relative_to(mount) and len(mount.parts) >= best:
            best, best_type = len(mount.parts), kind
    return best_type


def refuse_network_volume(directory: Path) -> None:
    """Raise if `directory` is known to lie on a network volume; other systems than Linux are not asked.

    Raises
    ------
    InvalidInput
        Naming the type of the volume.
    """
    if not sys.platform.startswith("linux") or not _MOUNTS.exists():
        return
    kind = volume_type(directory.resolve(), _MOUNTS.read_text(errors="replace"))
    if kind in NETWORK_TYPES:
        raise InvalidInput(
            f"store: {directory} lies on a {kind} volume, expected a local disk (SQLite's write-ahead log is not "
            f"safe over a network); use a local directory or MongoDB"
        )
