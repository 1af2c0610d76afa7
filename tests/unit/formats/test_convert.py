"""``opq convert`` says what it wrote, keeps what the format can hold, and leaves nothing half done."""

import json
from pathlib import Path

import numpy as np
import pytest
from samples_of_formats import RATE_HZ, recording, values_of, write_sample
from typer.testing import CliRunner

from opq.errors import InvalidInput
from opq.formats import open_recordings, write_recordings
from opq_cli.commands.convert import numbered
from opq_cli.main import app

TARGETS = ["b.cfg", "b.cff", "b.pqd", "b.csv", "b.pqds", "b.wav", "b.flac", "b.parquet"]


def run(*arguments: object) -> str:
    """Run the command; returns what it printed."""
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize(
    "source", ["comtrade-binary", "comtrade-cff", "pqdif", "pqds", "csv", "wav", "flac", "parquet"]
)
@pytest.mark.parametrize("target", TARGETS)
def test_every_format_becomes_every_other(tmp_path: Path, source: str, target: str) -> None:
    path = write_sample(tmp_path, source)
    said = run(path, tmp_path / target)
    assert f"wrote {tmp_path / target}" in said
    assert "2 channels, 12 samples" in said
    with open_recordings(path) as before, open_recordings(tmp_path / target) as after:
        assert np.abs(values_of(before.recordings[0]) - values_of(after.recordings[0])).max() < 0.01
        assert after.recordings[0].sample_rate_hz == RATE_HZ
    assert not [one for one in tmp_path.iterdir() if one.name.endswith(".tmp")]


def test_states_stay_with_their_samples_from_comtrade_to_comtrade(tmp_path: Path) -> None:
    path = write_sample(tmp_path, "comtrade-binary")
    run(path, tmp_path / "b.cff", "--data", "ascii")
    with open_recordings(path) as before, open_recordings(tmp_path / "b.cff") as after:
        one, two = before.recordings[0], after.recordings[0]
        assert two.digital == one.digital
        assert np.array_equal(next(two.digital_blocks(99)), next(one.digital_blocks(99)))


def test_channels_are_chosen_by_name_or_number_in_the_order_given(tmp_path: Path) -> None:
    path = write_sample(tmp_path, "csv")
    run(path, tmp_path / "b.parquet", "--channel", "U2", "--channel", "1")
    with open_recordings(tmp_path / "b.parquet") as file:
        assert [one.name for one in file.recordings[0].channels] == ["U2", "U1"]


def test_counts_become_volts_by_the_scale_and_the_rate_is_that_given(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(np.array([1, -2, 3], "<i2").tobytes())
    run(tmp_path / "a.raw", tmp_path / "b.csv", "--scale", "0.25", "--sample-rate", "500")
    assert (tmp_path / "b.csv").read_text().splitlines() == ["t_s,raw [V]", "0.0,0.25", "0.002,-0.5", "0.004,0.75"]


def test_several_recordings_become_numbered_files_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    write_recordings(tmp_path / "a.pqd", [recording(seed=1), recording(seed=2)])
    run(tmp_path / "a.pqd", tmp_path / "b.csv")
    assert sorted(one.name for one in tmp_path.glob("b*")) == ["b-1.csv", "b-2.csv"]
    run(tmp_path / "a.pqd", tmp_path / "c.csv", "--recording", "2")
    assert (tmp_path / "c.csv").read_text() == (tmp_path / "b-2.csv").read_text()
    assert "2 recordings" in run(tmp_path / "a.pqd", tmp_path / "d.pqd")
    assert [path.name for path in numbered(Path("a.x"), 11)][::10] == ["a-01.x", "a-11.x"]


@pytest.mark.parametrize("name", ["b.csv", "b.cfg", "b.dat"])
def test_what_is_there_is_not_overwritten_unless_told(tmp_path: Path, name: str) -> None:
    path = write_sample(tmp_path, "csv")
    (tmp_path / name).write_text("precious")
    target = "b.csv" if name == "b.csv" else "b.cfg"
    with pytest.raises(InvalidInput, match=f"{name} is there already; give --force"):
        run(path, tmp_path / target)
    assert (tmp_path / name).read_text() == "precious"
    run(path, tmp_path / target, "--force")
    assert (tmp_path / name).read_bytes() != b"precious"


def test_what_goes_wrong_half_way_leaves_nothing(tmp_path: Path) -> None:
    path = write_sample(tmp_path, "csv")
    with pytest.raises(InvalidInput, match="raw16 holds one channel"):
        run(path, tmp_path / "b.raw")
    with pytest.raises(InvalidInput, match="--data: got 'ascii' for wav"):
        run(path, tmp_path / "b.wav", "--data", "ascii")
    with pytest.raises(InvalidInput, match="there is no directory"):
        run(path, tmp_path / "nowhere" / "b.csv")
    assert [one.name for one in tmp_path.iterdir()] == ["a.csv"]


def test_json_says_the_same_as_the_words(tmp_path: Path) -> None:
    path = write_sample(tmp_path, "comtrade-ascii")
    said = json.loads(run(path, tmp_path / "b.cfg", "--json"))
    assert said["input_format"] == "comtrade"
    assert said["written"] == [
        {
            "format": "comtrade", "files": [str(tmp_path / "b.cfg"), str(tmp_path / "b.dat")],
            "recordings": 1, "channels": 2, "samples": 12,
        }
    ]  # fmt: skip


def test_a_format_may_be_named_where_the_ending_says_nothing(tmp_path: Path) -> None:
    path = write_sample(tmp_path, "csv").rename(tmp_path / "a.txt")
    with pytest.raises(InvalidInput, match="cannot tell the format"):
        run(path, tmp_path / "b.cff")
    run(path, tmp_path / "b.out", "--from", "csv", "--to", "parquet")
    with open_recordings(tmp_path / "b.out", "parquet") as file:
        assert file.recordings[0].samples == 12


@pytest.mark.shared_data
def test_trends_of_an_export_become_rows(tmp_path: Path, shared: Path) -> None:
    assert "wrote 48978 rows" in run(shared / "pqdif" / "example.pqd", tmp_path / "t.csv", "--trends")
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 48_979


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        "comtrade/wisp_2.cfg",
        "comtrade/wisp_4.CFG",
        "comtrade/dp_sample_float32.cff",
        "pqdif/example.pqd",
        "wav/001_ref.wav",
    ],
)
@pytest.mark.parametrize("target", ["b.cff", "b.parquet"])
def test_public_recordings_are_converted(tmp_path: Path, shared: Path, name: str, target: str) -> None:
    said = run(shared / name, tmp_path / target, "--recording", "1", "--json")
    assert json.loads(said)["written"][0]["samples"] > 100
