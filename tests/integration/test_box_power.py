"""A box whose power goes says so at once, writes out what waits, and goes on measuring on its battery."""

import asyncio
from pathlib import Path

from opq.ids import BoxId
from opq.model.boxes import BoxStatus, Power
from opq.testing.processes import Processes, eventually

from .conftest import RunningIngest

BOX = BoxId("b-1")


def set_power(sys_class: Path, online: bool, percent: int) -> None:
    for name, files in {
        "AC": {"type": "Mains", "online": int(online)},
        "BAT0": {"type": "Battery", "status": "Full" if online else "Discharging", "capacity": percent},
    }.items():
        folder = sys_class / "power_supply" / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_text(f"{content}\n")


async def test_pulling_the_plug_of_a_box_with_a_battery_is_told_at_once(running: RunningIngest, tmp_path: Path) -> None:
    sys_class = tmp_path / "class"
    set_power(sys_class, online=True, percent=97)

    def status() -> BoxStatus:
        return running.store.boxes.status(BOX) or BoxStatus(BOX)

    async def told(power: Power) -> None:
        await asyncio.to_thread(eventually, lambda: status().power is power, f"the site knows: {power}")

    with Processes(tmp_path) as processes:
        options = ["--ingest", running.address, "--data-dir", str(tmp_path / "box"), "--ring-s", "10"]
        processes.start("box", "--box-id", BOX, "--sys-class", str(sys_class), *options)
        await told(Power.MAINS)
        assert (status().battery_pct, status().last_gasp_unix_ns) == (97, 0)
        set_power(sys_class, online=False, percent=96)
        await told(Power.BATTERY)
        gasp = status().last_gasp_unix_ns
        assert gasp > 0
        assert status().battery_pct == 96
        count = running.store.measurements.count(BOX)
        await asyncio.to_thread(
            eventually, lambda: running.store.measurements.count(BOX) > count + 2, "it measures on its battery"
        )
        set_power(sys_class, online=True, percent=95)
        await told(Power.MAINS)
        assert status().last_gasp_unix_ns == gasp
        assert "the power goes" in processes.log_text("box")
