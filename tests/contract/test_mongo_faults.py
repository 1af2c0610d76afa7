"""What becomes of an operation when the connection or the server fails in the middle of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pytest

from opq.errors import InvalidInput, NotFound, Unavailable
from opq.ids import AcquisitionId, BoxId, EventId
from opq.store import Store, open_store
from opq.testing import samples
from opq.testing.mongo_wire import MongoWireServer
from opq.testing.samples import T0

PRIMARY_STEPPED_DOWN = 189
INTERRUPTED_AT_SHUTDOWN = 11600
DOCUMENT_VALIDATION_FAILED = 121
ACQUISITION = AcquisitionId("acquisition-1")
Fail = Callable[..., None]


@pytest.fixture(autouse=True)
def quick_rediscovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fault pymongo looks at the server again at most twice a second; here at once."""
    for module in ("monitor", "topology"):
        monkeypatch.setattr(f"pymongo.synchronous.{module}.common.MIN_HEARTBEAT_INTERVAL", 0.005)


@pytest.fixture
def fail(mongo_url: str) -> Iterator[Fail]:
    """A function that makes the next commands of a name fail; `times` None for ever."""
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_url)

    def configure(*commands: str, times: int | None = 1, **data: Any) -> None:
        mode: Any = "alwaysOn" if times is None else {"times": times} if times else "off"
        client.admin.command("configureFailPoint", "failCommand", mode=mode, data={"failCommands": commands, **data})

    yield configure
    client.admin.command("configureFailPoint", "failCommand", mode="off")
    client.close()


def insert(store: Store) -> None:
    assert store.measurements.add([samples.measurement(T0 + second) for second in range(3)]) == 3
    assert store.measurements.count() == 3


def update(store: Store) -> None:
    store.boxes.connected(samples.status())
    assert store.boxes.disconnected(BoxId("box-1"), "session-1", T0) is True


def replace(store: Store) -> None:
    store.settings.put("key", {"a": 1})
    assert store.settings.items() == {"key": {"a": 1}}


def find(store: Store) -> None:
    assert store.settings.get("other") is None
    assert store.settings.items("other") == {}


def count(store: Store) -> None:
    assert store.events.count() == 0


def claim(store: Store) -> None:
    store.tasks.add([samples.task()])
    claimed = store.tasks.claim(["ieee1159"], "w", T0, T0 + 9)
    assert claimed is not None
    assert claimed.attempts == 1


def remove(store: Store) -> None:
    store.settings.put("key", {})
    assert store.settings.remove("key") is True


OPERATIONS = [
    pytest.param("insert", insert, id="insert"),
    pytest.param("update", update, id="update"),
    pytest.param("update", replace, id="replace"),
    pytest.param("find", find, id="find"),
    pytest.param("aggregate", count, id="count"),
    pytest.param("findAndModify", claim, id="claim"),
    pytest.param("delete", remove, id="remove"),
]
FAULTS = [
    pytest.param({"closeConnection": True}, id="dropped connection"),
    pytest.param({"errorCode": PRIMARY_STEPPED_DOWN}, id="stepped down"),
    pytest.param({"errorCode": INTERRUPTED_AT_SHUTDOWN}, id="shutdown"),
]


@pytest.mark.parametrize(("command", "operate"), OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_goes_unnoticed_and_the_operation_is_done_once(
    mongo_store: Store, fail: Fail, command: str, operate: Callable[[Store], None], fault: dict[str, Any]
) -> None:
    fail(command, **fault)
    operate(mongo_store)


@pytest.mark.parametrize(("command", "operate"), OPERATIONS)
def test_an_operation_whose_reply_is_lost_is_done_once(
    wire_server: MongoWireServer, wire_url: str, command: str, operate: Callable[[Store], None]
) -> None:
    store = open_store(wire_url)
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(wire_url)
    data = {"failCommands": [command], "dropReply": True}
    client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=data)
    operate(store)
    store.close()
    client.close()


@pytest.mark.parametrize(("command", "operate"), OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS[:2])
def test_a_fault_that_stays_is_unavailable_and_over_when_it_goes(
    mongo_store: Store, fail: Fail, command: str, operate: Callable[[Store], None], fault: dict[str, Any]
) -> None:
    fail(command, times=None, **fault)
    with pytest.raises(Unavailable):
        operate(mongo_store)
    fail(command, times=1, **fault)
    mongo_store.ping()
    operate(mongo_store)


def test_an_error_that_does_not_pass_is_not_called_unavailable(mongo_store: Store, fail: Fail) -> None:
    fail("insert", "update", times=None, errorCode=DOCUMENT_VALIDATION_FAILED)
    with pytest.raises(InvalidInput, match="OperationFailure"):
        mongo_store.measurements.add([samples.measurement()])
    with pytest.raises(InvalidInput):
        mongo_store.boxes.put(samples.box())


def test_a_server_that_is_gone_is_unavailable() -> None:
    with MongoWireServer() as server:
        url = f"{server.url('opq')}&serverSelectionTimeoutMS=100"
        store = open_store(url)
        store.ping()
    with pytest.raises(Unavailable):
        store.ping()
    with pytest.raises(Unavailable):
        store.measurements.add([samples.measurement()])
    with pytest.raises(Unavailable):
        store.tasks.claim(["ieee1159"], "w", T0, T0)
    store.close()
    with pytest.raises(Unavailable):
        open_store(url)


def test_a_replacement_that_was_interrupted_is_healed_by_doing_it_again(mongo_store: Store, fail: Fail) -> None:
    event = EventId("event-1")
    old, new = (samples.incident(name, ordinal=name) for name in ("old", "new"))
    mongo_store.incidents.replace("ieee1159", event, [old])
    fail("delete", times=None, closeConnection=True)
    with pytest.raises(Unavailable):
        mongo_store.incidents.replace("ieee1159", event, [new])
    fail("delete", times=0)
    assert mongo_store.incidents.count() == 2
    mongo_store.incidents.replace("ieee1159", event, [new])
    assert mongo_store.incidents.list() == [new]


def test_bytes_whose_append_was_interrupted_are_adopted(mongo_store: Store, fail: Fail) -> None:
    mongo_store.waveforms.append(ACQUISITION, 0, b"01234")
    fail("update", times=None, closeConnection=True)
    with pytest.raises(Unavailable):
        mongo_store.waveforms.append(ACQUISITION, 5, b"567")
    fail("update", times=0)
    assert mongo_store.waveforms.received(ACQUISITION) == 5
    assert mongo_store.waveforms.uncommitted(ACQUISITION) == b"01234"
    assert mongo_store.waveforms.append(ACQUISITION, 5, b"56789") == 10
    mongo_store.waveforms.commit(samples.waveform_info())
    assert mongo_store.waveforms.data(ACQUISITION) == b"0123456789"


@pytest.mark.parametrize("finish", ["received", "uncommitted", "append", "discard", "sweep"])
def test_a_discard_that_was_interrupted_is_finished_by_whatever_comes_next(
    mongo_store: Store, fail: Fail, finish: str
) -> None:
    waveforms = mongo_store.waveforms
    waveforms.append(ACQUISITION, 0, b"wrong bytes")
    fail("delete", times=None, closeConnection=True)
    with pytest.raises(Unavailable):
        waveforms.discard(ACQUISITION)
    fail("delete", times=0)
    with pytest.raises(InvalidInput):
        waveforms.commit(samples.waveform_info(encoded_bytes=11))
    match finish:
        case "received":
            assert waveforms.received(ACQUISITION) == 0
        case "uncommitted":
            assert waveforms.uncommitted(ACQUISITION) == b""
        case "append":
            assert waveforms.append(ACQUISITION, 0, b"01") == 2
        case "discard":
            waveforms.discard(ACQUISITION)
        case "sweep":
            waveforms.sweep(2**62)
    waveforms.append(ACQUISITION, 0, b"0123456789")
    waveforms.commit(samples.waveform_info())
    assert waveforms.data(ACQUISITION) == b"0123456789"


def test_a_removal_that_was_interrupted_can_be_done_again(mongo_store: Store, fail: Fail) -> None:
    mongo_store.boxes.put(samples.box())
    mongo_store.boxes.connected(samples.status())
    fail("delete", times=2, closeConnection=True)
    with pytest.raises(Unavailable):
        mongo_store.boxes.remove(BoxId("box-1"))
    assert mongo_store.boxes.remove(BoxId("box-1")) is True
    assert mongo_store.boxes.statuses() == []


def test_a_discarded_waveform_that_was_never_begun_is_not_found(mongo_store: Store) -> None:
    with pytest.raises(NotFound):
        mongo_store.waveforms.data(ACQUISITION)
