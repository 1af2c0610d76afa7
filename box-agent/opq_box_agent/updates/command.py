"""``opq box update``: install a signed update on this box by hand."""

import asyncio
import sys
from pathlib import Path

from pydantic import Field
from pydantic_settings import CliPositionalArg

from opq import ids
from opq.rpc.service import ServiceSettings, parse_settings, run_service
from opq.updates.keys import load_public_key
from opq_box_agent.durable import kept_by_owner
from opq_box_agent.updates.launcher import updates_folder
from opq_box_agent.updates.slots import Slots


class UpdateSettings(ServiceSettings):
    """Check a signed update and lay it ready; the launcher of this box (opq box launch) tries it and puts it into its place.

    A version that was refused before is tried once more.
    """

    file: CliPositionalArg[Path] = Field(description="the update, as opq update sign makes it")
    box_id: str = Field(description="as of opq box launch")
    data_dir: Path = Field(Path("opq-box-data"), description="as of opq box launch")
    update_key: Path = Field(description="public key that the update must be signed with")


async def install(settings: UpdateSettings, _: asyncio.Event) -> None:
    """Install and say what comes next."""
    slots = Slots(updates_folder(settings.data_dir, ids.box_id(settings.box_id)))
    with kept_by_owner(settings.data_dir):
        manifest = slots.install(settings.file, load_public_key(settings.update_key), again=True)
    running = slots.version(slots.current)
    print(f"version {manifest.version} lies ready; the launcher tries it and goes back to {running} if it is unhealthy")  # noqa: T201


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(UpdateSettings, "opq box update", sys.argv[1:])
    run_service("opq box update", lambda stop: install(settings, stop))


if __name__ == "__main__":
    main()
