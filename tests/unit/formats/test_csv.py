"""CSV and PQDS: tables as people and spreadsheets write them, read line by line."""

from pathlib import Path

import numpy as np
import pytest
from samples_of_formats import RATE_HZ, START_NS, recording, values_of

from opq.clock import parse_iso
from opq.errors import InvalidInput
from opq.formats import ChannelInfo, RecordingFile, StoredRecording, open_recordings, write_recordings

ROWS = 10_000


def opened(folder: Path, text: str, rate: float | None = None, encoding: str = "utf-8") -> RecordingFile:
    (folder / "a.csv").write_bytes(text.encode(encoding))
    return open_recordings(folder / "a.csv", sample_rate_hz=rate)


@pytest.mark.parametrize(
    "text",
    [
        "t_s,u [V]\n0,1.5\n0.5,-2\n1,3\n",
        "t_s;u [V]\n0;1,5\n0,5;-2\n1;3\n",
        "t_s\tu [V]\n0\t1,5\n0,5\t-2\n1\t3\n",
        "t_s;u [V]\n0;1.5\n0.5;-2\n1;3\n",
        '"t_s","u [V]"\r\n"0","1.5"\r\n"0.5","-2"\r\n"1","3"\r\n',
        "\ufefft_s,u [V]\n0,1.5\n\n0.5,-2\n1,3",
        "time [ms],u [mV]\n0,1500\n500,-2000\n1000,3000\n",
        "Time (s), u [V]\n0, 1.5\n0.5, -2\n1, 3\n",
    ],
)
def test_delimiters_decimals_quotes_and_units_are_found_out(tmp_path: Path, text: str) -> None:
    with opened(tmp_path, text) as file:
        (stored,) = file.recordings
        assert values_of(stored).tolist() == [[1.5, -2, 3]]
    assert (stored.sample_rate_hz, stored.channels[0].name, stored.channels[0].unit) == (2, "u", "V")
    assert file.notes == []


def test_one_column_with_decimal_commas_is_one_column(tmp_path: Path) -> None:
    with opened(tmp_path, "u\n1,5\n2,5\n", rate=10) as file:
        assert values_of(file.recordings[0]).tolist() == [[1.5, 2.5]]


def test_cyrillic_headers_are_read_and_told(tmp_path: Path) -> None:
    with opened(tmp_path, "t_s;Напряжение [В]\n0;1\n1;2\n", encoding="cp1251") as file:
        assert file.recordings[0].channels[0].name == "Напряжение"
    assert file.notes == ["text read as cp1251"]


def test_long_tables_are_read_in_pieces_with_the_exact_rate_and_start(tmp_path: Path) -> None:
    rows = "".join(f"{START_NS + number * 83_333},{number}\n" for number in range(ROWS))
    with opened(tmp_path, "unix_ns,u_v\n" + rows) as file:
        (stored,) = file.recordings
        assert np.array_equal(values_of(stored)[0], np.arange(ROWS))
    assert stored.start_unix_ns == START_NS
    assert stored.sample_rate_hz == pytest.approx(1e9 / 83_333, rel=1e-12)


def test_times_as_text_are_read_if_there_are_no_others(tmp_path: Path) -> None:
    text = "time_utc,box_id,u_v\n" + "".join(f"2026-01-02T03:04:05.{n}00Z,b-1,{n}\n" for n in range(3))
    with opened(tmp_path, text) as file:
        (stored,) = file.recordings
    assert (stored.sample_rate_hz, stored.start_unix_ns) == (10, parse_iso("2026-01-02T03:04:05Z"))
    assert [one.name for one in stored.channels] == ["u_v"]


def test_empty_fields_and_nan_are_missing_values(tmp_path: Path) -> None:
    with opened(tmp_path, "t_s,u,w\n0,1,1\n1,,NaN\n2,3,3\n") as file:
        assert values_of(file.recordings[0]).tolist() == [[1, 2, 3], [1, 2, 3]]
    assert "channel 'u': 1 missing value, the first at sample 2; interpolated" in file.notes


@pytest.mark.parametrize("end", ["3,", "3", "3,4,5,6", "3,4x,1"])
def test_a_damaged_last_line_is_left_out_and_named(tmp_path: Path, end: str) -> None:
    with opened(tmp_path, f"t_s,u,w\n0,1,1\n1,2,2\n2,3,3\n{end}") as file:
        assert file.recordings[0].samples == 3
        assert values_of(file.recordings[0]).shape == (2, 3)
    (note,) = file.notes
    assert note.startswith("line 5: got ")
    assert note.endswith("; the last line is left out")


def test_a_damaged_line_far_down_is_named(tmp_path: Path) -> None:
    rows = [f"{number},{number}" for number in range(ROWS)]
    rows[7000] = "7000,seven"
    with pytest.raises(InvalidInput, match=r"a\.csv line 7002: got 'seven' in column 'u', expected a number"):
        opened(tmp_path, "t_s,u\n" + "\n".join(rows) + "\n")


def test_a_jump_of_time_far_down_is_named_even_between_two_pieces(tmp_path: Path) -> None:
    rows = "".join(f"{number + (3 if number >= 4096 else 0)},{number}\n" for number in range(ROWS))
    with pytest.raises(InvalidInput, match=r"a\.csv line 4098: a step of 4 s, expected 1 s as elsewhere"):
        opened(tmp_path, "t_s,u\n" + rows)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t_s,u\n0,1\n", "got 1 rows of samples, expected at least 2"),
        ("t_s,u\n5,1\n4,2\n3,3\n", "times do not rise"),
        ("t_s,u\n,1\n1,2\n2,3\n", "median step is nan s"),
        ("t_s,u\n".replace("", "\0") + "\n1", "UTF-16"),
    ],
)
def test_tables_that_make_no_sense_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        opened(tmp_path, text)


@pytest.mark.parametrize(("name", "form"), [("a.csv", "csv"), ("a.csv", "pqds"), ("a.pqds", "auto")])
@pytest.mark.parametrize("start", [None, START_NS, START_NS + 123_456_789])
def test_what_is_written_is_read_again_exactly(tmp_path: Path, name: str, form: str, start: int | None) -> None:
    values = np.random.default_rng(1).normal(0, 325, (2, 5000))
    infos = (ChannelInfo("U, 1", "V", "AB"), ChannelInfo("i", "kg", ""))
    stored = StoredRecording("x", infos, 3000.5, start, 5000, lambda wanted: iter([values[list(wanted)].copy()]))
    write_recordings(tmp_path / name, [stored], form)
    with open_recordings(tmp_path / name) as file:
        (again,) = file.recordings
        assert np.array_equal(values_of(again), values)
    assert again.sample_rate_hz == pytest.approx(3000.5, rel=1e-9)
    assert file.form == ("csv" if form == "csv" else "pqds")
    if start is None:
        assert again.start_unix_ns is None
    else:
        assert again.start_unix_ns == pytest.approx(start, abs=1)
    assert [one.unit for one in again.channels] == ["V", "kg"]


def test_pqds_has_the_tags_and_labels_other_readers_know(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.csv", [recording(3, 3)], "pqds")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert 'EventDate,"01/02/2026",,T,""' in lines
    assert 'EventTime,"03:04:05",,T,""' in lines
    assert 'NominalFrequency,"50.0",Hz,N,""' in lines
    assert all(line.count(",") == 4 for line in lines[:-4])
    assert lines[-4] == "waveform-data,va,vb,vc"
    assert lines[-3].startswith("0.0,")
    assert lines[-1].startswith(f"{2000 / RATE_HZ!r},")


def test_pqds_of_others_is_read_by_its_labels_and_tags(tmp_path: Path) -> None:
    text = (
        'DeviceName,"Meter 7",,T,"the meter"\nEventYear,2026,,E,""\nEventMonth,1,,E,""\nEventDay,2,,E,""\nEventHour,3,,E,""\n'
        'EventMinute,4,,E,""\nEventSecond,5,,E,""\nEventNanoSecond,1000,,N,""\nwaveform-data,VA,vbc,ia\n'
        "0.0,1,2,3\n0.25,1,2,NaN\n0.5,1,2,5\n"
    )
    with opened(tmp_path, text) as file:
        (stored,) = file.recordings
        assert values_of(stored)[2].tolist() == [3, 4, 5]
    assert (stored.sample_rate_hz, stored.start_unix_ns) == (4000, parse_iso("2026-01-02T03:04:05Z") + 1000)
    assert [(one.name, one.unit, one.phase) for one in stored.channels] == [
        ("VA", "V", "A"), ("vbc", "V", "BC"), ("ia", "A", "A")
    ]  # fmt: skip
    assert stored.details.device == "Meter 7"


def test_lines_of_pqds_are_counted_from_the_beginning_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"a\.csv line 4: got 'x'"):
        opened(tmp_path, 'DeviceName,"M",,T,""\nwaveform-data,va\n0,1\n1,x\n2,3\n3,4\n')


def test_a_csv_that_is_no_pqds_is_not_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("t_s,u\n0,1\n1,2\n")
    with pytest.raises(InvalidInput, match="no line that begins with 'waveform-data'"):
        open_recordings(tmp_path / "a.csv", "pqds")


def test_several_recordings_do_not_fit_in_a_table(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="a CSV file holds one recording, got 2"):
        write_recordings(tmp_path / "a.csv", [recording(), recording()])


@pytest.mark.parametrize("times", [["0", "1e999"], ["1e999", "1e999"], [""]])
def test_times_that_are_none_are_refused_by_line(tmp_path: Path, times: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t_s,u_v\n" + "".join(f"{time},1\n" for time in times))
    with pytest.raises(InvalidInput, match=r"a\.csv"), open_recordings(path) as file:
        list(file.recordings)
