"""What can be set about the web pages."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from opq.errors import InvalidInput
from opq.rpc.service import ServiceSettings
from opq.rpc.tls import is_loopback

_PREFIX = "OPQ_"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class ViewSettings(ServiceSettings):
    """Show the site in a browser: the grid now, events, waveforms and incidents; to each what he may see."""

    host: str = Field(default="127.0.0.1", description="address to listen on; 0.0.0.0 for all")
    port: int = Field(default=8501, ge=1, le=65_535, description="port to listen on")
    store: str = Field(
        default="sqlite:opq-data/store",
        pattern=r"^(sqlite:.|mongodb(\+srv)?://.)",
        description="where results live: sqlite:DIRECTORY or mongodb://...",
    )
    sign_in: bool | None = Field(
        default=None,
        description="ask people who they are; without it whoever reaches the port may see and change everything. "
        "Default: only where --host is not on loopback",
    )
    public: bool = Field(default=True, description="whoever is not signed in sees the site without the names of boxes")
    https_cert: Path | None = Field(default=None, description="certificate for browsers (PEM); with --https-key")
    https_key: Path | None = Field(default=None, description="its private key (PEM)")
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+)?$",
        description="how visitors reach the pages through a proxy, https://HOST",
    )
    proxies: int = Field(
        default=0, ge=0, le=10, description="how many proxies stand before the pages and add to X-Forwarded-For"
    )

    @model_validator(mode="after")
    def _nothing_secret_in_clear_text(self) -> Self:
        if (self.https_cert is None) != (self.https_key is None):
            raise InvalidInput("got one of --https-cert and --https-key, expected both or none")
        if self.asks and not self.secure and not is_loopback(f"{self.host}:{self.port}"):
            raise InvalidInput(
                f"--host: got {self.host!r} without https, where people would send their passwords in clear text; expected "
                "--https-cert and --https-key, or the https --public-url of a proxy that stands before it"
            )
        return self

    @property
    def asks(self) -> bool:
        """Whether people are asked who they are."""
        return not is_loopback(f"{self.host}:{self.port}") if self.sign_in is None else self.sign_in

    @property
    def secure(self) -> bool:
        """Whether browsers speak https."""
        return self.https_cert is not None or self.public_url.startswith("https://")

    @property
    def names(self) -> list[str]:
        """The hosts that requests may name. Where nobody is asked who he is a page elsewhere could else come under a name of
        its own that leads here, and read everything with the eyes of whoever looks at it (DNS rebinding).
        """
        return ["*"] if self.asks or not is_loopback(f"{self.host}:{self.port}") else list(_LOOPBACK_NAMES)

    def publish(self) -> None:
        """Put the settings into the environment: pages run inside Streamlit, which hands them no arguments of ours."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if value is None:
                os.environ.pop(_PREFIX + name.upper(), None)
            else:
                os.environ[_PREFIX + name.upper()] = str(value)
