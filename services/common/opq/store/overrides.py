"""Boxes as they are to run now: what is enrolled with what is overridden for a while (`opq.model.overrides`)."""

from dataclasses import dataclass

from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.boxes import Box
from opq.model.overrides import Override, in_force
from opq.store.documents import from_document, to_document
from opq.store.port import Store

_PREFIX = "overrides/"


@dataclass(frozen=True, slots=True)
class Overrides:
    """All overrides of a site, ended ones too."""

    by_box: dict[BoxId, Override]
    problems: dict[BoxId, str]
    """Documents that do not read, by box; these boxes run as enrolled."""

    def in_force(self, box: Box, now_unix_ns: int) -> Box:
        """See `opq.model.overrides.in_force`."""
        return in_force(box, self.by_box.get(box.box_id), now_unix_ns)

    def running(self, box_id: BoxId, now_unix_ns: int) -> Override | None:
        """Return a box's override if it has not ended."""
        override = self.by_box.get(box_id)
        return override if override and now_unix_ns < override.until_unix_ns else None


def read_overrides(store: Store, box_id: BoxId | None = None) -> Overrides:
    """Read the overrides of all boxes, or of one."""
    found = Overrides({}, {})
    if box_id is None:
        documents = store.settings.items(_PREFIX)
    else:
        document = store.settings.get(_PREFIX + box_id)
        documents = {} if document is None else {_PREFIX + box_id: document}
    for key, document in documents.items():
        owner = BoxId(key.removeprefix(_PREFIX))
        try:
            found.by_box[owner] = from_document(Override, document)
        except InvalidInput as error:
            found.problems[owner] = str(error)
    return found


def put_override(store: Store, box_id: BoxId, override: Override) -> None:
    """Let an override begin; it takes the place of the one there is."""
    store.settings.put(_PREFIX + box_id, to_document(override))


def clear_override(store: Store, box_id: BoxId) -> bool:
    """End an override before its time; whether there was one."""
    return store.settings.remove(_PREFIX + box_id)


def boxes_in_force(store: Store, now_unix_ns: int) -> list[Box]:
    """Return all boxes as they are to run now, by box id."""
    overrides = read_overrides(store)
    return [overrides.in_force(box, now_unix_ns) for box in store.boxes.list()]
