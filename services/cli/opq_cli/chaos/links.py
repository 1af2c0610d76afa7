"""Connections that can be slowed, cut and broken: TCP proxies on loopback."""

import asyncio
import contextlib
import random

_PIECE = 64 * 1024


class Link:
    """Passes what it is sent on to another address.

    Attributes
    ----------
    delay_s : float
        How much later everything arrives [s].
    open : asyncio.Event
        Nothing is passed on while it is not set.
    spoil : random.Random, optional
        One byte in each piece is changed by it; None: everything arrives as it was sent.
    """

    def __init__(self, target: str) -> None:
        self._host, self._port = target.rsplit(":", 1)
        self.delay_s = 0.0
        self.spoil: random.Random | None = None
        self.open = asyncio.Event()
        self.open.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen on a free port; return its address as ``host:port``."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Break all connections and listen no more."""
        if self._server is not None:
            self._server.close()
        self.break_all()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def break_all(self) -> None:
        """Break all connections."""
        for task in self._connections:
            task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            await self.open.wait()
            back, there = await asyncio.open_connection(self._host, int(self._port))
            both = [asyncio.create_task(self._pass(reader, there)), asyncio.create_task(self._pass(back, writer))]
            try:
                await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in both:
                    one.cancel()
        except (OSError, asyncio.CancelledError):
            pass  # The other end is gone, or this connection is being broken.
        finally:
            self._connections.discard(task)
            for end in (writer, there):
                if end is not None:
                    end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(_PIECE):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                await self.open.wait()
                if self.spoil is not None:
                    piece = _with_one_byte_changed(piece, self.spoil)
                writer.write(piece)
                await writer.drain()


def _with_one_byte_changed(piece: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(piece))
    return piece[:at] + bytes([piece[at] ^ rng.randrange(1, 256)]) + piece[at + 1 :]
