"""`opq analyze` as a process: every format, every option, what is damaged, and the public recordings."""

import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from opq.errors import InvalidInput
from opq.formats import Recording, StoredRecording, write_recordings
from opq.formats.recording import Channel
from opq.model.boxes import Nominal
from opq.testing.waves import START_UNIX_NS, Step, Wave
from opq_cli.recordings.options import make_options

US = Nominal(120, 60)
RATE = 6000.0
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "analysis.schema.json").read_text(encoding="utf-8"))
SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"public recordings are not at {SHARED}: put them there to run this"
)


@dataclass
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What ``--json`` printed, checked against the published schema."""
        found = json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        jsonschema.validate(found, SCHEMA)
        return found


def opq(*arguments: str | bytes | Path, directory: Path | None = None) -> Answer:
    command: list[Any] = [sys.executable, "-c", "from opq_cli.main import main; main()", *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, timeout=100, check=False)
    return Answer(done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8"))


def recording(
    channels: Sequence[tuple[str, Wave]], seconds: float = 4.0, start: int | None = START_UNIX_NS
) -> StoredRecording:
    waves = tuple(Channel(name, "V", wave.volts(seconds, RATE)) for name, wave in channels)
    return Recording("made up", RATE, waves, start).stored()


SAG = Wave(US, f_hz=60.02, harmonics={5: 2}, steps=[Step(2, 2.3, 0.5)], noise_v=0.02)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One sag of 0.5 pu for 0.3 s at 2 s, in every format."""
    made = tmp_path_factory.mktemp("recordings")
    sag = recording([("mains", SAG)])
    for name in ("sag.csv", "sag.wav", "sag.flac", "sag.cfg", "sag.pqd", "sag.parquet"):
        write_recordings(made / name, [sag])
    counts = (SAG.volts(4, RATE) / 0.01).round().astype("<i2")
    counts.tofile(made / "sag.raw")
    phases = [
        (f"U{name}", Wave(US, phase_deg=phase, pu=pu))
        for name, phase, pu in (("a", 0, 0.97), ("b", 240, 1), ("c", 120, 1))
    ]
    write_recordings(made / "three.csv", [recording(phases)])
    return made


def sags(entry: Any) -> list[Any]:
    return [each for each in entry["incidents"] if each["class"] == "VOLTAGE_SAG"]


def test_every_format_gives_the_same_sag(folder: Path) -> None:
    names = ["sag.csv", "sag.wav", "sag.flac", "sag.cfg", "sag.pqd", "sag.parquet", "sag.raw"]
    answer = opq("analyze", *names, "--scale", "0.01", "--sample-rate", "6000", "--json", directory=folder)
    assert (answer.code, answer.err) == (0, "")
    document = answer.document
    assert document["skipped"] == []
    entries = document["recordings"]
    assert [entry["source"].split(" ")[0] for entry in entries] == names
    for entry in entries:
        (sag,) = sags(entry)
        assert sag["start_s"] == pytest.approx(2, abs=0.01), entry["source"]
        assert sag["duration_s"] == pytest.approx(0.3, abs=0.01), entry["source"]
        assert sag["extreme_v"] == pytest.approx(60, abs=0.3), entry["source"]
        assert sag["duration_class"] == "instantaneous"
        assert {each["class"] for each in entry["incidents"]} == {"VOLTAGE_SAG", "ITIC_NO_DAMAGE", "SEMI_F47_VIOLATION"}
        assert (entry["u_din_v"], entry["f_nominal_hz"], entry["sample_rate_hz"]) == (120, 60, RATE)
        assert entry["summary"]["f_hz"]["mean"] == pytest.approx(60.02, abs=0.002), entry["source"]
        assert entry["summary"]["thd_pct"]["mean"] == pytest.approx(2, abs=0.1), entry["source"]
        if not entry["source"].startswith("sag.raw"):
            assert entry["start"] == "2023-11-14T22:13:20.000Z", entry["source"]


def test_people_are_told_in_words(folder: Path) -> None:
    answer = opq("analyze", "sag.csv", "three.csv", directory=folder)
    assert (answer.code, answer.err) == (0, "")
    assert (
        "sag.csv  mains\n4.000 s at 6000 samples/s, from 2023-11-14T22:13:20.000Z; declared 120 V, 60 Hz" in answer.out
    )
    assert "VOLTAGE_SAG         0.300         60.01 V  0.500  instantaneous   IEEE 1159-2019" in answer.out
    assert "no Pst: no whole 10-minute interval" in answer.out
    assert "  unbalance     u2 1.01 % mean, 1.01 % greatest" in answer.out
    assert answer.out.count("declared 120 V") == 4
    assert answer.out.count("no incidents") == 3


def test_incidents_come_as_csv(folder: Path) -> None:
    answer = opq("analyze", "three.csv", "sag.csv", "--csv", directory=folder)
    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert [row["class"] for row in rows] == ["VOLTAGE_SAG", "ITIC_NO_DAMAGE", "SEMI_F47_VIOLATION"]
    assert rows[0]["source"] == "sag.csv"
    assert float(rows[0]["extreme_pu"]) == pytest.approx(0.5, abs=0.002)
    assert rows[0]["open_end"] == "False"


def test_one_channel_is_taken_by_its_number(folder: Path) -> None:
    document = opq("analyze", "three.csv", "--channel", "2", "--json", directory=folder).document
    assert [entry["channel"] for entry in document["recordings"]] == ["Ub"]
    assert document["recordings"][0]["summary"]["unbalance"] is None


def test_a_channel_is_taken_by_its_name_and_where_there_is_none_the_others_are_told(folder: Path) -> None:
    answer = opq("analyze", "three.csv", "sag.csv", "--channel", "Uc", "--json", directory=folder)
    assert answer.code == 0
    assert [entry["channel"] for entry in answer.document["recordings"]] == ["Uc"]
    (skipped,) = answer.document["skipped"]
    assert skipped["source"] == "sag.csv"
    assert "channel 'Uc' is not in the recording; it has: 1 'mains" in skipped["reason"]


def test_the_declared_supply_may_be_given(folder: Path) -> None:
    document = opq("analyze", "sag.csv", "--u-din", "64", "--frequency", "60", "--json", directory=folder).document
    (entry,) = document["recordings"]
    assert entry["u_din_v"] == 64
    assert entry["summary"]["u_rms_half_pu"]["max"] == pytest.approx(120 / 64, abs=0.01)
    assert "VOLTAGE_SWELL" in {each["class"] for each in entry["incidents"]}


def test_another_curve_is_judged_by_as_well(folder: Path, tmp_path: Path) -> None:
    curve = tmp_path / "curve.json"
    curve.write_text(
        '{"name": "press", "standard": "works", "clause": "7", "lower": [[0.02, 0.2], [null, 0.6]]}', "utf-8"
    )
    document = opq("analyze", folder / "sag.csv", "--envelope", curve, "--json").document
    (found,) = (each for each in document["recordings"][0]["incidents"] if each["class"] == "ENVELOPE_VIOLATION")
    assert (found["standard"], found["clause"]) == ("works", "7")
    assert found["evidence"]["curve_point_pu"] == 0.6


def test_counts_without_a_scale_are_per_unit_of_themselves_and_say_so(folder: Path) -> None:
    document = opq("analyze", folder / "sag.raw", "--sample-rate", "6000", "--json").document
    (entry,) = document["recordings"]
    assert entry["u_din_v"] == pytest.approx(12_000, rel=0.01)
    assert sags(entry)[0]["extreme_pu"] == pytest.approx(0.5, abs=0.005)
    assert any("--scale" in note for note in entry["quality"]["notes"])


def damaged(folder: Path) -> dict[str, str]:
    """Make damaged files and return what is said of each."""
    text = (folder / "sag.csv").read_text("utf-8").splitlines()
    (folder / "word.csv").write_text("\n".join([*text[:4999], "0.8333,oops", *text[5000:]]), "utf-8")
    (folder / "empty.csv").write_text("", "utf-8")
    (folder / "zeros.csv").write_text("t_s,u\n" + "".join(f"{at / 6000:.7f},0\n" for at in range(12_000)), "utf-8")
    (folder / "short.csv").write_text("\n".join(text[:200]), "utf-8")
    (folder / "junk.wav").write_bytes(b"RIFF\x10\x00\x00\x00WAVE")
    (folder / "junk.pqd").write_bytes(bytes(range(256)) * 8)
    (folder / "alone.cfg").write_bytes((folder / "sag.cfg").read_bytes())
    (folder / "what.xyz").write_bytes(b"?")
    (folder / "some folder").mkdir(exist_ok=True)
    return {
        "missing.csv": "no such file",
        "word.csv": "line 5000: got 'oops' in column 'mains",
        "empty.csv": "line 1: got ''",
        "zeros.csv": "the voltage does not change",
        "short.csv": "expected at least 5 cycles",
        "junk.wav": "not readable as WAV or FLAC",
        "junk.pqd": "does not begin with a container record",
        "alone.cfg": "alone.dat",
        "what.xyz": "cannot tell the format",
        "some folder": "is a folder",
    }


def test_what_is_damaged_is_said_and_the_rest_is_analysed(folder: Path) -> None:
    expected = damaged(folder)
    answer = opq("analyze", *expected, "sag.csv", "--json", directory=folder)
    assert answer.code == 0
    document = answer.document
    assert [entry["source"] for entry in document["recordings"]] == ["sag.csv"]
    said = {each["source"]: each["reason"] for each in document["skipped"]}
    assert said.keys() == expected.keys()
    for source, words in expected.items():
        assert words in said[source], (source, said[source])
        assert not said[source].startswith(source)
        assert f"not analysed: {source}" in answer.err


def test_the_exit_code_is_1_only_if_nothing_could_be_analysed(folder: Path) -> None:
    answer = opq("analyze", "no.csv", "neither.wav", "--json", directory=folder)
    assert answer.code == 1
    assert answer.document["recordings"] == []
    assert len(answer.document["skipped"]) == 2
    assert answer.err.splitlines() == ["not analysed: no.csv: no such file", "not analysed: neither.wav: no such file"]


def test_a_file_that_was_cut_off_gives_what_is_before_the_cut(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "sag.cfg", tmp_path)
    data = (folder / "sag.dat").read_bytes()
    (tmp_path / "sag.dat").write_bytes(data[: len(data) * 3 // 4])
    (tmp_path / "cut.wav").write_bytes((folder / "sag.wav").read_bytes()[:-20_001])
    answer = opq("analyze", "sag.cfg", "cut.wav", "--json", directory=tmp_path)
    assert answer.code == 0, answer.err
    comtrade, sound = answer.document["recordings"]
    assert comtrade["duration_s"] == pytest.approx(3.0, abs=0.01)
    assert len(sags(comtrade)) == 1
    assert comtrade["quality"]["notes"]
    assert 1.5 < sound["duration_s"] < 4
    assert len(sags(sound)) == 1


def test_names_that_are_no_utf_8_are_told_with_what_can_be_printed(folder: Path, tmp_path: Path) -> None:
    name = b"caf\xe9.csv"
    (Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))).write_bytes((folder / "sag.csv").read_bytes())  # noqa: PTH118
    answer = opq("analyze", name, b"caf\xff.csv", "--json", "--html", "r.html", directory=tmp_path)
    assert answer.code == 0, answer.err
    assert answer.document["recordings"][0]["source"] == "caf\ufffd.csv"
    assert answer.err == "not analysed: caf\ufffd.csv: no such file\n"
    assert "caf\ufffd.csv" in (tmp_path / "r.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "name at least one recording"),
        (["sag.csv", "--frequency", "55"], 1, "opq: --frequency: got 55, expected 50 or 60"),
        (["sag.csv", "--json", "--csv"], 1, "opq: --json and --csv: choose one"),
        (["sag.csv", "--html", "no/where.html"], 1, "is no folder"),
        (["sag.csv", "--envelope", "ends.json"], 1, "last step ends at 0.5 s, expected no end (null)"),
        (["sag.csv", "--envelope", "list.json"], 1, "list.json: got list, expected an object"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_one_line(
    folder: Path, arguments: list[str], code: int, words: str
) -> None:
    (folder / "ends.json").write_text('{"lower": [[0.5, 0.7]]}', "utf-8")
    (folder / "list.json").write_text("[1]", "utf-8")
    answer = opq("analyze", *arguments, directory=folder)
    assert answer.code == code
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert words in answer.err
    assert code == 2 or len(answer.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frequency": 55.0}, "--frequency: got 55, expected 50 or 60"),
        ({"scale": 0.0}, "--scale: got 0, expected volts per count"),
        ({"scale": math.nan}, "--scale: got nan, expected volts per count"),
        ({"envelopes": [Path("curve.json")]}, "curve.json: not readable as a curve in JSON: "),
        ({"envelopes": [Path("no.json")]}, "no.json: not readable as a curve in JSON: "),
    ],
)
def test_what_an_option_expects_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("curve.json").write_text("{", "utf-8")
    usual: dict[str, Any] = {"frequency": None, "scale": None, "envelopes": []}
    with pytest.raises(InvalidInput, match=re.escape(words)):
        make_options("auto", None, sample_rate=None, channel="", **(usual | options))


def test_the_schema_is_printed_without_a_recording() -> None:
    answer = opq("analyze", "--schema")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out) == SCHEMA


@needs_shared
@pytest.mark.shared_data
def test_a_field_fault_record_shows_the_interruption_and_the_swells() -> None:
    document = opq("analyze", SHARED / "comtrade" / "wisp_2.cfg", "--channel", "1", "--json").document
    (entry,) = document["recordings"]
    by_class: dict[str, list[float]] = {}
    for each in entry["incidents"]:
        by_class.setdefault(each["class"], []).append(each["extreme_pu"])
    (interruption,) = by_class["VOLTAGE_INTERRUPTION"]
    assert 0.06 <= interruption <= 0.075
    assert 1.455 <= max(by_class["VOLTAGE_SWELL"]) <= 1.475
    assert entry["f_nominal_hz"] == 50
    assert any("announces 19679 samples" in note for note in entry["quality"]["notes"])


@needs_shared
@pytest.mark.shared_data
def test_real_mains_voltage_has_the_published_frequencies() -> None:
    document = opq("analyze", SHARED / "wav" / "001_ref.wav", "--json").document
    (entry,) = document["recordings"]
    frequency = entry["summary"]["f_10s_hz"]
    assert frequency["min"] == pytest.approx(49.973, abs=0.001)
    assert frequency["max"] == pytest.approx(50.038, abs=0.001)
    assert frequency["mean"] == pytest.approx(50.009, abs=0.001)
    assert entry["incidents"] == []


@needs_shared
@pytest.mark.shared_data
def test_all_waveforms_of_a_monitors_export_and_all_conformance_files_are_analysed_or_refused_with_a_reason() -> None:
    others = sorted(each for each in (SHARED / "comtrade").iterdir() if each.suffix.lower() in (".cfg", ".cff"))
    answer = opq("analyze", SHARED / "pqdif" / "example.pqd", *others, "--json")
    assert answer.code == 0
    document = answer.document
    voltages = [entry for entry in document["recordings"] if "example.pqd" in entry["source"]]
    kinds = Counter(entry["source"].split(" ", 2)[2] for entry in voltages)
    assert kinds == {"Obs 15360 Hz": 45, "RMS Variation 15360 Hz": 15}
    assert {entry["f_nominal_hz"] for entry in voltages} == {60}
    for entry in document["recordings"]:
        assert math.isfinite(entry["u_din_v"])
    assert all(each["reason"] for each in document["skipped"])
    assert not any("wisp_2" in each["source"] for each in document["skipped"] if each["channel"] is None)
    assert "Traceback" not in answer.err


def test_a_channel_of_no_numbers_is_skipped_beside_good_ones(tmp_path: Path) -> None:
    volts = SAG.volts(3, RATE)
    stack = np.column_stack([np.arange(len(volts)) / RATE, volts, np.full(len(volts), 5.0)])
    np.savetxt(tmp_path / "two.csv", stack, delimiter=",", header="t_s,good,flat", comments="", fmt="%.7f")
    document = opq("analyze", "two.csv", "--json", directory=tmp_path).document
    assert [entry["channel"] for entry in document["recordings"]] == ["good"]
    assert [(each["channel"], each["source"]) for each in document["skipped"]] == [("flat", "two.csv")]
