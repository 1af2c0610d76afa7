"""What can be set about a box, and about a fleet of simulated ones."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from opq.rpc.service import ServiceSettings
from opq.rpc.tls import TlsSettings
from opq.times import parse_seconds
from opq_box_agent.power import SYS_CLASS
from opq_box_agent.session import BACKFILL_PER_S


class BoxSettings(TlsSettings):
    """Measure one box and stream its features to ingest."""

    box_id: str = Field(description="name of the box as it is enrolled, a-z 0-9 -")
    ingest: str = Field("127.0.0.1:4500", description="address and port of ingest, HOST:PORT")
    enrol_token: SecretStr | None = Field(
        None, description="one-time token (opq boxes enrol) with which the box gets its certificate at its first start"
    )
    enrol: str = Field("", description="where to enrol, HOST:PORT; empty: the host of --ingest, port 4503")
    data_dir: Path = Field(
        Path("opq-box-data"),
        description="where ring buffer, spool and certificate are kept; one folder per box in it",
    )
    u_din_v: float = Field(120.0, ge=50, le=1000, description="declared voltage Udin [V]")
    f_nominal_hz: float = Field(60.0, ge=45, le=65, description="nominal frequency [Hz]")
    source: Literal["synthetic", "replay", "opqbox"] = Field("synthetic", description="where samples come from")
    ring_s: float = Field(3600.0, gt=0, le=7 * 86_400, description="raw samples kept for requests [s]")
    spool_max_mb: int = Field(512, ge=1, description="space for frames that wait for the network [MB]")
    backfill_per_s: float = Field(
        BACKFILL_PER_S,
        ge=1,
        le=1000,
        description="frames a second that make up for time without network, beside live ones",
    )
    sys_class: Path = Field(SYS_CLASS, description="where the kernel tells of power supplies and temperatures")
    page: str = Field(
        "127.0.0.1:4580",
        description="where the page of this box is served, HOST:PORT; beyond loopback with a password only "
        "(opq box password); empty: nowhere",
    )
    update_key: Path | None = Field(None, description="public key that updates of the agent are checked with")
    update_health_s: float = Field(60.0, gt=0, description="opq box launch: a new version must measure within this [s]")
    update_probation_s: float = Field(120.0, gt=0, description="opq box launch: and stay alive for this [s]")
    scenario: Path | None = Field(None, description="synthetic: scenario file; without one a quiet supply")
    input: Path | None = Field(None, description="replay: the recording; opqbox: the device or FIFO")
    format: str = Field("auto", description="replay: auto, comtrade, pqdif, pqds, csv, parquet, wav, flac or raw16")
    channel: str = Field("", description="replay: name of the channel; empty: the first voltage")
    speed: float = Field(1.0, gt=0, description="replay: times real time")
    sample_rate_hz: float | None = Field(
        None, gt=0, description="replay of raw16 or csv without times: samples per second [Hz]"
    )
    volts_per_count: float | None = Field(
        None, gt=0, description="opqbox: volts per count [V], as calibrated by default; replay of raw16 or wav"
    )
    scale_to_nominal: bool = Field(False, description="replay: scale so that the undisturbed voltage is Udin")


def _seconds(value: object) -> object:
    return parse_seconds("length of time", value) if isinstance(value, str) else value


Length = Annotated[float, BeforeValidator(_seconds)]
"""Seconds; as text with a unit: 90s, 10m, 2h, 1d."""


class FleetSettings(ServiceSettings):
    """Run all boxes of a simulated scenario in one process, or write what they measure into files."""

    scenario: str = Field(
        description="campus, neighbourhood, city or a grid plan (YAML): light boxes by the thousand; "
        "or a scenario file (JSON) as written by opq up: whole agents"
    )
    ingest: str = Field("127.0.0.1:4500", description="address and port of ingest, HOST:PORT")
    data_dir: Path = Field(
        Path("opq-box-data"), description="agents: where ring buffers and spools are kept; one folder per box in it"
    )
    ring_s: float = Field(600.0, gt=0, description="raw samples kept per box [s]")
    seed: int = Field(1, ge=0, description="grid: another seed is another grid and other happenings")
    boxes: int | None = Field(None, ge=1, description="grid: only the first so many boxes")
    duration: Length = Field(86_400.0, ge=1, le=400 * 86_400, description="grid: how long, 90s, 10m, 2h, 1d")
    start: str = Field(
        "", description="grid: when it begins, ISO 8601 or -1h; empty: now, with --speed so that it ends now"
    )
    speed: float = Field(1.0, gt=0, le=1000, description="grid: seconds of the grid per second")
    spread: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="grid: send each box's frames later by its own part of this [s], not all together",
    )
    own_connections: bool = Field(False, description="grid: a connection per box, not one for 64")
    identities: Path | None = Field(
        None,
        description="folder with BOX_ID.pem and ca.crt (opq ca issue box): each box shows its own certificate, "
        "in a connection of its own, and renews it",
    )
    truth: Path | None = Field(None, description="grid: write what really happens to this JSON file")
    write_boxes: Path | None = Field(
        None, description="grid: write the boxes to this JSON file and end; enrol them with opq boxes add --from FILE"
    )
    journal: Path | None = Field(None, description="grid: write when frames with disturbances were sent, as JSON lines")
    output: Path | None = Field(None, description="grid: write features and truth to this folder; no server is needed")
    waveforms: Literal["none", "comtrade", "wav", "flac", "csv", "parquet", "pqdif", "raw16"] = Field(
        "none", description="with --output: also waveforms around each happening, in this format"
    )
