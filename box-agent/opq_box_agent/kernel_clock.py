"""Asks the kernel how well its clock is disciplined (adjtimex), which is what chrony, ntpd and systemd-timesyncd tell it.

No network and no rights are needed. Where there is no such call, the clock counts as not synchronised.
"""

import ctypes

from opq_box_agent.timekeeping import KernelState

_STA_UNSYNC = 0x40
_TIME_ERROR = 5
_NOT_SYNCHRONISED = KernelState(False, 0)


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest of it."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror_us", ctypes.c_long),
        ("esterror_us", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 256),
    )


def kernel_state() -> KernelState:
    """Return what the kernel says of its clock now."""
    timex = _Timex()
    try:
        adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    except (AttributeError, OSError):
        return _NOT_SYNCHRONISED
    outcome = adjtimex(ctypes.byref(timex))
    if outcome < 0 or outcome == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return _NOT_SYNCHRONISED
    return KernelState(True, timex.maxerror_us * 1000)
