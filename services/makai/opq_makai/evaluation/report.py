"""Runs over seeds, put together, as a document and as a table for people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opq.clock import NS
from opq.sim.grid import World, load_plan
from opq_makai.evaluation.replay import replay
from opq_makai.evaluation.score import Score, score
from opq_makai.open_event import EventRules

_START_UNIX_NS = 1_760_054_400 * NS
"""A midnight; which one does not matter."""
_MANY = 500
_BATCHES = {True: 2, False: 4}
"""In how many batches the frames of a second arrive, with many boxes and with few."""


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario with one seed, judged."""

    scenario: str
    boxes: int
    hours: float
    seed: int
    windows: int
    score: Score


def run(scenario: str, seed: int, hours: float, on_minute: Callable[[], None] = lambda: None) -> Run:
    """Judge Makai, as it is by default, on one scenario.

    Parameters
    ----------
    scenario : str
        Preset or plan file.
    seed : int
    hours : float
        Simulated time [h].
    on_minute : callable
        Called after each simulated minute.
    """
    seconds = round(hours * 3600)
    world = World(load_plan(scenario), seed, _START_UNIX_NS, float(seconds))
    boxes = len(world.boxes)
    outcome = replay(world, seconds, EventRules(), lambda *_: on_minute(), _BATCHES[boxes > _MANY])
    return Run(scenario, boxes, hours, seed, outcome.windows, score(world, outcome, seconds))


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Put the runs of one scenario together, JSON-like; shares in per cent with their 95 % intervals."""
    total = Score()
    for each in runs:
        total.add(each.score)
    return {
        "scenario": runs[0].scenario,
        "boxes": runs[0].boxes,
        "hours": runs[0].hours,
        "seeds": [each.seed for each in runs],
        "windows": sum(each.windows for each in runs),
        **total.document(),
    }


_ROWS: tuple[tuple[str, str, str], ...] = (
    ("grid-wide events found", "grid_wide_found", "at least 99 %"),
    ("local hard events found", "local_hard_found", "at least 99 %"),
    ("hard boxes included", "hard_boxes_included", ""),
    ("affected boxes below their limits included", "sub_threshold_included", "at least 95 %"),
    ("... and their waveform asked for", "sub_threshold_waveforms", ""),
)


def table(results: Sequence[dict[str, Any]]) -> str:
    """Return results as a Markdown table, a column for each scenario."""
    head = [
        f"{each['scenario']}: {each['boxes']} boxes, {len(each['seeds'])} x {each['hours']:g} h" for each in results
    ]
    lines = [["", *head, "goal"]]
    for title, key, goal in _ROWS:
        lines.append([title, *(_share(each[key]) for each in results), goal])
    lines += [
        ["false events per box and week", *(_rate(each["false_events"]) for each in results), "at most 0.1"],
        [
            "waveform asked for, of raw",
            *(f"{each['requested_pct_of_raw']:.3f} %" for each in results),
            "at most 0.5 %",
        ],
        [
            "boxes that trigger themselves, of raw",
            *(f"{each['self_triggering']['limits_and_habit_pct_of_raw']:.2f} %" for each in results),
            "",
        ],
        [
            "... times more than Makai",
            *(f"{each['self_triggering']['times_more_than_makai']:.1f}" for each in results),
            "at least 10",
        ],
        *(
            [title, *(_seconds(each["latency_s"][key]) for each in results), ""]
            for title, key in (
                ("disturbance to event, p50 / p95", "disturbance_to_event"),
                ("end of disturbance to first waveform, p50 / p95", "disturbance_to_waveform"),
            )
        ),
        ["events", *(str(each["events"]) for each in results), ""],
    ]
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([rows[0], "|" + "---|" * len(lines[0]), *rows[1:]])


def _share(share: dict[str, Any]) -> str:
    if share["pct"] is None:
        return "none to find"
    return f"{share['pct']:.2f} % ({share['low_pct']:.1f} to {share['high_pct']:.1f}, of {share['of']})"


def _rate(rate: dict[str, Any]) -> str:
    counted = f"{rate['count']} in {rate['box_weeks']:.0f} box-weeks"
    return f"{rate['per_box_week']:.4f} ({counted}, at most {rate['high_per_box_week']:.3f})"


def _seconds(quantiles: dict[str, Any]) -> str:
    return "-" if quantiles["p50"] is None else f"{quantiles['p50']:.1f} / {quantiles['p95']:.1f} s"
