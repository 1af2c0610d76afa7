"""Who is signed in at the page of a box, how often one may try, and the password itself."""

from pathlib import Path

import pytest

from opq.clock import HOUR_NS, NS
from opq.errors import CorruptData, InvalidInput
from opq_box_agent.status.page import is_own_name
from opq_box_agent.status.password import FILE, is_password, set_password, stored_password
from opq_box_agent.status.sessions import LIFE_NS, MAX_SESSIONS, Sessions, Throttle


def test_a_session_ends_with_its_time_its_password_and_by_signing_out() -> None:
    sessions = Sessions()
    first = sessions.begin(b"hash", 0)
    assert sessions.find(first.session_id, b"hash", LIFE_NS - 1) == first
    assert sessions.find(first.session_id, b"hash", LIFE_NS) is None
    assert sessions.find(first.session_id, b"hash", 0) is None, "what ended stays ended"
    second = sessions.begin(b"hash", 0)
    assert sessions.find(second.session_id, b"other", 1) is None
    third = sessions.begin(b"hash", 0)
    sessions.end(third.session_id)
    assert sessions.find(third.session_id, b"hash", 1) is None
    assert len({first.session_id, second.session_id, third.session_id, first.csrf, third.csrf}) == 5


def test_of_too_many_sessions_the_oldest_goes() -> None:
    sessions = Sessions()
    begun = [sessions.begin(b"hash", 0) for _ in range(MAX_SESSIONS + 1)]
    assert [sessions.find(one.session_id, b"hash", 1) is None for one in begun] == [True] + [False] * MAX_SESSIONS


def test_wrong_passwords_cost_twice_as_long_each_time_up_to_five_minutes() -> None:
    throttle, waits = Throttle(5), []
    for _ in range(20):
        throttle.failed("10.0.0.7", 0)
        waits.append(throttle.wait_s("10.0.0.7", 0))
    assert waits[:9] == [0, 0, 0, 0, 1, 2, 4, 8, 16]
    assert waits[-1] == 300
    assert throttle.wait_s("10.0.0.8", 0) == 0, "another one does not wait"
    assert throttle.wait_s("10.0.0.7", 299 * NS) == 1
    assert throttle.wait_s("10.0.0.7", 300 * NS) == 0
    throttle.failed("10.0.0.7", HOUR_NS)
    assert throttle.wait_s("10.0.0.7", HOUR_NS) == 0, "after a while it begins anew"
    throttle.succeeded("10.0.0.7")
    assert throttle.wait_s("10.0.0.7", HOUR_NS) == 0


def test_many_addresses_are_not_remembered_for_ever() -> None:
    throttle = Throttle(1)
    for number in range(1000):
        throttle.failed(str(number), 0)
    assert len(throttle._failed) == 256
    assert throttle.wait_s("999", 0) == 1


def test_a_password_is_kept_as_a_salted_hash_that_only_its_owner_reads(tmp_path: Path) -> None:
    assert stored_password(tmp_path) is None
    set_password(tmp_path, "correct horse battery")
    first = stored_password(tmp_path)
    assert first is not None
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert b"correct" not in first
    assert is_password(first, "correct horse battery")
    assert not is_password(first, "correct horse batterz")
    assert not is_password(first, "")
    set_password(tmp_path, "correct horse battery")
    assert stored_password(tmp_path) != first, "the salt is new"


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(InvalidInput, match="expected 12 to 256"):
        set_password(tmp_path, password)
    assert stored_password(tmp_path) is None


def test_a_damaged_password_file_opens_nothing() -> None:
    assert not is_password(b"$argon2id$v=19$m=1$x", "whatever it is")
    for damaged in (b"", b"[]", b"$argon2id$\xff"):
        with pytest.raises(CorruptData, match="set the password again"):
            is_password(damaged, "whatever it is")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:4580", "[::1]:4580", "192.168.1.7:4580", "LOCALHOST:1"])
def test_the_page_goes_by_its_address(host: str) -> None:
    assert is_own_name(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost@evil", "a b", "[::1", "::1", "1:2:3"]
)
def test_a_name_that_somebody_turned_to_the_page_is_refused(host: str) -> None:
    assert not is_own_name(host)
