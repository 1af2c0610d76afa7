"""The boxes of one grid as columns: what detectors compare all their windows with at once."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from opq.compiled import compiled
from opq.ids import BoxId
from opq.model.boxes import Box
from opq.model.features import NameArray, names_of

Column = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]


class BoxTable:
    """Boxes by slot. A box keeps its slot for the life of the process, whatever becomes of the others.

    Attributes
    ----------
    ids : list of BoxId
        Box of each slot.
    u_din_v, f_nominal_hz, u_low_v, u_high_v, f_low_hz, f_high_hz, thd_pct, transient_v : (slots,) float64
        Declared supply and absolute limits, in the units of the features.
    """

    u_din_v: Column
    f_nominal_hz: Column
    u_low_v: Column
    u_high_v: Column
    f_low_hz: Column
    f_high_hz: Column
    thd_pct: Column
    transient_v: Column

    def __init__(self) -> None:
        self.ids: list[BoxId] = []
        self._all_slots: dict[BoxId, int] = {}
        self._slots: dict[BoxId, int] = {}
        self._index = _Index({})
        self._boxes: list[Box] = []
        self._fill()

    def __len__(self) -> int:
        return len(self.ids)

    def slot(self, box_id: BoxId) -> int | None:
        """Return the slot of a box; None if it is not of this grid."""
        return self._slots.get(box_id)

    def slots(self, box_ids: NameArray) -> npt.NDArray[np.intp]:
        """Return the slot of each box, (n,); -1 where it is not of this grid."""
        return self._index.find(box_ids)

    def box(self, slot: int) -> Box:
        """Return the box of a slot as last updated."""
        return self._boxes[slot]

    def update(self, boxes: Iterable[Box]) -> None:
        """Say which boxes hang on the grid now, with which limits."""
        changed = False
        self._slots = {}
        for box in boxes:
            slot = self._all_slots.get(box.box_id)
            self._slots[box.box_id] = len(self.ids) if slot is None else slot
            if slot is None:
                self._all_slots[box.box_id] = len(self.ids)
                self.ids.append(box.box_id)
                self._boxes.append(box)
            elif self._boxes[slot] == box:
                continue
            else:
                self._boxes[slot] = box
            changed = True
        self._index = _Index(self._slots)
        if changed:
            self._fill()

    def _fill(self) -> None:
        rows = [
            (box.nominal.u_din_v, box.nominal.f_hz, *(getattr(box.limits, each.name) for each in fields(box.limits)))
            for box in self._boxes
        ]
        columns = np.array(rows, np.float64).reshape(len(rows), 7).T
        u_din, f_nominal, u_low, u_high, f_deviation, self.thd_pct, transient = columns
        self.u_din_v, self.f_nominal_hz = u_din, f_nominal
        self.u_low_v, self.u_high_v = u_din * u_low, u_din * u_high
        self.f_low_hz, self.f_high_hz = f_nominal - f_deviation, f_nominal + f_deviation
        self.transient_v = u_din * transient


class _Index:
    """Slots by name, for many names at once."""

    def __init__(self, slots: Mapping[BoxId, int]) -> None:
        self._names = _words(names_of(list(slots)))
        self._slots = np.array(list(slots.values()), np.intp)
        self._places = _place(self._names, np.full(2 << len(slots).bit_length(), -1))
        self.find(names_of([]))

    def find(self, names: NameArray) -> npt.NDArray[np.intp]:
        return _find(self._names, self._slots, self._places, _words(names))


def _words(names: NameArray) -> Words:
    """Names as the numbers their bytes are, (n, 8)."""
    return np.ascontiguousarray(names).view(np.uint64).reshape(len(names), 8)


# --- compiled


@compiled
def _hash(name: Words) -> Any:
    mixed = np.uint64(0)
    for word in name:
        mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    return mixed


@compiled
def _place(names: Words, places: Places) -> Places:
    """Fill an open hash table, larger than the number of names and a power of two, with their positions."""
    last = np.uint64(len(places) - 1)
    for position in range(len(names)):
        at = _hash(names[position]) & last
        while places[at] >= 0:
            at = (at + np.uint64(1)) & last
        places[at] = position
    return places


@compiled
def _find(names: Words, slots: Places, places: Places, wanted: Words) -> Places:
    """Return the slot of each name wanted, (n,); -1 where it is none of the names."""
    found = np.full(len(wanted), -1)
    last = np.uint64(len(places) - 1)
    for row in range(len(wanted)):
        at = _hash(wanted[row]) & last
        while places[at] >= 0 and not _same(names[places[at]], wanted[row]):
            at = (at + np.uint64(1)) & last
        if places[at] >= 0:
            found[row] = slots[places[at]]
    return found


@compiled
def _same(one: Words, other: Words) -> bool:
    differing = np.uint64(0)
    for word in range(8):
        differing |= one[word] ^ other[word]
    return not differing
