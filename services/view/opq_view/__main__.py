"""``opq view``: serve the web pages until SIGTERM or SIGINT."""

import signal
import sys
from pathlib import Path

import structlog
from streamlit.web import cli

from opq.rpc.service import parse_settings
from opq.telemetry.logs import configure_logs
from opq_view.settings import ViewSettings

_APP = Path(__file__).with_name("app") / "server.py"
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
    if settings.https_cert and settings.https_key:
        options |= {"server.sslCertFile": str(settings.https_cert), "server.sslKeyFile": str(settings.https_key)}
    return ["run", str(_APP), *(f"--{name}={value}" for name, value in options.items())]


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(ViewSettings, "opq view", sys.argv[1:])
    configure_logs("view")
    settings.publish()
    scheme = "https" if settings.https_cert else "http"
    structlog.get_logger().info(
        "serving pages",
        address=f"{scheme}://{settings.host}:{settings.port}",
        may_see="whom they know" if settings.asks else "everybody everything",
    )
    # The server closes everything when it is told to stop, and then gives itself the same signal again.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    cli.main(streamlit_arguments(settings), prog_name="opq view")


if __name__ == "__main__":
    main()
