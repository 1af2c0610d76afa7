"""Plans: presets load, and a mistake in YAML is named with its place."""

from pathlib import Path

import pytest

from opq.errors import InvalidInput
from opq.sim.grid.kinds import HappeningKind
from opq.sim.grid.plan import load_plan, parse_plan

SMALL = "name: small\nfeeders:\n  - {count: 1, laterals: 2, boxes: 3}\n"


@pytest.mark.parametrize(
    ("name", "boxes", "volts", "hertz"),
    [("campus", 16, 120, 60), ("neighbourhood", 200, 230, 50), ("city", 2000, 120, 60)],
)
def test_presets_load(name: str, boxes: int, volts: float, hertz: float) -> None:
    plan = load_plan(name)
    assert (plan.box_count, plan.nominal.u_din_v, plan.nominal.f_hz) == (boxes, volts, hertz)
    assert len(set(plan.box_ids)) == boxes


def test_a_plan_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(SMALL + "happenings:\n  - {kind: storm, at_s: 60, duration_s: 100}\n")
    plan = load_plan(path)
    assert plan.box_ids[-1] == "small-0006"
    assert plan.happenings[0].kind is HappeningKind.STORM


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: [", "no YAML"),
        ("name: small", "feeders"),
        (SMALL + "colour: red", "colour"),
        (SMALL + "f_hz: 55", "f_hz"),
        (SMALL + "rates: {local_sag_per_box: -1}", "rates.local_sag_per_box"),
        (SMALL + "rates: {local_sag_per_box: 'often'}", "rates.local_sag_per_box"),
        (SMALL + "happenings: [{kind: earthquake, at_s: 1}]", "happenings.0.kind"),
        (SMALL + "happenings: [{kind: storm, at_s: 1, box: small-0007}]", "happenings.0.box: got 'small-0007'"),
        (SMALL + "faults: [{kind: clock, boxes: [small-0001]}]", "offset_s"),
        (SMALL + "faults: [{kind: silent, boxes: [nobody]}]", "faults.0.boxes: got 'nobody'"),
        (SMALL + "clocks: {kinds: {nobody: gps}}", "clocks.kinds: got 'nobody'"),
        (SMALL + "rates: {lightning: 2026-01-01}", "date"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_plan(text)
    assert place in str(caught.value)


def test_a_missing_file_is_said_with_what_there_is() -> None:
    with pytest.raises(InvalidInput, match="campus, neighbourhood, city"):
        load_plan("nowhere.yaml")
