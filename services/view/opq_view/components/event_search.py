"""Finding a page of events, also by what the store cannot filter by."""

from dataclasses import dataclass

from opq.ids import EventId
from opq.model.events import Event, Extent
from opq.store.port import EventFilter
from opq.store.reading import Reader

_BATCH = 100
_MOST_BATCHES = 10
"""One page looks at no more than a thousand events; the next goes on from there."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first.

    Attributes
    ----------
    older : EventId, or None
        The last event looked at, if there may be older ones: where the next page begins.
    """

    events: tuple[Event, ...]
    older: EventId | None


def find_events(
    reader: Reader, which: EventFilter, extent: Extent | None, before: EventId | None, size: int
) -> EventPage:
    """Return at most `size` events of one extent (None is any).

    Raises
    ------
    NotFound
        If there is no event `before` (any more).
    Forbidden
        If the reader may not see the site, or asks for a box that he may not see.
    """
    found: list[Event] = []
    batch = size + 1 if extent is None else _BATCH
    for _ in range(_MOST_BATCHES):
        events = reader.events(which, batch, before)
        for index, event in enumerate(events):
            if extent is None or event.extent is extent:
                found.append(event)
            before = event.event_id
            if len(found) == size:
                more = index + 1 < len(events) or len(events) == batch
                return EventPage(tuple(found), before if more else None)
        if len(events) < batch:
            return EventPage(tuple(found), None)
    return EventPage(tuple(found), before)
