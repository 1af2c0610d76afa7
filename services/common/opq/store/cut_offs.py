"""Boxes that ingest cut off because they passed a limit: the newest time and reason of each (collection `checkpoints`)."""

from dataclasses import dataclass

from opq.ids import BoxId
from opq.store.documents import from_document, to_document
from opq.store.port import Store

_PREFIX = "ingest/cut-off/"


@dataclass(frozen=True, slots=True)
class CutOff:
    """When a box was last cut off, why, and how often so far."""

    unix_ns: int
    reason: str
    times: int = 1


def record_cut_off(store: Store, box_id: BoxId, unix_ns: int, reason: str) -> None:
    """Note that a box was cut off."""
    before = store.checkpoints.get(_PREFIX + box_id)
    times = from_document(CutOff, before).times + 1 if before else 1
    store.checkpoints.put(_PREFIX + box_id, to_document(CutOff(unix_ns, reason, times)))


def read_cut_offs(store: Store) -> dict[BoxId, CutOff]:
    """Return the boxes that were ever cut off."""
    found = store.checkpoints.items(_PREFIX).items()
    return {BoxId(key.removeprefix(_PREFIX)): from_document(CutOff, document) for key, document in found}
