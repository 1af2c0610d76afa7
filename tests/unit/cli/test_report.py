"""The verdict on a run: found, missing, doubled, unexpected, not yet over, again."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opq.clock import NS, seconds_ns
from opq.ids import BoxId, EventId, IncidentId
from opq.model.boxes import Nominal
from opq.model.incidents import Finding, Incident, IncidentClass
from opq.sim.scenario import Disturbance, DisturbanceKind, Scenario, demo_scenario, quiet_scenario
from opq.store import Store, open_store
from opq.testing.samples import event, measurement
from opq_cli.up.report import make_report

T0 = 1_760_000_000 * NS
US = Nominal(120, 60)
B1, B2 = BoxId("sim-01"), BoxId("sim-02")
SAG = Disturbance(DisturbanceKind.SAG, (B1, B2), 10.0, 0.5, 0.7, (IncidentClass.VOLTAGE_SAG,))
CUT = Disturbance(
    DisturbanceKind.INTERRUPTION, (B1,), 30.0, 0.4, 0.0,
    (IncidentClass.VOLTAGE_INTERRUPTION, IncidentClass.ITIC_NO_DAMAGE),
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:{tmp_path / 'store'}")
    yield opened
    opened.close()


def scenario(*disturbances: Disturbance, repeat_s: float = 0.0) -> Scenario:
    return replace(quiet_scenario(3, T0, US), disturbances=disturbances, repeat_s=repeat_s)


def add(
    store: Store,
    box: str,
    kind: IncidentClass,
    at_s: float,
    length_s: float = 0.5,
    latency_s: float = 4.0,
    plugin: str = "p",
) -> str:
    start = T0 + seconds_ns(at_s)
    name = f"{plugin}-{box}-{kind.value}-{at_s}"
    found = Finding(BoxId(box), kind, start, start + seconds_ns(length_s), "s", "c")
    store.incidents.put(
        Incident(IncidentId(name), plugin, "1", EventId(name), "0", start + seconds_ns(latency_s), found)
    )
    return name


def report(store: Store, made: Scenario, end_s: float = 60.0, problems: tuple[str, ...] = ()) -> dict[str, Any]:
    return make_report(store, made, T0 + seconds_ns(end_s), problems)


def test_all_found_once_and_nothing_else_is_a_report_without_errors(store: Store) -> None:
    add(store, "sim-01", IncidentClass.VOLTAGE_SAG, 10.01, latency_s=3.5)
    add(store, "sim-02", IncidentClass.VOLTAGE_SAG, 9.99, latency_s=4.2)
    add(store, "sim-01", IncidentClass.VOLTAGE_INTERRUPTION, 30.0)
    add(store, "sim-01", IncidentClass.ITIC_NO_DAMAGE, 30.0, plugin="itic")
    verdict = report(store, scenario(SAG, CUT))
    assert verdict["errors"] == []
    assert verdict["injected"] == [
        {"kind": "sag", "box_ids": ["sim-01", "sim-02"], "found": True, "classified_as": ["VOLTAGE_SAG"], "latency_ms": 4190},
        {"kind": "interruption", "box_ids": ["sim-01"], "found": True,
         "classified_as": ["ITIC_NO_DAMAGE", "VOLTAGE_INTERRUPTION"], "latency_ms": 4000},
    ]  # fmt: skip
    assert verdict["incidents"] == {"ITIC_NO_DAMAGE": 1, "VOLTAGE_INTERRUPTION": 1, "VOLTAGE_SAG": 2}


def test_what_is_missing_at_one_box_is_named_with_the_box(store: Store) -> None:
    add(store, "sim-01", IncidentClass.VOLTAGE_SAG, 10)
    verdict = report(store, scenario(SAG))
    assert verdict["injected"][0]["found"] is False
    assert verdict["errors"] == [
        "not found as it should be: sag at sim-01, sim-02: 0 VOLTAGE_SAG at sim-02, expected 1",
    ]


def test_a_disturbance_found_twice_is_an_error(store: Store) -> None:
    for at_s in (10.0, 10.4):
        add(store, "sim-01", IncidentClass.VOLTAGE_SAG, at_s)
    add(store, "sim-02", IncidentClass.VOLTAGE_SAG, 10)
    verdict = report(store, scenario(SAG))
    assert verdict["injected"][0]["found"] is False
    assert verdict["errors"] == [
        "not found as it should be: sag at sim-01, sim-02: 2 VOLTAGE_SAG at sim-01, expected 1",
    ]


def test_a_wrong_class_is_both_missing_and_unexpected(store: Store) -> None:
    add(store, "sim-01", IncidentClass.VOLTAGE_INTERRUPTION, 30)
    name = add(store, "sim-01", IncidentClass.ITIC_PROHIBITED, 30)
    verdict = report(store, scenario(CUT))
    assert verdict["injected"][0]["classified_as"] == ["ITIC_PROHIBITED", "VOLTAGE_INTERRUPTION"]
    assert verdict["errors"] == [
        "not found as it should be: interruption at sim-01: 0 ITIC_NO_DAMAGE at sim-01, expected 1",
        f"unexpected incident ITIC_PROHIBITED at sim-01 ({name})",
    ]


@pytest.mark.parametrize(("box", "at_s"), [("sim-03", 10.0), ("sim-01", 45.0)], ids=["another box", "another time"])
def test_an_incident_that_nothing_explains_is_an_error(store: Store, box: str, at_s: float) -> None:
    for own in ("sim-01", "sim-02"):
        add(store, own, IncidentClass.VOLTAGE_SAG, 10)
    name = add(store, box, IncidentClass.VOLTAGE_SAG, at_s, plugin="q")
    verdict = report(store, scenario(SAG))
    assert verdict["injected"][0]["found"] is True
    assert verdict["errors"] == [f"unexpected incident VOLTAGE_SAG at {box} ({name})"]


def test_a_disturbance_that_was_not_over_is_not_judged_and_its_incidents_are_no_error(store: Store) -> None:
    add(store, "sim-01", IncidentClass.VOLTAGE_SAG, 10, 0.2)
    verdict = report(store, scenario(SAG, CUT), end_s=10.3)
    assert (verdict["injected"], verdict["errors"]) == ([], [])


def test_every_repetition_is_judged(store: Store) -> None:
    for at_s in (10, 70):
        for box in ("sim-01", "sim-02"):
            add(store, box, IncidentClass.VOLTAGE_SAG, at_s)
    add(store, "sim-01", IncidentClass.VOLTAGE_SAG, 130)
    verdict = report(store, scenario(SAG, repeat_s=60), end_s=135)
    assert [item["found"] for item in verdict["injected"]] == [True, True, False]
    assert verdict["errors"] == [
        "not found as it should be: sag at sim-01, sim-02: 0 VOLTAGE_SAG at sim-02, expected 1"
    ]


def test_incidents_of_an_earlier_run_in_the_same_folder_do_not_count(store: Store) -> None:
    add(store, "sim-01", IncidentClass.VOLTAGE_SAG, -300)
    verdict = report(store, scenario())
    assert (verdict["incidents"], verdict["errors"]) == ({}, [])


def test_what_went_wrong_on_the_way_is_an_error(store: Store) -> None:
    assert report(store, scenario(), problems=("hub was killed",))["errors"] == ["hub was killed"]


def test_frames_are_counted_by_their_numbers_so_that_a_lost_one_shows(store: Store) -> None:
    rows = [replace_row(number) for number in (1, 2, 4, 5)]
    store.measurements.add(rows)
    store.events.put(event("e", start_unix_ns=T0 + NS, end_unix_ns=T0 + 2 * NS))
    verdict = report(store, scenario())
    assert (verdict["frames"], verdict["measurements"]) == (5, 4)
    assert (verdict["boxes"], verdict["events"], verdict["waveform_bytes"]) == (3, 1, 0)


def replace_row(sequence: int) -> Any:
    row = measurement(T0 + sequence * NS, "sim-01")
    row.sequence = sequence
    return row


def test_the_demo_says_exactly_what_the_readme_promises() -> None:
    made = demo_scenario(8, T0, US)
    expected = {(kind.value, len(item.box_ids)) for item in made.disturbances for kind in item.classes}
    assert ("FREQUENCY_SAG", 8) in expected
    assert sum(len(item.box_ids) for item in made.disturbances if item.classes == (IncidentClass.VOLTAGE_SAG,)) == 5
    assert all(item.start_s + item.duration_s <= 75 for item in made.disturbances)
