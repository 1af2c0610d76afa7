"""Makai's core on the simulated grid: storms, wrong clocks, restarts, whole days in small."""

import json
import tracemalloc
from dataclasses import replace

import pytest

from opq.clock import HOUR_NS, NS
from opq.ids import BoxId
from opq.model.events import AcquisitionState, Event, Role
from opq.sim.grid import World, parse_plan
from opq.sim.grid.plan import Rates
from opq_makai.budget import Budget, BudgetRules
from opq_makai.evaluation.replay import Outcome, replay
from opq_makai.evaluation.report import run, summary, table
from opq_makai.evaluation.score import Score, Tally, score
from opq_makai.open_event import EventRules

T0 = 1_760_054_400 * NS
QUIET = f"rates: {{{', '.join(f'{kind}: 0' for kind in Rates.model_fields)}}}"
PLAN = """
name: island
u_din_v: 230
f_hz: 50
feeders:
  - {count: 2, sections: 2, laterals: 2, transformers: 1, boxes: 3}
"""


def world_of(more: str, seconds: int, seed: int = 1) -> World:
    return World(parse_plan(PLAN + QUIET + "\n" + more), seed, T0, float(seconds))


def records(outcome: Outcome, of: set[BoxId] | None = None) -> list[tuple]:
    """What is on record of events, without ids; of those with these boxes only."""
    kept = []
    for event in outcome.events.values():
        parts = outcome.parts[event.event_id]
        if of is None or set(parts) & of:
            kept.append(
                (
                    event.start_unix_ns,
                    event.end_unix_ns,
                    event.extent,
                    sorted(
                        (box_id, part.role.value, part.start_unix_ns, part.end_unix_ns)
                        for box_id, part in parts.items()
                    ),
                )
            )
    return sorted(kept)


def test_a_storm_keeps_to_the_budget_keeps_the_onsets_and_loses_no_record() -> None:
    rules = EventRules(witnesses=12, budget=BudgetRules(box_pct=2.0, grid_pct=0.5, least_grid_s=0.0))
    world = world_of("happenings: [{kind: storm, at_s: 300, duration_s: 3600}]", 4500)
    outcome = replay(world, 4500, rules)
    allowed_ns = 0.005 * 86_400 * NS * len(world.boxes)
    assert outcome.requested_ns <= allowed_ns
    assert outcome.requested_ns > 0.3 * allowed_ns, "and uses it"
    storm = (T0 + 300 * NS, T0 + 3900 * NS)
    events = sorted(outcome.events.values(), key=lambda event: event.start_unix_ns)
    covered = sum(
        min(event.end_unix_ns, storm[1]) - max(event.start_unix_ns, storm[0])
        for event in events
        if event.end_unix_ns > storm[0] and event.start_unix_ns < storm[1] and len(event.box_ids) > 5
    )
    assert covered > 0.95 * 3600 * NS, "the record of the storm has no hole"
    assert all(event.end_unix_ns - event.start_unix_ns <= rules.max_event_ns + 2 * NS for event in events)
    first = [outcome.acquisitions[each] for each in outcome.asked_ns]
    onset = {item.box_id for item in first if item.start_unix_ns <= storm[0] + 5 * NS < item.end_unix_ns + 5 * NS}
    assert onset == {box.box_id for box in world.boxes}, "the onset of every box"
    refused = [item for item in outcome.acquisitions.values() if item.state is AcquisitionState.MISSING]
    assert refused
    assert all(item.reason.startswith("over the budget of 2 %") for item in refused)


def test_in_a_storm_the_worst_still_gets_its_waveform_when_ordinary_ones_are_refused() -> None:
    rules = EventRules(witnesses=12, budget=BudgetRules(box_pct=0.5, grid_pct=100))
    sag = "{kind: local_sag, at_s: 3000, box: island-0003, size: 0.3, duration_s: 0.5}"
    world = world_of(f"happenings: [{{kind: storm, at_s: 300, duration_s: 2400}}, {sag}]", 3200)
    outcome = replay(world, 3200, rules)
    refused = [item for item in outcome.acquisitions.values() if item.state is AcquisitionState.MISSING]
    assert refused
    asked = [outcome.acquisitions[each] for each in outcome.asked_ns]
    at = T0 + 3000 * NS
    assert any(item.box_id == "island-0003" and item.start_unix_ns < at < item.end_unix_ns for item in asked)


def test_memory_stays_flat_in_a_storm() -> None:
    world = world_of("happenings: [{kind: storm, at_s: 60, duration_s: 1500}]", 1300)
    sizes = {}

    def look(minute: int, outcome: Outcome) -> None:
        # What the test itself would keep does not count.
        for kept in (outcome.events, outcome.parts, outcome.acquisitions, outcome.asked_ns, outcome.first_stored_ns):
            kept.clear()
        if minute in (9, 19):
            sizes[minute] = tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        replay(world, 1260, EventRules(max_event_ns=120 * NS, forget_ns=180 * NS), look)
    finally:
        tracemalloc.stop()
    assert sizes[19] < sizes[9] + 300_000, sizes


@pytest.mark.parametrize(
    "fault",
    [
        "{kind: clock, boxes: [island-0004], at_s: 0, offset_s: 3.5}",
        "{kind: clock, boxes: [island-0004], at_s: 0, offset_s: -4}",
        "{kind: clock, boxes: [island-0004], at_s: 595, offset_s: 6}",
        "{kind: clock, boxes: [island-0004], at_s: 595, offset_s: -6}",
        "{kind: silent, boxes: [island-0004], at_s: 500, duration_s: 300}",
        "{kind: reboot, boxes: [island-0004], at_s: 598, duration_s: 20}",
    ],
)
def test_a_box_with_a_wrong_clock_or_silent_neither_opens_closes_nor_distorts_events_of_others(fault: str) -> None:
    happenings = """happenings:
  - {kind: transmission_fault, at_s: 600, size: 0.8, duration_s: 0.2}
  - {kind: local_sag, at_s: 640, box: island-0009, size: 0.7, duration_s: 0.4}
  - {kind: local_sag, at_s: 680, box: island-0004, size: 0.7, duration_s: 0.4}
"""
    good = replay(world_of(happenings, 800), 800, EventRules())
    bad = replay(world_of(f"{happenings}faults: [{fault}]", 800), 800, EventRules())
    others = {box.box_id for box in world_of("", 800).boxes} - {"island-0004"}

    def of_others(outcome: Outcome) -> list[tuple]:
        kept = []
        for start, end, _, parts in records(outcome, others):
            mine = [part for part in parts if part[0] != "island-0004" and part[1] != "neighbour"]
            if mine:
                kept.append((start, end, mine))
        return kept

    assert len(of_others(good)) >= 2
    assert of_others(bad) == of_others(good)


def test_what_a_box_with_a_wrong_clock_measures_is_still_on_record_by_itself() -> None:
    more = """happenings: [{kind: local_sag, at_s: 600, box: island-0004, size: 0.7, duration_s: 0.4}]
faults: [{kind: clock, boxes: [island-0004], at_s: 0, offset_s: 5}]"""
    outcome = replay(world_of(more, 700), 700, EventRules())
    (event,) = (each for each in outcome.events.values() if each.box_ids == ("island-0004",))
    assert event.opened_by.endswith("(its clock is in doubt)")
    assert event.start_unix_ns - (T0 + 605 * NS) == pytest.approx(0, abs=0.3 * NS)


def test_the_neighbours_of_a_box_are_learnt_from_what_they_felt_together() -> None:
    sags = "\n".join(
        f"  - {{kind: local_sag, at_s: {400 + 40 * number}, box: island-0001, size: 0.75, duration_s: 0.4}}"
        for number in range(8)
    )
    world = world_of(f"happenings:\n{sags}", 800)
    outcome = replay(world, 800, EventRules())
    last = max(outcome.events.values(), key=lambda event: event.start_unix_ns)
    roles = {box_id: part.role for box_id, part in outcome.parts[last.event_id].items()}
    behind = world.network.transformer
    transformer = {box.box_id for box, at in zip(world.boxes, behind, strict=True) if at == behind[0]}
    assert set(roles) == transformer, "no longer the whole feeder"
    assert roles[BoxId("island-0001")] is Role.HARD


def test_a_busy_hour_is_found_and_the_report_tells_it() -> None:
    result = summary([run("campus", seed, 0.5) for seed in (5, 6)])
    json.dumps(result)
    assert result["windows"] == pytest.approx(2 * 16 * 1800 * 5, rel=0.02)
    assert result["missed"] == []
    assert "campus: 16 boxes, 2 x 0.5 h" in table([result])


def test_a_miss_and_a_false_event_are_counted_as_such() -> None:
    """The judge itself: a watcher that sees nothing finds nothing, one that cries without reason is told."""
    happenings = "happenings: [{kind: transmission_fault, at_s: 700, size: 0.8, duration_s: 0.2}]"
    world = world_of(happenings, 900)
    nothing = score(world, Outcome(), 900)
    assert (nothing.grid_wide.hits, nothing.grid_wide.of) == (0, 1)
    assert nothing.missed == ["transmission_fault at transmission, 700.00 s"]
    outcome = replay(world, 900, EventRules())
    assert score(world, outcome, 900).false_events == 0
    event = next(iter(outcome.events.values()))
    moved: Event = replace(event, event_id="moved", start_unix_ns=T0 + 620 * NS, end_unix_ns=T0 + 621 * NS)
    outcome.events["moved"], outcome.parts["moved"] = moved, outcome.parts[event.event_id]
    assert score(world, outcome, 900).false_events == 1


def test_intervals_are_those_of_clopper_and_pearson() -> None:
    assert Tally(10, 10).share() == {"pct": 100.0, "low_pct": 69.15, "high_pct": 100.0, "hits": 10, "of": 10}
    assert Tally().share()["pct"] is None
    total = Score(grid_wide=Tally(1, 2), box_weeks=1.0, raw_ns=1)
    total.add(Score(grid_wide=Tally(2, 2), missed=["one"]))
    assert (total.grid_wide.hits, total.grid_wide.of, total.missed) == (3, 4, ["one"])


def test_the_budget_survives_a_restart() -> None:
    spent = Budget(BudgetRules(box_pct=1.0))
    spent.boxes = 10
    assert spent.admit(BoxId("b"), 400 * NS, 0.9, T0)
    again = Budget(BudgetRules(box_pct=1.0))
    again.boxes = 10
    again.restore(json.loads(json.dumps(spent.state())), T0 + 10 * NS)
    assert again.used_pct(BoxId("b"), T0 + 10 * NS) == pytest.approx(400 / 864)
    assert not again.admit(BoxId("b"), 460 * NS, 0.9, T0 + 20 * NS)
    assert again.admit(BoxId("b"), 460 * NS, 0.9, T0 + 25 * HOUR_NS), "a day later it is forgotten"
    assert again.used_pct(BoxId("b"), T0 + 25 * HOUR_NS) == pytest.approx(460 / 864)
