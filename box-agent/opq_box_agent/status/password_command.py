"""``opq box password``: set the password of a box's page."""

import asyncio
import getpass
import sys
from pathlib import Path

from pydantic import Field

from opq import ids
from opq.errors import InvalidInput
from opq.rpc.service import ServiceSettings, parse_settings, run_service
from opq_box_agent.durable import kept_by_owner
from opq_box_agent.status.password import set_password


class PasswordSettings(ServiceSettings):
    """Set the password of the page of this box: twice at the terminal, or the first line of standard input."""

    box_id: str = Field(description="as of opq box run")
    data_dir: Path = Field(Path("opq-box-data"), description="as of opq box run")


def ask_password() -> str:
    """Read a new password.

    Raises
    ------
    InvalidInput
        If it was typed in two ways.
    """
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password of the page: ")
    if getpass.getpass("Once more: ") != password:
        raise InvalidInput("password: the two are not the same; nothing was changed")
    return password


async def _run(settings: PasswordSettings, _: asyncio.Event) -> None:
    with kept_by_owner(settings.data_dir):
        set_password(settings.data_dir / ids.box_id(settings.box_id), ask_password())
    print("The password is set; whoever was signed in has to sign in again.")  # noqa: T201


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(PasswordSettings, "opq box password", sys.argv[1:])
    run_service("opq box password", lambda stop: _run(settings, stop))


if __name__ == "__main__":
    main()
