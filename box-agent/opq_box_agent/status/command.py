"""``opq box status``: what a box that runs on this machine does, in the terminal."""

import asyncio
import http.client
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from opq import ids
from opq.clock import iso
from opq.errors import Unavailable
from opq.rpc.service import ServiceSettings, parse_settings, run_service
from opq_box_agent.doctor.findings import Finding, State, phrase_finding
from opq_box_agent.status.server import WAY

_WAIT_S = 10.0


class StatusSettings(ServiceSettings):
    """Say what the agent of a box on this machine does now."""

    box_id: str = Field(description="as of opq box run")
    data_dir: Path = Field(Path("opq-box-data"), description="as of opq box run")
    as_json: bool = Field(False, alias="json", description="say it as JSON")


def ask(folder: Path) -> str:
    """Ask the agent of a box for its status, as JSON.

    Raises
    ------
    Unavailable
        If none runs there, or not with its page.
    """
    try:
        way = json.loads((folder / WAY).read_bytes())
        connection = http.client.HTTPConnection(way["address"], timeout=_WAIT_S)
        connection.request("GET", "/status.json", headers={"Authorization": f"Bearer {way['key']}"})
        answer = connection.getresponse()
        text = answer.read().decode()
    except FileNotFoundError:
        raise Unavailable(f"{folder}: no agent runs here with a page (opq box run, --page)") from None
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        raise Unavailable(f"{folder}: the agent does not answer: {error}") from error
    if answer.status != http.HTTPStatus.OK:
        raise Unavailable(f"{folder}: the agent answers {answer.status} {answer.reason}")
    return text


def phrase(status: dict[str, Any]) -> str:
    """Say a status in lines."""
    lines = [f"box {status['box_id']}, version {status['version']}, {status['memory_bytes'] / 2**20:.0f} MB of memory"]
    if live := status["live"]:
        values = f"{live['u_rms_v']:.1f} V, {live['f_hz']:.3f} Hz, THD {live['thd_pct']:.1f} %"
        lines.append(f"{values} at {iso(live['start_unix_ns'])}")
    found = [Finding(**{**one, "state": State(one["state"])}) for one in status["findings"]]
    return "\n".join([*lines, *map(phrase_finding, found)])


async def _run(settings: StatusSettings, _: asyncio.Event) -> None:
    text = ask(settings.data_dir / ids.box_id(settings.box_id))
    print(text if settings.as_json else phrase(json.loads(text)))  # noqa: T201


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(StatusSettings, "opq box status", sys.argv[1:])
    run_service("opq box status", lambda stop: _run(settings, stop))


if __name__ == "__main__":
    main()
