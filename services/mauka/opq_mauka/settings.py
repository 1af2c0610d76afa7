"""What can be set about the hub and the workers of Mauka."""

from pydantic import Field

from opq.rpc.tls import ServerSettings, TlsSettings


class HubSettings(ServerSettings):
    """Hand tasks to workers, store what they find."""

    listen: str = Field("127.0.0.1:4502", description="address and port for workers, HOST:PORT")
    store: str = Field("sqlite:opq-data/store", description="where results live: sqlite:DIRECTORY or mongodb://...")
    hub_id: str = Field("hub-1", pattern=r"^[a-z0-9-]{1,63}$", description="name of this process, unique in the site")
    lease_s: float = Field(
        15.0, ge=1, le=3600, description="a task whose worker is silent this long is given to another [s]"
    )
    max_attempts: int = Field(
        5, ge=1, le=100, description="a task that failed this often is set aside for a person to look at"
    )


class WorkerSettings(TlsSettings):
    """Run plugins on the tasks that the hub hands out."""

    hub: str = Field("127.0.0.1:4502", description="address and port of the hub, HOST:PORT")
    worker_id: str = Field(
        "worker-1", pattern=r"^[a-z0-9-]{1,63}$", description="name of this process, unique in the site"
    )
    plugins: str = Field(
        "", description="names of the plugins to run, separated by commas; empty: all that are installed"
    )
    config: str = Field("", description="JSON file with a configuration per plugin name; empty: defaults")
