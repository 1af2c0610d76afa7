"""Names in certificates: what is written is read, and nothing else passes for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.trust.names import Identity, Role, identity_of, server_name, service_role

BOX_IDS = st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True).map(BoxId)
SERVICES = st.sampled_from([role for role in Role if role is not Role.BOX]).map(Identity)
IDENTITIES = st.one_of(BOX_IDS.map(lambda box_id: Identity(Role.BOX, box_id)), SERVICES)


@given(IDENTITIES, st.sampled_from(["uri", "dns", "both"]))
def test_an_identity_is_read_from_either_of_its_names(identity: Identity, form: str) -> None:
    uris = [] if form == "dns" else [identity.uri]
    names = [] if form == "uri" else [identity.dns]
    assert identity_of(["https://example.org", *uris], ["example.org", *names]) == identity


@given(IDENTITIES, IDENTITIES)
def test_a_certificate_of_two_is_one_of_nobody(one: Identity, other: Identity) -> None:
    if one != other:
        for uris, names in (([one.uri, other.uri], []), ([one.uri], [other.dns]), ([], [one.dns, other.dns])):
            with pytest.raises(InvalidInput, match="stand for several"):
                identity_of(uris, names)


@given(st.text(max_size=80))
def test_a_name_that_is_almost_ours_is_refused_or_means_just_what_it_says(text: str) -> None:
    for uris, names in (([f"opq://box/{text}"], []), ([f"opq://service/{text}"], []), ([], [f"{text}.box.opq"])):
        try:
            found = identity_of(uris, names)
        except InvalidInput:
            continue
        assert text.lower() in (found.box_id, found.role.value)


@pytest.mark.parametrize(
    ("uris", "names"),
    [
        ([], []),
        (["https://kitchen"], ["kitchen.example.org", "box.opq", "kitchen.box.opq.evil.org"]),
        (["opq://box/"], []),
        (["opq://box/kitchen/../cellar"], []),
        (["opq://box/Kitchen"], []),
        (["opq://service/box"], []),
        (["opq://root"], []),
        ([], ["a.b.box.opq"]),
        ([], ["*.box.opq"]),
        ([], ["king.service.opq"]),
    ],
)
def test_what_names_nobody_is_nobody(uris: list[str], names: list[str]) -> None:
    with pytest.raises(InvalidInput):
        identity_of(uris, names)


def test_only_a_box_has_a_box_id() -> None:
    for role, box_id in ((Role.BOX, None), (Role.INGEST, BoxId("a"))):
        with pytest.raises(InvalidInput):
            Identity(role, box_id)


def test_a_role_is_read_by_its_word() -> None:
    assert service_role("hub") is Role.HUB
    assert server_name(Role.HUB) == "hub.service.opq"
    with pytest.raises(InvalidInput, match="expected one of ingest, makai, hub, worker, view, operator, client"):
        service_role("box")
