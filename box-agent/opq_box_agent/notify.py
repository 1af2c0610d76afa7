"""Signs of life to whoever started the agent, in the words of systemd (sd_notify): its launcher, or systemd itself."""

import contextlib
import os
import socket


class Notifier:
    """Sends to a datagram socket; without one, and when nobody listens, nothing happens.

    Parameters
    ----------
    address : str
        Path of the socket, or ``@name`` in the abstract namespace; empty: nobody wants to know.
    """

    def __init__(self, address: str) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @staticmethod
    def from_environment() -> "Notifier":
        """Make the one that ``NOTIFY_SOCKET`` names."""
        return Notifier(os.environ.get("NOTIFY_SOCKET", ""))

    def ready(self) -> None:
        """Say that it works: the first frame is measured."""
        self._send("READY=1")

    def alive(self, connected: bool) -> None:
        """Say that it still runs, and whether it is connected to the site."""
        self._send(f"WATCHDOG=1\nX_OPQ_CONNECTED={int(connected)}")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(text.encode(), self._address)
