"""People in the store, in every adapter: passwords, sessions, invitations, API tokens, and who guesses them."""

from dataclasses import replace

import pytest

from opq.clock import DAY_NS, HOUR_NS, NS
from opq.errors import Duplicate, Forbidden, InvalidInput, NotFound, Unauthenticated
from opq.ids import BoxId, UserId
from opq.store import Store
from opq.store.users import INVITATION_LIFE_NS, Users
from opq.testing.samples import T0
from opq.trust.policy import Right, UserRole
from opq.trust.users import SESSION_LIFE_NS, User

ALICE = User(UserId("alice"), UserRole.USER, (BoxId("kitchen"),), T0)
PASSWORD = "correct horse battery"
HERE = "192.0.2.7"


@pytest.fixture
def users(store: Store) -> Users:
    users = Users(store)
    users.add(ALICE)
    users.accept(users.invite(ALICE.user_id, T0), PASSWORD, T0)
    return users


def signed_in(users: Users, now: int = T0) -> str:
    return users.sign_in("alice", PASSWORD, HERE, now)


def test_users_are_added_once_and_listed_by_name(users: Users) -> None:
    users.add(User(UserId("aaron"), UserRole.EXPERT))
    with pytest.raises(Duplicate, match="alice is there already"):
        users.add(ALICE)
    assert [user.user_id for user in users.all()] == ["aaron", "alice"]
    with pytest.raises(NotFound):
        users.get(UserId("bob"))


def test_who_has_no_password_yet_cannot_sign_in(users: Users) -> None:
    users.add(User(UserId("aaron"), UserRole.ADMIN))
    for password in ("", "correct horse battery"):
        with pytest.raises(Unauthenticated):
            users.sign_in("aaron", password, HERE, T0)


def test_an_invitation_is_good_once_and_not_for_ever(users: Users) -> None:
    first = users.invite(ALICE.user_id, T0)
    second = users.invite(ALICE.user_id, T0)
    with pytest.raises(Unauthenticated):
        users.accept(first, "another horse battery", T0)
    with pytest.raises(InvalidInput, match="expected 12 to 256"):
        users.accept(second, "short", T0)
    assert users.accept(second, "another horse battery", T0) == "alice"
    with pytest.raises(Unauthenticated):
        users.accept(second, "a third horse battery", T0)
    third = users.invite(ALICE.user_id, T0)
    with pytest.raises(Unauthenticated, match="too old"):
        users.accept(third, "a third horse battery", T0 + INVITATION_LIFE_NS)


@pytest.mark.parametrize("password", ["aaaaaaaaaaaaaaaa", "alice-alice-1", "x" * 257, "elevenchars"])
def test_passwords_that_are_tried_first_are_refused(users: Users, password: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        users.accept(users.invite(ALICE.user_id, T0), password, T0)
    assert password not in str(refused.value)


def test_a_session_is_of_who_signed_in_until_it_ends(users: Users) -> None:
    text = signed_in(users)
    user = users.signed_in(text, T0 + SESSION_LIFE_NS - 1)
    assert user is not None
    assert user.user_id == "alice"
    assert users.signed_in(text, T0 + SESSION_LIFE_NS) is None
    assert users.signed_in("opqs_" + "x" * 43, T0) is None
    assert users.signed_in("x" * 100_000, T0) is None


def test_every_sign_in_is_another_session(users: Users) -> None:
    first, second = signed_in(users), signed_in(users)
    assert first != second
    users.sign_out(first, T0)
    assert users.signed_in(first, T0) is None
    assert users.signed_in(second, T0) is not None
    users.sign_out(first, T0)


@pytest.mark.parametrize("how", ["password", "invitation", "disabled", "removed"])
def test_sessions_end_with_what_they_rest_on(users: Users, how: str) -> None:
    text = signed_in(users)
    if how == "password":
        users.change_password(ALICE.user_id, PASSWORD, "another horse battery", T0 + 1)
    elif how == "invitation":
        users.accept(users.invite(ALICE.user_id, T0), "another horse battery", T0 + 1)
    elif how == "disabled":
        users.change(replace(users.get(ALICE.user_id), disabled=True))
    else:
        users.remove(ALICE.user_id)
    assert users.signed_in(text, T0 + 2) is None


def test_a_password_is_changed_only_by_who_knows_the_old_one(users: Users) -> None:
    with pytest.raises(Unauthenticated):
        users.change_password(ALICE.user_id, "guess", "another horse battery", T0)
    users.change_password(ALICE.user_id, PASSWORD, "another horse battery", T0)
    with pytest.raises(Unauthenticated):
        signed_in(users)
    assert users.sign_in("alice", "another horse battery", HERE, T0)


def test_guessing_is_slowed_down_and_others_are_not(users: Users) -> None:
    for _ in range(5):
        with pytest.raises(Unauthenticated, match="the name or the password is wrong"):
            users.sign_in("alice", "guess", HERE, T0)
    with pytest.raises(Unauthenticated, match="try again in 1 s"):
        users.sign_in("alice", PASSWORD, HERE, T0)
    assert users.sign_in("alice", PASSWORD, "192.0.2.8", T0)
    assert users.sign_in("alice", PASSWORD, HERE, T0 + NS)
    with pytest.raises(Unauthenticated, match="the name or"):
        users.sign_in("nobody", "guess", HERE, T0 + NS)
    with pytest.raises(Unauthenticated, match="try again in 2 s"):
        users.sign_in("somebody", "guess", HERE, T0 + NS)
    assert users.sign_in("alice", PASSWORD, HERE, T0 + 2 * HOUR_NS)


def test_an_ipv6_network_counts_as_one(users: Users) -> None:
    for host in range(5):
        with pytest.raises(Unauthenticated):
            users.sign_in("alice", "guess", f"2001:db8::{host}", T0)
    with pytest.raises(Unauthenticated, match="too many"):
        users.sign_in("alice", PASSWORD, "2001:db8::ffff", T0)


@pytest.mark.parametrize("name", ["", "ALICE", "a" * 10_000, "sessions/x", "\ud800", "al\0ice", "$where"])
def test_odd_names_are_nobodys(users: Users, name: str) -> None:
    with pytest.raises(Unauthenticated, match="the name or the password is wrong"):
        users.sign_in(name, PASSWORD, HERE, T0)


def test_a_token_reads_in_the_name_of_its_user_within_its_scopes(users: Users) -> None:
    text = users.make_token(ALICE.user_id, "report", [Right.SITE, Right.BOXES], 30 * DAY_NS, T0)
    principal = users.token_principal(text, T0)
    assert principal.may(Right.BOXES, BoxId("kitchen"))
    assert not principal.may(Right.BOXES, BoxId("cellar"))
    assert not principal.may(Right.WAVEFORMS, BoxId("kitchen"))
    with pytest.raises(Forbidden, match=r"token [0-9a-f]{8} of alice has no right to administer"):
        principal.check(Right.ADMINISTER)
    (token,) = users.tokens(ALICE.user_id)
    assert text not in str(token)


def test_a_token_is_never_more_than_its_user(users: Users) -> None:
    text = users.make_token(ALICE.user_id, "report", list(Right), DAY_NS, T0)
    assert not users.token_principal(text, T0).may(Right.ADMINISTER)
    users.change(replace(users.get(ALICE.user_id), role=UserRole.ADMIN))
    assert users.token_principal(text, T0).may(Right.ADMINISTER)


def test_tokens_expire_and_are_revoked(users: Users) -> None:
    text = users.make_token(ALICE.user_id, "report", [Right.SITE], DAY_NS, T0)
    with pytest.raises(Unauthenticated, match="expired at"):
        users.token_principal(text, T0 + DAY_NS)
    (token,) = users.tokens()
    with pytest.raises(NotFound):
        users.revoke_token(token.token_id, UserId("bob"))
    users.revoke_token(token.token_id)
    with pytest.raises(Unauthenticated, match="not known"):
        users.token_principal(text, T0)


def test_tokens_end_with_their_user(users: Users) -> None:
    text = users.make_token(ALICE.user_id, "report", [Right.SITE], DAY_NS, T0)
    users.change(replace(users.get(ALICE.user_id), disabled=True))
    with pytest.raises(Unauthenticated, match="may no longer"):
        users.token_principal(text, T0)
    users.remove(ALICE.user_id)
    assert users.tokens() == []


@pytest.mark.parametrize(
    ("name", "scopes", "life_ns"),
    [("", [Right.SITE], DAY_NS), ("x" * 101, [Right.SITE], DAY_NS), ("x", [], DAY_NS), ("x", [Right.SITE], 0)],
)
def test_tokens_without_a_name_a_scope_or_an_end_are_refused(
    users: Users, name: str, scopes: list[Right], life_ns: int
) -> None:
    with pytest.raises(InvalidInput):
        users.make_token(ALICE.user_id, name, scopes, life_ns, T0)


def test_wrong_tokens_keep_nobody_else_waiting(users: Users) -> None:
    text = users.make_token(ALICE.user_id, "report", [Right.SITE], DAY_NS, T0)
    for _ in range(20):
        with pytest.raises(Unauthenticated, match="not known"):
            users.token_principal("opqt_guess", T0)
    assert users.token_principal(text, T0).name.endswith("of alice")


def test_who_came_and_went_is_in_the_audit_log(users: Users, store: Store) -> None:
    text = signed_in(users)
    users.sign_out(text, T0)
    with pytest.raises(Unauthenticated):
        users.sign_in("alice", "guess", HERE, T0)
    actions = [(entry.actor, entry.action) for entry in store.audit.list(3)]
    assert actions == [
        (f"somebody at {HERE}", "user.refuse"),
        ("user alice", "user.sign_out"),
        ("user alice", "user.sign_in"),
    ]
    assert PASSWORD not in str(store.audit.list())


def test_what_can_no_longer_be_used_is_swept(users: Users, store: Store) -> None:
    signed_in(users)
    users.make_token(ALICE.user_id, "old", [Right.SITE], DAY_NS, T0)
    with pytest.raises(Unauthenticated):
        users.sign_in("alice", "guess", HERE, T0)
    later = T0 + 2 * DAY_NS
    signed_in(users, later)
    users.make_token(ALICE.user_id, "new", [Right.SITE], DAY_NS, later)
    with pytest.raises(Unauthenticated):
        users.sign_in("alice", "guess", "192.0.2.9", later)
    assert len(store.users.items("sessions/")) == 1
    assert [token.name for token in users.tokens()] == ["new"]
    assert all("192.0.2.9" in key for key in store.users.items("tries/"))
