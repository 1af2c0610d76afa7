"""Enrolment tokens: whole or nothing, and never repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.trust.tokens import Token, new_token, parse_token

FINGERPRINT = "0123456789abcdef" * 4
TOKENS = st.builds(
    Token,
    st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True).map(BoxId),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.binary(min_size=32, max_size=32),
)


@given(TOKENS)
def test_a_token_reads_back_and_its_text_has_no_spaces_or_quotes(token: Token) -> None:
    assert parse_token(f" {token.text}\n") == token
    assert set(token.text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert token.secret.hex() not in token.digest


@given(TOKENS, st.data())
def test_one_changed_or_missing_character_is_another_token_or_none_and_never_repeated(
    token: Token, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(token.text) - 1))
    with_one = data.draw(st.sampled_from(["", "a", "Z", "0", ".", "=", "\0", "é"]))
    text = token.text[:at] + with_one + token.text[at + 1 :]
    if text == token.text:
        return
    try:
        found = parse_token(text)
    except InvalidInput as error:
        said = str(error)
    else:
        assert found != token
        said = str(found)
    assert token.text[-20:] not in said


@given(st.text(max_size=300))
def test_any_text_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^token: "):
        parse_token(text)


def test_no_two_tokens_are_alike_and_none_shows_its_secret() -> None:
    tokens = [new_token(BoxId("a"), FINGERPRINT) for _ in range(100)]
    assert len({token.digest for token in tokens}) == 100
    assert repr(tokens[0].secret) not in repr(tokens[0])
