"""Checks of values against a band: edges included, shares, percentiles."""

import numpy as np
import pytest

from opq.standards.compliance import PERCENTILES, Check, Compliance, check

BAND = (0.9, 1.1)


@pytest.mark.parametrize(("value", "inside"), [(0.9, 100), (1.1, 100), (0.899999, 0), (1.100001, 0)])
def test_the_edges_of_a_band_are_inside(value: float, inside: float) -> None:
    (found,) = check("voltage", "pu", "x", np.array([value]), BAND, 95)
    assert found.inside_pct == inside


@pytest.mark.parametrize(("outside", "passed"), [(5, True), (6, False)])
def test_exactly_the_required_share_passes(outside: int, passed: bool) -> None:
    values = np.array([1.0] * (100 - outside) + [1.2] * outside)
    (found,) = check("voltage", "pu", "x", values, BAND, 95)
    assert (found.inside_pct, found.values, found.passed) == (100 - outside, 100, passed)


def test_what_only_rounding_takes_beyond_an_edge_is_on_it() -> None:
    (found,) = check("voltage", "pu", "x", np.array([np.nextafter(0.9, 0), np.nextafter(1.1, 2)]), BAND, 95)
    assert found.inside_pct == 100


def test_a_side_without_a_limit_lets_everything_pass() -> None:
    (found,) = check("Plt", "1", "x", np.array([-1e300, 0.0]), (-np.inf, 1.0), 95)
    assert found.inside_pct == 100


def test_without_values_there_is_no_check() -> None:
    assert check("voltage", "pu", "x", np.empty(0), BAND, 95) == []


def test_percentiles_are_those_of_the_values() -> None:
    (found,) = check("voltage", "pu", "x", np.arange(101.0), (0, 200), 95)
    assert found.percentiles == pytest.approx(PERCENTILES)


def test_a_verdict_passes_if_every_check_does_and_names_those_that_do_not() -> None:
    good = Check("a", "1", "x", 0, 1, 95, 95, 10, (0.0,) * 5)
    bad = Check("b", "1", "x", 0, 1, 95, 94.9, 10, (0.0,) * 5)
    assert Compliance("s", (good,), True, {}).passed
    assert Compliance("s", (), True, {}).passed
    verdict = Compliance("s", (good, bad), True, {})
    assert not verdict.passed
    assert verdict.failed == (bad,)
