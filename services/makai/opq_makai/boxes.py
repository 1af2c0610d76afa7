"""The boxes of one grid as columns: what detectors compare all their windows with at once."""

from collections.abc import Iterable
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from opq.ids import BoxId
from opq.model.boxes import Box

Column = npt.NDArray[np.float64]


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
        self._boxes: list[Box] = []
        self._fill()

    def __len__(self) -> int:
        return len(self.ids)

    def slot(self, box_id: BoxId) -> int | None:
        """Return the slot of a box; None if it is not of this grid."""
        return self._slots.get(box_id)

    def slots(self, box_ids: Iterable[BoxId]) -> npt.NDArray[np.intp]:
        """Return the slot of each box, (n,); -1 where it is not of this grid."""
        slots = self._slots
        return np.array([slots.get(box_id, -1) for box_id in box_ids], np.intp)

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
