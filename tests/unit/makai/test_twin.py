"""The detectors on all boxes at once find what the plain twin finds window by window, however windows are cut."""

import numpy as np
import pytest

from opq.clock import NS
from opq.model.features import FEATURE_INDEX, FEATURES, Windows
from opq.sim.grid import World, load_plan, parse_plan
from opq_makai.boxes import BoxTable
from opq_makai.detectors.detector import Detector, WindowBatch
from opq_makai.detectors.habit import HabitDetector
from opq_makai.detectors.limits import LimitDetector
from tests.unit.makai.plain import METRICS, PlainBox

T0 = 1_760_000_000 * NS
SECONDS = 900
PLAN = """
name: twin
u_din_v: 230
f_hz: 50
feeders:
  - {count: 2, sections: 2, laterals: 2, transformers: 1, boxes: 3}
rates: {tap_change: 200, transmission_fault: 100, frequency_excursion: 100, distortion: 100, lightning: 100}
"""
Found = set[tuple[int, str, str, int, int]]


@pytest.fixture(scope="module", params=["campus", "busy"])
def world(request: pytest.FixtureRequest) -> World:
    plan = load_plan("campus") if request.param == "campus" else parse_plan(PLAN)
    return World(plan, 3, T0, float(SECONDS))


def rows_of(world: World) -> tuple[Windows, np.ndarray]:
    """All windows box by box, and the box of each."""
    block = world.block(0, SECONDS)
    boxes, per_box = block.start_unix_ns.shape
    values = np.zeros((len(FEATURES), boxes * per_box), np.float32)
    for name, column in block.columns.items():
        values[FEATURE_INDEX[name]] = column.reshape(-1)
    flat = [each.reshape(-1) for each in (block.start_unix_ns, block.duration_ns, block.flags)]
    there = np.repeat(block.present, per_box // block.seconds, axis=1).reshape(-1)
    windows = Windows(*(each[there] for each in flat), values.T[there])
    return windows, np.repeat(np.arange(boxes), per_box)[there]


def plain(world: World, windows: Windows, box: np.ndarray) -> Found:
    twins = [PlainBox(each) for each in world.boxes]
    columns = {metric: windows.column(metric).astype(float).tolist() for metric in METRICS}
    found: Found = set()
    for row, slot in enumerate(box.tolist()):
        start = int(windows.start_unix_ns[row])
        values = {metric: columns[metric][row] for metric in METRICS}
        hits = twins[slot].feed(start, int(windows.duration_ns[row]), int(windows.flags[row]), values)
        found |= {(slot, *hit, start) for hit in hits}
    return found


def at_once(world: World, windows: Windows, box: np.ndarray, cut: str, seed: int = 1) -> Found:
    """Feed in batches: second by second, in pieces of any length, or minutes of a few boxes at a time."""
    table = BoxTable()
    table.update(world.boxes)
    detectors: list[Detector] = [LimitDetector(), HabitDetector()]
    rng = np.random.default_rng(seed)
    edges = {
        "seconds": np.arange(0, SECONDS + 2, 1.0),
        "minutes": np.arange(0, SECONDS + 61, 60.0),
        "anyhow": np.cumsum(rng.exponential(0.7, 3 * SECONDS)),
    }[cut]
    at = (windows.start_unix_ns - T0) / NS
    found: Found = set()
    for low, high in zip([-10.0, *edges], [*edges, 1e9], strict=True):
        rows = np.flatnonzero((at >= low) & (at < high))
        if not len(rows):
            continue
        part = Windows(
            *(each[rows] for each in (windows.start_unix_ns, windows.duration_ns, windows.flags, windows.values))
        )
        for detector in detectors:
            for hits in detector.detect(WindowBatch(table, box[rows], part)):
                for slot, start, end in zip(hits.slot, hits.start_unix_ns, hits.end_unix_ns, strict=True):
                    inside = (box[rows] == slot) & (part.start_unix_ns >= start) & (part.start_unix_ns < end)
                    found |= {
                        (int(slot), hits.metric, hits.kind.value, hits.sign, int(each))
                        for each in part.start_unix_ns[inside]
                    }
    return found


@pytest.mark.parametrize("cut", ["seconds", "minutes", "anyhow"])
def test_all_boxes_at_once_find_what_the_plain_twin_finds(world: World, cut: str) -> None:
    windows, box = rows_of(world)
    expected = plain(world, windows, box)
    assert 2 * len({slot for slot, *_ in expected}) > len(world.boxes)
    assert at_once(world, windows, box, cut) == expected
