"""Tables on a terminal of any width: one line per row, ids whole, the least important left out first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from opq.clock import NS
from opq_cli.output import Column, age, plain, table_lines

COLUMNS = (
    Column("event"), Column("name", shrink=True), Column("grid", drop=1), Column("opened by", drop=2, shrink=True),
)  # fmt: skip
ROWS = [
    ["0123456789abcdef-01234567", "Küche 厨房 with the long name", "main", "b-1: u_rms_v 84 beyond 114"],
    ["0123456789abcdef-89abcdef", "", "main", ""],
]


def test_without_a_width_everything_is_there_in_one_line_per_row() -> None:
    lines = table_lines(COLUMNS, ROWS, None)
    assert lines[0].split() == ["event", "name", "grid", "opened", "by"]
    assert lines[1].endswith("b-1: u_rms_v 84 beyond 114")
    assert len(lines) == 3


def test_columns_are_under_their_titles_also_behind_wide_letters() -> None:
    header, *lines = table_lines(COLUMNS, ROWS, None)
    at = cell_len(header[: header.index("grid")])
    for line in lines:
        assert cell_len(line[: line.index("main")]) == at


def test_where_it_is_narrow_texts_are_cut_before_columns_are_left_out() -> None:
    header, first, _ = table_lines(COLUMNS, ROWS, 70)
    assert "opened by" in header
    assert "Küche 厨…  main  b-1: u_rms_v 84 beyond 114" in first
    header, first, _ = table_lines(COLUMNS, ROWS, 45)
    assert header.split() == ["event", "name", "grid"]
    assert table_lines(COLUMNS, ROWS, 36)[0].split() == ["event", "name"]


def test_an_id_is_whole_whatever_the_width() -> None:
    assert all(row[0] in line for row, line in zip(ROWS, table_lines(COLUMNS, ROWS, 5)[1:], strict=True))


def test_a_cell_with_several_lines_stays_in_its_row() -> None:
    assert table_lines((Column("a"),), [["one\n two\tthree"]], None) == ["a", "one two three"]


@given(
    st.lists(st.lists(st.text(max_size=40), min_size=4, max_size=4), max_size=5),
    st.integers(min_value=40, max_value=200),
)
def test_no_line_is_wider_than_the_terminal_if_the_ids_fit(rows: list[list[str]], width: int) -> None:
    rows = [["id-of-25-characters-in-all"[:25], *row[1:]] for row in rows]
    lines = table_lines(COLUMNS, rows, width)
    assert len(lines) == len(rows) + 1
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s ago"), (5, "5 s ago"), (119, "119 s ago"), (120, "2 min ago"), (7199, "119 min ago"), (7200, "2 h ago"),
     (2 * 86_400, "2 d ago"), (400 * 86_400, "400 d ago"), (-0.5, "just now"), (-30, "in 30 s")],
)  # fmt: skip
def test_an_age_is_one_number_with_its_unit(seconds: float, words: str) -> None:
    now = 1_800_000_000 * NS
    assert age(now - round(seconds * NS), now) == words


def test_what_never_was_has_no_age() -> None:
    assert age(0, 5) == "never"


def test_json_gives_every_time_an_iso_twin() -> None:
    from opq.testing.samples import event

    made = plain(event())
    assert made["start"] == "2027-01-15T08:00:00.123Z"
    assert made["start_unix_ns"] == 1_800_000_000_123_456_789
    assert made["extent"] == "neighbourhood"
    assert "completed" not in plain(event(completed_unix_ns=0))
