"""Each look at a box: what is good, what somebody should see to, what keeps it from working."""

from pathlib import Path

import numpy as np
import pytest

from opq.clock import DAY_NS, NS
from opq.ids import BoxId
from opq.model.boxes import Power
from opq.trust.authority import issue, make_authority
from opq.trust.certificates import dump_chain, dump_key, new_key
from opq.trust.material import TlsFiles
from opq.trust.names import Identity, Role
from opq_box_agent.calibration import Calibration, save_calibration
from opq_box_agent.doctor.agent_files import (
    look_at_calibration,
    look_at_certificate,
    look_at_ring,
    look_at_spool,
    look_at_version,
)
from opq_box_agent.doctor.computer import (
    look_at_clock,
    look_at_disk,
    look_at_memory,
    look_at_power,
    look_at_temperature,
)
from opq_box_agent.doctor.findings import Finding, State
from opq_box_agent.power import PowerState
from opq_box_agent.ring import Ring
from opq_box_agent.spool import Spool
from opq_box_agent.timekeeping import KernelState
from opq_box_agent.updates.slots import Slots

NOW = 1_790_000_000 * NS


def is_good(finding: Finding) -> bool:
    return finding.state is State.GOOD and not finding.advice


def says(finding: Finding, state: State, words: str) -> bool:
    assert finding.advice, "whatever is wrong comes with what to do"
    return finding.state is state and words in finding.text


def test_disk(tmp_path: Path) -> None:
    assert is_good(look_at_disk(tmp_path / "box", 3600))
    assert says(look_at_disk(tmp_path / "box", 1e12), State.FAILURE, "MB are needed")
    (tmp_path / "file").touch()
    assert says(look_at_disk(tmp_path / "file" / "box", 1), State.FAILURE, "cannot be written")


@pytest.mark.parametrize(("kilobytes", "state"), [(500_000, State.GOOD), (80_000, State.WARNING), (9, State.FAILURE)])
def test_memory(kilobytes: int, state: State) -> None:
    assert look_at_memory(f"MemTotal: 1 kB\nMemAvailable:   {kilobytes} kB\n").state is state
    assert is_good(look_at_memory(""))


def test_clock() -> None:
    assert is_good(look_at_clock(KernelState(True, 3_000_000), NOW))
    assert says(look_at_clock(KernelState(True, NS), NOW), State.WARNING, "within 1000.0 ms")
    assert says(look_at_clock(KernelState(False, 0), NOW), State.WARNING, "nothing disciplines it")
    assert says(look_at_clock(KernelState(False, 0), 5 * DAY_NS), State.FAILURE, "never set")


def test_power_and_temperature() -> None:
    assert is_good(look_at_power(PowerState()))
    assert is_good(look_at_power(PowerState(Power.MAINS, 88)))
    assert says(look_at_power(PowerState(Power.BATTERY, 40)), State.WARNING, "runs on battery, battery at 40 %")
    assert says(look_at_power(PowerState(Power.MAINS, None, True)), State.WARNING, "too low")
    assert is_good(look_at_temperature(None))
    assert is_good(look_at_temperature(50))
    assert says(look_at_temperature(80), State.WARNING, "80 degrees")
    assert says(look_at_temperature(90), State.FAILURE, "90 degrees")


def test_spool(tmp_path: Path) -> None:
    assert is_good(look_at_spool(tmp_path))
    spool = Spool(tmp_path / "spool", 1 << 24)
    for number in range(1, 3602):
        spool.append(number, b"frame" * 20)
    assert says(look_at_spool(tmp_path), State.WARNING, "3601 frames wait")
    first = min((tmp_path / "spool").iterdir())
    first.write_bytes(first.read_bytes()[:1000] + bytes(50) + first.read_bytes()[1050:])
    assert says(look_at_spool(tmp_path), State.WARNING, "1 places do not check out")


def test_ring(tmp_path: Path) -> None:
    assert is_good(look_at_ring(tmp_path))
    ring = Ring(tmp_path / "ring.dat", 12_000, 2)
    ring.append(NOW, np.arange(12_000, dtype=np.int16))
    assert is_good(look_at_ring(tmp_path))
    data = (tmp_path / "ring.dat").read_bytes()
    (tmp_path / "ring.dat").write_bytes(data[:8192] + bytes(len(data) - 8192))
    assert says(look_at_ring(tmp_path), State.WARNING, "do not check out")
    (tmp_path / "ring.dat").write_bytes(b"x" * 5000)
    assert says(look_at_ring(tmp_path), State.FAILURE, "no ring buffer")


def test_calibration(tmp_path: Path) -> None:
    assert is_good(look_at_calibration(tmp_path, "synthetic", None, NOW))
    assert says(look_at_calibration(tmp_path, "opqbox", None, NOW), State.FAILURE, "there is none")
    assert says(look_at_calibration(tmp_path, "opqbox", 0.01, NOW), State.WARNING, "nobody knows where")
    save_calibration(tmp_path, Calibration(0.01, 0.3, NOW, "Meter", 0.2, "", ()))
    assert is_good(look_at_calibration(tmp_path, "opqbox", None, NOW + DAY_NS))
    assert says(look_at_calibration(tmp_path, "opqbox", None, NOW + 800 * DAY_NS), State.WARNING, "two years old")
    (tmp_path / "calibration.json").write_text("{")
    assert says(look_at_calibration(tmp_path, "opqbox", None, NOW), State.FAILURE, "calibrate again")


def test_version(tmp_path: Path) -> None:
    assert is_good(look_at_version(Slots(tmp_path)))
    (tmp_path / "state.json").write_text(
        '{"pending": "", "trial": "", "before": "", "tries": 0, "refused": {"2.0": "it hung"}}'
    )
    assert says(look_at_version(Slots(tmp_path)), State.WARNING, "2.0 was refused: it hung")


def test_certificate(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "id.pem", tmp_path / "id.pem", tmp_path / "ca.crt")
    assert is_good(look_at_certificate(None, False, "127.0.0.1:4500", NOW))
    assert is_good(look_at_certificate(files, True, "site:4500", NOW))
    assert says(look_at_certificate(files, False, "site:4500", NOW), State.FAILURE, "is not on loopback")
    authority, key = make_authority(NOW), new_key()
    chain = issue(authority, Identity(Role.BOX, BoxId("b-1")), key.public_key(), NOW, 30 * DAY_NS)
    files.certificate.write_bytes(dump_key(key) + dump_chain(chain))
    files.authorities.write_bytes(dump_chain(authority.roots))
    assert is_good(look_at_certificate(files, False, "site:4500", NOW + DAY_NS))
    assert says(look_at_certificate(files, False, "site:4500", NOW + 28 * DAY_NS), State.WARNING, "of box b-1, until")
    assert says(look_at_certificate(files, False, "site:4500", NOW + 31 * DAY_NS), State.FAILURE, "expired at")
    files.certificate.write_text("nothing")
    assert look_at_certificate(files, False, "site:4500", NOW).state is State.FAILURE
