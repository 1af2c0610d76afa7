from dataclasses import replace

import pytest

from opq.ids import BoxId, GridId
from opq.model.boxes import Box, BoxHealth, BoxSeen, BoxStatus, Nominal, Power
from opq.store import Store
from opq.testing import samples
from opq.testing.samples import T0

BOX = BoxId("box-1")


def test_a_box_comes_back_as_it_was_put(store: Store) -> None:
    store.boxes.put(samples.box())
    assert store.boxes.get(BOX) == samples.box()


def test_a_box_with_whole_numbers_comes_back_with_floats(store: Store) -> None:
    store.boxes.put(Box(BOX, GridId("grid-1"), Nominal(230, 50)))
    found = store.boxes.get(BOX)
    assert found is not None
    assert isinstance(found.nominal.u_din_v, float)


def test_a_box_that_was_never_put_is_none(store: Store) -> None:
    assert store.boxes.get(BOX) is None
    assert store.boxes.status(BOX) is None
    assert store.boxes.list() == []
    assert store.boxes.statuses() == []


def test_putting_a_box_again_replaces_it(store: Store) -> None:
    store.boxes.put(samples.box())
    store.boxes.put(samples.box(name="cellar"))
    store.boxes.put(samples.box(name="cellar"))
    assert store.boxes.list() == [samples.box(name="cellar")]


def test_boxes_are_listed_by_id_and_by_grid(store: Store) -> None:
    for box_id, grid_id in (("b", "grid-2"), ("c", "grid-1"), ("a", "grid-1"), ("a-10", "grid-1"), ("a-9", "grid-1")):
        store.boxes.put(samples.box(box_id, grid_id=GridId(grid_id)))
    assert [box.box_id for box in store.boxes.list()] == ["a", "a-10", "a-9", "b", "c"]
    assert [box.box_id for box in store.boxes.list(GridId("grid-1"))] == ["a", "a-10", "a-9", "c"]
    assert store.boxes.list(GridId("grid-3")) == []


def test_moving_a_box_to_another_grid_takes_it_out_of_the_first(store: Store) -> None:
    store.boxes.put(samples.box())
    store.boxes.put(samples.box(grid_id=GridId("grid-2")))
    assert store.boxes.list(GridId("grid-1")) == []
    assert [box.box_id for box in store.boxes.list(GridId("grid-2"))] == [BOX]


def test_removing_a_box_forgets_it_and_its_status_but_not_its_history(store: Store) -> None:
    store.boxes.put(samples.box())
    store.boxes.connected(samples.status())
    store.measurements.add([samples.measurement()])
    assert store.boxes.remove(BOX) is True
    assert store.boxes.remove(BOX) is False
    assert store.boxes.get(BOX) is None
    assert store.boxes.status(BOX) is None
    assert store.measurements.count(BOX) == 1


def test_removing_a_box_that_was_only_seen_forgets_its_status(store: Store) -> None:
    store.boxes.connected(samples.status())
    assert store.boxes.remove(BOX) is False
    assert store.boxes.statuses() == []


def test_a_status_comes_back_as_it_was_stored(store: Store) -> None:
    store.boxes.connected(samples.status())
    assert store.boxes.status(BOX) == samples.status()


def test_statuses_are_listed_by_box_id(store: Store) -> None:
    for box_id in ("c", "a", "b"):
        store.boxes.connected(samples.status(box_id))
    assert store.boxes.statuses() == [samples.status("a"), samples.status("b"), samples.status("c")]


def test_a_new_session_keeps_the_newest_values_and_the_last_gasp(store: Store) -> None:
    store.boxes.connected(samples.status())
    store.boxes.seen([BoxSeen(BOX, T0 + 7, T0 + 9, 229.9, 49.987, 1.3)])
    store.boxes.gasped(BOX, T0 + 8)
    store.boxes.disconnected(BOX, "session-1", T0 + 9)
    second = samples.status(session_id="session-2", connected_unix_ns=T0 + 10, power=Power.BATTERY, spooled_frames=0)
    store.boxes.connected(second)
    assert store.boxes.status(BOX) == replace(
        second,
        last_frame_unix_ns=T0 + 7,
        heard_unix_ns=T0 + 9,
        u_rms_v=229.9,
        f_hz=49.987,
        thd_pct=1.3,
        last_gasp_unix_ns=T0 + 8,
    )


def test_only_the_session_that_holds_a_box_disconnects_it(store: Store) -> None:
    store.boxes.connected(samples.status(session_id="session-2"))
    assert store.boxes.disconnected(BOX, "session-1", T0 + 1) is False
    assert store.boxes.status(BOX) == samples.status(session_id="session-2")
    assert store.boxes.disconnected(BOX, "session-2", T0 + 2) is True
    expected = samples.status(session_id="session-2", connected=False, disconnected_unix_ns=T0 + 2)
    assert store.boxes.status(BOX) == expected


def test_a_session_that_has_ended_does_not_end_again(store: Store) -> None:
    store.boxes.connected(samples.status())
    assert store.boxes.disconnected(BOX, "session-1", T0 + 1) is True
    assert store.boxes.disconnected(BOX, "session-1", T0 + 2) is False
    found = store.boxes.status(BOX)
    assert found is not None
    assert found.disconnected_unix_ns == T0 + 1


def test_a_box_without_status_cannot_be_disconnected(store: Store) -> None:
    assert store.boxes.disconnected(BOX, "session-1", T0) is False


def test_the_newest_values_are_stored_for_many_boxes_at_once(store: Store) -> None:
    store.boxes.connected(samples.status("a"))
    store.boxes.connected(samples.status("b"))
    a, b = BoxSeen(BoxId("a"), T0, T0 + 2, 230.5, 50.01, 1.5), BoxSeen(BoxId("b"), T0 + 1, T0 + 2, 119.5, 60.01, 2.5)
    store.boxes.seen([a, b])
    assert store.boxes.statuses() == [
        samples.status("a", last_frame_unix_ns=T0, heard_unix_ns=T0 + 2, u_rms_v=230.5, f_hz=50.01, thd_pct=1.5),
        samples.status("b", last_frame_unix_ns=T0 + 1, heard_unix_ns=T0 + 2, u_rms_v=119.5, f_hz=60.01, thd_pct=2.5),
    ]


@pytest.mark.parametrize("together", [True, False])
def test_the_newest_values_never_go_back(store: Store, together: bool) -> None:
    store.boxes.connected(samples.status())
    newer, older = BoxSeen(BOX, T0 + 5, T0 + 6, 230.0, 50.0, 1.0), BoxSeen(BOX, T0 + 4, T0 + 7, 1.0, 1.0, 1.0)
    for batch in [[newer, older]] if together else [[newer], [older], [newer]]:
        store.boxes.seen(batch)
    assert store.boxes.status(BOX) == samples.status(
        last_frame_unix_ns=T0 + 5, heard_unix_ns=T0 + 7, u_rms_v=230.0, f_hz=50.0, thd_pct=1.0
    )


def test_what_is_seen_of_a_box_without_status_does_not_bring_it_back(store: Store) -> None:
    store.boxes.seen([])
    store.boxes.seen([BoxSeen(BOX, T0, T0, 230.0, 50.0, 1.0)])
    store.boxes.gasped(BOX, T0)
    store.boxes.health(BOX, BoxHealth(Power.BATTERY, 9))
    assert store.boxes.statuses() == []


def test_an_older_gasp_changes_nothing(store: Store) -> None:
    store.boxes.connected(samples.status())
    store.boxes.gasped(BOX, T0 + 3)
    store.boxes.gasped(BOX, T0 + 2)
    assert store.boxes.status(BOX) == samples.status(last_gasp_unix_ns=T0 + 3)


def test_health_is_stored(store: Store) -> None:
    store.boxes.connected(samples.status())
    store.boxes.health(BOX, BoxHealth(Power.BATTERY, 12_345, 67, 55.5))
    told = samples.status(power=Power.BATTERY, spooled_frames=12_345, dropped_frames=67, battery_pct=55.5)
    assert store.boxes.status(BOX) == told
    store.boxes.health(BOX, BoxHealth(Power.MAINS, 1))
    assert store.boxes.status(BOX) == samples.status(power=Power.MAINS, spooled_frames=1)


def test_an_answer_to_a_configuration_is_stored(store: Store) -> None:
    store.boxes.connected(samples.status())
    assert store.boxes.configured(BOX, "session-1", T0 + 1, 3600) is True
    assert store.boxes.status(BOX) == samples.status(window_cycles=3600, configured_unix_ns=T0 + 1)


def test_a_refused_configuration_keeps_what_was_confirmed_before(store: Store) -> None:
    store.boxes.connected(samples.status())
    store.boxes.configured(BOX, "session-1", T0 + 1, 12)
    store.boxes.configured(BOX, "session-1", T0 + 2, 9999, "größer als 3600")
    expected = {"window_cycles": 12, "configured_unix_ns": T0 + 2, "configuration_problem": "größer als 3600"}
    assert store.boxes.status(BOX) == samples.status(**expected)
    store.boxes.configured(BOX, "session-1", T0 + 3, 1)
    assert store.boxes.status(BOX) == samples.status(window_cycles=1, configured_unix_ns=T0 + 3)


def test_an_answer_of_a_session_that_no_longer_holds_the_box_changes_nothing(store: Store) -> None:
    assert store.boxes.configured(BOX, "session-1", T0, 12) is False
    store.boxes.connected(samples.status(session_id="session-2"))
    assert store.boxes.configured(BOX, "session-1", T0 + 1, 12) is False
    assert store.boxes.status(BOX) == samples.status(session_id="session-2")


def test_a_new_session_begins_without_an_answer(store: Store) -> None:
    store.boxes.connected(samples.status())
    store.boxes.configured(BOX, "session-1", T0 + 1, 9, "no")
    store.boxes.connected(samples.status(session_id="session-2"))
    assert store.boxes.status(BOX) == samples.status(session_id="session-2")


def test_a_status_without_anything_is_the_default_one(store: Store) -> None:
    store.boxes.connected(BoxStatus(BOX))
    assert store.boxes.status(BOX) == BoxStatus(BOX)
