"""``opq box install-service``: write the unit of systemd and its options, so that the box measures from the start on."""

import asyncio
import sys
from importlib.resources import files
from pathlib import Path

from pydantic import Field, SecretStr

from opq import ids
from opq.errors import InvalidInput
from opq.rpc.service import parse_settings, run_service
from opq.trust.files import PUBLIC, SECRET, write_file
from opq_box_agent.settings import BoxSettings

UNIT, OPTIONS = Path("etc/systemd/system/opq-box.service"), Path("etc/opq/box.env")
_OWN = {"output", "dry_run", "data_dir"}


class InstallSettings(BoxSettings):
    """Write a service of systemd that runs this box with the options given here (those of opq box run)."""

    output: Path = Field(
        Path("/"), description="root folder to write into; with another one nothing of this system changes"
    )
    dry_run: bool = Field(False, description="only show what would be written, without secrets")


def unit(opq: Path) -> str:
    """Return the text of the unit.

    Raises
    ------
    InvalidInput
        If the path of the command cannot stand in a unit.
    """
    if any(character.isspace() or character in "%$\"'\\" for character in str(opq)):
        raise InvalidInput(f"opq: it is installed at {opq}, expected a path without spaces and quotes")
    return files(__package__).joinpath("opq-box.service").read_text().replace("@OPQ@", str(opq))


def options(settings: BoxSettings, secrets: bool) -> str:
    """Return what was set, as lines of an environment file; secrets only if asked for.

    Raises
    ------
    InvalidInput
        If a value cannot stand in a line.
    """
    lines = []
    for name in sorted(settings.model_fields_set - _OWN):
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, SecretStr):
            value = value.get_secret_value() if secrets else "..."
        text = str(value)
        if "\n" in text or "\0" in text:
            raise InvalidInput(f"--{name.replace('_', '-')}: got more than one line, expected one")
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`")
        lines.append(f'OPQ_{name.upper()}="{quoted}"\n')
    return "".join(lines)


async def install(settings: InstallSettings, _: asyncio.Event) -> None:
    """Write unit and options, or show them."""
    ids.box_id(settings.box_id)
    text = unit(Path(sys.executable).with_name("opq"))
    if settings.dry_run:
        print(f"# /{UNIT}\n{text}\n# /{OPTIONS}\n{options(settings, secrets=False)}", end="")  # noqa: T201
        return
    write_file(settings.output / OPTIONS, options(settings, secrets=True).encode(), SECRET, replace=True)
    write_file(settings.output / UNIT, text.encode(), PUBLIC, replace=True)
    print(f"wrote {settings.output / UNIT} and {settings.output / OPTIONS}; start it with:")  # noqa: T201
    print("systemctl daemon-reload && systemctl enable --now opq-box")  # noqa: T201


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(InstallSettings, "opq box install-service", sys.argv[1:])
    run_service("opq box install-service", lambda stop: install(settings, stop))


if __name__ == "__main__":
    main()
