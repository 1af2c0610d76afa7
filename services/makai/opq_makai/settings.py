"""What can be set about a Makai process."""

from pydantic import Field

from opq.rpc.service import ServiceSettings


class MakaiSettings(ServiceSettings):
    """Watch all boxes of the grids and ask for waveforms where and when something happened."""

    listen: str = Field("127.0.0.1:4501", description="address and port for ingest, HOST:PORT")
    store: str = Field("sqlite:opq-data/store", description="where results live: sqlite:DIRECTORY or mongodb://...")
    makai_id: str = Field(
        "makai-1", pattern=r"^[a-z0-9-]{1,63}$", description="name of this process, unique in the site"
    )
    quiet_s: float = Field(2.5, ge=2.0, le=60, description="an event closes after this long without a trigger [s]")
    answer_timeout_s: float = Field(30, ge=1, le=600, description="a waveform not there after this long is missing [s]")
