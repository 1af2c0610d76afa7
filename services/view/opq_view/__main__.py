"""``opq view``: serve the web pages until SIGTERM or SIGINT."""

import os
import sys
from pathlib import Path

import structlog
from streamlit.web import cli

from opq.rpc.service import parse_settings
from opq.telemetry.logs import configure_logs
from opq_view.settings import STORE_VARIABLE, ViewSettings

_APP = Path(__file__).with_name("app") / "script.py"
_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    # Both, not `theme.primaryColor`: that would make one theme of its own that no longer follows the reader's.
    "theme.light.primaryColor": "#1f83c4",
    "theme.dark.primaryColor": "#1f83c4",
    "client.toolbarMode": "viewer",
    # Visitors are told that something went wrong; what it was stands in the log.
    "client.showErrorDetails": "none",
    # The welcome message would look up the machine's public address.
    "logger.hideWelcomeMessage": "true",
}


def streamlit_arguments(settings: ViewSettings) -> list[str]:
    """Return the words after ``streamlit`` that serve the pages."""
    options = {**_OPTIONS, "server.address": settings.host, "server.port": str(settings.port)}
    return ["run", str(_APP), *(f"--{name}={value}" for name, value in options.items())]


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(ViewSettings, "opq view", sys.argv[1:])
    configure_logs("view")
    # Pages run inside Streamlit, which hands them no arguments of ours; they read the environment as any setting does.
    os.environ[STORE_VARIABLE] = settings.store
    structlog.get_logger().info("serving pages", address=f"http://{settings.host}:{settings.port}")
    cli.main(streamlit_arguments(settings), prog_name="opq view")


if __name__ == "__main__":
    main()
