from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opq.errors import InvalidInput
from opq.store import Store
from opq.store.port import Documents
from opq.testing import samples
from opq.testing.samples import T0

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=".$\0"), max_size=8)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(params=["settings", "checkpoints", "certificates"])
def documents(store: Store, request: pytest.FixtureRequest) -> Documents:
    found: Documents = getattr(store, request.param)
    return found


def same(one: Any, other: Any) -> bool:
    """Equal, of the same types and in the same order."""
    if isinstance(one, dict):
        return type(other) is dict and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return type(other) is list and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def test_a_document_comes_back_with_its_types_and_order(documents: Documents) -> None:
    document = {
        "z": 1,
        "a": 1.0,
        "größe": "日本 ‹∅›",
        "deep": {"list": [None, True, -(2**63), {"": 0.1}]},
        "n": 2**63 - 1,
    }
    documents.put("key", document)
    found = documents.get("key")
    assert same(found, document)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=TEXT, document=st.dictionaries(KEYS, VALUES, max_size=4))
def test_any_json_like_document_comes_back(store: Store, key: str, document: dict[str, Any]) -> None:
    store.settings.put(key, document)
    assert same(store.settings.get(key), document)


def test_a_document_that_is_not_there_is_none(documents: Documents) -> None:
    assert documents.get("key") is None
    assert documents.items() == {}
    assert documents.remove("key") is False


def test_putting_again_replaces(documents: Documents) -> None:
    documents.put("key", {"a": 1, "b": 2})
    documents.put("key", {"a": 3})
    documents.put("key", {"a": 3})
    assert documents.items() == {"key": {"a": 3}}


def test_an_empty_document_is_a_document(documents: Documents) -> None:
    documents.put("key", {})
    assert documents.get("key") == {}


def test_items_are_those_with_the_prefix_by_key(documents: Documents) -> None:
    for key in ("box/b", "box/a", "box", "boxer", "grid/a", "box/ä", "%", "box/%", "ůžasné/1", "\U0010ffff\U0010ffff1"):
        documents.put(key, {"key": key})
    assert list(documents.items("box/")) == ["box/%", "box/a", "box/b", "box/ä"]
    assert list(documents.items("box")) == ["box", "box/%", "box/a", "box/b", "box/ä", "boxer"]
    assert list(documents.items("%")) == ["%"]
    assert list(documents.items("ůžasné/")) == ["ůžasné/1"]
    assert list(documents.items("\U0010ffff")) == ["\U0010ffff\U0010ffff1"]
    assert list(documents.items("x")) == []
    assert len(documents.items()) == 10
    assert documents.items("grid/") == {"grid/a": {"key": "grid/a"}}


def test_a_removed_document_is_gone(documents: Documents) -> None:
    documents.put("key", {})
    assert documents.remove("key") is True
    assert documents.remove("key") is False
    assert documents.get("key") is None


def test_settings_and_checkpoints_are_apart(store: Store) -> None:
    store.settings.put("key", {"from": "settings"})
    store.checkpoints.put("key", {"from": "checkpoints"})
    assert store.settings.get("key") == {"from": "settings"}
    assert store.checkpoints.items() == {"key": {"from": "checkpoints"}}


@pytest.mark.parametrize(
    "document",
    [
        {"a": float("nan")},
        {"a": [1, float("inf")]},
        {"a": {"b": float("-inf")}},
        {"a": 2**63},
        {"a": b"bytes"},
        {"a": {1, 2}},
        {"a": object()},
        {"a.b": 1},
        {"$a": 1},
        {"a\0": 1},
        {"a": {"b.c": 1}},
        {1: "a"},
        {"a": "half \ud800"},
    ],
)
def test_what_no_store_gives_back_is_refused(documents: Documents, document: Mapping[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        documents.put("key", document)
    assert documents.get("key") is None


def test_a_heartbeat_is_replaced_by_the_next(store: Store) -> None:
    assert store.heartbeats.list() == []
    store.heartbeats.beat(samples.heartbeat())
    later = samples.heartbeat(alive_unix_ns=T0 + 9)
    store.heartbeats.beat(later)
    assert store.heartbeats.list() == [later]


def test_heartbeats_are_listed_by_id_and_role(store: Store) -> None:
    for service_id, role in (("b", "worker"), ("c", "ingest"), ("a", "worker")):
        store.heartbeats.beat(samples.heartbeat(service_id, role=role))
    assert [beat.service_id for beat in store.heartbeats.list()] == ["a", "b", "c"]
    assert [beat.service_id for beat in store.heartbeats.list("worker")] == ["a", "b"]
    assert store.heartbeats.list("view") == []
