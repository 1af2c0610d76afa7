"""Random records with known disturbances: exactly what was drawn is found, at three levels of noise.

The benchmark `benchmarks/classification.py` asks for 99 % of 1000 records of each kind with one disturbance and 97 % with two.
Here are a few of each, so that a single wrong one is 3 % of its kind: the limits are those of the benchmark over all kinds of
a noise level together, less what chance does to so few, and for one kind two wrong ones.
"""

from collections import Counter

import numpy as np
import pytest

from opq.model.incidents import IncidentClass
from opq.testing.classification import PAIRS, SINGLES, SNRS_DB, Kinds, classes_found, is_right, name
from opq.testing.disturbances import draw_case

SEED = 5
CASES = {"one": 30, "two": 5}
LEAST_ALL = {"one": 0.98, "two": 0.935}
"""Six of 300 wrong, four of 65: at 99 and 97 % chance alone makes more of them once in 30 and once in 20 runs."""


def wrong(kinds: Kinds, snr_db: float, cases: int) -> list[str]:
    found = []
    for number in range(cases):
        case = draw_case(kinds, snr_db, (SEED, number))
        classes = classes_found(case)
        if not is_right(case, classes):
            found.append(f"{number}: expected {name(sorted(case.expected, key=str))}, found {name(classes)}")
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("snr_db", SNRS_DB)
@pytest.mark.parametrize(("many", "group"), [("one", SINGLES), ("two", PAIRS)])
def test_exactly_what_was_drawn_is_found(snr_db: float, many: str, group: tuple[Kinds, ...]) -> None:
    errors = {name(kinds): wrong(kinds, snr_db, CASES[many]) for kinds in group}
    assert max(map(len, errors.values())) <= 2, errors
    count = Counter({kind: len(found) for kind, found in errors.items()}).total()
    assert 1 - count / (len(group) * CASES[many]) >= LEAST_ALL[many], errors


def test_the_same_seed_draws_the_same_record() -> None:
    kinds = (IncidentClass.VOLTAGE_SAG, IncidentClass.OSCILLATORY_TRANSIENT)
    one, other = (draw_case(kinds, 30.0, (1, 2)) for _ in range(2))
    np.testing.assert_array_equal(one.segment.volts, other.segment.volts)
    assert one.expected == other.expected == frozenset(kinds)


@pytest.mark.parametrize("kinds", SINGLES, ids=name)
def test_the_noise_is_as_far_below_the_fundamental_as_it_says(kinds: Kinds) -> None:
    quiet, noisy = (draw_case(kinds, snr_db, (3, 4)).truth["sigma_pu"] for snr_db in (40.0, 20.0))
    assert 0.005 < quiet < 0.01
    assert noisy == pytest.approx(10 * quiet, rel=0.3)


def test_steady_notching_is_expected_to_be_distortion_if_it_is() -> None:
    expected = [draw_case((IncidentClass.PERIODIC_NOTCHING,), 40.0, (8, number)).expected for number in range(30)]
    with_thd = sum(IncidentClass.EXCESSIVE_THD in classes for classes in expected)
    assert 0 < with_thd <= 30
