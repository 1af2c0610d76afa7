"""Curves as data."""

import math
from typing import Any

import pytest

from opq.errors import InvalidInput
from opq.standards.envelopes import ENVELOPES, IEEE_1668_TYPE_III, ITIC, SEMI_F47, Envelope, Level, Step


def test_itic_limits_the_time_beyond_these_levels() -> None:
    assert ITIC.lower_levels == (Level(0.7, 0.02), Level(0.8, 0.5), Level(0.9, 10.0))
    assert ITIC.upper_levels == (
        Level(5.0, 0.0),
        Level(2.0, 1 / 6000),
        Level(1.4, 0.001),
        Level(1.2, 0.003),
        Level(1.1, 0.5),
    )


def test_semi_f47_limits_the_time_below_these_levels() -> None:
    assert SEMI_F47.lower_levels == (Level(0.5, 0.02), Level(0.7, 0.2), Level(0.8, 0.5), Level(0.9, 10.0))
    assert SEMI_F47.upper_levels == ()


def test_ieee_1668_type_iii_allows_a_sag_to_half_for_50_ms() -> None:
    assert IEEE_1668_TYPE_III.lower_levels[:2] == (Level(0.5, 0.0), Level(0.7, 0.05))


def test_built_in_curves_have_names_for_configuration() -> None:
    assert set(ENVELOPES) == {"itic", "semi_f47", "ieee1668_1_2", "ieee1668_3"}


def test_a_curve_can_come_from_configuration() -> None:
    curve = Envelope.from_mapping({"name": "ours", "lower": [[0.1, 0.4], [None, 0.85]], "upper": [[None, 1.15]]})
    assert curve.lower == (Step(0.1, 0.4), Step(math.inf, 0.85))
    assert curve.upper_levels == (Level(1.15, 0.0),)


@pytest.mark.parametrize(
    ("curve", "message"),
    [
        ({"lower": [[0.1, 0.4]]}, "expected no end"),
        ({"lower": [[0.2, 0.4], [0.1, 0.5], [None, 0.9]]}, "longer steps"),
        ({"lower": [[0.1, 0.6], [None, 0.5]]}, "closer to 1 pu"),
        ({"upper": [[0.1, 1.2], [None, 1.3]]}, "closer to 1 pu"),
        ({"lower": [[None, 1.3]]}, "wrong side"),
        ({"upper": [[None, 0.9]]}, "wrong side"),
        ({"lower": "deep"}, "seconds or null"),
        ({"lower": [["soon", 1]]}, "seconds or null"),
        ({"lwer": []}, "lwer"),
    ],
)
def test_what_is_no_curve_is_refused(curve: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Envelope.from_mapping(curve)
