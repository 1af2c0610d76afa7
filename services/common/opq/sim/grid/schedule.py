"""When what happens: drawn from a seed over the whole simulation before anything is computed, so no cut of time matters."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from opq.clock import DAY_NS, NS
from opq.sim.grid.effects import Effects, Occurrence, Wish
from opq.sim.grid.kinds import HappeningKind
from opq.sim.grid.plan import GridPlan, Rates

SPACING_S = 8.0
"""Between the end of one drawn happening and the start of the next [s], so that each can be judged alone."""
QUIET_S = 30.0
"""Nothing is drawn in the first and last seconds [s]."""
BANK_STEP_PU = (0.006, 0.005)
"""What each capacitor bank lifts at its own place [pu]; together with `Background` this stays inside the limits."""
_TRIES = 60
_DAY_S = DAY_NS / NS


def draw_schedule(plan: GridPlan, effects: Effects, duration_s: float, seed: int) -> tuple[Occurrence, ...]:
    """Draw all happenings of a simulation, in order of start.

    Those of the plan come first and may overlap each other; drawn ones keep `SPACING_S` from everything and are
    left out where there is no room.
    """
    rng = np.random.default_rng((seed, 1))
    ids = plan.box_indices
    taken: list[tuple[float, float]] = []
    found: list[Occurrence] = []
    for item in plan.happenings:
        wish = Wish(None if item.box is None else ids[item.box], item.size, item.duration_s)
        _place(effects.draw(item.kind, rng, wish).shifted(item.at_s), taken, found)
    for kind, per_day in _rates(plan.rates, plan.box_count):
        count = int(rng.poisson(per_day * duration_s / _DAY_S))
        for number in range(count):
            # A tap changer waits: its changes are spread over the time, or the bus would have to drift fast in between.
            spread = (number / count, (number + 0.8) / count) if kind is HappeningKind.TAP_CHANGE else (0.0, 1.0)
            _try(
                effects.draw(kind, rng), (spread[0] * duration_s, spread[1] * duration_s), duration_s, rng, taken, found
            )
    found.sort(key=lambda occurrence: occurrence.start_s)
    return tuple(_banked(found, effects))


def _rates(rates: Rates, boxes: int) -> Iterator[tuple[HappeningKind, float]]:
    for kind in HappeningKind:
        per_grid, per_box = getattr(rates, kind.value, 0.0), getattr(rates, f"{kind.value}_per_box", 0.0)
        yield kind, per_grid + per_box * boxes


def _place(occurrence: Occurrence, taken: list[tuple[float, float]], found: list[Occurrence]) -> None:
    found.append(occurrence)
    insort(taken, (occurrence.start_s, occurrence.end_s))


def _try(
    occurrence: Occurrence, within_s: tuple[float, float], duration_s: float, rng: np.random.Generator,
    taken: list[tuple[float, float]], found: list[Occurrence],
) -> None:  # fmt: skip
    first, last = max(within_s[0], QUIET_S), min(within_s[1], duration_s - QUIET_S - occurrence.end_s)
    if last <= first:
        return
    for at in rng.uniform(first, last, _TRIES).tolist():
        after = bisect_left(taken, (at, at))
        # Only planned ones overlap; those are few and may be long, so the ends of some before are looked at.
        before_ends = max((end for _, end in taken[max(0, after - 20) : after]), default=-np.inf)
        next_starts = taken[after][0] if after < len(taken) else np.inf
        if at - before_ends >= SPACING_S and next_starts - (at + occurrence.end_s) >= SPACING_S:
            _place(occurrence.shifted(at), taken, found)
            return


def _banked(found: list[Occurrence], effects: Effects) -> Iterator[Occurrence]:
    """Give capacitor switchings their step: each bank is switched on and off in turn, from off."""
    on = [False, False]
    for occurrence in found:
        bank = occurrence.bank
        if bank < 0:
            yield occurrence
            continue
        on[bank] = not on[bank]
        size = BANK_STEP_PU[bank] * (1 if on[bank] else -1)
        yield replace(occurrence, step=size * effects.bank(bank)[1])
