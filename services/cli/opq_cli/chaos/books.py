"""Whether the books of a site are right after all that was done to it."""

from collections.abc import Iterator

from opq.clock import NS, iso
from opq.model.events import EventState
from opq.model.tasks import TaskState
from opq.sim.scenario import DisturbanceKind, Scenario
from opq.store import Store
from opq.store.check import all_events, check_store
from opq_cli.chaos.faults import VANDAL

_MANY = 1_000_000
_LATE_NS = 5 * NS


def audit(store: Store, scenario: Scenario, end_unix_ns: int) -> Iterator[str]:
    """Say each thing that is wrong: frames lost or doubled, boxes not heard, events and tasks that hang, waveforms not whole."""
    for box in scenario.boxes:
        rows = store.measurements.range(box.box_id, 0, 2**62, _MANY)
        sequences = sorted(row.sequence for row in rows)
        wanted = set(range(1, sequences[-1] + 1)) if sequences else set()
        if lost := sorted(wanted - set(sequences)):
            yield f"{box.box_id}: {len(lost)} frames are lost, the first is number {lost[0]} of {sequences[-1]}"
        if len(sequences) != len(set(sequences)):
            yield f"{box.box_id}: {len(sequences) - len(set(sequences))} frames are stored twice"
        newest = max((row.start_unix_ns for row in rows), default=0) - scenario.clock_error_ns(box.box_id, end_unix_ns)
        if newest < end_unix_ns - _LATE_NS and not _in_outage(scenario, box.box_id, end_unix_ns):
            yield f"{box.box_id}: its newest frame is of {iso(newest)}, the run ended at {iso(end_unix_ns)}"
    if store.measurements.range(VANDAL, 0, 2**62, 1):
        yield f"{VANDAL}: frames that are none were stored"
    for event in all_events(store):
        if event.state is not EventState.COMPLETE:
            yield f"event {event.event_id} of {iso(event.start_unix_ns)} is still {event.state.value}"
    for state in (TaskState.QUEUED, TaskState.LEASED):
        for task in store.tasks.list(state):
            if task.event_id:
                yield f"task {task.task_id} is still {state.value}"
    yield from check_store(store)


def _in_outage(scenario: Scenario, box_id: str, unix_ns: int) -> bool:
    """Whether a box was without power lately."""
    return any(
        item.kind is DisturbanceKind.OUTAGE
        and box_id in item.box_ids
        and scenario.interval(item)[0] <= unix_ns <= scenario.interval(item)[1] + 2 * _LATE_NS
        for item in scenario.disturbances
    )
