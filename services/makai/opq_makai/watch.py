"""All grids of one Makai process, without I/O: frames in, changes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

import numpy as np
from pydantic import ValidationError

from opq.clock import HOUR_NS, NS
from opq.errors import InvalidInput, NotFound
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box
from opq.model.events import TriggerKind
from opq.model.features import FrameBatch
from opq_makai.boxes import BoxTable
from opq_makai.clocks import TOLERANCE_NS, Clocks
from opq_makai.detectors.detector import Detector, Hits, WindowBatch
from opq_makai.events import GridEvents
from opq_makai.open_event import EventRules

STREAMING_NS = 5 * NS
"""A box not heard of for this long (site's clock) does not count as streaming."""
RESTORE_NS = HOUR_NS
"""Events that ended longer ago than this are not taken up again after a restart."""
_ENABLED = "enabled"

DetectorClasses = dict[str, type[Detector[Any]]]


def installed_detectors() -> DetectorClasses:
    """Return the detectors registered in group ``opq.makai.detectors``, by name.

    Raises
    ------
    InvalidInput
        If two have one name or one does not load.
    """
    found: DetectorClasses = {}
    for entry in entry_points(group="opq.makai.detectors"):
        try:
            detector = entry.load()
            name = detector.name
        except Exception as error:
            raise InvalidInput(f"detector {entry.name} ({entry.value}) does not load: {error}") from error
        if name in found:
            raise InvalidInput(f"detector {name}: two installed packages register this name")
        found[name] = detector
    return found


def make_detectors(classes: DetectorClasses, configs: Mapping[str, Mapping[str, Any]]) -> list[Detector[Any]]:
    """Make the detectors that are enabled, each with its configuration.

    Raises
    ------
    InvalidInput
        If a configuration does not fit its detector, or there is none of a name.
    """
    for name in configs:
        if name not in classes:
            raise InvalidInput(f"detectors: got {name!r}, expected one of {', '.join(sorted(classes))}")
    made = []
    for name, detector in classes.items():
        given = dict(configs.get(name, {}))
        if given.pop(_ENABLED, True):
            made.append(detector(check_config(detector, given)))
    return made


def check_config(detector: type[Detector[Any]], given: Mapping[str, Any]) -> Any:
    """Return the typed configuration of a detector.

    Raises
    ------
    InvalidInput
        Naming the first value that does not fit.
    """
    try:
        return detector.config_class.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"detector {detector.name}: {place}: {first['msg']}, got {first['input']!r}") from error


class _Grid:
    def __init__(self, grid_id: GridId, events: GridEvents, detectors: list[Detector[Any]]) -> None:
        self.grid_id, self.events, self.detectors = grid_id, events, detectors
        self.clocks = Clocks()
        self.heard_ns = np.zeros(0, np.int64)
        self.streaming = np.zeros(0, np.bool_)
        """Whether each box streamed at `streamed_ns`."""
        self.streamed_ns = 0
        self.order = np.zeros(0, np.intp)
        """Position of each box in the batch at hand: two frames of one box show in it."""


class Watch:
    """Routes windows to the detectors of their grid and triggers to its events."""

    def __init__(self, rules: EventRules, classes: DetectorClasses | None = None) -> None:
        self._rules = rules
        self._given = classes
        self._classes = classes or installed_detectors()
        self._configs: Mapping[str, Mapping[str, Any]] = {}
        self._boxes: dict[BoxId, Box] = {}
        self._grids: dict[GridId, _Grid] = {}
        self._place: dict[BoxId, tuple[_Grid, int]] = {}
        self.on_hits: Callable[[GridId, BoxTable, Hits], None] = lambda grid_id, table, hits: None
        """Called with all triggers as they are found."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The features that any detector looks at."""
        return tuple(dict.fromkeys(metric for detector in self._classes.values() for metric in detector.metrics))

    @property
    def grids(self) -> Iterable[GridEvents]:
        """Events of every grid."""
        return [grid.events for grid in self._grids.values()]

    def grid(self, grid_id: GridId) -> GridEvents:
        """Events of one grid, which is made if it is new."""
        return self._grid(grid_id).events

    def set_boxes(self, boxes: Sequence[Box]) -> None:
        """Say which boxes there are; limits and grids may have changed."""
        if len(boxes) == len(self._boxes) and all(self._boxes.get(box.box_id) == box for box in boxes):
            return
        self._boxes = {box.box_id: box for box in boxes}
        by_grid: dict[GridId, list[Box]] = {grid_id: [] for grid_id in self._grids}
        for box in boxes:
            by_grid.setdefault(box.grid_id, []).append(box)
        for grid_id, mine in by_grid.items():
            grid = self._grid(grid_id)
            grid.events.set_boxes(mine)
            grid.clocks.grow(len(grid.events.table))
            missing = len(grid.events.table) - len(grid.heard_ns)
            grid.heard_ns = np.concatenate([grid.heard_ns, np.zeros(missing, np.int64)])
            grid.order = np.zeros(len(grid.events.table), np.intp)
        self._place = {}
        for box in boxes:
            grid = self._grids[box.grid_id]
            slot = grid.events.table.slot(box.box_id)
            if slot is not None:
                self._place[box.box_id] = (grid, slot)

    def box_events(self, box_id: BoxId) -> GridEvents | None:
        """Events of the grid a box hangs on; None if the box is unknown."""
        place = self._place.get(box_id)
        return None if place is None else place[0].events

    def configure(self, configs: Mapping[str, Mapping[str, Any]]) -> None:
        """Run the installed detectors with other configurations; what they have learned stays.

        Raises
        ------
        InvalidInput
            If something does not fit; then everything stays as it was.
        """
        classes = self._given or installed_detectors()
        fresh = {grid_id: make_detectors(classes, configs) for grid_id in self._grids}
        make_detectors(classes, configs)
        self._classes, self._configs = classes, configs
        for grid_id, detectors in fresh.items():
            grid = self._grids[grid_id]
            known = {detector.name: detector.state(grid.events.table) for detector in grid.detectors}
            for detector in detectors:
                if detector.name in known:
                    detector.restore(grid.events.table, known[detector.name])
            grid.detectors = detectors

    # --- windows

    def feed(self, frames: FrameBatch, now: int, live: bool = True) -> None:
        """Take frames of any boxes; `now` is the site's clock, `live` that they arrived now."""
        for grid in self._grids.values():
            slots = grid.events.table.slots(frames.box_ids)
            mine = np.flatnonzero(slots >= 0)
            if len(mine):
                part = frames if len(mine) == len(frames) else frames.take(mine)
                self._feed_grid(grid, slots[mine], part, now, live)

    def _feed_grid(
        self, grid: _Grid, slots: np.ndarray[Any, np.dtype[np.intp]], part: FrameBatch, now: int, live: bool
    ) -> None:
        grid.order[slots] = np.arange(len(slots))
        if (grid.order[slots] != np.arange(len(slots))).any():
            # Several frames of one box: those of a box together, in the order of time.
            order = np.lexsort((part.starts(), slots))
            slots, part = slots[order], part.take(order)
        events, table = grid.events, grid.events.table
        if live:
            grid.clocks.arrived(slots, part.sequences, part.starts(), part.ends(), part.uncertainty_ns, now)
            grid.heard_ns[slots] = now
        if abs(now - grid.streamed_ns) > STREAMING_NS // 10 or not len(events.streaming):
            heard = now - grid.heard_ns <= STREAMING_NS
            if not np.array_equal(heard, grid.streaming):
                events.set_streaming({table.ids[slot] for slot in np.flatnonzero(heard).tolist()})
            grid.streaming, grid.streamed_ns = heard, now
        batch = WindowBatch(table, np.repeat(slots, part.counts()), part.windows)
        for detector in grid.detectors:
            for hits in detector.detect(batch):
                # Also what is read back from the store: one stamp far ahead would make all others look too late.
                doubted = grid.clocks.doubted(hits.slot) | (hits.end_unix_ns > now + TOLERANCE_NS)
                self.on_hits(grid.grid_id, table, hits)
                if hits.kind is TriggerKind.HARD:
                    outcasts = frozenset(table.ids[slot] for slot in hits.slot[doubted].tolist())
                    events.feed_hard(hits.triggers(table), now, outcasts)
                elif not doubted.all():
                    sound = hits[~doubted]
                    events.feed_soft(sound, grid.clocks.uncertainty_ns(sound.slot), now)

    def tick(self, now: int) -> None:
        """Let time pass in all grids."""
        for grid in self._grids.values():
            grid.events.tick(now)

    # --- by hand

    def trigger(
        self, box_ids: Iterable[BoxId], start_unix_ns: int, end_unix_ns: int, reason: str, now: int
    ) -> dict[GridId, EventId]:
        """Open an event on request in each grid these boxes hang on.

        Raises
        ------
        NotFound
            If one of them is unknown.
        """
        by_grid: dict[GridId, list[BoxId]] = {}
        for box_id in box_ids:
            if box_id not in self._boxes:
                raise NotFound(f"box {box_id} is not known here")
            by_grid.setdefault(self._boxes[box_id].grid_id, []).append(box_id)
        return {
            grid_id: self._grids[grid_id].events.manual(mine, start_unix_ns, end_unix_ns, reason, now)
            for grid_id, mine in by_grid.items()
        }

    def cancel(self, event_id: EventId, reason: str, now: int) -> bool:
        """Take back what an event asked for and has not got; whether there is such an event."""
        return any(grid.events.cancel(event_id, reason, now) for grid in self._grids.values())

    def box_state(self, box_id: BoxId, now: int) -> dict[str, Any]:
        """Say what is known of a box, JSON-like: limits, models, clock, budget, neighbours.

        Raises
        ------
        NotFound
            If it is unknown.
        """
        place = self._place.get(box_id)
        if place is None:
            raise NotFound(f"box {box_id} is not known here")
        grid, slot = place
        events, table = grid.events, grid.events.table
        return {
            "box_id": box_id,
            "grid_id": self._boxes[box_id].grid_id,
            "heard_s_ago": round((now - int(grid.heard_ns[slot])) / NS, 2) if grid.heard_ns[slot] else None,
            "limits": {
                "u_low_v": float(table.u_low_v[slot]),
                "u_high_v": float(table.u_high_v[slot]),
                "f_low_hz": float(table.f_low_hz[slot]),
                "f_high_hz": float(table.f_high_hz[slot]),
                "thd_pct": float(table.thd_pct[slot]),
                "transient_v": float(table.transient_v[slot]),
            },
            "clock": {
                "believed": not bool(grid.clocks.doubted(np.array([slot]))[0]),
                "age_s": round(grid.clocks.age_ns(slot) / NS, 3),
                "usual_age_s": round(grid.clocks.usual_age_ns(now) / NS, 3),
            },
            "budget_used_pct": round(events.asking.budget.used_pct(box_id, now), 4),
            "budget_pct": self._rules.budget.box_pct,
            "neighbours": events.neighbours.of(box_id),
            "detectors": {detector.name: detector.describe(table, slot) for detector in grid.detectors},
        }

    # --- memory

    def state(self) -> dict[GridId, dict[str, Any]]:
        """What is to be remembered over a restart, JSON-like, by grid."""
        return {
            grid_id: {
                "detectors": {detector.name: detector.state(grid.events.table) for detector in grid.detectors},
                "neighbours": grid.events.neighbours.state(),
                "rates": grid.events.coincidences.state(),
                "budget": grid.events.asking.budget.state(),
            }
            for grid_id, grid in self._grids.items()
        }

    def restore(self, states: Mapping[GridId, Mapping[str, Any]], now: int) -> None:
        """Take up what `state` returned."""
        for grid_id, state in states.items():
            grid = self._grid(grid_id)
            table = grid.events.table
            for detector in grid.detectors:
                if detector.name in state.get("detectors", {}):
                    detector.restore(table, state["detectors"][detector.name])
            grid.events.neighbours.restore(state.get("neighbours", {}), table.ids)
            grid.events.coincidences.restore(state.get("rates", {}))
            grid.events.asking.budget.restore(state.get("budget", {}), now)

    def _grid(self, grid_id: GridId) -> _Grid:
        if grid_id not in self._grids:
            detectors = make_detectors(self._classes, self._configs)
            self._grids[grid_id] = _Grid(grid_id, GridEvents(grid_id, self._rules), detectors)
        return self._grids[grid_id]
