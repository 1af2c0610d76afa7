"""A MongoDB server for tests: the real wire protocol on loopback over an in-memory database.

pymongo connects to it as to a replica set of one member, so that its real code runs in every test: pools, retries,
write concerns, cursors. It remembers the reply of each session's last retryable write, as a replica set does, so a
write that is sent again is not done again. ``configureFailPoint: failCommand`` works as on a real server::

    client.admin.command(
        {"configureFailPoint": "failCommand", "mode": {"times": 1}},
        data={"failCommands": ["insert"], "closeConnection": True},
    )

with `mode` ``off``, ``alwaysOn`` or ``{"times": n}``, and in `data` `failCommands`, `closeConnection`, `errorCode`,
`errorLabels` and one addition, `dropReply`: the command is done, then the connection drops.

It keeps nothing on disk and is not fast. It is for tests, and for a look at the system without MongoDB::

    python -m opq.testing.mongo_wire --port 27017
"""

import argparse
import socket
import socketserver
import struct
import threading
from types import TracebackType
from typing import Any, Self

import bson
from bson import ObjectId

from opq.testing.mongo_commands import CommandError, Commands, Document, unsupported

_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_CHECKSUM_PRESENT, _MORE_TO_COME = 1, 2
_MESSAGE_BYTES = 48_000_000
_RETRYABLE = frozenset({6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436})
"""Codes to which a replica set adds the label that lets a client try again."""
_FAIL_DATA = frozenset({"failCommands", "closeConnection", "errorCode", "errorLabels", "dropReply"})
REPLICA_SET = "rs0"


class MongoWireServer:
    """The server, listening from construction on until `close`; a context manager.

    Parameters
    ----------
    port : int
        Port on 127.0.0.1; 0 takes a free one.
    """

    def __init__(self, port: int = 0) -> None:
        self._commands = Commands()
        self._lock = threading.Lock()
        self._fail: Document = {"times": 0, "data": {}}
        self._answered: dict[bytes, tuple[int, Document]] = {}
        self._server = _TcpServer(port, self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def address(self) -> str:
        """``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self.port}"

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"mongodb://{self.address}/{database}?replicaSet={REPLICA_SET}"

    def wait(self) -> None:
        """Wait until the server is closed."""
        self._thread.join()

    def close(self) -> None:
        """Stop listening and drop all connections."""
        self._server.shutdown()
        self._server.server_close()
        self._server.drop_connections()

    def answer(self, command: Document) -> Document:
        """Return the reply to one command.

        Raises
        ------
        ConnectionError
            If a fail point says that the connection drops.
        """
        try:
            with self._lock:
                return self._answer(command)
        except CommandError as error:
            return error.reply()

    def _answer(self, command: Document) -> Document:
        name = next(iter(command))
        if name in ("hello", "isMaster", "ismaster"):
            return self._hello()
        if name in ("ping", "endSessions"):
            return {"ok": 1.0}
        if name == "configureFailPoint":
            return self._configure_fail_point(command)
        if "autocommit" in command:
            raise unsupported("transactions")
        failing = self._failing(name)
        if failing.get("closeConnection"):
            raise ConnectionError("fail point")
        if "errorCode" in failing:
            return self._error(command, failing)
        reply = self._once(command)
        if failing.get("dropReply"):
            raise ConnectionError("fail point")
        return reply

    def _once(self, command: Document) -> Document:
        """Run a command, unless it is a retryable write that this session has already had answered."""
        if "txnNumber" not in command:
            return self._commands.run(command)
        session, number = bytes(command["lsid"]["id"]), int(command["txnNumber"])
        answered = self._answered.get(session)
        if answered is None or answered[0] != number:
            self._answered[session] = answered = (number, self._commands.run(command))
        return answered[1]

    def _hello(self) -> Document:
        return {
            "ok": 1.0,
            "helloOk": True,
            "isWritablePrimary": True,
            "ismaster": True,
            "secondary": False,
            "readOnly": False,
            "setName": REPLICA_SET,
            "setVersion": 1,
            "electionId": ObjectId("7fffffff0000000000000001"),
            "hosts": [self.address],
            "primary": self.address,
            "me": self.address,
            "maxBsonObjectSize": 16 * 2**20,
            "maxMessageSizeBytes": _MESSAGE_BYTES,
            "maxWriteBatchSize": 100_000,
            "logicalSessionTimeoutMinutes": 30,
            "connectionId": 1,
            "minWireVersion": 0,
            "maxWireVersion": 21,
        }

    def _configure_fail_point(self, command: Document) -> Document:
        mode, data = command["mode"], command.get("data", {})
        if command["configureFailPoint"] != "failCommand" or set(data) - _FAIL_DATA:
            raise unsupported(f"the fail point {command['configureFailPoint']} with {', '.join(data)}")
        if mode == "off":
            times = 0
        elif mode == "alwaysOn":
            times = 2**63
        elif isinstance(mode, dict) and set(mode) == {"times"}:
            times = mode["times"]
        else:
            raise unsupported(f"the fail point mode {mode}")
        self._fail = {"times": times, "data": data}
        return {"ok": 1.0}

    def _failing(self, name: str) -> Document:
        """Return what the fail point says of this command, and count it."""
        data: Document = self._fail["data"]
        if not self._fail["times"] or name not in data.get("failCommands", ()):
            return {}
        self._fail["times"] -= 1
        return data

    def _error(self, command: Document, failing: Document) -> Document:
        reply = CommandError(failing["errorCode"], "fail point").reply()
        retryable = ["RetryableWriteError"] if "txnNumber" in command and failing["errorCode"] in _RETRYABLE else []
        return reply | {"errorLabels": failing.get("errorLabels", retryable)}


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, owner: MongoWireServer) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        for connection in list(self._open):
            self.shutdown_request(connection)


class _Connection(socketserver.BaseRequestHandler):
    server: _TcpServer
    request: socket.socket

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                self._exchange()
        except (EOFError, OSError):
            return  # the client went, or a fail point drops the connection

    def _exchange(self) -> None:
        length, request_id, _, operation = _HEADER.unpack(self._read(_HEADER.size))
        if not _HEADER.size <= length <= _MESSAGE_BYTES:
            raise ConnectionError("no MongoDB message")
        body = self._read(length - _HEADER.size)
        if operation == _OP_MSG:
            flags, command = _op_msg(body)
            reply = b"\0\0\0\0\0" + bson.encode(self.server.owner.answer(command))
            if not flags & _MORE_TO_COME:
                self._send(request_id, _OP_MSG, reply)
        elif operation == _OP_QUERY:
            # Only the first hello of a connection comes in this old form.
            command = bson.decode(body[body.index(0, 4) + 9 :])
            reply = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(self.server.owner.answer(command))
            self._send(request_id, _OP_REPLY, reply)
        else:
            raise ConnectionError(f"operation {operation} is not spoken here")

    def _read(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self.request.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _send(self, request_id: int, operation: int, body: bytes) -> None:
        self.request.sendall(_HEADER.pack(_HEADER.size + len(body), 0, request_id, operation) + body)


def _op_msg(body: bytes) -> tuple[int, Document]:
    """Read flags and command; sequences of documents become lists in the command."""
    (flags,) = struct.unpack_from("<I", body)
    position, end = 4, len(body) - (4 if flags & _CHECKSUM_PRESENT else 0)
    command: Document = {}
    sequences: Document = {}
    while position < end:
        kind = body[position]
        (size,) = struct.unpack_from("<i", body, position + 1)
        section = body[position + 1 : position + 1 + size]
        if kind == 0:
            command = bson.decode(section)
        else:
            name_end = section.index(0, 4)
            sequences[section[4:name_end].decode()] = bson.decode_all(section[name_end + 1 :])
        position += 1 + size
    return flags, command | sequences


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description="MongoDB server for tests, in memory, on 127.0.0.1")
    parser.add_argument("--port", type=int, default=27017, help="0 takes a free port")
    with MongoWireServer(parser.parse_args().port) as server:
        print(server.url("opq"), flush=True)  # noqa: T201  # the one thing who starts it needs to know
        try:
            server.wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
