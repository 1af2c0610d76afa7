"""``opq box doctor``: look at everything a box needs, say what is wrong and what to do; exit code 1 if something fails."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import grpc
import grpc.aio
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import Field

from opq import ids
from opq.clock import Clock, SystemClock
from opq.errors import Duplicate, InvalidInput, OpqError
from opq.rpc.channels import Dialer
from opq.rpc.service import parse_settings, run_service
from opq.trust.material import TlsFiles
from opq.trust.names import Role
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
from opq_box_agent.doctor.findings import Finding, State, failure, good, phrase_finding, warning
from opq_box_agent.durable import alone, kept_by_owner
from opq_box_agent.enrolment import credentials
from opq_box_agent.kernel_clock import kernel_state
from opq_box_agent.power import read_power, read_temperature_c
from opq_box_agent.settings import BoxSettings
from opq_box_agent.sources.factory import make_source
from opq_box_agent.sources.source import Source
from opq_box_agent.status.local import with_local
from opq_box_agent.updates.launcher import updates_folder
from opq_box_agent.updates.slots import Slots

_NETWORK_S = 5.0
_SOURCE_S = 5.0


class DoctorSettings(BoxSettings):
    """Look at everything this box needs, with the options of opq box run, and say what is wrong and what to do."""

    as_json: bool = Field(False, alias="json", description="say it as JSON")


async def examine(settings: BoxSettings, clock: Clock) -> list[Finding]:
    """Look at everything; nothing is changed."""
    box_id = ids.box_id(settings.box_id)
    folder, now = settings.data_dir / box_id, clock.unix_ns()
    try:
        settings, local = with_local(settings), good("settings", "the options, and what was set at the page of the box")
    except InvalidInput as error:
        advice = "set it again at the page, or remove the file; until then only the options count"
        local = failure("settings", str(error), advice)
    disk = look_at_disk(folder, settings.ring_s)
    shown = None
    try:
        held = credentials(settings, box_id)
        shown = held.files if held else None
        certificate = look_at_certificate(shown, settings.enrol_token is not None, settings.ingest, now)
    except InvalidInput as error:
        certificate = failure("certificate", str(error), "get a token for this box: opq boxes enrol at the site")
    return [
        look_at_version(Slots(updates_folder(settings.data_dir, box_id))),
        local,
        disk,
        look_at_memory(_text(Path("/proc/meminfo"))),
        look_at_temperature(read_temperature_c(settings.sys_class)),
        look_at_power(read_power(settings.sys_class)),
        look_at_clock(kernel_state(), now),
        look_at_calibration(folder, settings.source, settings.volts_per_count, now),
        await look_at_source(settings, folder, clock),
        look_at_ring(folder),
        look_at_spool(folder),
        certificate,
        await look_at_network(settings.ingest, shown, now),
    ]


async def look_at_source(settings: BoxSettings, folder: Path, clock: Clock) -> Finding:
    """Whether samples come, and what voltage they show; not while an agent reads them."""
    what = f"source {settings.source}"
    try:
        with alone(folder):
            source = make_source(settings, clock)
            counts, clipped = await asyncio.wait_for(_second(source), _SOURCE_S)
    except TimeoutError:
        advice = "is the device connected, and does its driver deliver?"
        return failure(what, f"no samples came within {_SOURCE_S:g} s", advice)
    except Duplicate:
        return good(what, "the agent that runs here has it")
    except InvalidInput as error:
        return failure(what, str(error), "correct the options of the source")
    except OSError as error:
        return failure(what, str(error), "see to the permissions of the folder and the device")
    volts = float(np.std(counts) * source.volts_per_count)
    text = f"{volts:.1f} V over {len(counts) / source.sample_rate_hz:.1f} s"
    if clipped:
        return warning(what, f"{text}; samples are at the end of the range", "lower the gain of the box")
    if not 0.8 * settings.u_din_v < volts < 1.2 * settings.u_din_v:
        advice = "is it connected to the mains, calibrated, and --u-din-v right?"
        return warning(what, f"{text}, {settings.u_din_v:g} V are declared", advice)
    return good(what, text)


async def look_at_network(ingest: str, shown: TlsFiles | None, unix_ns: int) -> Finding:
    """Whether ingest answers."""
    advice = "see to the network, the address (--ingest), a firewall in between, and whether the site is up"
    try:
        async with Dialer(ingest, Role.INGEST, shown if shown and shown.certificate.exists() else None) as dialer:
            stub = health_pb2_grpc.HealthStub(await dialer.channel())
            try:
                await stub.Check(health_pb2.HealthCheckRequest(), timeout=_NETWORK_S)
            except grpc.aio.AioRpcError as error:
                reason = dialer.explain(error.details() or error.code().name, unix_ns)
                return failure("network", f"{ingest} does not answer: {reason}", advice)
    except (OpqError, OSError) as error:
        return failure("network", str(error), "enrol the box, or name an address on loopback")
    return good("network", f"ingest answers at {ingest}")


async def _second(source: Source) -> tuple[np.ndarray, bool]:
    """Take a second of samples; whether some are at the end of the range."""
    held: list[np.ndarray] = []
    async for block in source.blocks():
        held.append(block.counts)
        if sum(map(len, held)) >= source.sample_rate_hz:
            break
    if not held:
        raise InvalidInput("the source ended before it gave samples")
    counts = np.concatenate(held).astype(np.int32)
    return counts, bool((np.abs(counts) >= source.clip_counts).any())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


async def _run(settings: DoctorSettings, _: asyncio.Event) -> None:
    with kept_by_owner(settings.data_dir):
        found = await examine(settings, SystemClock())
    if settings.as_json:
        print(json.dumps([{**asdict(one), "state": one.state.value} for one in found], indent=1))  # noqa: T201
    else:
        for one in found:
            print(phrase_finding(one))  # noqa: T201
    if any(one.state is State.FAILURE for one in found):
        raise SystemExit(1)


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(DoctorSettings, "opq box doctor", sys.argv[1:])
    run_service("opq box doctor", lambda stop: _run(settings, stop))


if __name__ == "__main__":
    main()
