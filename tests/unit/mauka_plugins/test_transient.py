"""The plugin of transients: what it finds, what it leaves alone, what it writes down."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from opq.ids import BoxId, EventId, GridId, IncidentId
from opq.model.boxes import Box, Nominal
from opq.model.events import Event, EventBox, EventState, Role
from opq.model.incidents import Finding, Incident, IncidentClass
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.testing.waves import START_UNIX_NS, Step, Wave
from opq_mauka.plugins.transient import TransientConfig, TransientPlugin
from opq_mauka.sdk import BoxRecord, EventContext, TickContext

US, EU = Nominal(120, 60), Nominal(230, 50)
RATE = 12000


def record(nominal: Nominal, *segments: VoltageSegment, box_id: str = "box-1") -> BoxRecord:
    box = Box(BoxId(box_id), GridId("grid"), nominal)
    return BoxRecord(box, EventBox(EventId("event"), box.box_id, Role.HARD, START_UNIX_NS, START_UNIX_NS), segments)


def event(*records: BoxRecord, previous: list[Finding] | None = None) -> EventContext:
    head = Event(EventId("event"), GridId("grid"), START_UNIX_NS, START_UNIX_NS, EventState.COMPLETE)
    incidents = tuple(
        Incident(IncidentId(str(number)), "transient", "1", EventId("before"), str(number), 0, finding)
        for number, finding in enumerate(previous or [])
    )
    return EventContext(head, records, incidents)


def plugin() -> TransientPlugin:
    return TransientPlugin(TransientConfig())


def ringing(volts: VoltArray, at_s: float, amplitude_v: float, f_hz: float, decay_s: float) -> VoltArray:
    """Add a damped oscillation that begins at its peak."""
    after = np.arange(len(volts)) / RATE - at_s
    inside = after >= -1e-9
    after = np.maximum(after, 0)
    return volts + inside * amplitude_v * np.exp(-after / decay_s) * np.cos(2 * np.pi * f_hz * after)


def capacitor(nominal: Nominal, duration_s: float = 2.0) -> VoltArray:
    """A capacitor switched at 1 s, at the crest of the voltage, which goes toward zero first."""
    wave = Wave(nominal, phase_deg=90, noise_v=0.1, harmonics={5: 2})
    return ringing(wave.volts(duration_s), 1.0, -0.5 * np.sqrt(2) * nominal.u_din_v, 600.0, 0.004)


def cut(volts: VoltArray, at_s: float) -> tuple[VoltageSegment, VoltageSegment]:
    sample = round(at_s * RATE)
    later = START_UNIX_NS + round(sample * 1e9 / RATE)
    return VoltageSegment(START_UNIX_NS, RATE, volts[:sample]), VoltageSegment(later, RATE, volts[sample:])


@pytest.mark.parametrize("nominal", [US, EU])
def test_a_switched_capacitor_is_one_incident_with_its_cause(nominal: Nominal) -> None:
    context = event(record(nominal, VoltageSegment(START_UNIX_NS, RATE, capacitor(nominal))))
    (finding,) = plugin().analyze(context)
    assert finding.incident_class is IncidentClass.OSCILLATORY_TRANSIENT
    assert finding.standard == "IEEE 1159-2019"
    assert finding.unit == "V"
    assert finding.start_unix_ns == pytest.approx(START_UNIX_NS + 1e9, abs=0.3e6)
    assert finding.extreme == pytest.approx(-0.5 * np.sqrt(2) * nominal.u_din_v, rel=0.1)
    evidence = finding.evidence
    assert evidence["cause"] == "capacitor switching"
    assert evidence["oscillation_hz"] == pytest.approx(600, rel=0.02)
    assert evidence["decay_s"] == pytest.approx(0.004, rel=0.1)
    assert evidence["polarity"] == -1
    assert evidence["point_on_wave_deg"] == pytest.approx(90, abs=3)
    json.dumps(evidence, allow_nan=False)


def test_the_evidence_shows_the_waveform_around_the_peak() -> None:
    volts = capacitor(US)
    (finding,) = plugin().analyze(event(record(US, VoltageSegment(START_UNIX_NS, RATE, volts))))
    shown = np.array(finding.evidence["waveform_v"])
    assert 0.01 * RATE <= len(shown) <= 0.03 * RATE
    assert finding.evidence["waveform_rate_hz"] == RATE
    start_s = (finding.start_unix_ns - START_UNIX_NS) / 1e9 + finding.evidence["waveform_from_s"]
    first = round(start_s * RATE)
    np.testing.assert_allclose(shown, volts[first : first + len(shown)], atol=0.051)


def test_a_sag_gives_no_transient_and_a_quiet_neighbour_nothing() -> None:
    sag = record(US, Wave(US, phase_deg=70, steps=[Step(1, 1.3, 0.5)], noise_v=0.1, harmonics={3: 2}).segment(2.5))
    quiet = record(US, Wave(US, noise_v=0.2).segment(2), box_id="box-2")
    assert plugin().analyze(event(sag, quiet, record(US, box_id="box-3"))) == []


def test_a_transient_in_the_overlap_of_two_events_is_one() -> None:
    volts = capacitor(US, 3.0)
    first = VoltageSegment(START_UNIX_NS, RATE, volts[: round(1.5 * RATE)])
    second = VoltageSegment(START_UNIX_NS + round(0.5e9), RATE, volts[round(0.5 * RATE) :])
    (part,) = plugin().analyze(event(record(US, first)))
    (whole,) = plugin().analyze(event(record(US, second), previous=[part]))
    assert whole.incident_class is part.incident_class
    assert whole.start_unix_ns == pytest.approx(part.start_unix_ns, abs=1e5)
    assert whole.evidence["energy_v2s"] == pytest.approx(part.evidence["energy_v2s"], rel=0.05)


@pytest.mark.parametrize("cut_s", [1.2, 1.45])
def test_notching_over_two_events_is_one(cut_s: float) -> None:
    angle = 2 * np.pi * 60 * np.arange(round(2.4 * RATE)) / RATE
    within = np.rad2deg(angle % np.pi)
    notched = sum(((within >= place) & (within < place + 12)).astype(float) for place in (30, 90, 150))
    volts = 120 * np.sqrt(2) * (np.sin(angle) - 0.2 * np.sign(np.sin(angle)) * notched)
    first, second = cut(volts + 0.1 * np.random.default_rng(1).standard_normal(len(volts)), cut_s)
    (part,) = plugin().analyze(event(record(US, first)))
    assert part.incident_class is IncidentClass.PERIODIC_NOTCHING
    assert part.open_end
    assert part.evidence["per_cycle"] == 6
    (whole,) = plugin().analyze(event(record(US, second), previous=[part]))
    assert whole.start_unix_ns == part.start_unix_ns
    assert whole.end_unix_ns == pytest.approx(START_UNIX_NS + 2.4e9, abs=30e6)


def test_findings_read_back_are_the_same() -> None:
    (finding,) = plugin().analyze(event(record(US, VoltageSegment(START_UNIX_NS, RATE, capacitor(US)))))
    stored = json.loads(json.dumps(finding.evidence))
    quiet = record(US, VoltageSegment(START_UNIX_NS + 10**10, RATE, Wave(US).volts(2)))
    again = Finding(**{**{name: getattr(finding, name) for name in Finding.__slots__}, "evidence": stored})
    (kept,) = plugin().analyze(event(quiet, previous=[again]))
    assert json.loads(json.dumps(kept.evidence)) == stored


def test_a_higher_limit_leaves_small_transients_alone() -> None:
    context = event(record(US, VoltageSegment(START_UNIX_NS, RATE, capacitor(US))))
    assert TransientPlugin(TransientConfig(least_peak_pu=0.8)).analyze(context) == []


def test_ticks_say_nothing() -> None:
    assert not plugin().analyze(TickContext(0, (), 0, ()))


@pytest.mark.parametrize("config", [{"least_peak_pu": 0}, {"peak_sigmas": 1}, {"colour": "red"}])
def test_impossible_configurations_are_refused(config: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        TransientConfig(**config)
