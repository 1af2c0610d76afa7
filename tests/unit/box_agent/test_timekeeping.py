"""What a host's clock is worth: from what the kernel says, never better than it can be."""

import pytest

from opq.clock import HOUR_NS, NS
from opq.model.features import TimeSource
from opq_box_agent.kernel_clock import kernel_state
from opq_box_agent.timekeeping import UNKNOWN_NS, HostDiscipline, KernelState, Quality, grown

MS = 1_000_000


def kernel(max_error_ms: float) -> KernelState:
    return KernelState(True, round(max_error_ms * MS))


def test_a_clock_that_nothing_set_has_no_bound() -> None:
    assert HostDiscipline().read(KernelState(False, 16 * NS), 0) == Quality(TimeSource.FREE, UNKNOWN_NS)


def test_the_bound_is_the_kernels_and_never_less_than_five_milliseconds() -> None:
    assert HostDiscipline().read(kernel(12), 0) == Quality(TimeSource.NTP, 12 * MS)
    assert HostDiscipline().read(kernel(0), 0) == Quality(TimeSource.NTP, 5 * MS)


def test_between_corrections_it_grows_as_a_crystal_drifts_and_not_as_the_kernel_fears() -> None:
    host = HostDiscipline()
    for second in range(1000):
        quality = host.read(kernel(10 + 0.5 * second), second * NS)
    assert quality == Quality(TimeSource.NTP, 10 * MS + 999 * 50_000)


@pytest.mark.parametrize("after_ms", [3, 30])
def test_a_new_correction_counts_whether_it_is_better_or_worse(after_ms: float) -> None:
    host = HostDiscipline()
    host.read(kernel(10), 0)
    assert host.read(kernel(after_ms), 10 * NS).uncertainty_ns == max(5, after_ms) * MS


def test_when_ntp_is_lost_the_clock_is_free_and_its_bound_goes_on_growing() -> None:
    host = HostDiscipline()
    host.read(kernel(10), 0)
    for second in (60, 3600):
        lost = host.read(KernelState(False, 16 * NS), second * NS)
        assert lost == Quality(TimeSource.FREE, 10 * MS + second * 50_000)
    assert host.read(kernel(20), 3700 * NS) == Quality(TimeSource.NTP, 20 * MS)


def test_no_bound_is_more_than_what_is_said_of_a_clock_that_nothing_set() -> None:
    assert grown(MS, 10**6 * HOUR_NS) == UNKNOWN_NS


def test_the_kernel_of_this_machine_answers() -> None:
    state = kernel_state()
    assert isinstance(state.synchronised, bool)
    assert 0 <= state.max_error_ns < 3600 * NS
