"""What every classifier promises: findings can be read back, records cut apart give what the whole gives, evidence is JSON."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from opq.classifiers import (
    Classifier,
    DistortionClassifier,
    EnvelopeClassifier,
    FrequencyClassifier,
    RapidChangeClassifier,
    Record,
    VoltageClassifier,
    join_parts,
)
from opq.clock import NS
from opq.ids import BoxId
from opq.model.boxes import Nominal
from opq.model.incidents import IncidentClass
from opq.model.waveforms import VoltageSegment
from opq.standards.envelopes import Envelope
from opq.testing.waves import START_UNIX_NS, Step, Wave

US, EU = Nominal(120, 60), Nominal(230, 50)
BOX = BoxId("box")
NARROW = Envelope.from_mapping(
    {"name": "narrow", "clause": "all", "lower": [[0.1, 0.5], [None, 0.95]], "upper": [[0.1, 1.3], [None, 1.05]]}
)
CASES: dict[str, tuple[Classifier[Any], Wave, IncidentClass]] = {
    "sag": (VoltageClassifier(), Wave(US, steps=[Step(2, 2.5, 0.6)]), IncidentClass.VOLTAGE_SAG),
    "swell": (VoltageClassifier(), Wave(EU, steps=[Step(2, 2.5, 1.3)]), IncidentClass.VOLTAGE_SWELL),
    "interruption": (VoltageClassifier(), Wave(EU, steps=[Step(2, 2.5, 0.02)]), IncidentClass.VOLTAGE_INTERRUPTION),
    "rapid change": (RapidChangeClassifier(), Wave(US, steps=[Step(2, 9, 0.93)]), IncidentClass.RAPID_VOLTAGE_CHANGE),
    "ITIC below": (
        EnvelopeClassifier.built_in("itic"),
        Wave(US, steps=[Step(2, 2.5, 0.4)]),
        IncidentClass.ITIC_NO_DAMAGE,
    ),
    "ITIC above": (
        EnvelopeClassifier.built_in("itic"),
        Wave(US, steps=[Step(2, 2.5, 1.45)]),
        IncidentClass.ITIC_PROHIBITED,
    ),
    "SEMI F47": (
        EnvelopeClassifier.built_in("semi_f47"),
        Wave(US, steps=[Step(2, 2.5, 0.4)]),
        IncidentClass.SEMI_F47_VIOLATION,
    ),
    "IEEE 1668": (
        EnvelopeClassifier.built_in("ieee1668_3"),
        Wave(US, steps=[Step(2, 2.5, 0.4)]),
        IncidentClass.IEEE_1668_VIOLATION,
    ),
    "own curve": (
        EnvelopeClassifier.custom(NARROW),
        Wave(US, steps=[Step(2, 2.5, 0.7)]),
        IncidentClass.ENVELOPE_VIOLATION,
    ),
    "frequency high": (FrequencyClassifier(), Wave(US, f_hz=60.3), IncidentClass.FREQUENCY_SWELL),
    "frequency low": (FrequencyClassifier(), Wave(EU, f_hz=49.7), IncidentClass.FREQUENCY_SAG),
    "frequency very low": (FrequencyClassifier(), Wave(EU, f_hz=47.5), IncidentClass.FREQUENCY_INTERRUPTION),
    "distortion": (DistortionClassifier(), Wave(US, harmonics={5: 6, 7: 3}), IncidentClass.EXCESSIVE_THD),
}
EACH = pytest.mark.parametrize("case", CASES)


def record(wave: Wave, begin_s: float = 0.0, end_s: float = 5.0) -> Record:
    whole = wave.segment(5.0)
    first, last = round(begin_s * 12000), round(end_s * 12000)
    return Record(
        VoltageSegment(START_UNIX_NS + round(begin_s * NS), 12000.0, whole.volts[first:last].copy()), wave.nominal
    )


@EACH
def test_a_disturbance_is_one_finding_of_its_class(case: str) -> None:
    classifier, wave, kind = CASES[case]
    (found,) = classifier.findings([], [record(wave)], BOX, wave.nominal)
    assert found.incident_class is kind
    assert found.box_id == BOX
    assert found.standard
    assert found.clause
    assert found.end_unix_ns > found.start_unix_ns


@EACH
def test_evidence_is_plain_json_without_nan(case: str) -> None:
    classifier, wave, _ = CASES[case]
    (found,) = classifier.findings([], [record(wave)], BOX, wave.nominal)
    assert json.loads(json.dumps(found.evidence, allow_nan=False)) == found.evidence


@EACH
def test_a_quiet_voltage_has_no_finding(case: str) -> None:
    classifier, wave, _ = CASES[case]
    quiet = Wave(wave.nominal, f_hz=wave.nominal.f_hz + 0.03, harmonics={3: 2, 5: 2}, noise_v=0.1)
    assert classifier.findings([], [record(quiet)], BOX, wave.nominal) == []


@EACH
def test_a_finding_read_back_makes_the_same_finding(case: str) -> None:
    classifier, wave, _ = CASES[case]
    (found,) = classifier.findings([], [record(wave)], BOX, wave.nominal)
    again = classifier.finding(classifier.part(found), BOX, wave.nominal)
    assert again is not None
    assert replace(again, evidence={}, extreme=0, extreme_pu=None) == replace(
        found, evidence={}, extreme=0, extreme_pu=None
    )
    assert again.extreme == pytest.approx(found.extreme)
    assert again.evidence.keys() == found.evidence.keys()
    for key, value in found.evidence.items():
        if isinstance(value, float):
            assert again.evidence[key] == pytest.approx(value, abs=1e-8), key


@pytest.mark.parametrize(
    "case", ["sag", "swell", "interruption", "ITIC below", "SEMI F47", "own curve", "frequency low", "distortion"]
)
def test_two_records_cut_within_a_disturbance_give_one_finding(case: str) -> None:
    classifier, wave, kind = CASES[case]
    (whole,) = classifier.findings([], [record(wave)], BOX, wave.nominal)
    # The second record begins two cycles before the first ends: a record knows no cycle at its very edges.
    cut_s = 2.25
    parts = [record(wave, 0, cut_s + 0.02), record(wave, cut_s - 0.02, 5)]
    (joined,) = classifier.findings([], parts, BOX, wave.nominal)
    assert joined.incident_class is kind
    assert joined.start_unix_ns == whole.start_unix_ns
    assert joined.end_unix_ns == pytest.approx(whole.end_unix_ns, abs=0.25 * NS)
    assert joined.extreme == pytest.approx(whole.extreme, rel=0.01)


def test_what_lasted_at_the_end_of_an_event_is_closed_if_the_next_does_not_show_it() -> None:
    classifier = VoltageClassifier()
    wave = Wave(US, steps=[Step(2, 9, 0.6)])
    (lasting,) = classifier.find(record(wave, 0, 3))
    assert lasting.open_end
    (closed,) = join_parts([lasting], [], classifier)
    assert not closed.open_end


def test_a_sag_and_a_swell_are_never_joined() -> None:
    classifier = VoltageClassifier()
    sag = classifier.find(record(Wave(US, steps=[Step(2, 9, 0.6)]), 0, 3))
    swell = classifier.find(record(Wave(US, steps=[Step(0, 4, 1.3)]), 3, 5))
    assert sag[0].open_end
    assert swell[0].open_start
    assert len(join_parts(sag, swell, classifier)) == 2


@pytest.mark.parametrize("case", ["ITIC below", "SEMI F47", "IEEE 1668", "own curve"])
def test_a_disturbance_inside_an_envelope_is_a_part_and_no_finding(case: str) -> None:
    classifier, wave, _ = CASES[case]
    mild = record(replace(wave, steps=[Step(2, 2.05, 0.88)]))
    assert len(classifier.find(mild)) == 1
    assert classifier.findings([], [mild], BOX, wave.nominal) == []


@pytest.mark.parametrize(("classifier", "wave"), [
    (FrequencyClassifier(), Wave(US, f_hz=60.3)),
    (DistortionClassifier(), Wave(US, harmonics={5: 8})),
], ids=["frequency", "distortion"])  # fmt: skip
def test_two_windows_are_too_short_for_a_finding_and_three_are_enough(classifier: Classifier[Any], wave: Wave) -> None:
    windows = record(wave).windows
    for count, found in ((2, 0), (3, 1)):
        few = Record(VoltageSegment(START_UNIX_NS, 12000.0, np.empty(0)), US, windows=windows[:count])
        assert len(classifier.findings([], [few], BOX, US)) == found


def test_the_deciding_level_of_an_envelope_is_told() -> None:
    classifier, wave, _ = CASES["SEMI F47"]
    (found,) = classifier.findings([], [record(wave)], BOX, US)
    assert found.evidence["curve_point_pu"] == 0.5
    assert found.evidence["curve_point_s"] in (0.02, 0.2)
    assert found.evidence["beyond_curve_point_s"] == pytest.approx(0.5, abs=0.02)


def test_distortion_names_the_strongest_harmonic() -> None:
    (found,) = DistortionClassifier().findings([], [record(Wave(US, harmonics={3: 2, 7: 6}))], BOX, US)
    assert found.evidence["strongest"] == "h7_pct"
    assert found.evidence["h7_pct"] == pytest.approx(6, abs=0.05)


def test_what_is_measured_of_a_record_is_measured_once() -> None:
    one = record(Wave(US))
    assert one.half_cycles is one.half_cycles
    assert one.windows is one.windows
