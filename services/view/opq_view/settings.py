"""What can be set about the web pages."""

from pydantic import Field

from opq.rpc.service import ServiceSettings

STORE_VARIABLE = "OPQ_STORE"


class ViewSettings(ServiceSettings):
    """Show the site in a browser: the grid now, events, waveforms and incidents. Reads the store, writes nothing."""

    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: int = Field(default=8501, ge=1, le=65_535, description="port to listen on")
    store: str = Field(
        default="sqlite:opq-data/store",
        pattern=r"^(sqlite:.|mongodb(\+srv)?://.)",
        description="where results live: sqlite:DIRECTORY or mongodb://...",
    )
