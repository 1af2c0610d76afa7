"""Where configuration and data of a recording lie: two files of one name, or one container."""

import re
from dataclasses import dataclass
from pathlib import Path

from opq.errors import InvalidInput
from opq.formats.text import note

_MOST_CONFIG = 16 << 20
"""No configuration, with information and header texts, is longer [bytes]."""
_MARK = re.compile(
    rb"^---\s*file type:\s*([A-Za-z]+)(?:[ \t]+([A-Za-z0-9]+))?\s*(?::\s*(\d+))?\s*---[ \t]*\r?\n?", re.M
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The text of the configuration, and the part of a file with the samples.

    Attributes
    ----------
    first_line : int
        Number of the first line of the configuration in its file.
    offset, length : int
        Of the samples in `data` [bytes].
    data_form : str
        As the container says it; empty if only the configuration does.
    """

    config: bytes
    config_path: Path
    first_line: int
    data: Path
    offset: int
    length: int
    data_form: str = ""


def find_layout(path: Path, notes: list[str]) -> Layout:
    """Find the parts of a recording that is named by any of its files.

    Raises
    ------
    InvalidInput
        If a file of the pair is missing, or a container does not have the parts it must.
    """
    if path.suffix.lower() == ".cff" or _is_container(path):
        return _container(path, notes)
    siblings = {other.suffix.lower(): other for other in sorted(path.parent.iterdir()) if other.stem == path.stem}
    for ending in (".cfg", ".dat"):
        if ending not in siblings:
            raise InvalidInput(f"{path}: COMTRADE needs a .cfg and a .dat of one name; {path.stem}{ending} is missing")
    config, data = siblings[".cfg"], siblings[".dat"]
    return Layout(_head(config), config, 1, data, 0, data.stat().st_size)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(_MOST_CONFIG + 1)
    if len(head) > _MOST_CONFIG:
        raise InvalidInput(f"{path}: got a configuration of more than {_MOST_CONFIG} bytes")
    return head


def _is_container(path: Path) -> bool:
    if path.suffix.lower() in (".cfg", ".dat"):
        return False
    with path.open("rb") as file:
        return file.read(16).startswith(b"--- file type")


def _container(path: Path, notes: list[str]) -> Layout:
    """Find the parts of a ``.cff`` (2013, clause 9 (M))."""
    with path.open("rb") as file:
        head = file.read(_MOST_CONFIG)
    marks = {match[1].upper(): match for match in reversed(list(_MARK.finditer(head)))}
    for part in (b"CFG", b"DAT"):
        if part not in marks:
            raise InvalidInput(f"{path}: not readable as COMTRADE: no line '--- file type: {part.decode()} ---'")
    config, data = marks[b"CFG"], marks[b"DAT"]
    ends = [match.start() for match in marks.values() if match.start() > config.start()]
    size = path.stat().st_size
    length = size - data.end()
    if data[3] is not None and (announced := int(data[3])) != length:
        if announced > length:
            note(notes, f"announces {announced} bytes of samples from byte {data.end()}, there are {length}")
        length = min(length, announced)
    text = head[config.end() : min(ends, default=len(head))]
    form = (data[2] or b"").decode("ascii").upper()
    return Layout(text, path, head.count(b"\n", 0, config.end()) + 1, path, data.end(), length, form)
