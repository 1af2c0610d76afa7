"""A disturbance longer than an event stays one incident, whoever is looked at first, how often, and with what delay."""

from dataclasses import replace
from typing import Any

import pytest

from opq.clock import NS
from opq.ids import EventId
from opq.model.boxes import Nominal
from opq.model.incidents import DurationClass, Finding
from opq.model.waveforms import VoltageSegment, VoltArray
from opq.testing.waves import START_UNIX_NS, Step, Wave
from opq_mauka.plugins.distortion import Distortion, DistortionConfig
from opq_mauka.plugins.envelopes import EnvelopeConfig, Itic, SemiF47
from opq_mauka.plugins.frequency import Frequency, FrequencyConfig
from opq_mauka.plugins.ieee1159 import Ieee1159, Ieee1159Config
from opq_mauka.sdk import Plugin

US = Nominal(120, 60)
RATE = 12_000
SAG = Wave(US, steps=[Step(1, 8, 0.6)], noise_v=0.1)
IEEE = Ieee1159(Ieee1159Config())


def part(volts: VoltArray, start_s: float, end_s: float) -> VoltageSegment:
    first = round(start_s * RATE)
    return VoltageSegment(START_UNIX_NS + round(first * NS / RATE), RATE, volts[first : round(end_s * RATE)])


def two_events(desk, wave: Wave = SAG) -> None:
    """Events of 4 s each with a second of record on both sides, so that the records overlap."""
    volts = wave.volts(10)
    desk.add_event("a", 1, 5)
    desk.add_event("b", 5, 8, continues="a")
    desk.add_waveform("a", part(volts, 0, 6))
    desk.add_waveform("b", part(volts, 4, 9))


def seen(desk) -> list[tuple[str | None, Finding]]:
    return [(item.event_id, item.finding) for item in desk.incidents()]


@pytest.mark.parametrize(
    "plugin",
    [IEEE, Itic(EnvelopeConfig()), SemiF47(EnvelopeConfig())],
    ids=lambda plugin: plugin.name,
)
def test_a_sag_over_two_events_is_one_incident_and_stays_the_same_when_looked_at_again(
    desk, plugin: Plugin[Any]
) -> None:
    two_events(desk)
    desk.analyse(plugin, "a")
    (first,) = desk.incidents()
    assert first.finding.open_end
    desk.analyse(plugin, "b")
    (whole,) = desk.incidents()
    assert (whole.event_id, whole.incident_id) == ("a", first.incident_id)
    assert whole.finding.duration_ns == pytest.approx(7e9, abs=40e6)
    assert not whole.finding.open_end
    for _ in range(3):
        desk.revise("b")
        desk.analyse(plugin, "b")
        assert seen(desk) == [(whole.event_id, whole.finding)], "nothing adds up twice"


@pytest.mark.parametrize(
    "plugin", [Frequency(FrequencyConfig()), Distortion(DistortionConfig())], ids=lambda plugin: plugin.name
)
def test_runs_of_windows_over_two_events_do_not_grow_when_looked_at_again(desk, plugin: Plugin[Any]) -> None:
    two_events(desk, Wave(US, f_hz=60.3, harmonics={5: 8}))
    for event in ("a", "b"):
        desk.analyse(plugin, event)
    (whole,) = seen(desk)
    desk.analyse(plugin, "b")
    assert seen(desk) == [whole]


def test_the_class_is_that_of_the_whole_duration(desk) -> None:
    two_events(desk)
    desk.analyse(IEEE, "a")
    desk.analyse(IEEE, "b")
    ((_, whole),) = seen(desk)
    assert whole.duration_class is DurationClass.TEMPORARY


def test_an_event_before_that_is_looked_at_again_has_those_after_it_looked_at_again(desk) -> None:
    two_events(desk)
    for event in ("a", "b"):
        desk.analyse(IEEE, event)
    whole = seen(desk)
    done = {task.task_id for task in desk.store.tasks.list()}
    desk.clock.advance(1)
    desk.revise("a")
    desk.analyse(IEEE, "a")
    (task,) = [task for task in desk.store.tasks.list() if task.task_id not in done]
    assert (task.plugin, task.event_id) == ("ieee1159", "b")
    desk.analyse(IEEE, "b")
    assert seen(desk) == whole


def test_the_event_after_may_be_looked_at_first(desk) -> None:
    two_events(desk)
    desk.analyse(IEEE, "b")
    ((_, alone),) = seen(desk)
    assert alone.open_start
    desk.analyse(IEEE, "a")
    (task,) = desk.store.tasks.list()
    assert task.event_id == "b", "it is queued once more, now that what went before is known"
    desk.analyse(IEEE, "b")
    ((event, whole),) = seen(desk)
    assert event == "a"
    assert whole.duration_ns == pytest.approx(7e9, abs=40e6)
    assert len(desk.store.tasks.list()) == 1


def test_nothing_is_queued_for_events_that_are_not_complete_or_continue_nothing(desk) -> None:
    two_events(desk)
    desk.add_event("c", 5, 8)
    event = desk.store.events.get(EventId("b"))
    desk.store.events.put(replace(event, completed_unix_ns=0))
    desk.analyse(IEEE, "a")
    assert desk.store.tasks.list() == []


def test_a_sag_over_three_events_is_one_incident_in_the_first(desk) -> None:
    volts = Wave(US, steps=[Step(1, 11, 0.6)], noise_v=0.1).volts(13)
    for event, before, start, end in (("a", None, 1, 5), ("b", "a", 5, 8), ("c", "b", 8, 11)):
        desk.add_event(event, start, end, continues=before)
        desk.add_waveform(event, part(volts, start - 1, end + 1))
    for event in ("a", "b", "c"):
        desk.analyse(IEEE, event)
    whole = seen(desk)
    ((event, found),) = whole
    assert event == "a"
    assert found.duration_ns == pytest.approx(10e9, abs=40e6)
    for event in ("c", "b", "c"):
        desk.analyse(IEEE, event)
    assert seen(desk) == whole


def test_a_sag_that_ends_where_both_records_show_it_is_one_incident(desk) -> None:
    two_events(desk, Wave(US, steps=[Step(1, 5.5, 0.6)], noise_v=0.1))
    desk.analyse(IEEE, "a")
    ((_, first),) = seen(desk)
    assert not first.open_end
    desk.analyse(IEEE, "b")
    ((event, whole),) = seen(desk)
    assert event == "a"
    assert whole.duration_ns == pytest.approx(4.5e9, abs=20e6)


def test_a_sag_wholly_in_both_records_is_one_incident(desk) -> None:
    two_events(desk, Wave(US, steps=[Step(4.7, 5.4, 0.6)], noise_v=0.1))
    for event in ("a", "b", "b"):
        desk.analyse(IEEE, event)
    ((event, whole),) = seen(desk)
    assert event == "a"
    assert whole.duration_ns == pytest.approx(0.7e9, abs=20e6)


def test_another_sag_in_the_event_after_is_another_incident(desk) -> None:
    two_events(desk, Wave(US, steps=[Step(1, 3, 0.6), Step(7, 8, 0.6)], noise_v=0.1))
    for event in ("a", "b", "b"):
        desk.analyse(IEEE, event)
    assert sorted(event for event, _ in seen(desk)) == ["a", "b"]


def test_without_waveform_of_the_event_after_the_incident_stays_open(desk) -> None:
    volts = SAG.volts(10)
    desk.add_event("a", 1, 5)
    desk.add_event("b", 5, 8, continues="a")
    desk.add_waveform("a", part(volts, 0, 6))
    desk.analyse(IEEE, "a")
    before = seen(desk)
    desk.analyse(IEEE, "b")
    assert seen(desk) == before
    desk.add_waveform("b", part(volts, 4, 9))
    desk.revise("b")
    desk.analyse(IEEE, "b")
    ((_, whole),) = seen(desk)
    assert not whole.open_end
