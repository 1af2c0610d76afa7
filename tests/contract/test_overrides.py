"""Overrides in any store: what is to run now."""

from opq.ids import BoxId
from opq.model.overrides import LimitChanges, Override
from opq.store import Store
from opq.store.overrides import boxes_in_force, clear_override, put_override, read_overrides
from opq.testing import samples
from opq.testing.samples import T0

BOX = BoxId("box-1")
OVERRIDE = Override(T0, "größer", LimitChanges(u_low_pu=0.9, thd_pct=3.3), 1)


def test_an_override_comes_back_and_can_be_cleared(store: Store) -> None:
    put_override(store, BOX, OVERRIDE)
    assert read_overrides(store).by_box == read_overrides(store, BOX).by_box == {BOX: OVERRIDE}
    assert read_overrides(store, BoxId("box-2")).by_box == {}
    assert clear_override(store, BOX) is True
    assert clear_override(store, BOX) is False
    assert read_overrides(store).by_box == {}


def test_boxes_run_as_overridden_until_the_end_and_then_as_enrolled(store: Store) -> None:
    boxes = [samples.box(), samples.box("box-2")]
    for box in boxes:
        store.boxes.put(box)
    put_override(store, BOX, OVERRIDE)
    first, second = boxes_in_force(store, T0 - 1)
    assert (first.window_cycles, first.limits.u_low_pu, first.limits.thd_pct) == (1, 0.9, 3.3)
    assert second == boxes[1]
    assert boxes_in_force(store, T0) == boxes


def test_a_document_that_does_not_read_is_told_and_leaves_the_box_as_enrolled(store: Store) -> None:
    store.boxes.put(samples.box())
    store.settings.put("overrides/box-1", {"until_unix_ns": T0, "limits": {"u_low_pu": 7}})
    assert boxes_in_force(store, T0 - 1) == [samples.box()]
    assert "u_low_pu: got 7" in read_overrides(store).problems[BOX]
