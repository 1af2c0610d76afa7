import numpy as np
import pytest

from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.model.features import FEATURES
from opq.model.measurements import Measurement, Trend
from opq.store import Store
from opq.testing import samples
from opq.testing.samples import T0

BOX = BoxId("box-1")
ALL = (0, 2**63 - 1)


def same(found: Measurement | Trend, expected: Measurement | Trend) -> bool:
    names = [name for name in expected.__slots__ if name != "values"]
    assert type(found) is type(expected)
    assert [getattr(found, name) for name in names] == [getattr(expected, name) for name in names]
    assert all(type(getattr(found, name)) is type(getattr(expected, name)) for name in names)
    assert found.values.dtype == np.float32
    return found.values.tobytes() == expected.values.tobytes()


def starts(rows: list[Measurement] | list[Trend]) -> list[int]:
    return [row.start_unix_ns - T0 for row in rows]


def test_a_measurement_comes_back_bit_by_bit(store: Store) -> None:
    store.measurements.add([samples.measurement()])
    (found,) = store.measurements.range(BOX, *ALL)
    assert same(found, samples.measurement())


def test_the_smallest_and_largest_float32_come_back(store: Store) -> None:
    row = samples.measurement()
    info = np.finfo(np.float32)
    row.values[0, :6] = np.array([info.max, info.min, info.tiny, info.smallest_subnormal, -0.0, info.eps], np.float32)
    store.measurements.add([row])
    (found,) = store.measurements.range(BOX, *ALL)
    assert same(found, row)


def test_values_of_other_layout_and_width_are_stored_as_float32(store: Store) -> None:
    row = samples.measurement()
    row.values = np.asfortranarray(row.values.astype(np.float64))
    store.measurements.add([row])
    (found,) = store.measurements.range(BOX, *ALL)
    assert same(found, samples.measurement())


def test_what_was_read_may_be_changed_by_the_reader(store: Store) -> None:
    store.measurements.add([samples.measurement(), samples.measurement(T0 + 1)])
    first, second = store.measurements.range(BOX, *ALL)
    first.values[:] = 0
    assert second.values.all()
    assert store.measurements.range(BOX, *ALL)[0].values.all()


def test_adding_tells_how_many_were_new_and_leaves_the_others(store: Store) -> None:
    assert store.measurements.add([samples.measurement(T0, seed=1), samples.measurement(T0 + 1, seed=2)]) == 2
    assert store.measurements.add([samples.measurement(T0, seed=3), samples.measurement(T0 + 2, seed=4)]) == 1
    found = store.measurements.range(BOX, *ALL)
    assert starts(found) == [0, 1, 2]
    assert same(found[0], samples.measurement(T0, seed=1))


def test_adding_the_same_twice_leaves_one(store: Store) -> None:
    rows = [samples.measurement(T0 + second, seed=second) for second in range(20)]
    assert store.measurements.add(rows) == 20
    assert store.measurements.add(rows) == 0
    assert store.measurements.count(BOX) == 20


def test_of_one_key_twice_in_a_batch_the_first_is_kept(store: Store) -> None:
    assert store.measurements.add([samples.measurement(seed=1), samples.measurement(seed=2)]) == 1
    assert same(store.measurements.range(BOX, *ALL)[0], samples.measurement(seed=1))


def test_nothing_is_added_from_an_empty_batch(store: Store) -> None:
    assert store.measurements.add([]) == 0
    store.trends.put([])
    assert store.measurements.count() == 0


def test_a_range_has_its_start_and_not_its_end_oldest_first(store: Store) -> None:
    store.measurements.add([samples.measurement(T0 + second) for second in (3, 1, 4, 2, 0)])
    store.measurements.add([samples.measurement(T0 + 2, "box-2")])
    assert starts(store.measurements.range(BOX, T0 + 1, T0 + 4)) == [1, 2, 3]
    assert starts(store.measurements.range(BOX, T0 + 1, T0 + 4, limit=2)) == [1, 2]
    assert store.measurements.range(BOX, T0 + 1, T0 + 4, limit=0) == []
    assert store.measurements.range(BOX, T0 + 4, T0 + 1) == []
    assert store.measurements.range(BoxId("box-3"), *ALL) == []


def test_the_latest_measurement_is_that_of_the_box(store: Store) -> None:
    assert store.measurements.latest(BOX) is None
    store.measurements.add([samples.measurement(T0 + 1, seed=1), samples.measurement(T0, seed=2)])
    store.measurements.add([samples.measurement(T0 + 9, "box-2")])
    latest = store.measurements.latest(BOX)
    assert latest is not None
    assert same(latest, samples.measurement(T0 + 1, seed=1))


def test_measurements_are_counted_per_box_and_range(store: Store) -> None:
    assert store.measurements.count() == 0
    store.measurements.add([samples.measurement(T0 + second) for second in range(5)])
    store.measurements.add([samples.measurement(T0 + second, "box-2") for second in range(3)])
    assert store.measurements.count() == 8
    assert store.measurements.count(BOX) == 5
    assert store.measurements.count(BOX, T0 + 1, T0 + 3) == 2
    assert store.measurements.count(start_unix_ns=T0 + 2) == 4
    assert store.measurements.count(end_unix_ns=T0 + 2) == 4
    assert store.measurements.count(BoxId("box-3")) == 0


def test_a_batch_larger_than_a_cursor_comes_back_whole(store: Store) -> None:
    store.measurements.add([samples.measurement(T0 + second) for second in range(250)])
    assert starts(store.measurements.range(BOX, *ALL)) == list(range(250))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(store: Store, value: float) -> None:
    bad = samples.measurement()
    bad.values[1, 2] = value
    with pytest.raises(InvalidInput, match="finite"):
        store.measurements.add([samples.measurement(T0 + 1), bad])
    with pytest.raises(InvalidInput, match="finite"):
        store.trends.put([Trend(BOX, T0, 1, 0, bad.values)])
    assert store.measurements.count() == 0


def test_values_of_another_shape_are_refused(store: Store) -> None:
    bad = samples.measurement()
    bad.values = bad.values[:, :-1]
    with pytest.raises(InvalidInput, match=rf"\(3, {len(FEATURES)}\)"):
        store.measurements.add([bad])


def test_an_integer_beyond_64_bits_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput):
        store.measurements.add([samples.measurement(2**63)])
    with pytest.raises(InvalidInput):
        store.measurements.count(BOX, 0, 2**63)


def test_a_trend_comes_back_bit_by_bit(store: Store) -> None:
    store.trends.put([samples.trend()])
    (found,) = store.trends.range(BOX, *ALL)
    assert same(found, samples.trend())


def test_putting_a_trend_again_replaces_it(store: Store) -> None:
    store.trends.put([samples.trend(T0, seed=1), samples.trend(T0 + 60, seed=2)])
    store.trends.put([samples.trend(T0, seed=3), samples.trend(T0 + 60, seed=2)])
    first, second = store.trends.range(BOX, *ALL)
    assert same(first, samples.trend(T0, seed=3))
    assert same(second, samples.trend(T0 + 60, seed=2))


def test_of_one_trend_twice_in_a_batch_the_last_is_kept(store: Store) -> None:
    store.trends.put([samples.trend(seed=1), samples.trend(seed=2)])
    (found,) = store.trends.range(BOX, *ALL)
    assert same(found, samples.trend(seed=2))


def test_trends_of_a_range_come_oldest_first(store: Store) -> None:
    store.trends.put([samples.trend(T0 + minute) for minute in (2, 0, 3, 1)])
    store.trends.put([samples.trend(T0 + 1, "box-2")])
    assert starts(store.trends.range(BOX, T0, T0 + 3)) == [0, 1, 2]
    assert starts(store.trends.range(BOX, T0, T0 + 3, limit=1)) == [0]
    assert store.trends.range(BOX, T0, T0 + 3, limit=0) == []


def test_the_latest_trend_is_that_of_the_box(store: Store) -> None:
    assert store.trends.latest(BOX) is None
    store.trends.put([samples.trend(T0 + 1, seed=1), samples.trend(T0, seed=2), samples.trend(T0 + 2, "box-2")])
    latest = store.trends.latest(BOX)
    assert latest is not None
    assert same(latest, samples.trend(T0 + 1, seed=1))
