"""Runs Makai's core on a simulated grid as fast as it goes, and keeps what it decided."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from opq.clock import NS
from opq.ids import AcquisitionId, BoxId, EventId, GridId
from opq.model.events import Acquisition, AcquisitionState, Event, EventBox, TriggerKind
from opq.model.features import FEATURE_INDEX, FEATURES, FrameBatch, NameArray, Windows, names_of
from opq.sim.grid import Block, World
from opq_makai.boxes import BoxTable
from opq_makai.detectors.detector import Hits
from opq_makai.open_event import Changes, EventRules
from opq_makai.watch import Watch

_PER_SECOND = 5
_MINUTE_S = 60
_CODEC_RATIO = 2
"""Bytes stored per byte asked for do not matter here; any number will do."""
ANSWER_NS = NS // 5
"""What a simulated box takes from its last sample to the stored waveform: network and software."""


@dataclass(slots=True)
class Outcome:
    """All that Makai decided, and what boxes that trigger themselves would have sent."""

    events: dict[EventId, Event] = field(default_factory=dict)
    parts: dict[EventId, dict[BoxId, EventBox]] = field(default_factory=dict)
    acquisitions: dict[AcquisitionId, Acquisition] = field(default_factory=dict)
    asked_ns: dict[AcquisitionId, int] = field(default_factory=dict)
    first_stored_ns: dict[EventId, list[int]] = field(default_factory=dict)
    """When the first waveform of each event was stored: one time, or none yet."""
    windows: int = 0
    habit_ns: int = 0
    """Waveform a box would send that sends whenever it leaves its limits or its habit, with the same padding, all boxes."""
    limits_ns: int = 0
    """The same if it sends only when it leaves its limits."""

    @property
    def requested_ns(self) -> int:
        """Waveform asked for, all boxes [ns]."""
        asked = (self.acquisitions[acquisition_id] for acquisition_id in self.asked_ns)
        return sum(item.end_unix_ns - item.start_unix_ns for item in asked)


class _SelfTriggering:
    """Boxes that decide for themselves: the union of padded triggers of each."""

    def __init__(self, boxes: int, before_ns: int, after_ns: int) -> None:
        self._until = np.zeros(boxes, np.int64)
        self._before_ns, self._after_ns = before_ns, after_ns
        self.total_ns = 0

    def add(self, hits: Hits) -> None:
        left = np.arange(len(hits))
        while len(left):
            # Each box once, then those that are left: what one adds depends on what came before it.
            slots, first = np.unique(hits.slot[left], return_index=True)
            rows = left[first]
            start = np.maximum(hits.start_unix_ns[rows] - self._before_ns, self._until[slots])
            end = hits.end_unix_ns[rows] + self._after_ns
            self.total_ns += int(np.maximum(end - start, 0).sum())
            self._until[slots] = np.maximum(end, self._until[slots])
            left = np.delete(left, first)


def replay(
    world: World,
    seconds: int,
    rules: EventRules,
    on_minute: Callable[[int, Outcome], None] = lambda minute, outcome: None,
    batches: int = 2,
) -> Outcome:
    """Let Makai watch a simulated grid.

    Parameters
    ----------
    world : World
    seconds : int
        How much of it, from its beginning.
    rules : EventRules
    on_minute : callable
        Called with each minute that is done and all that was decided so far.
    batches : int
        In how many batches the frames of a second arrive.
    """
    watch, outcome = Watch(rules), Outcome()
    watch.set_boxes(world.boxes)
    events = watch.grid(GridId(world.boxes[0].grid_id))
    for box in world.boxes:
        events.asking.presence(box.box_id, True)
    alone = {kind: _SelfTriggering(len(world.boxes), rules.before_ns, rules.after_ns) for kind in TriggerKind}
    alone_both = _SelfTriggering(len(world.boxes), rules.before_ns, rules.after_ns)

    def on_hits(grid_id: GridId, table: BoxTable, hits: Hits) -> None:
        alone[hits.kind].add(hits)
        alone_both.add(hits)

    watch.on_hits = on_hits
    names = names_of([box.box_id for box in world.boxes])
    index = {box.box_id: row for row, box in enumerate(world.boxes)}
    answers: list[tuple[int, AcquisitionId, EventId]] = []
    for minute in range(-(-seconds // _MINUTE_S)):
        block = world.block(minute * _MINUTE_S, min(_MINUTE_S, seconds - minute * _MINUTE_S))
        for second in range(block.seconds):
            end = world.start_unix_ns + (block.first_s + second + 1) * NS
            # The frames of a second arrive within a second after its end; the slowest count to the last batch.
            late = np.clip((block.arrival_unix_ns[:, second] - end) * batches // NS, 0, batches - 1)
            for number in range(batches):
                high = end + (number + 1) * NS // batches
                rows = np.flatnonzero(block.present[:, second] & (late == number))
                if len(rows):
                    watch.feed(_frames(block, rows, second, names), high)
                    outcome.windows += len(rows) * _PER_SECOND
                _answer(events.asking.stored, outcome, answers, high)
                watch.tick(high)
                _take(events.take_changes(), events.asking.sent, outcome, answers, high, block, second, index)
        on_minute(minute, outcome)
    outcome.habit_ns, outcome.limits_ns = alone_both.total_ns, alone[TriggerKind.HARD].total_ns
    return outcome


def _frames(block: Block, rows: npt.NDArray[np.intp], second: int, names: NameArray) -> FrameBatch:
    part = slice(second * _PER_SECOND, (second + 1) * _PER_SECOND)
    count = len(rows) * _PER_SECOND
    values = np.zeros((len(FEATURES), count), np.float32)
    for name, column in block.columns.items():
        values[FEATURE_INDEX[name]] = column[rows, part].reshape(-1)
    windows = Windows(
        block.start_unix_ns[rows, part].reshape(-1),
        block.duration_ns[rows, part].reshape(-1),
        block.flags[rows, part].reshape(-1),
        values.T,
    )
    return FrameBatch(
        names[rows],
        np.full(len(rows), block.first_s + second + 1, np.int64),
        block.uncertainty_ns[rows],
        np.arange(len(rows) + 1, dtype=np.intp) * _PER_SECOND,
        windows,
    )


def _answer(
    stored: Callable[[AcquisitionId, int, int], None],
    outcome: Outcome,
    answers: list[tuple[int, AcquisitionId, EventId]],
    now: int,
) -> None:
    while answers and answers[0][0] <= now:
        at, acquisition_id, event_id = heapq.heappop(answers)
        stored(acquisition_id, _CODEC_RATIO, now)
        outcome.first_stored_ns.setdefault(event_id, [at])


def _take(
    changes: Changes,
    sent: Callable[[AcquisitionId, int], None],
    outcome: Outcome,
    answers: list[tuple[int, AcquisitionId, EventId]],
    now: int,
    block: Block,
    second: int,
    index: dict[BoxId, int],
) -> None:
    outcome.events.update(changes.events)
    outcome.acquisitions.update(changes.acquisitions)
    for (event_id, box_id), part in changes.boxes.items():
        outcome.parts.setdefault(event_id, {})[box_id] = part
    for acquisition_id, item in changes.requests.items():
        sent(acquisition_id, now)
        if acquisition_id not in outcome.asked_ns:
            outcome.asked_ns[acquisition_id] = now
        if block.present[index[item.box_id], second] and item.state is not AcquisitionState.STORED:
            heapq.heappush(answers, (max(now, item.end_unix_ns) + ANSWER_NS, acquisition_id, item.event_id))
