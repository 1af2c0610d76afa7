"""What the computer of a box gives it: disk, memory, clock, power, temperature. Paths and values are handed in."""

import shutil
import tempfile
from pathlib import Path

from opq.clock import DAY_NS, NS, iso
from opq.model.boxes import Power
from opq_box_agent.doctor.findings import Finding, failure, good, warning
from opq_box_agent.power import PowerState
from opq_box_agent.timekeeping import KernelState

_MB = 1 << 20
_RING_BYTES_PER_S = 24_000
_LEAST_BYTES, _FEW_BYTES = 10 * _MB, 200 * _MB
_LEAST_MEMORY, _FEW_MEMORY = 50 * _MB, 100 * _MB
_BUILT_UNIX_NS = 20_000 * DAY_NS
"""A clock that shows a time before October 2024 was never set."""
_HOT_C, _TOO_HOT_C = 75.0, 85.0
_MAX_ERROR_NS = NS // 2


def look_at_disk(folder: Path, ring_s: float) -> Finding:
    """Whether the folder of the box can be written and has room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(4096))
            probe.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "make room, see to its permissions, or replace the card if it has become read-only"
        return failure("disk", f"{folder} cannot be written: {error.strerror}", advice)
    needed = 0 if (folder / "ring.dat").exists() else round(ring_s * _RING_BYTES_PER_S)
    left = free - needed
    text = f"{free / _MB:.0f} MB free for {folder}"
    if left < _LEAST_BYTES:
        return failure(
            "disk", f"{text}, {(needed + _LEAST_BYTES) / _MB:.0f} MB are needed", "make room, or lower --ring-s"
        )
    if left < _FEW_BYTES:
        return warning("disk", text, "make room: what waits for the network lies there")
    return good("disk", text)


def look_at_memory(meminfo: str) -> Finding:
    """Whether there is memory for the agent; from the text of ``/proc/meminfo``."""
    kilobytes = next((line.split()[1] for line in meminfo.splitlines() if line.startswith("MemAvailable:")), "")
    if not kilobytes.isdecimal():
        return good("memory", "the system does not tell how much is available")
    available = int(kilobytes) << 10
    text = f"{available / _MB:.0f} MB available"
    if available < _LEAST_MEMORY:
        return failure("memory", text, "stop other programs: an agent needs about 100 MB")
    if available < _FEW_MEMORY:
        return warning("memory", text, "stop other programs: an agent needs about 100 MB")
    return good("memory", text)


def look_at_clock(kernel: KernelState, unix_ns: int) -> Finding:
    """Whether the clock is set and disciplined."""
    text = f"{iso(unix_ns)}, "
    ntp = "install chrony or turn on systemd-timesyncd (timedatectl set-ntp true), and let UDP port 123 out"
    if unix_ns < _BUILT_UNIX_NS:
        return failure("clock", f"{text}it was never set; the site refuses such times", ntp)
    if not kernel.synchronised:
        return warning("clock", f"{text}nothing disciplines it, unless the source has GPS", ntp)
    text += f"disciplined, within {kernel.max_error_ns / 1e6:.1f} ms"
    if kernel.max_error_ns > _MAX_ERROR_NS:
        return warning(
            "clock", text, "see why the time server is reached seldom: chronyc tracking, timedatectl timesync-status"
        )
    return good("clock", text)


def look_at_power(state: PowerState) -> Finding:
    """What it runs on."""
    battery = "" if state.battery_pct is None else f", battery at {state.battery_pct:.0f} %"
    text = f"runs on {state.power.value}{battery}" if state.power is not Power.UNKNOWN else "the system does not tell"
    if state.undervoltage:
        return warning("power", f"{text}, and its supply is too low", "use a supply of 5.1 V, 3 A and a short cable")
    if state.power is Power.BATTERY:
        return warning("power", text, "plug it in")
    return good("power", text)


def look_at_temperature(celsius: float | None) -> Finding:
    """How warm the processor is."""
    if celsius is None:
        return good("temperature", "the system does not tell")
    text = f"the processor has {celsius:.0f} degrees Celsius"
    if celsius >= _TOO_HOT_C:
        return failure("temperature", text, "give it air: the processor slows down or stops")
    if celsius >= _HOT_C:
        return warning("temperature", text, "give it air")
    return good("temperature", text)
