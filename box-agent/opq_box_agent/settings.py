"""What can be set about a box, and about a fleet of simulated ones."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from opq.rpc.service import ServiceSettings


class BoxSettings(ServiceSettings):
    """Measure one box and stream its features to ingest."""

    box_id: str = Field(description="name of the box as it is enrolled, a-z 0-9 -")
    ingest: str = Field("127.0.0.1:4500", description="address and port of ingest, HOST:PORT")
    data_dir: Path = Field(
        Path("opq-box-data"), description="where ring buffer and spool are kept; one folder per box in it"
    )
    u_din_v: float = Field(120.0, ge=50, le=1000, description="declared voltage Udin [V]")
    f_nominal_hz: float = Field(60.0, ge=45, le=65, description="nominal frequency [Hz]")
    source: Literal["synthetic", "replay", "opqbox"] = Field("synthetic", description="where samples come from")
    ring_s: float = Field(3600.0, gt=0, le=7 * 86_400, description="raw samples kept for requests [s]")
    spool_max_mb: int = Field(512, ge=1, description="space for frames that wait for the network [MB]")
    scenario: Path | None = Field(None, description="synthetic: scenario file; without one a quiet supply")
    input: Path | None = Field(None, description="replay: the recording; opqbox: the device or FIFO")
    format: str = Field("auto", description="replay: auto, comtrade, pqdif, pqds, csv, parquet, wav, flac or raw16")
    channel: str = Field("", description="replay: name of the channel; empty: the first voltage")
    speed: float = Field(1.0, gt=0, description="replay: times real time")
    sample_rate_hz: float | None = Field(
        None, gt=0, description="replay of raw16 or csv without times: samples per second [Hz]"
    )
    volts_per_count: float | None = Field(None, gt=0, description="opqbox, replay of raw16 or wav: volts per count [V]")
    scale_to_nominal: bool = Field(False, description="replay: scale so that the undisturbed voltage is Udin")


class FleetSettings(ServiceSettings):
    """Run all boxes of a simulated scenario in one process, each a whole agent."""

    scenario: Path = Field(description="scenario file, as written by opq up")
    ingest: str = Field("127.0.0.1:4500", description="address and port of ingest, HOST:PORT")
    data_dir: Path = Field(
        Path("opq-box-data"), description="where ring buffers and spools are kept; one folder per box in it"
    )
    ring_s: float = Field(600.0, gt=0, description="raw samples kept per box [s]")
