"""An override holds until its end and leaves nothing behind."""

import pytest

from opq.clock import NS
from opq.errors import InvalidInput
from opq.ids import BoxId, GridId
from opq.model.boxes import Box, Limits, Nominal
from opq.model.overrides import LimitChanges, Override, check_window_cycles, in_force

BOX = Box(BoxId("b"), GridId("g"), Nominal(120, 60), limits=Limits(thd_pct=7), window_cycles=24)
END = 1000 * NS
OVERRIDE = Override(END, "a storm comes", LimitChanges(u_low_pu=0.9), window_cycles=1)


def test_an_override_changes_only_what_it_names() -> None:
    running = in_force(BOX, OVERRIDE, END - 1)
    assert running.limits == Limits(u_low_pu=0.9, thd_pct=7)
    assert running.window_cycles == 1
    assert in_force(BOX, Override(END, limits=LimitChanges(u_high_pu=1.1)), 0).window_cycles == 24


def test_when_it_ends_all_is_as_before() -> None:
    assert in_force(BOX, OVERRIDE, END) is BOX
    assert in_force(BOX, None, 0) is BOX


def test_it_says_what_it_is_in_a_phrase() -> None:
    assert OVERRIDE.phrase() == "u_low_pu 0.9, 1-cycle windows until 1970-01-01T00:16:40.000Z (a storm comes)"
    assert Override(END, window_cycles=0).phrase() == "basic windows until 1970-01-01T00:16:40.000Z"


def test_limits_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"u_low_pu: got 1\.2 pu, expected 0 to 1 pu"):
        LimitChanges(u_low_pu=1.2)
    with pytest.raises(InvalidInput, match="window_cycles"):
        Override(END, window_cycles=4000)


@pytest.mark.parametrize(("f_hz", "most"), [(60, 3600), (50, 3000)])
def test_windows_go_from_one_cycle_to_one_minute(f_hz: float, most: int) -> None:
    for cycles in (0, 1, most):
        assert check_window_cycles(cycles, f_hz) == cycles
    with pytest.raises(InvalidInput, match=f"got {most + 1}, expected 0 to {most}"):
        check_window_cycles(most + 1, f_hz)
