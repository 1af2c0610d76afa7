"""`opq measure` as a process: every quantity, every interval, as CSV and JSON."""

import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from opq.formats import Recording, write_recordings
from opq.formats.recording import Channel
from opq.model.boxes import Nominal
from opq.testing.waves import Step, Wave

EU = Nominal(230, 50)
RATE = 4000.0
TICK_NS = 2_800_000 * 600_000_000_000
QUANTITIES = (
    "rms,half_cycle,frequency,thd,harmonics,interharmonics,bands,signalling,deviation,flicker,rvc,crest,dc,"
    "transients,unbalance"
)


def opq(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, "-c", "from opq_cli.main import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=100, check=False, text=True)
    return done.returncode, done.stdout, done.stderr


def series(*arguments: str | Path) -> dict[tuple[str, str, str], Any]:
    """Run with --json and return the series by channel, quantity and interval."""
    code, out, err = opq("measure", *arguments, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return {(each["channel"], each["what"], each["interval"]): each for each in found["series"]}


def column(table: Any, name: str) -> np.ndarray:
    at = table["columns"].index(name)
    return np.array([row[at] for row in table["rows"]])


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three phases of 50.03 Hz for 25 s from 5 s after a tick on; phase A has a dip, and a step of 7 %."""
    path = tmp_path_factory.mktemp("measure") / "three.parquet"
    waves = [
        Wave(
            EU, f_hz=50.03, phase_deg=phase, harmonics={3: 2, 5: 3}, pu=pu, dc_v=dc,
            steps=[Step(5.05, 5.3, 0.5), Step(12, 99, 0.93)] if phase == 0 else [],
        )
        for phase, pu, dc in ((0, 1.0, 2.0), (240, 0.98, 0.0), (120, 0.98, 0.0))
    ]  # fmt: skip
    channels = []
    for name, wave in zip(("U1", "U2", "U3"), waves, strict=True):
        time = np.arange(round(25 * RATE)) / RATE
        channels.append(Channel(name, "V", wave.volts(25, RATE) + math.sqrt(2) * 2.3 * np.sin(2 * np.pi * 175 * time)))
    write_recordings(path, [Recording("made up", RATE, tuple(channels), TICK_NS + 5_000_000_000).stored()])
    return path


@pytest.fixture(scope="module")
def windows(three: Path) -> dict[tuple[str, str, str], Any]:
    return series(three, "--what", QUANTITIES, "--signalling", "175")


def test_every_quantity_of_every_channel_is_there(windows: dict[tuple[str, str, str], Any]) -> None:
    expected = {(what, "window") for what in QUANTITIES.split(",")} - {
        ("half_cycle", "window"),
        ("flicker", "window"),
        ("rvc", "window"),
    }
    expected |= {("half_cycle", "half cycle"), ("flicker", "10min"), ("flicker", "2h"), ("rvc", "event")}
    for channel in ("U1", "U2", "U3"):
        assert {key[1:] for key in windows if key[0] == channel} == expected
    for table in windows.values():
        assert table["columns"][:3] == ["start_s", "duration_s", "flagged"]
        assert all(len(row) == len(table["columns"]) for row in table["rows"])


def test_values_are_those_of_the_wave(windows: dict[tuple[str, str, str], Any]) -> None:
    u_rms = 230 * 0.98 * math.sqrt(1 + 0.02**2 + 0.03**2 + (0.01 / 0.98) ** 2)
    expected = {
        ("rms", "u_rms_v"): (u_rms, 0.02),
        ("frequency", "f_hz"): (50.03, 0.002),
        ("thd", "thd_pct"): (100 * math.hypot(0.02, 0.03), 0.02),
        ("harmonics", "h5_v"): (230 * 0.98 * 0.03, 0.02),
        ("interharmonics", "ih3_v"): (2.3, 0.03),
        ("signalling", "signalling_v"): (2.3, 0.03),
        ("deviation", "u_under_pct"): (100 * (1 - u_rms / 230), 0.01),
        ("deviation", "u_over_pct"): (0, 0.001),
        ("dc", "dc_v"): (0, 0.01),
    }
    for (what, name), (value, within) in expected.items():
        found = column(windows["U2", what, "window"], name)
        assert len(found) == pytest.approx(125, abs=2), what
        np.testing.assert_allclose(found[1:-1], value, atol=within, err_msg=name)
    np.testing.assert_allclose(column(windows["U1", "dc", "window"], "dc_v")[-5:], 2.0, atol=0.01)
    half = column(windows["U2", "half_cycle", "half cycle"], "u_rms_half_v")
    assert len(half) == pytest.approx(2 * 50.03 * 25, abs=4)
    np.testing.assert_allclose(half[2:-2], u_rms, rtol=0.02)


def test_times_count_from_the_first_sample_and_follow_each_other(windows: dict[tuple[str, str, str], Any]) -> None:
    for what in ("rms", "frequency", "unbalance"):
        table = windows["U2", what, "window"]
        start, duration = column(table, "start_s"), column(table, "duration_s")
        assert 0 <= start[0] < 0.1
        np.testing.assert_allclose(np.diff(start), duration[:-1], atol=1e-6)
        np.testing.assert_allclose(duration, 0.2, atol=0.001)


def test_what_a_dip_lies_in_is_flagged(windows: dict[tuple[str, str, str], Any]) -> None:
    for what in ("rms", "thd", "frequency", "unbalance"):
        table = windows["U1", what, "window"]
        start, flagged = column(table, "start_s"), column(table, "flagged")
        assert 2 <= flagged.sum() <= 4, what
        assert (np.abs(start[flagged == 1] - 5.1) < 0.4).all(), what
    assert not column(windows["U2", "rms", "window"], "flagged").any()


def test_a_rapid_change_has_its_differences(windows: dict[tuple[str, str, str], Any]) -> None:
    (row,) = windows["U1", "rvc", "event"]["rows"]
    named = dict(zip(windows["U1", "rvc", "event"]["columns"], row, strict=True))
    assert named["start_s"] == pytest.approx(12, abs=0.02)
    assert named["largest_change_pu"] == pytest.approx(-0.07, abs=0.002)
    assert named["steady_change_pu"] == pytest.approx(-0.07, abs=0.002)
    assert windows["U2", "rvc", "event"]["rows"] == []


def test_unbalance_is_that_of_the_amplitudes(windows: dict[tuple[str, str, str], Any]) -> None:
    u2_pct = column(windows["U3", "unbalance", "window"], "u2_pct")
    np.testing.assert_allclose(u2_pct[:20], 100 * 0.02 / 2.96, atol=0.02)
    np.testing.assert_allclose(u2_pct[-20:], 100 * 0.05 / 2.89, atol=0.02)


def test_without_a_whole_interval_there_is_no_severity(windows: dict[tuple[str, str, str], Any]) -> None:
    assert windows["U1", "flicker", "10min"]["rows"] == []
    assert windows["U1", "flicker", "2h"]["rows"] == []


def test_three_seconds_are_fifteen_windows_and_frequency_is_of_ten_seconds(three: Path) -> None:
    found = series(three, "--what", "rms,frequency", "--interval", "3s", "--channel", "U1")
    table = found["U1", "rms", "3s"]
    np.testing.assert_allclose(column(table, "duration_s"), 150 / 50.03, atol=1e-4)
    assert column(table, "flagged").tolist() == [False, True, *[False] * (len(table["rows"]) - 2)]
    frequency = found["U1", "frequency", "10s"]
    # The recording begins 5 s after a slot: the first whole slot begins at 5 s, and the dip lies in it.
    assert column(frequency, "start_s").tolist() == [5, 15]
    assert column(frequency, "flagged").tolist() == [True, False]
    assert column(frequency, "f_hz")[1] == pytest.approx(50.03, abs=0.0005)


def test_csv_has_a_line_per_value(three: Path) -> None:
    code, out, err = opq("measure", three, "--what", "deviation", "--channel", "2")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert {row["name"] for row in rows} == {"u_under_pct", "u_over_pct"}
    assert {row["channel"] for row in rows} == {"U2"}
    assert {row["interval"] for row in rows} == {"window"}
    assert rows[0].keys() == {
        "source",
        "channel",
        "what",
        "interval",
        "start_s",
        "duration_s",
        "flagged",
        "name",
        "value",
    }
    assert float(rows[2]["value"]) == pytest.approx(100 * (1 - 0.98 * math.sqrt(1.0013)), abs=0.02)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counts of 25 minutes, which begin 100 s before a tick, with flicker of about Pst 1."""
    path = tmp_path_factory.mktemp("measure") / "long.parquet"
    rate = 800.0
    time = np.arange(round(1500 * rate)) / rate
    changes = 1 + 0.00894 / 2 * np.sign(np.sin(2 * np.pi * 39 / 120 * time))
    volts = math.sqrt(2) * 230 * changes * np.sin(2 * np.pi * 50 * time)
    write_recordings(
        path, [Recording("made up", rate, (Channel("u", "V", volts),), TICK_NS - 100_000_000_000).stored()]
    )
    return path


def test_ten_minutes_lie_on_the_clock_and_have_a_severity(long: Path) -> None:
    found = series(long, "--what", "rms,thd,flicker", "--interval", "10min")
    for what in ("rms", "flicker"):
        table = found["u", what, "10min"]
        np.testing.assert_allclose(column(table, "start_s"), [100, 700], atol=0.03)
        np.testing.assert_allclose(column(table, "duration_s"), 600, atol=0.3)
    np.testing.assert_allclose(column(found["u", "flicker", "10min"], "pst"), 1.0, atol=0.05)
    np.testing.assert_allclose(column(found["u", "rms", "10min"], "u_rms_v"), 230, rtol=0.001)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--what", "rms,watts"], "opq: --what: got 'watts', expected one of bands, crest, dc"),
        (["--what", "signalling"], "opq: --what signalling needs its frequency: give --signalling HZ"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_one_line(three: Path, arguments: list[str], words: str) -> None:
    code, out, err = opq("measure", three, *arguments)
    assert (code, out) == (1, "")
    assert err.startswith(words)
    assert len(err.splitlines()) == 1


def test_what_cannot_be_read_is_said_and_the_rest_is_measured(three: Path) -> None:
    code, out, err = opq("measure", "no.csv", three, "--channel", "U1")
    assert code == 0
    assert out.count("\n") > 100
    assert err == "not measured: no.csv: no such file\n"
    assert opq("measure", "no.csv")[0] == 1
