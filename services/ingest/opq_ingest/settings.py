"""What can be set about an ingest process."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from opq.rpc.tls import ServerSettings


class IngestSettings(ServerSettings):
    """Hold the sessions of boxes: check, store and forward what they send, carry requests down to them."""

    listen: str = Field("127.0.0.1:4500", description="address and port for boxes, HOST:PORT")
    store: str = Field("sqlite:opq-data/store", description="where results live: sqlite:DIRECTORY or mongodb://...")
    makai: str = Field(
        "127.0.0.1:4501",
        description="where Makai is, HOST:PORT; several shards as ID=HOST:PORT,ID=HOST:PORT with the ids of their --shards",
    )
    ingest_id: str = Field(
        "ingest-1", pattern=r"^[a-z0-9-]{1,63}$", description="name of this process, unique in the site"
    )
    ack_period_s: float = Field(5.0, ge=0.05, le=60, description="seconds between acknowledgements to a box")
    max_unacknowledged: int = Field(120, ge=1, le=10_000, description="frames a box may have under way")
    max_waiting_frames: int = Field(
        20_000, ge=100, description="frames held while the store is slow; when full, boxes are no longer read"
    )
    box_messages_per_s: float = Field(1200.0, ge=2, le=100_000, description="messages a box may send, on average")
    box_bytes_per_s: float = Field(
        4e6, ge=1e4, le=1e9, description="bytes a box may send, on average; of waveforms as many again"
    )
    box_patience_s: float = Field(
        300.0,
        ge=0.1,
        le=3600,
        description="how long a box may keep sending as much as it may, and more, before it is cut off",
    )
    box_connections_per_min: float = Field(
        60.0, ge=1, le=10_000, description="sessions a box may begin, and uploads of waveforms, on average"
    )
    enrol_listen: str = Field(
        "", description="address and port where boxes without a certificate enrol, HOST:PORT, usually port 4503"
    )
    ca: Path | None = Field(
        None, description="folder of the certificate authority (opq ca init): this process signs certificates of boxes"
    )
    certificate_days: float = Field(30.0, gt=1e-4, le=825, description="life of a certificate of a box [days]")

    @model_validator(mode="after")
    def _signs_with_tls_only(self) -> Self:
        if (self.ca or self.enrol_listen) and self.tls is None:
            raise ValueError("--ca and --enrol-listen need --tls-cert, --tls-key and --tls-ca")
        return self
