"""What is particular to the MongoDB adapter: options, layout of documents, and the loopback server itself."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from pymongo.errors import OperationFailure
from pymongo.synchronous.database import Database

from opq.errors import CorruptData, InvalidInput
from opq.ids import AcquisitionId, BoxId
from opq.model.features import FEATURE_NAMES
from opq.store import Store, open_store
from opq.store.mongo.connection import DEFAULTS, GUARANTEES, options
from opq.testing import samples
from opq.testing.mongo_wire import MongoWireServer
from opq.testing.samples import T0


@pytest.fixture
def database(mongo_url: str) -> Iterator[Database[dict[str, Any]]]:
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url)
    yield client.get_default_database()
    client.close()


def test_the_guarantees_are_these() -> None:
    assert GUARANTEES == {
        "w": "majority",
        "journal": True,
        "readConcernLevel": "majority",
        "readPreference": "primary",
        "retryWrites": True,
        "retryReads": True,
    }


@pytest.mark.parametrize(
    "option", ["w=1", "journal=false", "readPreference=secondary", "retryWrites=false", "READCONCERNLEVEL=local"]
)
def test_a_url_that_weakens_a_guarantee_is_refused(option: str) -> None:
    with pytest.raises(InvalidInput, match="leave it out"):
        options(f"mongodb://127.0.0.1:1/opq?{option}")


def test_a_url_may_repeat_a_guarantee_and_change_a_default() -> None:
    chosen = options("mongodb://127.0.0.1:1/opq?retryWrites=true&w=majority&maxpoolsize=3")
    assert {**chosen, "maxPoolSize": DEFAULTS["maxPoolSize"]} == {**GUARANTEES, **DEFAULTS}
    assert "maxPoolSize" not in chosen


@pytest.mark.parametrize("url", ["mongodb://127.0.0.1:{port}/", "mongodb://127.0.0.1:{port}/opq?bad=x&w=2"])
def test_a_url_without_database_or_with_bad_options_is_refused(wire_server: MongoWireServer, url: str) -> None:
    with pytest.raises(InvalidInput):
        open_store(url.format(port=wire_server.port))


def test_a_measurement_is_a_document_people_can_read(mongo_store: Store, database: Database[dict[str, Any]]) -> None:
    row = samples.measurement()
    mongo_store.measurements.add([row])
    (found,) = database.measurements.find({}, {"_id": 0})
    features = found.pop("features")
    assert found == {
        "box_id": "box-1",
        "start_unix_ns": T0,
        "duration_ns": row.duration_ns,
        "sequence": row.sequence,
        "windows": 5,
        "flags": row.flags,
    }
    assert list(features) == list(FEATURE_NAMES)
    low, mean, high = row.feature("thd_pct")
    assert features["thd_pct"] == {"min": low, "mean": mean, "max": high}


def test_a_feature_added_after_a_measurement_was_stored_is_nan(
    mongo_store: Store, database: Database[dict[str, Any]]
) -> None:
    mongo_store.measurements.add([samples.measurement()])
    database.measurements.update_one({}, {"$unset": {"features.dc_v": 1}})
    (found,) = mongo_store.measurements.range(BoxId("box-1"), 0, 2**63 - 1)
    assert str(found.feature("dc_v")) == "(nan, nan, nan)"
    assert found.feature("crest") == samples.measurement().feature("crest")


def test_collections_have_the_published_names(mongo_store: Store, database: Database[dict[str, Any]]) -> None:
    mongo_store.events.put(samples.event())
    mongo_store.events.put_boxes([samples.event_box()])
    mongo_store.incidents.put(samples.incident())
    mongo_store.boxes.put(samples.box())
    assert database.events.find_one()["event_id"] == "event-1"  # type: ignore[index]
    assert database.box_events.find_one()["box_id"] == "box-1"  # type: ignore[index]
    assert database.incidents.find_one()["incident_class"] == "VOLTAGE_SAG"  # type: ignore[index]
    assert database.opq_boxes.find_one()["nominal"] == {"u_din_v": 230.1, "f_hz": 50.0}  # type: ignore[index]


def test_a_waveform_that_lost_a_chunk_is_corrupt(mongo_store: Store, database: Database[dict[str, Any]]) -> None:
    acquisition = AcquisitionId("acquisition-1")
    mongo_store.waveforms.append(acquisition, 0, b"0123456789")
    mongo_store.waveforms.commit(samples.waveform_info())
    database.waveform_chunks.delete_one({"acquisition_id": acquisition})
    with pytest.raises(CorruptData, match="got 0 bytes, expected 10"):
        mongo_store.waveforms.data(acquisition)


def test_a_document_that_lost_a_field_is_corrupt(mongo_store: Store, database: Database[dict[str, Any]]) -> None:
    mongo_store.events.put(samples.event())
    database.events.update_one({}, {"$unset": {"grid_id": 1}})
    with pytest.raises(CorruptData, match="Event"):
        mongo_store.events.list()


def test_opening_many_times_makes_the_indexes_once(mongo_store: Store, mongo_url: str) -> None:
    again = open_store(mongo_url)
    again.boxes.put(samples.box())
    assert mongo_store.boxes.list() == [samples.box()]
    again.close()


@pytest.mark.parametrize(
    "command",
    [
        {"explain": {"find": "x"}},
        {"find": "x", "collation": {"locale": "cs"}},
        {"aggregate": "x", "pipeline": [{"$lookup": {}}], "cursor": {}},
        {"update": "x", "updates": [{"q": {}, "u": [{"$set": {"a": 1}}]}]},
        {"update": "x", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "arrayFilters": []}]},
        {"createIndexes": "x", "indexes": [{"key": {"a": "text"}, "name": "a"}]},
        {"insert": "x", "documents": [], "bypassDocumentValidation": True},
        {"configureFailPoint": "failCommand", "mode": {"skip": 2}, "data": {}},
        {"configureFailPoint": "failCommand", "mode": "off", "data": {"blockConnection": True}},
    ],
)
def test_the_loopback_server_refuses_what_it_cannot_do(wire_url: str, command: dict[str, Any]) -> None:
    with pymongo.MongoClient(wire_url) as client, pytest.raises(OperationFailure, match="test server"):  # type: ignore[var-annotated]
        client.get_default_database().command(command)


def test_the_loopback_server_refuses_transactions(wire_url: str) -> None:
    with pymongo.MongoClient(wire_url) as client, client.start_session() as session:  # type: ignore[var-annotated]
        session.start_transaction()
        with pytest.raises(OperationFailure, match="transactions"):
            client.get_default_database().x.insert_one({}, session=session)
        session.end_session()


def test_the_loopback_server_drops_a_connection_that_does_not_speak_its_language(wire_server: MongoWireServer) -> None:
    with socket.create_connection(("127.0.0.1", wire_server.port), timeout=5) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(1) == b""
    with socket.create_connection(("127.0.0.1", wire_server.port), timeout=5) as connection:
        connection.sendall((21).to_bytes(4, "little") + bytes(8) + (2010).to_bytes(4, "little") + bytes(5))
        assert connection.recv(1) == b""


def test_the_loopback_server_runs_as_a_program() -> None:
    program = [sys.executable, "-m", "opq.testing.mongo_wire", "--port", "0"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        store = open_store(url)
        store.boxes.put(samples.box())
        assert store.boxes.list() == [samples.box()]
        store.close()
        process.terminate()
