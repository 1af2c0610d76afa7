"""What may be set at the box itself, beside the options it was started with: kept in its folder, and goes before them."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from opq.errors import InvalidInput
from opq.rpc.service import phrase_problems
from opq.rpc.tls import check_clear_text
from opq.trust.files import PUBLIC, write_file
from opq_box_agent.identity import identity_files
from opq_box_agent.settings import BoxSettings

FILE = "local.json"
FIELDS = ("ingest", "backfill_per_s", "spool_max_mb")
"""How the box reaches its site and what it asks of network and disk; what it measures is not set here."""


def with_local(settings: BoxSettings) -> BoxSettings:
    """Return settings with what was set at the box.

    Raises
    ------
    InvalidInput
        If that does not read or is not allowed (any more).
    """
    path = _path(settings)
    try:
        changes = json.loads(path.read_bytes())
    except FileNotFoundError:
        return settings
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path}: it does not read; set it again at the page, or remove it") from error
    if not isinstance(changes, dict):
        raise InvalidInput(f"{path}: got {type(changes).__name__}, expected an object")
    return _checked(settings, changes)


def save_local(settings: BoxSettings, changes: Mapping[str, str]) -> None:
    """Check what somebody wants to set, and keep it.

    Raises
    ------
    InvalidInput
        Naming what is wrong; nothing is changed then.
    """
    checked = _checked(settings, changes)
    document = {name: getattr(checked, name) for name in FIELDS}
    write_file(_path(settings), json.dumps(document, indent=1).encode(), PUBLIC, replace=True)


def _checked(settings: BoxSettings, changes: Mapping[str, object]) -> BoxSettings:
    if unknown := sorted(set(changes) - set(FIELDS)):
        raise InvalidInput(f"settings: got {unknown[0][:40]!r}, expected {', '.join(FIELDS)}")
    try:
        checked = BoxSettings.model_validate({**settings.model_dump(), **changes})
    except ValidationError as error:
        raise InvalidInput("; ".join(phrase_problems(error))) from None
    host, _, port = checked.ingest.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536 or any(map(str.isspace, checked.ingest)):
        raise InvalidInput(f"--ingest: got {checked.ingest[:120]!r}, expected HOST:PORT")
    known = settings.tls is not None or settings.enrol_token is not None
    if not known and not identity_files(settings.data_dir / settings.box_id).certificate.exists():
        check_clear_text("--ingest", checked.ingest)
    return checked


def _path(settings: BoxSettings) -> Path:
    return settings.data_dir / settings.box_id / FILE
