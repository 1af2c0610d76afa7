"""The document of an analysis: as its published schema says, without NaN, and right at the extremes."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from opq.analysis import Analysis, Analyzer
from opq.analysis.document import Document, RecordingEntry, Skipped, recording_entry
from opq.analysis.phases import PhaseUnbalance
from opq.clock import NS
from opq.model.boxes import Nominal
from opq.testing.waves import START_UNIX_NS, Impulse, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
SCHEMA: dict[str, Any] = Document.model_json_schema(by_alias=True)
PUBLISHED = Path(__file__).parents[3] / "docs" / "analysis.schema.json"


def analyse(volts: np.ndarray, nominal: Nominal, start_unix_ns: int = 0, rate: float = 12000.0) -> Analysis:
    analyzer = Analyzer(rate, nominal, start_unix_ns)
    analyzer.feed(volts)
    return analyzer.finish()


def printed(*entries: RecordingEntry, skipped: tuple[Skipped, ...] = ()) -> Any:
    """Return the document as a program gets it, checked."""
    document = Document(opq_version="1", recordings=list(entries), skipped=list(skipped))
    text = json.dumps(document.model_dump(mode="json", by_alias=True), allow_nan=False)
    found = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(found)
    return found


def numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for each in value.values():
            yield from numbers(each)
    elif isinstance(value, list):
        for each in value:
            yield from numbers(each)
    elif isinstance(value, float):
        yield value


def test_the_published_schema_is_that_of_the_document() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == SCHEMA, (
        "renew it: opq analyze --schema > docs/analysis.schema.json"
    )


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("volts", "nominal"),
    [
        (Wave(US, noise_v=0.1).volts(5), US),
        (
            Wave(
                US, steps=[Step(2, 2.5, 0.0), Step(3, 3.4, 1.7), Step(4, 4.1, 0.6)], impulses=[Impulse(1, 0.0005, 100)]
            ).volts(6),
            US,
        ),
        (Wave(EU, f_hz=47.0, harmonics={5: 12}).volts(5), EU),
        (np.zeros(60_000), US),
        (np.empty(0), US),
        (Wave(US).volts(0.05), US),
        (Wave(US).volts(0.15), US),
        (np.full(24_000, np.nan), US),
        (np.full(24_000, 1e7), US),
        (1e300 * Wave(US).volts(2), US),
        (1e-300 * Wave(US).volts(2), US),
        (np.random.default_rng(1).standard_normal(30_000) * 1e5, US),
        (np.sign(Wave(US).volts(3)) * 120, US),
    ],
    ids=[
        "quiet",
        "eventful",
        "far off",
        "zeros",
        "nothing",
        "3 cycles",
        "9 cycles",
        "no numbers",
        "constant",
        "huge",
        "tiny",
        "noise",
        "square",
    ],
)
def test_any_recording_gives_a_document_of_the_schema_without_nan(volts: np.ndarray, nominal: Nominal) -> None:
    with np.errstate(all="ignore"):
        found = printed(recording_entry("file", "U", analyse(volts, nominal), []))
    assert all(math.isfinite(number) for number in numbers(found))
    assert found["recordings"][0]["quality"]["samples"] == len(volts)


def test_ten_minutes_bring_the_verdicts() -> None:
    found = printed(recording_entry("file", "U", analyse(Wave(EU, noise_v=0.05).volts(601, 2000), EU, rate=2000.0), []))
    verdicts = found["recordings"][0]["compliance"]
    assert set(verdicts) == {"en50160", "ieee519"}
    assert verdicts["en50160"]["passed"]
    assert not verdicts["en50160"]["whole_week"]
    assert verdicts["en50160"]["text"] == "passed (indicative: less than a week)"
    assert [len(row) for row in verdicts["en50160"]["dips_table"]] == [5] * 5
    assert [len(row) for row in verdicts["en50160"]["swells_table"]] == [3] * 2


def test_flagged_ten_minutes_and_slots_are_not_judged() -> None:
    wave = Wave(EU, noise_v=0.05, steps=[Step(612, 612.3, 0.5)])
    analysis = analyse(wave.volts(1201, 2000), EU, rate=2000.0)
    assert analysis.frequency_flagged.tolist() == [slot == 61 for slot in range(120)]
    checks = printed(recording_entry("file", "U", analysis, []))["recordings"][0]["compliance"]["en50160"]["checks"]
    counted = {each["quantity"]: each["values"] for each in checks}
    assert counted["voltage"] == 1
    assert counted["frequency"] == 119


def test_summary_says_what_the_voltage_was_like() -> None:
    wave = Wave(EU, f_hz=49.95, pu=0.98, harmonics={3: 2, 5: 3}, dc_v=1.5)
    summary = recording_entry("file", "U", analyse(wave.volts(21), EU), []).summary
    assert summary.u_rms_v.mean == pytest.approx(230 * 0.98 * math.sqrt(1 + 0.02**2 + 0.03**2), rel=1e-4)
    assert summary.f_hz.mean == pytest.approx(49.95, abs=0.001)
    assert summary.f_10s_hz.min == pytest.approx(49.95, abs=0.0005)
    assert summary.thd_pct.max == pytest.approx(math.hypot(2, 3), abs=0.01)
    assert summary.harmonics_pct["3"] == pytest.approx(2, abs=0.01)
    assert set(summary.harmonics_pct) == {str(order) for order in range(2, 51)}
    assert set(summary.interharmonics_pct) == {str(order) for order in range(50)}
    assert list(summary.bands_v) == [str(2000 + 200 * band) for band in range(20)]
    assert summary.dc_v.max == pytest.approx(1.5, abs=0.01)
    assert summary.u_under_pct == pytest.approx(100 * (1 - 0.98 * math.sqrt(1 + 0.02**2 + 0.03**2)), abs=0.01)
    assert summary.u_over_pct == pytest.approx(0, abs=1e-6)
    assert summary.pst is None
    assert summary.unbalance is None


def test_a_dip_counts_for_the_voltage_and_not_for_what_it_would_spoil() -> None:
    # The second recording passes a tick of ten minutes first, after which spectra lie anywhere beside the windows.
    for start_s, at_s in ((0, 2.05), (593.3, 9.05)):
        wave = Wave(US, harmonics={5: 2}, steps=[Step(at_s, at_s + 0.25, 0.2)])
        summary = recording_entry("file", "U", analyse(wave.volts(13), US, round(start_s * NS)), []).summary
        assert summary.u_rms_half_pu.min == pytest.approx(0.2, abs=0.002)
        assert summary.thd_pct.max == pytest.approx(2, abs=0.05)
        assert summary.f_hz.min == pytest.approx(60, abs=0.01)


def test_unbalance_of_flagged_windows_does_not_count() -> None:
    times = np.arange(4) * NS
    unbalance = PhaseUnbalance(
        times, times + NS, np.array([False, True, False, False]), np.zeros(4), np.array([1.0, 30.0, 1.2, 0.8])
    )
    summary = recording_entry("file", "U", analyse(Wave(US).volts(1), US), [], unbalance=unbalance).summary
    assert summary.unbalance is not None
    assert summary.unbalance["u2_pct"].max == 1.2
    assert summary.unbalance["u2_pct"].mean == pytest.approx(1.0)


def test_times_of_incidents_count_from_the_first_sample() -> None:
    analysis = analyse(Wave(US, steps=[Step(2, 2.5, 0.5)]).volts(5), US, START_UNIX_NS)
    entry = recording_entry("file", "U", analysis, ["a note"], clipped_samples=3)
    found = printed(entry)["recordings"][0]
    assert found["start"] == "2023-11-14T22:13:20.000Z"
    sag = next(each for each in found["incidents"] if each["class"] == "VOLTAGE_SAG")
    assert sag["start_s"] == pytest.approx(2, abs=0.01)
    assert sag["end_s"] - sag["start_s"] == pytest.approx(sag["duration_s"], abs=1e-8)
    assert sag["extreme_v"] == pytest.approx(60, abs=0.2)
    assert (found["quality"]["notes"], found["quality"]["clipped_samples"]) == (["a note"], 3)


def test_a_recording_without_time_says_null() -> None:
    assert recording_entry("file", "U", analyse(Wave(US).volts(1), US), []).start is None


def test_what_was_skipped_is_in_the_document() -> None:
    found = printed(skipped=(Skipped(source="x", channel=None, reason="no such file"),))
    assert found["recordings"] == []
    assert found["skipped"] == [{"source": "x", "channel": None, "reason": "no such file"}]
