"""Readers give what the file says, and name what is wrong where."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from opq.clock import parse_iso
from opq.errors import InvalidInput
from opq.formats import read_recording

SHARED = Path(__file__).parents[4] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"public recordings are not at {SHARED}: put them there to run this"
)
COUNTS = (1000 * np.sin(np.arange(2400) / 10)).astype(np.int16)


def test_raw16_is_counts_at_the_rate_of_an_opq_box_unless_given(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(COUNTS.tobytes())
    recording = read_recording(path)
    assert recording.sample_rate_hz == 12_000
    assert recording.channel().unit == "count"
    assert np.array_equal(recording.channel().samples, COUNTS)
    assert read_recording(path, sample_rate_hz=8000).sample_rate_hz == 8000


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_sound_files_are_counts_at_their_own_rate(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"a.{form}"
    soundfile.write(path, COUNTS, 48_000, subtype="PCM_16")
    recording = read_recording(path)
    assert recording.sample_rate_hz == 48_000
    assert np.array_equal(recording.channel("1").samples, COUNTS)


def test_csv_with_a_time_column_gives_rate_start_and_units(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    start = parse_iso("2026-01-02T03:04:05Z")
    rows = "".join(f"{start + number * 250_000},{number},{number / 10}\n" for number in range(100))
    path.write_text("unix_ns,mains [V],i_a\n" + rows)
    recording = read_recording(path)
    assert recording.sample_rate_hz == pytest.approx(4000, rel=1e-3)
    assert recording.start_unix_ns == pytest.approx(start, abs=200)
    assert [(channel.name, channel.unit) for channel in recording.channels] == [("mains", "V"), ("i_a", "A")]
    assert recording.channel().samples[7] == 7


def test_csv_without_times_needs_a_rate(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("u_v\n1\n2\n3\n")
    with pytest.raises(InvalidInput, match="no time column"):
        read_recording(path)
    assert read_recording(path, sample_rate_hz=1000).channel().samples.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: got '', expected a header"),
        ("1,2\n3,4\n", "line 1: got '1,2', expected a header"),
        ("t_s,u_v\n0,1\n0.1,x\n0.2,3\n", "line 3: got 'x' in column 'u_v', expected a number"),
        ("t_s,u_v\n0,1\n0.1\n0.2,3\n", "line 3: got 1 columns, expected 2"),
        ("t_s,u_v\n0,1\n1,2\n2,3\n7,4\n8,5\n9,6\n", "line 5: a step of 5 s, expected 1 s"),
        ("t_s\n0\n1\n", "got only time columns"),
    ],
)
def test_what_is_wrong_in_a_csv_is_named_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput) as error:
        read_recording(path)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.raw", b"", "got 0 bytes"),
        ("a.raw", b"1", "got 1 bytes, expected int16 samples"),
        ("a.wav", b"RIFFnonsense", "not readable as WAV or FLAC"),
        ("a.cfg", b"x", "a.dat is missing"),
        ("a.cff", b"\x00\x01 no comtrade", "not readable as COMTRADE"),
        ("a.xyz", b"1", "cannot tell the format from the ending '.xyz'"),
    ],
)
def test_corrupt_and_strange_files_are_refused_by_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as error:
        read_recording(path)
    assert words in str(error.value)
    assert name in str(error.value)


def test_a_missing_file_and_a_wrong_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none\.wav: no such file"):
        read_recording(tmp_path / "none.wav")
    with pytest.raises(InvalidInput, match="format: got 'mp3', expected one of auto"):
        read_recording(tmp_path / "none.wav", "mp3")


def test_a_channel_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("t_s,u_v,i_a\n0,1,2\n1,2,3\n2,3,4\n")
    with pytest.raises(
        InvalidInput, match=r"channel 'w' is not in the recording; it has: 1 'u_v' \[V\], 2 'i_a' \[A\]"
    ):
        read_recording(path).channel("w")


@needs_shared
@pytest.mark.shared_data
def test_a_field_record_with_cyrillic_names_is_read_in_volts() -> None:
    recording = read_recording(SHARED / "comtrade" / "wisp_2.cfg")
    assert recording.sample_rate_hz == 1200
    assert len(recording.channels) == 55
    assert "text read as cp1251" in recording.notes
    channel = recording.channel("1")
    assert channel.name.startswith("Ua_1СШ-110")
    assert channel.unit == "V"
    assert 100_000 < np.abs(channel.samples).max() < 110_000


@needs_shared
@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["dp_sample_ascii.cfg", "dp_sample_ascii.cff", "dp_sample_float32.cff", "wisp_4.CFG"])
def test_conformance_files_are_read(name: str) -> None:
    recording = read_recording(SHARED / "comtrade" / name)
    assert recording.channels
    assert recording.sample_rate_hz > 0
    assert all(np.isfinite(channel.samples).all() for channel in recording.channels)


@needs_shared
@pytest.mark.shared_data
def test_a_sound_recording_of_real_mains_is_read() -> None:
    recording = read_recording(SHARED / "wav" / "001_ref.wav")
    assert recording.sample_rate_hz == 400
    assert len(recording.channel().samples) / 400 == pytest.approx(482, abs=1)
