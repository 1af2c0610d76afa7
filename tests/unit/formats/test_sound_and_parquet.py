"""WAV, FLAC, raw16 and Parquet: what they cannot hold themselves is kept in their metadata, and others read them."""

import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile
from samples_of_formats import RATE_HZ, START_NS, recording, values_of

from opq.errors import InvalidInput, LimitExceeded, Unavailable
from opq.formats import (
    Channel,
    ChannelInfo,
    Recording,
    StoredRecording,
    WriteOptions,
    open_recordings,
    read_recording,
    write_recordings,
)


def free(unit: str = "V", channels: int = 2, samples: int = 3000) -> Recording:
    """Return values on no grid."""
    values = np.random.default_rng(3).normal(0, 230, (channels, samples))
    rows = tuple(Channel(f"c{number}", unit, row, "AB") for number, row in enumerate(values))
    return Recording("x", 1200.5, rows, START_NS)


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_sound_files_keep_values_on_a_grid_exactly_in_16_bits_and_soundfile_reads_them(
    tmp_path: Path, form: str
) -> None:
    stored, path = recording(1000, 3), tmp_path / f"a.{form}"
    assert write_recordings(path, [stored]).notes == []
    with open_recordings(path) as file:
        (again,) = file.recordings
        assert np.array_equal(values_of(again), values_of(stored))
    assert (again.sample_rate_hz, again.start_unix_ns, again.details.station) == (RATE_HZ, START_NS, "station")
    assert [(one.name, one.unit, one.phase, one.step) for one in again.channels][1] == ("U2", "V", "B", 0.5)
    counts, rate = soundfile.read(str(path), dtype="int16")
    assert soundfile.info(str(path)).subtype == "PCM_16"
    assert rate == RATE_HZ
    assert np.array_equal(counts.T * 0.5, values_of(stored))


@pytest.mark.parametrize("form", ["wav", "flac"])
def test_sound_files_keep_other_values_in_24_bits(tmp_path: Path, form: str) -> None:
    source, path = free(), tmp_path / f"a.{form}"
    write_recordings(path, [source])
    again = read_recording(path)
    assert soundfile.info(str(path)).subtype == "PCM_24"
    assert again.sample_rate_hz == 1200.5
    for before, after in zip(source.channels, again.channels, strict=True):
        assert np.abs(before.samples - after.samples).max() <= np.abs(before.samples).max() / 8_388_607
        assert (after.name, after.unit, after.phase) == (before.name, "V", "AB")


def test_the_scale_stands_in_the_comment_in_words_programs_read(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.wav", [recording()])
    comment = json.loads(soundfile.SoundFile(str(tmp_path / "a.wav")).comment)
    assert comment["channels"][0] == {"name": "U1", "unit": "V", "phase": "A", "step": 0.5, "offset": 0.0}


def test_volts_per_count_are_those_that_were_asked_for(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.wav", [free()], options=WriteOptions(volts_per_count=0.05))
    counts, _ = soundfile.read(str(tmp_path / "a.wav"), dtype="int16")
    assert np.array_equal(counts[:, 0], np.rint(free().channels[0].samples / 0.05))
    with pytest.raises(InvalidInput, match=r"scale: got 0\.001 V per count, expected at least 0\.02"):
        write_recordings(tmp_path / "b.wav", [free()], options=WriteOptions(volts_per_count=0.001))


def test_counts_stay_counts(tmp_path: Path) -> None:
    samples = np.array([0.0, 32767, -32767, 5])
    write_recordings(tmp_path / "a.wav", [Recording("x", 8000.0, (Channel("c", "count", samples),))])
    again = read_recording(tmp_path / "a.wav")
    assert again.channels[0].samples.tolist() == samples.tolist()
    assert (again.channels[0].unit, again.start_unix_ns) == ("count", None)


def test_names_too_long_for_a_comment_are_left_out_and_told(tmp_path: Path) -> None:
    rows = tuple(Channel("n" * 3000, "V", np.arange(10.0)) for _ in range(30))
    written = write_recordings(tmp_path / "a.wav", [Recording("x", 1000.0, rows)])
    assert written.notes == ["names of channels are too long for the comment of a sound file and left out"]
    assert read_recording(tmp_path / "a.wav").channels[4].name == "channel 5"


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"opq": 1}', '{"opq": 1, "channels": [{}]}', "x" * 100, '{"opq": 1e400}']
)
def test_comments_of_others_say_nothing(tmp_path: Path, text: str) -> None:
    with soundfile.SoundFile(str(tmp_path / "a.wav"), "w", 8000, 1, "PCM_16") as file:
        file.comment = text
        file.write(np.array([1, 2, 3], np.int16))
    assert read_recording(tmp_path / "a.wav").channels[0].samples.tolist() == [1, 2, 3]


def test_a_sound_file_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.flac", [free(channels=1, samples=30_000)])
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[: len(data) * 2 // 3])
    with open_recordings(tmp_path / "a.flac") as file:
        read = values_of(file.recordings[0]).shape[1]
    assert 12_000 < read < 20_000
    assert any("of 30000" in note or "announces 30000" in note for note in file.notes)


def test_more_channels_than_flac_can_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LimitExceeded, match="FLAC holds at most 8 channels"):
        write_recordings(tmp_path / "a.flac", [recording(10, 9)])


@pytest.mark.shared_data
def test_real_mains_are_the_same_after_flac(tmp_path: Path, shared: Path) -> None:
    with open_recordings(shared / "wav" / "001_ref.wav") as file:
        write_recordings(tmp_path / "a.flac", file.recordings)
        before = values_of(file.recordings[0])
    with open_recordings(tmp_path / "a.flac") as file:
        assert np.array_equal(values_of(file.recordings[0]), before)
    assert before.shape == (1, 192_801)


def test_raw16_says_what_it_cannot_keep(tmp_path: Path) -> None:
    stored = recording(100, 1)
    written = write_recordings(tmp_path / "a.raw", [stored])
    assert written.notes == [
        "raw16 keeps neither rate nor time: read it with a sample rate of 4000 Hz",
        "one count is 0.5 V",
    ]
    again = read_recording(tmp_path / "a.raw")
    assert np.array_equal(again.channels[0].samples * 0.5, values_of(stored)[0])
    with pytest.raises(InvalidInput, match="raw16 holds one channel, got 2"):
        write_recordings(tmp_path / "b.raw", [recording()])


def test_half_a_sample_at_the_end_of_raw16_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"\x01\x00\x02")
    recording = read_recording(tmp_path / "a.raw")
    assert recording.channels[0].samples.tolist() == [1]
    assert recording.notes == ("byte 2: got half a sample, left out",)


def test_parquet_keeps_everything_and_pyarrow_reads_it(tmp_path: Path) -> None:
    source = free(unit="V")
    write_recordings(tmp_path / "a.parquet", [source])
    again = read_recording(tmp_path / "a.parquet")
    assert (again.sample_rate_hz, again.start_unix_ns) == (1200.5, START_NS)
    for before, after in zip(source.channels, again.channels, strict=True):
        assert np.array_equal(before.samples, after.samples)
        assert (before.name, before.unit, before.phase) == (after.name, after.unit, after.phase)
    table = pyarrow.parquet.read_table(tmp_path / "a.parquet")
    assert table.column("c1").to_numpy().tolist() == source.channels[1].samples.tolist()
    assert table.schema.metadata[b"opq.sample_rate_hz"] == b"1200.5"
    assert table.schema.field("c0").metadata[b"unit"] == b"V"


def test_parquet_takes_any_names(tmp_path: Path) -> None:
    rows = tuple(
        Channel(name, "V", np.arange(3.0) + at) for at, name in enumerate(["a.b", "a", "a", "", "t_s", "a.b.c"])
    )
    write_recordings(tmp_path / "a.parquet", [Recording("x", 10.0, rows)])
    again = read_recording(tmp_path / "a.parquet")
    assert [one.name for one in again.channels] == ["a.b", "a", "a", "channel (4)", "t_s", "a.b.c"]
    assert [one.samples[0] for one in again.channels] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "times",
    [
        pyarrow.array(START_NS + np.arange(5) * 250_000, pyarrow.timestamp("ns")),
        pyarrow.array(START_NS // 1000 + np.arange(5) * 250, pyarrow.timestamp("us")),
    ],
)
def test_parquet_of_others_is_read_by_its_time_stamps(tmp_path: Path, times: pyarrow.Array) -> None:
    values = pyarrow.array(np.arange(5, dtype=np.int16))
    text = pyarrow.array(["a"] * 5)
    pyarrow.parquet.write_table(pyarrow.table({"when": times, "u_v": values, "what": text}), tmp_path / "a.parquet")
    recording = read_recording(tmp_path / "a.parquet")
    assert (recording.sample_rate_hz, recording.start_unix_ns) == (4000, START_NS)
    assert [(one.name, one.unit) for one in recording.channels] == [("u_v", "V")]
    assert recording.channels[0].samples.tolist() == [0, 1, 2, 3, 4]


def test_parquet_without_a_rate_or_even_times_is_refused(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"u": [1.0, 2.0, 3.0]}), tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match="no sample rate in the metadata and no time column"):
        read_recording(tmp_path / "a.parquet")
    assert read_recording(tmp_path / "a.parquet", sample_rate_hz=5).sample_rate_hz == 5
    table = pyarrow.table({"t_s": [0.0, 1.0, 2.0, 5.0], "u": [1.0, 2.0, 3.0, 4.0]})
    pyarrow.parquet.write_table(table, tmp_path / "b.parquet")
    with pytest.raises(InvalidInput, match="column 't_s' is not even at row 4"):
        read_recording(tmp_path / "b.parquet")


@pytest.mark.parametrize(("name", "module"), [("a.wav", "soundfile"), ("a.parquet", "pyarrow.parquet")])
def test_a_library_that_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, module: str
) -> None:
    (tmp_path / name).write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(Unavailable, match=r"not installed: pip install 'opq\["):
        open_recordings(tmp_path / name)


def test_what_is_not_a_number_does_not_become_a_count(tmp_path: Path) -> None:
    bad = StoredRecording(
        "x", (ChannelInfo("u", "V"),), 10.0, None, 3, lambda wanted: iter([np.array([[1.0, np.nan, 2.0]])])
    )
    with pytest.raises(InvalidInput, match="sample 2 is not a number"):
        write_recordings(tmp_path / "a.wav", [bad])
    assert list(tmp_path.iterdir()) == []
