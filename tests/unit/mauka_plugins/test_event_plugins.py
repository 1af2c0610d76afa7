"""Plugins on synthetic waveforms: what they find, what they leave alone, what they write down."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from opq.ids import BoxId, EventId, GridId, IncidentId
from opq.model.boxes import Box, Nominal
from opq.model.events import Event, EventBox, EventState, Role
from opq.model.incidents import DurationClass, Finding, Incident, IncidentClass
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.testing.waves import START_UNIX_NS, Step, Wave
from opq_mauka.plugins.distortion import Distortion, DistortionConfig
from opq_mauka.plugins.envelopes import EnvelopeConfig, Itic, SemiF47
from opq_mauka.plugins.frequency import Frequency, FrequencyConfig
from opq_mauka.plugins.ieee1159 import Ieee1159, Ieee1159Config
from opq_mauka.sdk import BoxRecord, EventContext, Plugin, TickContext

US, EU = Nominal(120, 60), Nominal(230, 50)
SUPPLIES = [US, EU]
RATE = 12000


def record(nominal: Nominal, *segments: VoltageSegment, box_id: str = "box-1", role: Role = Role.HARD) -> BoxRecord:
    box = Box(BoxId(box_id), GridId("grid"), nominal)
    part = EventBox(EventId("event"), box.box_id, role, START_UNIX_NS, START_UNIX_NS)
    return BoxRecord(box, part, segments)


def event(*records: BoxRecord, previous: list[Finding] | None = None) -> EventContext:
    head = Event(EventId("event"), GridId("grid"), START_UNIX_NS, START_UNIX_NS, EventState.COMPLETE)
    incidents = tuple(
        Incident(IncidentId(str(number)), "plugin", "1", EventId("before"), str(number), 0, finding)
        for number, finding in enumerate(previous or [])
    )
    return EventContext(head, records, incidents)


def all_plugins() -> list[Plugin[Any]]:
    return [
        Ieee1159(Ieee1159Config()),
        Itic(EnvelopeConfig()),
        SemiF47(EnvelopeConfig()),
        Frequency(FrequencyConfig()),
        Distortion(DistortionConfig()),
    ]


def cut(volts: VoltArray, at_s: float) -> tuple[VoltageSegment, VoltageSegment]:
    """Two gapless records that follow each other."""
    sample = round(at_s * RATE)
    later = START_UNIX_NS + round(sample * 1e9 / RATE)
    return VoltageSegment(START_UNIX_NS, RATE, volts[:sample]), VoltageSegment(later, RATE, volts[sample:])


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("phase_deg", [0, 45, 90, 200])
@pytest.mark.parametrize(
    ("pu", "duration_s", "expected"),
    [
        (0.5, 0.3, {"VOLTAGE_SAG": "instantaneous", "ITIC_NO_DAMAGE": None, "SEMI_F47_VIOLATION": None}),
        (0.85, 1.0, {"VOLTAGE_SAG": "momentary"}),
        (0.0, 1.0, {"VOLTAGE_INTERRUPTION": "momentary", "ITIC_NO_DAMAGE": None, "SEMI_F47_VIOLATION": None}),
        (1.15, 0.2, {"VOLTAGE_SWELL": "instantaneous"}),
        (1.3, 0.2, {"VOLTAGE_SWELL": "instantaneous", "ITIC_PROHIBITED": None}),
        (1.0, 0.2, {}),
    ],
)
def test_one_disturbance_gives_one_incident_of_each_kind(
    nominal: Nominal, phase_deg: float, pu: float, duration_s: float, expected: dict[str, str | None]
) -> None:
    wave = Wave(
        nominal,
        f_hz=nominal.f_hz + 0.03,
        phase_deg=phase_deg,
        steps=[Step(1.0, 1.0 + duration_s, pu)],
        harmonics={3: 1.5, 5: 2.5},
        noise_v=0.001 * nominal.u_din_v,
    )
    context = event(record(nominal, wave.segment(duration_s + 2.5)))
    findings = [finding for plugin in all_plugins() for finding in plugin.analyze(context)]
    got = {
        finding.incident_class.value: finding.duration_class.value if finding.duration_class else None
        for finding in findings
    }
    assert got == expected
    assert len(findings) == len(expected)
    for finding in findings:
        assert finding.start_unix_ns == pytest.approx(START_UNIX_NS + 1e9, abs=25e6)
        assert finding.duration_ns == pytest.approx(duration_s * 1e9, abs=25e6)
        assert finding.extreme_pu == pytest.approx(pu, abs=0.01 if pu < 1 else 0.05)
        assert not finding.open_start
        assert not finding.open_end
        assert finding.standard
        json.dumps(finding.evidence, allow_nan=False)


def test_a_neighbour_with_nothing_wrong_gives_nothing() -> None:
    sag = record(US, Wave(US, steps=[Step(1, 1.2, 0.5)]).segment(3))
    quiet = record(US, Wave(US, noise_v=0.2).segment(3), box_id="box-2", role=Role.NEIGHBOUR)
    for plugin in all_plugins():
        assert {finding.box_id for finding in plugin.analyze(event(sag, quiet))} <= {BoxId("box-1")}


def test_a_box_without_waveform_gives_nothing() -> None:
    for plugin in all_plugins():
        assert plugin.analyze(event(record(US))) == []


def test_ticks_say_nothing_to_plugins_of_events() -> None:
    for plugin in all_plugins():
        assert not plugin.analyze(TickContext(0, (), 0, ()))


def test_the_evidence_of_a_sag_lets_a_person_check_it() -> None:
    context = event(record(US, Wave(US, steps=[Step(1, 1.1, 0.7), Step(1.1, 1.2, 0.5)]).segment(3)))
    (finding,) = Ieee1159(Ieee1159Config()).analyze(context)
    evidence = finding.evidence
    assert evidence["u_din_v"] == 120
    assert evidence["begins_beyond_pu"] == 0.9
    assert evidence["ends_at_pu"] == 0.92
    assert evidence["extreme_v"] == pytest.approx(60, abs=0.3)
    assert 0.1 < evidence["extreme_after_s"] < 0.2
    assert evidence["duration_cycles"] == pytest.approx(12, abs=1)
    assert evidence["outside_table"] is False


def test_a_swell_outside_the_table_says_so() -> None:
    context = event(record(US, Wave(US, steps=[Step(1, 2, 1.5)]).segment(3)))
    (finding,) = Ieee1159(Ieee1159Config()).analyze(context)
    assert finding.duration_class is DurationClass.MOMENTARY
    assert finding.evidence["outside_table"] is True


def test_the_evidence_of_an_envelope_names_the_point_of_the_curve() -> None:
    context = event(record(US, Wave(US, steps=[Step(1, 1.6, 0.75)]).segment(3)))
    (finding,) = Itic(EnvelopeConfig()).analyze(context)
    assert finding.evidence["curve_point_pu"] == 0.8
    assert finding.evidence["curve_point_s"] == 0.5
    assert finding.evidence["beyond_curve_point_s"] == pytest.approx(0.6, abs=0.02)


def test_an_impulse_is_told_by_its_peak() -> None:
    segment = Wave(EU).segment(2)
    segment.volts[12000:12006] = 900.0
    (finding,) = Itic(EnvelopeConfig()).analyze(event(record(EU, segment)))
    assert finding.incident_class is IncidentClass.ITIC_PROHIBITED
    assert finding.extreme == pytest.approx(900)
    assert finding.evidence["extreme_of"] == "peak"


def test_another_envelope_comes_by_name_or_as_a_curve() -> None:
    context = event(record(US, Wave(US, steps=[Step(1, 1.1, 0.4)]).segment(3)))
    (finding,) = SemiF47(EnvelopeConfig(envelope="ieee1668_3")).analyze(context)
    assert finding.standard == "IEEE 1668-2017"
    curve = {"name": "ours", "lower": [[0.2, 0.3], [None, 0.9]]}
    assert SemiF47(EnvelopeConfig(curve=curve)).analyze(context) == []


@pytest.mark.parametrize("config", [{"envelope": "cbema"}, {"curve": {"lower": [[1, 0.5]]}}, {"colour": "red"}])
def test_impossible_configurations_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EnvelopeConfig(**config)


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize(
    ("deviation_hz", "kind"), [(-0.15, "FREQUENCY_SAG"), (0.15, "FREQUENCY_SWELL"), (-2.5, "FREQUENCY_INTERRUPTION")]
)
def test_frequency_away_from_nominal_is_found(nominal: Nominal, deviation_hz: float, kind: str) -> None:
    wave = Wave(nominal, f_hz=nominal.f_hz + deviation_hz, noise_v=0.2)
    (finding,) = Frequency(FrequencyConfig()).analyze(event(record(nominal, wave.segment(3))))
    assert finding.incident_class.value == kind
    assert finding.extreme == pytest.approx(nominal.f_hz + deviation_hz, abs=0.002)
    assert (finding.open_start, finding.open_end) == (True, True)


@pytest.mark.parametrize("jump_deg", [30, 90, 180])
def test_a_phase_jump_is_no_frequency_incident(jump_deg: float) -> None:
    volts = np.concatenate([Wave(US).volts(1.5), Wave(US, phase_deg=jump_deg).volts(1.5)])
    context = event(record(US, VoltageSegment(START_UNIX_NS, RATE, volts)))
    assert Frequency(FrequencyConfig()).analyze(context) == []


def test_an_interruption_is_no_frequency_incident() -> None:
    wave = Wave(US, f_hz=60.02, steps=[Step(1, 3, 0.0)], noise_v=0.2)
    assert Frequency(FrequencyConfig()).analyze(event(record(US, wave.segment(4.5)))) == []


def test_distortion_names_the_strongest_harmonic() -> None:
    wave = Wave(EU, harmonics={3: 2, 7: 6})
    (finding,) = Distortion(DistortionConfig()).analyze(event(record(EU, wave.segment(3))))
    assert finding.incident_class is IncidentClass.EXCESSIVE_THD
    assert finding.extreme == pytest.approx(np.hypot(2, 6), abs=0.02)
    assert finding.evidence["strongest"] == "h7_pct"
    assert finding.evidence["h7_pct"] == pytest.approx(6, abs=0.02)


@pytest.mark.parametrize("nominal", SUPPLIES)
@pytest.mark.parametrize("cut_s", [1.5, 2.3371])
def test_a_disturbance_over_two_events_is_one_with_the_class_of_its_whole_duration(
    nominal: Nominal, cut_s: float
) -> None:
    wave = Wave(nominal, steps=[Step(1, 1.2, 0.75), Step(1.2, 2.4, 0.6), Step(2.4, 4.5, 0.75)], noise_v=0.1)
    first, second = cut(wave.volts(6), cut_s)
    for plugin in all_plugins()[:3]:
        (part,) = plugin.analyze(event(record(nominal, first)))
        assert part.open_end
        (whole,) = plugin.analyze(event(record(nominal, second), previous=[part]))
        assert whole.start_unix_ns == part.start_unix_ns
        assert whole.incident_class is part.incident_class
        assert whole.duration_ns == pytest.approx(3.5e9, abs=40e6)
        assert whole.extreme_pu == pytest.approx(0.6, abs=0.005)
        assert (whole.open_start, whole.open_end) == (False, False)
        if isinstance(plugin, Ieee1159):
            assert part.duration_class is not DurationClass.TEMPORARY
            assert whole.duration_class is DurationClass.TEMPORARY
        else:
            assert sum(whole.evidence["level_measured_s"]) > sum(part.evidence["level_measured_s"])


def test_an_interruption_over_two_events_stays_an_interruption() -> None:
    first, second = cut(Wave(US, steps=[Step(1, 5, 0.0)], noise_v=0.05).volts(6), 2.0)
    plugin = Ieee1159(Ieee1159Config())
    (part,) = plugin.analyze(event(record(US, first)))
    (whole,) = plugin.analyze(event(record(US, second), previous=[part]))
    assert whole.incident_class is IncidentClass.VOLTAGE_INTERRUPTION
    assert whole.duration_class is DurationClass.TEMPORARY
    assert whole.evidence["interruption_to_s"] == pytest.approx(4, abs=0.05)


def test_distortion_and_frequency_over_two_events_join_too() -> None:
    first, second = cut(Wave(US, f_hz=60.2, harmonics={5: 7}).volts(4), 2.0)
    for plugin in (Frequency(FrequencyConfig()), Distortion(DistortionConfig())):
        (part,) = plugin.analyze(event(record(US, first)))
        (whole,) = plugin.analyze(event(record(US, second), previous=[part]))
        assert whole.start_unix_ns == part.start_unix_ns
        assert whole.evidence["windows"] > part.evidence["windows"]
        assert whole.extreme == pytest.approx(part.extreme, abs=0.01)


def test_what_ended_with_the_event_before_is_closed() -> None:
    first, second = cut(Wave(US, steps=[Step(1, 2, 0.6)]).volts(4), 2.0)
    plugin = Ieee1159(Ieee1159Config())
    (part,) = plugin.analyze(event(record(US, first)))
    assert part.open_end
    (whole,) = plugin.analyze(event(record(US, second), previous=[part]))
    assert whole.start_unix_ns == part.start_unix_ns
    assert not whole.open_end


def test_findings_of_another_box_are_not_continued() -> None:
    first, second = cut(Wave(US, steps=[Step(1, 3, 0.6)]).volts(4), 2.0)
    plugin = Ieee1159(Ieee1159Config())
    (part,) = plugin.analyze(event(record(US, first, box_id="box-2")))
    (alone,) = plugin.analyze(event(record(US, second), previous=[part]))
    assert alone.open_start
    assert alone.box_id == BoxId("box-1")


def test_a_gap_inside_a_disturbance_does_not_make_two() -> None:
    volts = Wave(US, steps=[Step(1, 3, 0.6)]).volts(4)
    first = VoltageSegment(START_UNIX_NS, RATE, volts[:20000])
    second = VoltageSegment(START_UNIX_NS + round(22000 * 1e9 / RATE), RATE, volts[22000:])
    (finding,) = Ieee1159(Ieee1159Config()).analyze(event(record(US, first, second)))
    assert finding.duration_ns == pytest.approx(2e9, abs=25e6)


def test_the_same_context_gives_the_same_findings() -> None:
    context = event(record(US, Wave(US, steps=[Step(1, 2, 0.6)], harmonics={5: 8}).segment(4)))
    for plugin in all_plugins():
        assert plugin.analyze(context) == plugin.analyze(context)
