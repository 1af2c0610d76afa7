"""One store per test, of every kind there is."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pymongo
import pytest

from opq.store import Store, open_store
from opq.testing.mongo_wire import MongoWireServer

SERVER_VARIABLE = "OPQ_TEST_MONGODB_URI"
MONGO_KINDS = ["mongo-wire", *(["mongo-server"] if SERVER_VARIABLE in os.environ else [])]
HOW_TO_RUN_A_SERVER = (
    f"set {SERVER_VARIABLE}=mongodb://127.0.0.1:27017/?directConnection=true to run the whole suite against a real "
    "MongoDB as well: docker run --rm -d -p 127.0.0.1:27017:27017 --name opq-mongo mongo --replSet rs0 "
    "--setParameter enableTestCommands=1, then docker exec opq-mongo mongosh --eval 'rs.initiate()'"
)


@pytest.fixture(scope="session")
def wire_server() -> Iterator[MongoWireServer]:
    with MongoWireServer() as server:
        yield server


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a database of that server that nobody else uses, and drop it afterwards."""
    url = urlunsplit(urlsplit(server_url)._replace(path=f"/opq_{secrets.token_hex(6)}"))
    yield url
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(url)
    client.drop_database(client.get_default_database().name)
    client.close()


@pytest.fixture
def real_mongo_url() -> Iterator[str]:
    """A fresh database on a real server."""
    if SERVER_VARIABLE not in os.environ:
        pytest.skip(HOW_TO_RUN_A_SERVER)
    with fresh_database(os.environ[SERVER_VARIABLE]) as url:
        yield url


@pytest.fixture
def wire_url(wire_server: MongoWireServer) -> Iterator[str]:
    """A fresh database on the loopback server."""
    with fresh_database(wire_server.url("any")) as url:
        yield url


@pytest.fixture(params=MONGO_KINDS)
def mongo_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue("wire_url" if request.param == "mongo-wire" else "real_mongo_url")
    return url


@pytest.fixture
def sqlite_directory(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(params=["sqlite", *MONGO_KINDS])
def url(request: pytest.FixtureRequest) -> str:
    """A place for a store, of every kind."""
    if request.param == "sqlite":
        return f"sqlite:{request.getfixturevalue('sqlite_directory')}"
    found: str = request.getfixturevalue("wire_url" if request.param == "mongo-wire" else "real_mongo_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(sqlite_directory: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:{sqlite_directory}")
    yield opened
    opened.close()


@pytest.fixture
def mongo_store(mongo_url: str) -> Iterator[Store]:
    opened = open_store(mongo_url)
    yield opened
    opened.close()
