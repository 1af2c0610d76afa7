"""COMTRADE: what relays write is read, and what is written the package `comtrade` reads too."""

import shutil
import warnings
from pathlib import Path

import comtrade
import numpy as np
import pytest
from samples_of_formats import RATE_HZ, START_NS, recording, values_of

from opq.clock import NS, parse_iso
from opq.errors import InvalidInput
from opq.formats import RecordingFile, StoredRecording, WriteOptions, open_recordings, write_recordings
from opq.formats.comtrade.config_parser import parse_config

PAIRS = [
    ("dp_sample_ascii.cfg", "dp_sample_ascii.dat"),
    ("dp_sample_ascii.cfg", "dp_sample_ascii_missing.dat"),
    ("dp_sample_ascii_utf-8.cfg", "dp_sample_ascii.dat"),
    ("dp_sample_bin.cfg", "dp_sample_bin.dat"),
    ("dp_sample_bin.cfg", "dp_sample_bin_missing.dat"),
    ("dp_sample_iso8859-1.cfg", "dp_sample_iso8859-1.dat"),
    ("dp_sample_iso8859-1_bin.cfg", "dp_sample_iso8859-1_bin.dat"),
    ("dp_sample_sub_char.cfg", "dp_sample_ascii.dat"),
    ("wisp_2.cfg", "wisp_2.dat"),
    ("wisp_4.CFG", "wisp_4.DAT"),
    ("dp_sample_ascii.cff", None),
    ("dp_sample_float32.cff", None),
]
CONFIG = """Town,Relay 7,1999
3,2A,1D
1,UA,A,bus,kV,0.1,0.5,0,-32767,32767,110,0.1,S
2,IB,B,bus,A,1,0,0,-32767,32767,1,1,P
1,Trip,,,1
50
1
1000,4
02/01/2026,03:04:05.000000
02/01/2026,03:04:05.002000
ASCII
1
"""
DATA = "1,0,10,1,0\r\n2,1000,20,2,1\r\n3,2000,30,3,0\r\n4,3000,40,4,1\r\n\x1a"


def reference(config: Path, data: Path | None, encoding: str = "utf-8") -> comtrade.Comtrade:
    """Read by the package."""
    record = comtrade.Comtrade(ignore_warnings=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        record.load(str(config), None if data is None else str(data), encoding=encoding)
    return record


def opened(folder: Path, config: str = CONFIG, data: str | bytes = DATA) -> RecordingFile:
    (folder / "a.cfg").write_text(config, newline="")
    (folder / "a.dat").write_bytes(data if isinstance(data, bytes) else data.encode())
    return open_recordings(folder / "a.cfg")


@pytest.mark.shared_data
@pytest.mark.parametrize(("config", "data"), PAIRS)
def test_public_records_are_read_as_the_package_reads_them(
    tmp_path: Path, shared: Path, config: str, data: str | None
) -> None:
    path = tmp_path / f"x{Path(config).suffix}"
    shutil.copy(shared / "comtrade" / config, path)
    companion = None
    if data:
        companion = Path(shutil.copy(shared / "comtrade" / data, tmp_path / f"x{Path(data).suffix}"))
    with open_recordings(path) as file:
        (stored,) = file.recordings
        samples = values_of(stored)
        states = np.concatenate(list(stored.digital_blocks(100)), axis=1)
    encoding = next((note.split()[-1] for note in file.notes if note.startswith("text read as")), "utf-8")
    record = reference(path, companion, encoding)
    scales = np.array([[1e3 if one.uu.strip() == "kV" else 1.0] for one in record.cfg.analog_channels])
    expected, count = np.array(record.analog, np.float64) * scales, record.total_samples
    there = np.isfinite(expected)
    # The package holds float32.
    assert np.allclose(samples[:, :count][there], expected[there], rtol=3e-7, atol=1e-9)
    assert np.array_equal(states[:, :count], np.array(record.status))
    assert [info.name for info in stored.channels] == [name.strip() for name in record.analog_channel_ids]
    missing = int((~there).sum())
    assert sum("missing" in note for note in file.notes) == missing


@pytest.mark.shared_data
def test_a_field_record_of_1200_samples_a_second_keeps_its_channels_and_states(shared: Path) -> None:
    with open_recordings(shared / "comtrade" / "wisp_2.cfg") as file:
        (stored,) = file.recordings
    assert (len(stored.channels), len(stored.digital), stored.sample_rate_hz) == (55, 112, 1200)
    assert stored.channels[0].phase == "A"
    assert stored.details.f_nominal_hz == 50
    assert stored.start_unix_ns == parse_iso("2016-08-22T16:04:22Z")
    assert file.notes == ["text read as cp1251", "announces 19679 samples, there are 19680: read all"]


@pytest.mark.parametrize("name", ["a.cfg", "a.CFG", "a.cff"])
@pytest.mark.parametrize("variant", ["ascii", "binary", "binary32", "float32"])
def test_what_is_written_is_read_by_ourselves_and_by_the_package(tmp_path: Path, name: str, variant: str) -> None:
    stored = recording(1000, 5, digital=19)
    written = write_recordings(tmp_path / name, [stored], options=WriteOptions(variant))
    with open_recordings(tmp_path / name) as file:
        (again,) = file.recordings
        assert np.array_equal(values_of(again), values_of(stored))
        assert np.array_equal(np.concatenate(list(again.digital_blocks(7)), 1), next(stored.digital_blocks(1000)))
    assert again.digital == stored.digital
    assert again.details == stored.details
    assert (again.sample_rate_hz, again.start_unix_ns) == (RATE_HZ, START_NS)
    assert [(one.name, one.unit, one.phase, one.component) for one in again.channels] == [
        (one.name, one.unit, one.phase, one.component) for one in stored.channels
    ]
    assert file.notes == written.notes == []
    record = reference(tmp_path / name, written.files[1] if len(written.files) > 1 else None)
    assert np.array_equal(np.array(record.analog), values_of(stored))
    assert np.array_equal(np.array(record.status), next(stored.digital_blocks(1000)))
    assert record.cfg.sample_rates == [[RATE_HZ, 1000]]
    assert parse_iso(record.start_timestamp.isoformat()) == START_NS


@pytest.mark.parametrize(("variant", "numbers"), [("ascii", 99_998), ("binary", 32_767), ("binary32", 2**31 - 1)])
def test_values_without_a_step_keep_the_resolution_of_the_form(tmp_path: Path, variant: str, numbers: int) -> None:
    stored = recording(300)
    free = StoredRecording(
        "x", tuple(type(one)(one.name, one.unit) for one in stored.channels), 50.5, None, 300,
        lambda wanted: (np.sqrt(np.abs(chunk)) + 1e3 for chunk in stored.chunks(wanted)),
    )  # fmt: skip
    write_recordings(tmp_path / "a.cfg", [free], options=WriteOptions(variant))
    with open_recordings(tmp_path / "a.cfg") as file:
        (again,) = file.recordings
        span = np.ptp(values_of(free))
        assert np.abs(values_of(again) - values_of(free)).max() <= span / (2 * numbers) * 1.01
    assert again.start_unix_ns is None
    assert again.sample_rate_hz == 50.5


def test_sections_of_several_rates_are_recordings_that_follow_one_another(tmp_path: Path) -> None:
    config = CONFIG.replace("1\n1000,4", "2\n1000,3\n2000,5")
    with opened(tmp_path, config, DATA.strip("\x1a") + "5,3500,50,5,0\n") as file:
        fast, faster = file.recordings
    assert (fast.samples, fast.sample_rate_hz, faster.samples, faster.sample_rate_hz) == (3, 1000, 2, 2000)
    assert faster.start_unix_ns is not None
    assert fast.start_unix_ns is not None
    assert faster.start_unix_ns - fast.start_unix_ns == 3_000_000
    assert faster.source.endswith("#2 2000 Hz")
    assert values_of(faster)[1].tolist() == [4, 5]
    written = write_recordings(tmp_path / "b.cff", file.recordings)
    assert written.recordings == 2
    with open_recordings(tmp_path / "b.cff") as again:
        assert [(one.sample_rate_hz, one.samples) for one in again.recordings] == [(1000, 3), (2000, 2)]
        assert np.array_equal(values_of(again.recordings[1]), values_of(faster))
        assert next(again.recordings[1].digital_blocks(9)).tolist() == [[1, 0]]


def test_recordings_that_do_not_follow_one_another_do_not_fit_in_one_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not follow"):
        write_recordings(tmp_path / "a.cfg", [recording(), recording()])
    assert list(tmp_path.iterdir()) == []


def test_voltages_come_in_volts_and_secondary_values_are_told(tmp_path: Path) -> None:
    with opened(tmp_path) as file:
        (stored,) = file.recordings
        assert values_of(stored).tolist() == [[1500, 2500, 3500, 4500], [1, 2, 3, 4]]
        assert next(stored.digital_blocks(9)).tolist() == [[0, 1, 0, 1]]
    info = stored.channels[0]
    assert (info.unit, info.step, info.offset, info.primary, info.side) == ("V", 100, 500, 110, "S")
    assert stored.digital[0].normal == 1
    assert file.notes == ["values of the secondary side of transformers 110:0.1, not multiplied: UA"]


@pytest.mark.parametrize(
    ("line", "rate", "samples", "note"),
    [
        ("0\n0,4", 1000.0, 4, "no sample rate; 1000 Hz from the time stamps"),
        ("1\n0,4", 1000.0, 4, "no sample rate; 1000 Hz from the time stamps"),
    ],
)
def test_without_a_rate_even_time_stamps_give_it(
    tmp_path: Path, line: str, rate: float, samples: int, note: str
) -> None:
    with opened(tmp_path, CONFIG.replace("1\n1000,4", line)) as file:
        (stored,) = file.recordings
    assert (stored.sample_rate_hz, stored.samples) == (rate, samples)
    assert note in file.notes


def test_uneven_time_stamps_are_resampled_and_the_factor_of_the_stamps_counts(tmp_path: Path) -> None:
    config = CONFIG.replace("1\n1000,4", "0\n0,4").replace("ASCII\n1\n", "ASCII\n2\n")
    with opened(tmp_path, config, DATA.replace("4,3000", "4,6000")) as file:
        (stored,) = file.recordings
        assert values_of(stored)[1].tolist() == pytest.approx([1, 2, 3, 3.25, 3.5, 3.75, 4])
    assert stored.sample_rate_hz == 500
    assert "no sample rate, and uneven time stamps: resampled to 500 Hz by straight lines" in file.notes
    assert stored.digital == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (DATA.replace("3,2000", "3,500"), "the time stamp of sample 3 is not after the one before"),
        (DATA.replace("2,1000", "2,"), "sample 2 has no time stamp"),
        (DATA.replace("4,3000", "4,900000000"), "too uneven"),
    ],
)
def test_time_stamps_that_make_no_sense_are_named(tmp_path: Path, data: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        opened(tmp_path, CONFIG.replace("1\n1000,4", "0\n0,4"), data)


def test_32_bit_time_stamps_may_overflow(tmp_path: Path) -> None:
    config = CONFIG.replace("1\n1000,4", "0\n0,4")
    data = "1,4294966296,1,1,0\n2,0,2,2,0\n3,1000,3,3,0\n"
    with opened(tmp_path, config, data) as file:
        assert file.recordings[0].sample_rate_hz == pytest.approx(1000)


@pytest.mark.parametrize("missing", ["", "99999"])
def test_missing_values_are_interpolated_and_told(tmp_path: Path, missing: str) -> None:
    with opened(tmp_path, data=DATA.replace("2,1000,20", f"2,1000,{missing}")) as file:
        assert values_of(file.recordings[0])[0].tolist() == [1500, 2500, 3500, 4500]
    assert "channel 'UA': 1 missing value, the first at sample 2; interpolated" in file.notes


def test_99999_is_a_value_where_the_channel_may_be_as_large(tmp_path: Path) -> None:
    config = CONFIG.replace("IB,B,bus,A,1,0,0,-32767,32767", "IB,B,bus,A,1,0,0,-200000,200000")
    with opened(tmp_path, config, DATA.replace("2,1000,20,2", "2,1000,20,99999")) as file:
        assert values_of(file.recordings[0])[1].tolist() == [1, 99999, 3, 4]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (CONFIG.replace("3,2A,1D", "3,2A"), 2),
        (CONFIG.replace("3,2A,1D", "9,8A,1D"), 5),
        (CONFIG.replace("3,2A,1D", "90,80A,10D"), 2),
        (CONFIG.replace("kV,0.1", "kV,x"), 3),
        (CONFIG.replace("1000,4", "-5,4"), 8),
        (CONFIG.replace("1000,4", "1000,4.5"), 8),
        (CONFIG.replace("ASCII", "MORSE"), 11),
        ("\n".join(CONFIG.splitlines()[:6]), 7),
    ],
)
def test_what_is_wrong_in_a_configuration_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(InvalidInput, match=rf"a\.cfg line {line}: not readable as COMTRADE"):
        opened(tmp_path, text)


def test_lines_of_a_container_are_counted_from_its_beginning(tmp_path: Path) -> None:
    text = f"--- file type: CFG ---\n{CONFIG.replace('kV,0.1', 'kV,x')}--- file type: DAT ASCII ---\n{DATA}"
    (tmp_path / "a.cff").write_text(text)
    with pytest.raises(InvalidInput, match=r"a\.cff line 4"):
        open_recordings(tmp_path / "a.cff")


@pytest.mark.parametrize(
    ("revision", "date", "month", "day"),
    [("", "01/02/26", 1, 2), ("1991", "01/02/2026", 1, 2), ("1999", "01/02/2026", 2, 1), ("2013", "13/02/2026", 2, 13)],
)
def test_dates_are_in_the_order_of_the_year_of_the_standard(revision: str, date: str, month: int, day: int) -> None:
    text = CONFIG.replace("Relay 7,1999", f"Relay 7,{revision}").replace(
        "02/01/2026,03:04:05.000000", f"{date},03:04:05"
    )
    config = parse_config(text, "a.cfg", [])
    assert config.start_unix_ns == parse_iso(f"2026-{month:02}-{day:02}T03:04:05Z")


def test_times_of_2013_are_brought_to_utc_and_nine_digits_count_in_nanoseconds() -> None:
    text = CONFIG.replace("1999", "2013").replace("05.000000\n", "05.123456789\n") + "-5h30,-5h30\nB,3\n"
    notes: list[str] = []
    config = parse_config(text, "a.cfg", notes)
    assert config.start_unix_ns == parse_iso("2026-01-02T08:34:05Z") + 123_456_789
    assert notes == ["line 13: times brought to UTC by the time code -5h30"]
    assert config.tick_ns == 1


def test_a_binary_file_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    stored = recording(100, digital=3)
    write_recordings(tmp_path / "a.cfg", [stored])
    whole = (tmp_path / "a.dat").read_bytes()
    (tmp_path / "a.dat").write_bytes(whole[: 50 * 14 + 5])
    with open_recordings(tmp_path / "a.cfg") as file:
        assert np.array_equal(values_of(file.recordings[0]), values_of(stored)[:, :50])
    assert "a.dat byte 700: got 5 bytes of a record of 14, left out" in file.notes
    assert "announces 100 samples, there are 50: read what there is" in file.notes


def test_a_text_file_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    with opened(tmp_path, data=DATA[:-8]) as file:
        assert values_of(file.recordings[0])[1].tolist() == [1, 2, 3]
    assert "line 4: got 3 fields, expected 5; the last line is left out" in file.notes


def test_a_damaged_line_in_the_middle_is_a_missing_sample(tmp_path: Path) -> None:
    with opened(tmp_path, data=DATA.replace("2,1000,20,2,1", "2,1000")) as file:
        assert values_of(file.recordings[0])[1].tolist() == [1, 2, 3, 4]
    assert "line 2: got 2 fields, expected 5; read as missing values" in file.notes


def test_letters_in_a_sample_are_named_and_missing(tmp_path: Path) -> None:
    with opened(tmp_path, data=DATA.replace("2,1000,20,2,1", "2,1000,2O,2,1")) as file:
        values_of(file.recordings[0])
    assert "line 2: got '2O' in field 3, read as a missing value" in file.notes


def test_a_file_of_other_lines_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"a\.dat line 1: got 1 fields, expected 5"):
        opened(tmp_path, data="nonsense\n" * 50)


def test_a_long_recording_without_microseconds_enough_multiplies_its_stamps(tmp_path: Path) -> None:
    slow = StoredRecording(
        "x", recording().channels[:1], 0.001, START_NS, 100, lambda wanted: iter([np.arange(100.0)[np.newaxis]])
    )  # fmt: skip
    write_recordings(tmp_path / "a.cfg", [slow], options=WriteOptions("ascii"))
    last = (tmp_path / "a.dat").read_text().splitlines()[-1].split(",")
    factor = int((tmp_path / "a.cfg").read_text().splitlines()[-1])
    assert int(last[1]) < 2**32
    assert int(last[1]) * factor * 1000 == pytest.approx(99_000 * NS, rel=1e-6)


def test_names_with_commas_do_not_break_lines(tmp_path: Path) -> None:
    stored = recording(5, 1)
    odd = StoredRecording(
        "x", (type(stored.channels[0])("a,b\nc", "V"),), 10.0, None, 5, lambda wanted: stored.chunks(wanted)
    )  # fmt: skip
    write_recordings(tmp_path / "a.cfg", [odd])
    with open_recordings(tmp_path / "a.cfg") as file:
        assert file.recordings[0].channels[0].name == "a;b c"
