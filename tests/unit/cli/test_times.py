"""Times and lengths as people type them, and the words that make `opq makai` a command."""

import pytest

from opq.clock import NS, parse_iso
from opq.errors import InvalidInput
from opq.times import parse_moment, parse_seconds
from opq_cli.programs import _is_said_to_makai

NOW = parse_iso("2026-11-24T18:00:00Z")


@pytest.mark.parametrize(
    ("text", "offset_ns"),
    [("now", 0), ("-10s", -10 * NS), ("+5s", 5 * NS), ("-1.5m", -90 * NS), ("-2h", -7200 * NS), ("-30", -30 * NS)],
)
def test_moments_beside_now(text: str, offset_ns: int) -> None:
    assert parse_moment("--from", text, NOW) == NOW + offset_ns


def test_a_moment_may_be_iso() -> None:
    assert parse_moment("--from", "2026-11-24T17:59:59.5Z", NOW) == NOW - NS // 2


def test_what_is_no_moment_is_said_to_be_none() -> None:
    with pytest.raises(InvalidInput, match=r"--from: got 'soon', expected now, -10s, \+5s or ISO 8601"):
        parse_moment("--from", "soon", NOW)


@pytest.mark.parametrize(("text", "seconds"), [("5s", 5), ("250ms", 0.25), ("2m", 120), ("1.5h", 5400), ("7", 7)])
def test_lengths(text: str, seconds: float) -> None:
    assert parse_seconds("--last", text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "-5s", "five", "5 parsecs"])
def test_what_is_no_length_is_said_to_be_none(text: str) -> None:
    with pytest.raises(InvalidInput, match="--last: got"):
        parse_seconds("--last", text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("makai", False),
        ("makai --listen 127.0.0.1:1", False),
        ("makai --help", False),
        ("makai watch --grid g", True),
        ("makai state b-1", True),
        ("makai detectors set habit threshold=4", True),
        ("makai reload", True),
        ("ingest watch", False),
    ],
)
def test_only_four_words_after_makai_do_not_start_one(line: str, said: bool) -> None:
    assert _is_said_to_makai(line.split()) is said
