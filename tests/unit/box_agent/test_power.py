"""What a box runs on, from files as the kernel shows them."""

from pathlib import Path

import pytest

from opq.model.boxes import Power
from opq_box_agent.power import PowerState, read_power, read_temperature_c


def supply(sys_class: Path, name: str, **files: object) -> None:
    folder = sys_class / "power_supply" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_text(f"{content}\n")


def undervoltage(sys_class: Path, alarm: int) -> None:
    sensor = sys_class / "hwmon" / "hwmon2"
    sensor.mkdir(parents=True, exist_ok=True)
    (sensor / "name").write_text("rpi_volt\n")
    (sensor / "in0_lcrit_alarm").write_text(f"{alarm}\n")


def test_a_computer_that_tells_nothing_is_unknown(tmp_path: Path) -> None:
    assert read_power(tmp_path / "none") == PowerState(Power.UNKNOWN)
    supply(tmp_path, "odd", type="Mains")
    supply(tmp_path, "mouse", type="Battery", scope="Device", status="Discharging", capacity=5)
    assert read_power(tmp_path) == PowerState(Power.UNKNOWN)


@pytest.mark.parametrize(
    ("online", "status", "power"),
    [
        (1, "Charging", Power.MAINS),
        (1, "Discharging", Power.MAINS),
        (0, "Discharging", Power.BATTERY),
        (0, "Unknown", Power.BATTERY),
        (2, "Full", Power.MAINS),
    ],
)
def test_a_wall_supply_on_line_is_the_mains_and_off_line_the_battery(
    tmp_path: Path, online: int, status: str, power: Power
) -> None:
    supply(tmp_path, "AC", type="Mains", online=online)
    supply(tmp_path, "BAT0", type="Battery", status=status, capacity=73)
    assert read_power(tmp_path) == PowerState(power, 73)


def test_a_battery_board_without_a_wall_supply_tells_it_by_discharging(tmp_path: Path) -> None:
    supply(tmp_path, "max17040", type="Battery", status="Discharging", capacity=140)
    assert read_power(tmp_path) == PowerState(Power.BATTERY, 100)
    supply(tmp_path, "max17040", status="Charging", capacity="?")
    assert read_power(tmp_path) == PowerState(Power.MAINS, None)


def test_the_power_goes_when_it_is_unplugged_or_the_supply_sinks() -> None:
    mains, battery = PowerState(Power.MAINS), PowerState(Power.BATTERY)
    low = PowerState(Power.MAINS, undervoltage=True)
    assert battery.is_going(mains)
    assert low.is_going(mains)
    assert not low.is_going(low)
    assert not battery.is_going(battery)
    assert not battery.is_going(PowerState())
    assert not mains.is_going(battery)


def test_undervoltage_of_a_raspberry_pi_is_seen(tmp_path: Path) -> None:
    undervoltage(tmp_path, 0)
    assert not read_power(tmp_path).undervoltage
    undervoltage(tmp_path, 1)
    assert read_power(tmp_path).undervoltage


def test_the_warmest_processor_counts(tmp_path: Path) -> None:
    assert read_temperature_c(tmp_path) is None
    for number, milli in enumerate((41_000, 52_500)):
        zone = tmp_path / "thermal" / f"thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(f"{milli}\n")
    assert read_temperature_c(tmp_path) == 52.5
