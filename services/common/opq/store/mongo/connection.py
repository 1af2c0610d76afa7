"""How a MongoDB is reached: every option that matters for what is guaranteed, and what its errors mean."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pymongo
from bson.errors import BSONError
from pymongo import errors
from pymongo.synchronous.database import Database

from opq.errors import Duplicate, InvalidInput, OpqError, Unavailable

Document = dict[str, Any]

GUARANTEES: Mapping[str, Any] = {
    "w": "majority",
    "journal": True,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
}
"""What no URL may change: an acknowledged write is on the disks of a majority and is not rolled back by a failover,
what was read is not rolled back either, and an operation whose connection drops is done once more, exactly once."""

DEFAULTS: Mapping[str, Any] = {
    "serverSelectionTimeoutMS": 5_000,
    "connectTimeoutMS": 5_000,
    "socketTimeoutMS": 20_000,
    "wTimeoutMS": 10_000,
    "waitQueueTimeoutMS": 5_000,
    "maxPoolSize": 32,
    "maxIdleTimeMS": 300_000,
    "appName": "opq",
}
"""What a URL may change. A failover takes some seconds: callers get `Unavailable` and try again, rather than hang."""

DUPLICATE_KEY = 11000
_PASSING_CODES = frozenset(
    {6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436}  # a node goes, comes or is no primary
    | {50, 64, 112, 134, 225, 251}  # ran out of time, or met another operation
    | {8000, 13, 18}  # not (yet) allowed in; users and passwords are often created after the first start
)


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of pymongo and bson into those of the port."""
    try:
        yield
    except (errors.PyMongoError, BSONError, OverflowError, UnicodeEncodeError) as error:
        raise _translate(error) from error


def _translate(error: Exception) -> OpqError:
    message = f"store: {type(error).__name__}: {error}"
    if isinstance(error, errors.BulkWriteError):
        return _translate_bulk(error, message)
    if isinstance(error, errors.DuplicateKeyError):
        return Duplicate(message)
    if isinstance(error, errors.WTimeoutError | errors.ExecutionTimeout | errors.WriteConcernError):
        return Unavailable(message)
    if isinstance(error, errors.OperationFailure):
        return _of_code(error.code, error.has_error_label("RetryableWriteError"), message)
    refused = (errors.ConfigurationError, errors.InvalidName, errors.DocumentTooLarge, BSONError)
    if isinstance(error, (*refused, OverflowError, UnicodeEncodeError)):
        return InvalidInput(message)
    # What is left: no server, a dropped connection, no free connection in time, a client that was closed.
    return Unavailable(message)


def _translate_bulk(error: errors.BulkWriteError, message: str) -> OpqError:
    details = error.details or {}
    if details.get("writeConcernErrors"):
        return Unavailable(message)
    others = [each["code"] for each in details.get("writeErrors", ()) if each["code"] != DUPLICATE_KEY]
    return _of_code(others[0], False, message) if others else Duplicate(message)


def _of_code(code: int | None, retryable: bool, message: str) -> OpqError:
    return Unavailable(message) if retryable or code in _PASSING_CODES else InvalidInput(message)


def options(url: str) -> Document:
    """Return the client options for a URL: the guarantees, and the defaults it does not itself set.

    Raises
    ------
    InvalidInput
        If the URL would weaken a guarantee.
    """
    given = {key.lower(): value for key, value in parse_qsl(urlsplit(url).query)}
    for name, value in GUARANTEES.items():
        wanted = str(value).lower()
        if given.get(name.lower(), wanted).lower() != wanted:
            raise InvalidInput(f"store: got {name}={given[name.lower()]}, expected {wanted}; leave it out of the URL")
    return {**GUARANTEES, **{name: value for name, value in DEFAULTS.items() if name.lower() not in given}}


def connect(url: str) -> Database[Document]:
    """Open the database a URL names and make sure that it belongs to a replica set.

    Raises
    ------
    InvalidInput
        If the URL names no database or an option that does not exist, or the server is no replica set.
    Unavailable
        If no server answers.
    """
    with translated():
        client: pymongo.MongoClient[Document] = pymongo.MongoClient(url, **options(url))
        try:
            database = client.get_default_database()
            hello = client.admin.command("hello")
        except BaseException:
            client.close()
            raise
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        client.close()
        raise InvalidInput(
            "store: this MongoDB is no replica set, and alone it cannot do a write exactly once; start it with "
            "--replSet rs0 and run rs.initiate() once (one member is enough)"
        )
    return database
