"""All grids of one Makai process, without I/O: windows in, changes out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

import structlog

from opq.clock import HOUR_NS, NS
from opq.errors import InvalidInput
from opq.ids import BoxId, EventId, GridId
from opq.model.boxes import Box
from opq.model.events import AcquisitionState, EventState, Trigger
from opq.model.features import Windows
from opq_makai.detectors.detector import Detector, WindowBatch
from opq_makai.events import EventRules, GridEvents

STREAMING_NS = 5 * NS
"""A box not heard of for this long (site's clock) does not count as streaming."""

DetectorFactory = Callable[[], list[Detector]]


def installed_detectors(configs: Mapping[str, Mapping[str, Any]] | None = None) -> list[Detector]:
    """Make one of each enabled detector registered in group ``opq.makai.detectors``.

    Raises
    ------
    InvalidInput
        If two have one name or one does not load.
    """
    detectors: dict[str, Detector] = {}
    for entry in entry_points(group="opq.makai.detectors"):
        config = dict((configs or {}).get(entry.name, {}))
        if not config.pop("enabled", True):
            continue
        try:
            made = entry.load()
            config_class = getattr(made, "config_class", None)
            if config and config_class is None:
                raise InvalidInput(f"it takes no settings, got {sorted(config)}")
            detector = made(config_class(**config)) if config_class else made()
        except Exception as error:
            raise InvalidInput(f"detector {entry.name} ({entry.value}) does not load: {error}") from error
        if detector.name in detectors:
            raise InvalidInput(f"detector {detector.name}: two installed packages register this name")
        detectors[detector.name] = detector
    if unknown := set(configs or {}) - {entry.name for entry in entry_points(group="opq.makai.detectors")}:
        raise InvalidInput(f"detectors: got {', '.join(sorted(unknown))}, expected installed ones")
    return list(detectors.values())


class _Grid:
    def __init__(self, events: GridEvents, detectors: list[Detector]) -> None:
        self.events, self.detectors = events, detectors


class Watch:
    """Routes windows to the detectors of their grid and triggers to its events."""

    def __init__(self, rules: EventRules, make_detectors: DetectorFactory = installed_detectors) -> None:
        self._rules, self._make_detectors = rules, make_detectors
        self._boxes: dict[BoxId, Box] = {}
        self._grids: dict[GridId, _Grid] = {}
        self._heard_ns: dict[BoxId, int] = {}
        self._log = structlog.get_logger()
        self.on_triggers: Callable[[Sequence[Trigger]], None] | None = None

    def configure(self, configs: Mapping[str, Mapping[str, Any]]) -> None:
        """Make detectors anew with another configuration; they keep their memory.

        Raises
        ------
        InvalidInput
            If it is not valid; nothing is changed then.
        """
        made = {grid_id: installed_detectors(configs) for grid_id in self._grids}
        self._make_detectors = lambda: installed_detectors(configs)
        installed_detectors(configs)
        state = self.state()
        for grid_id, detectors in made.items():
            self._grids[grid_id].detectors = detectors
        self.restore(state)

    def trigger(
        self, box_ids: Iterable[BoxId], start_unix_ns: int, end_unix_ns: int, reason: str, now: int
    ) -> dict[GridId, EventId]:
        """Open an event by hand in each grid of these boxes."""
        by_grid: dict[GridId, list[BoxId]] = {}
        for box_id in box_ids:
            by_grid.setdefault(self._boxes[box_id].grid_id, []).append(box_id)
        return {
            grid_id: self.grid(grid_id).manual(members, start_unix_ns, end_unix_ns, reason, now)
            for grid_id, members in by_grid.items()
        }

    def cancel(self, event_id: EventId, reason: str, now: int) -> bool:
        """Take back what an event still waits for; whether it waited for anything."""
        for grid in self.grids:
            found = grid._open.get(event_id)
            if found is None or found.event.state is EventState.COMPLETE:
                continue
            if found.event.state is EventState.OPEN:
                grid._close(found)
            for item in list(found.acquisitions.values()):
                if item.state is AcquisitionState.REQUESTED:
                    grid._changes.requests.pop(item.acquisition_id, None)
                    grid._put(found, replace(item, state=AcquisitionState.MISSING, answered_unix_ns=now, reason=reason))
            return True
        return False

    def box_state(self, box_id: BoxId, now: int) -> dict[str, Any]:
        """Say what is known of a box, for people."""
        detectors = self._grid(self._boxes[box_id].grid_id).detectors
        return {"detectors": {detector.name: detector.state().get(box_id, {}) for detector in detectors}}

    @property
    def grids(self) -> Iterable[GridEvents]:
        """Events of every grid."""
        return [grid.events for grid in self._grids.values()]

    def grid(self, grid_id: GridId) -> GridEvents:
        """Events of one grid, which is made if it is new."""
        return self._grid(grid_id).events

    def set_boxes(self, boxes: Sequence[Box]) -> None:
        """Say which boxes there are; limits and grids may have changed."""
        self._boxes = {box.box_id: box for box in boxes}
        for grid_id in {box.grid_id for box in boxes}:
            self._grid(grid_id).events.set_boxes(box for box in boxes if box.grid_id == grid_id)

    def box_events(self, box_id: BoxId) -> GridEvents | None:
        """Events of the grid a box hangs on; None if the box is unknown."""
        box = self._boxes.get(box_id)
        return None if box is None else self._grid(box.grid_id).events

    def feed(self, parts: Iterable[tuple[BoxId, Windows]], now: int) -> None:
        """Take windows of any boxes; `now` is the site's clock."""
        by_grid: dict[GridId, list[tuple[Box, Windows]]] = {}
        for box_id, windows in parts:
            box = self._boxes.get(box_id)
            if box is not None and len(windows):
                by_grid.setdefault(box.grid_id, []).append((box, windows))
                self._heard_ns[box_id] = now
        for grid_id, known in by_grid.items():
            grid = self._grid(grid_id)
            grid.events.set_streaming(self._streaming(grid_id, now))
            batch = WindowBatch.of(known)
            for detector in grid.detectors:
                triggers = detector.detect(batch)
                if triggers and self.on_triggers:
                    self.on_triggers(triggers)
                grid.events.feed(triggers, now)

    def tick(self, now: int) -> None:
        """Let time pass in all grids."""
        for grid in self._grids.values():
            grid.events.tick(now)

    def state(self) -> dict[str, Any]:
        """What the detectors are to remember over a restart, JSON-like, by grid."""
        return {
            grid_id: {detector.name: detector.state() for detector in grid.detectors}
            for grid_id, grid in self._grids.items()
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        for grid_id, saved in state.items():
            for detector in self._grid(GridId(grid_id)).detectors:
                if detector.name in saved:
                    detector.restore(saved[detector.name])

    def _grid(self, grid_id: GridId) -> _Grid:
        if grid_id not in self._grids:
            self._grids[grid_id] = _Grid(GridEvents(grid_id, self._rules), self._make_detectors())
        return self._grids[grid_id]

    def _streaming(self, grid_id: GridId, now: int) -> set[BoxId]:
        return {
            box_id
            for box_id, heard in self._heard_ns.items()
            if now - heard <= STREAMING_NS and (box := self._boxes.get(box_id)) and box.grid_id == grid_id
        }


RESTORE_NS = HOUR_NS
"""Events that ended longer ago than this are not taken up again after a restart."""
