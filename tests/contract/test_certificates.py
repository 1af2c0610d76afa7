"""What the store keeps of certificates, tokens and revocations, in every adapter."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from opq.clock import NS
from opq.errors import InvalidInput, NotFound
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Nominal
from opq.store import Store
from opq.store.certificates import Certificates
from opq.store.trust import grant_enrolment, issue_certificate, revoke
from opq.testing.samples import T0
from opq.trust.authority import BOX_LIFE_NS, make_authority
from opq.trust.certificates import describe, new_key
from opq.trust.names import Identity, Role
from opq.trust.records import Grant, IssuedCertificate, Revocation, UsedGrant

KITCHEN = Identity(Role.BOX, BoxId("kitchen"))
ISSUED = IssuedCertificate("ab12", Role.BOX, BoxId("kitchen"), T0, T0 + NS, "f" * 64, "token")
GRANT = Grant(BoxId("kitchen"), T0, T0 + NS)


@pytest.fixture
def certificates(store: Store) -> Certificates:
    store.boxes.put(Box(BoxId("kitchen"), GridId("g"), Nominal(120, 60)))
    return Certificates(store)


def test_certificates_are_listed_by_whom_they_are_for_oldest_first(certificates: Certificates) -> None:
    later = replace(ISSUED, serial="0a", issued_unix_ns=T0 + 5)
    ingest = replace(ISSUED, serial="1", role=Role.INGEST, box_id=None, issued_unix_ns=T0 + 2)
    neighbour = replace(ISSUED, serial="2", box_id=BoxId("kitchen-2"))
    for one in (later, ISSUED, ingest, neighbour):
        certificates.add(one)
    assert certificates.of(KITCHEN) == [ISSUED, later]
    assert certificates.of(Identity(Role.INGEST)) == [ingest]
    assert len(certificates.all()) == 4


def test_a_token_is_taken_once_by_however_many(certificates: Certificates) -> None:
    certificates.grant("hash", GRANT)
    assert certificates.granted("hash") == GRANT
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: certificates.take("hash"), range(16)))
    assert sorted(taken) == [False] * 15 + [True]
    assert certificates.granted("hash") is None
    assert not certificates.take("another")


def test_what_came_of_a_token_is_remembered_until_it_expires(certificates: Certificates) -> None:
    used = UsedGrant(BoxId("kitchen"), "key", T0 + NS, "-----BEGIN")
    certificates.mark_used("hash", used)
    certificates.grant("waiting", GRANT)
    assert certificates.forget_grants(None, T0 + NS - 1) == 0
    assert certificates.used("hash") == used
    assert certificates.forget_grants(None, T0 + NS) == 2
    assert certificates.used("hash") is None


def test_revoking_a_box_takes_its_certificates_and_its_tokens(store: Store, certificates: Certificates) -> None:
    authority = make_authority(T0)
    chain = issue_certificate(store, authority, KITCHEN, new_key().public_key(), "token", T0, BOX_LIFE_NS)
    serial = describe(chain[0]).serial
    token = grant_enrolment(store, authority, BoxId("kitchen"), T0, NS)
    revoked = revoke(store, "kitchen", T0 + 1, "stolen")
    assert (revoked.serials, revoked.tokens) == ((serial,), 1)
    assert not certificates.take(token.digest)
    found = certificates.revocations()
    assert found.serials == {serial: Revocation(T0 + 1, "stolen")}
    assert found.boxes == {"kitchen": Revocation(T0 + 1, "stolen")}
    assert found.refusal(describe(chain[0])).endswith("(stolen)")


def test_a_box_that_enrols_anew_is_admitted_and_its_old_certificates_are_not(
    store: Store, certificates: Certificates
) -> None:
    authority = make_authority(T0)
    revoke(store, "kitchen", T0, "")
    # Signed while the revocation was under way.
    chain = issue_certificate(store, authority, KITCHEN, new_key().public_key(), "renewal", T0, BOX_LIFE_NS)
    grant_enrolment(store, authority, BoxId("kitchen"), T0 + 1, NS)
    found = certificates.revocations()
    assert found.boxes == {}
    assert found.refusal(describe(chain[0]))


def test_one_certificate_is_revoked_by_its_serial_number_in_any_spelling(
    store: Store, certificates: Certificates
) -> None:
    revoke(store, "00:AB:CD:EF:01:23:45:67:89:AB", T0, "lost")
    revoke(store, "abcdef0123456789ab", T0 + 9, "again")
    assert certificates.revocations().serials == {"abcdef0123456789ab": Revocation(T0, "lost")}
    for nothing in ("cellar", "abc123", ""):
        with pytest.raises(NotFound):
            revoke(store, nothing, T0, "")


def test_a_token_is_for_a_box_of_the_site_only(store: Store, certificates: Certificates) -> None:
    with pytest.raises(NotFound, match="opq boxes add cellar"):
        grant_enrolment(store, make_authority(T0), BoxId("cellar"), T0, NS)


def test_nothing_is_signed_beyond_the_life_of_the_root(store: Store) -> None:
    authority = make_authority(T0, BOX_LIFE_NS)
    with pytest.raises(InvalidInput, match="opq ca rotate"):
        issue_certificate(store, authority, KITCHEN, new_key().public_key(), "token", T0, BOX_LIFE_NS + NS)
    assert Certificates(store).all() == []
