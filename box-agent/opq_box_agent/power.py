"""What the box runs on, as the kernel tells it in ``/sys/class``: mains, battery, undervoltage; and how warm it is."""

from dataclasses import dataclass
from pathlib import Path

from opq.model.boxes import Power

SYS_CLASS = Path("/sys/class")
_WALL = ("Mains", "USB", "USB_C", "USB_PD", "Wireless")


@dataclass(frozen=True, slots=True)
class PowerState:
    """What the box runs on at one moment."""

    power: Power = Power.UNKNOWN
    battery_pct: float | None = None
    """Charge of the battery [%]; None if there is none or it cannot tell."""
    undervoltage: bool = False
    """The supply is too low to go on for long (Raspberry Pi: under 4.63 V)."""

    def is_going(self, before: "PowerState") -> bool:
        """Whether the power went since `before`: it runs on its battery now, or the supply sank."""
        unplugged = self.power is Power.BATTERY and before.power is Power.MAINS
        return unplugged or (self.undervoltage and not before.undervoltage)


def read_power(sys_class: Path) -> PowerState:
    """Read what the box runs on; supplies of attached devices (a mouse) do not count.

    It is the mains if a wall supply is on line, the battery if there are wall supplies and none is on line, or if the
    battery says that it discharges. What cannot be read counts as not there.
    """
    walls: list[bool] = []
    draining: list[bool] = []
    charge: list[float] = []
    for supply in _entries(sys_class / "power_supply"):
        if _text(supply / "scope") == "Device":
            continue
        kind = _text(supply / "type")
        if kind in _WALL and (online := _text(supply / "online")):
            walls.append(online != "0")
        elif kind in ("Battery", "UPS"):
            draining.append(_text(supply / "status") == "Discharging")
            if (percent := _number(supply / "capacity")) is not None:
                charge.append(min(100.0, max(0.0, percent)))
    undervoltage = any(
        _text(sensor / "name") == "rpi_volt" and _text(sensor / "in0_lcrit_alarm") == "1"
        for sensor in _entries(sys_class / "hwmon")
    )
    return PowerState(_power(walls, draining), min(charge, default=None), undervoltage)


def _power(walls: list[bool], draining: list[bool]) -> Power:
    if any(walls):
        return Power.MAINS
    if draining:
        return Power.BATTERY if walls or any(draining) else Power.MAINS
    return Power.UNKNOWN


def read_temperature_c(sys_class: Path) -> float | None:
    """Return the highest temperature of the processor [degrees Celsius], None if none can be read."""
    zones = [_number(zone / "temp") for zone in _entries(sys_class / "thermal") if zone.name.startswith("thermal_zone")]
    return max((zone / 1000 for zone in zones if zone is not None), default=None)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> float | None:
    try:
        return float(_text(path))
    except ValueError:
        return None
