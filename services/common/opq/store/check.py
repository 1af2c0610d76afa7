"""What in a store does not fit together, whichever adapter it is."""

from collections.abc import Iterator

from opq.codec import decode, samples_crc32
from opq.errors import CorruptData, NotFound
from opq.model.events import Acquisition, AcquisitionState, Event, EventState
from opq.model.tasks import TaskState
from opq.model.waveforms import WaveformInfo
from opq.store.audit import oldest_first
from opq.store.port import EventFilter, Store
from opq.trust.audit import problems

_PAGE = 500


def check_store(store: Store) -> Iterator[str]:
    """Say in a sentence each thing that is wrong: waveforms that are not whole, answers without a question, work that was lost.

    What is still under way is not wrong. Everything is read, waveforms too.
    """
    for event in all_events(store):
        acquisitions = {item.acquisition_id: item for item in store.acquisitions.of_event(event.event_id)}
        waveforms = {info.acquisition_id: info for info in store.waveforms.of_event(event.event_id)}
        for acquisition in acquisitions.values():
            yield from _check_acquisition(event, acquisition, waveforms.get(acquisition.acquisition_id))
        for acquisition_id, info in waveforms.items():
            if acquisition_id not in acquisitions:
                yield f"waveform {acquisition_id} of box {info.box_id}: nobody asked for it in event {event.event_id}"
            yield from _check_waveform(store, info)
    yield from problems(oldest_first(store))
    for task in store.tasks.list(TaskState.DEAD, limit=_PAGE):
        yield f"task {task.task_id} of {task.plugin} failed for good: {task.error[-300:]}"


def all_events(store: Store) -> Iterator[Event]:
    """Go through all events, newest first."""
    page = store.events.list(EventFilter(), _PAGE)
    while page:
        yield from page
        page = store.events.list(EventFilter(), _PAGE, before=page[-1].event_id)


def _check_acquisition(event: Event, acquisition: Acquisition, info: WaveformInfo | None) -> Iterator[str]:
    what = f"acquisition {acquisition.acquisition_id} of box {acquisition.box_id}"
    if acquisition.state is AcquisitionState.STORED and info is None:
        yield f"{what}: it is said to be stored, and there is no waveform"
    if acquisition.state is AcquisitionState.REQUESTED and event.state is EventState.COMPLETE:
        yield f"{what}: event {event.event_id} is complete, and this was never answered"


def _check_waveform(store: Store, info: WaveformInfo) -> Iterator[str]:
    what = f"waveform {info.acquisition_id} of box {info.box_id}"
    try:
        counts = decode(store.waveforms.data(info.acquisition_id))
    except (CorruptData, NotFound) as error:
        yield f"{what}: {error}"
        return
    if len(counts) != info.samples or samples_crc32(counts) != info.crc32:
        yield f"{what}: its samples are not those that the box sent ({len(counts)} of {info.samples})"
