"""``opq box enrol``: give this box its certificate."""

import asyncio
import sys
from pathlib import Path

from pydantic import Field, SecretStr

from opq.clock import iso
from opq.errors import InvalidInput
from opq.ids import BoxId
from opq.rpc.service import ServiceSettings, parse_settings, run_service
from opq.trust.tokens import Token, parse_token
from opq_box_agent.durable import kept_by_owner
from opq_box_agent.identity import Credentials, Enrolment, enrol, identity_files
from opq_box_agent.settings import BoxSettings
from opq_box_agent.status.password import set_password

ENROL_PORT = 4503
"""Where boxes enrol unless they are told otherwise."""


class EnrolSettings(ServiceSettings):
    """Get the certificate of this box with a one-time token from opq boxes enrol."""

    token: SecretStr = Field(description="the token; - reads it from standard input")
    ingest: str = Field("127.0.0.1:4500", description="address and port of ingest, HOST:PORT")
    enrol: str = Field("", description="where to enrol, HOST:PORT; empty: the host of --ingest, port 4503")
    data_dir: Path = Field(
        Path("opq-box-data"), description="as of opq box run; the certificate goes into BOX_ID in it"
    )
    page_password: SecretStr | None = Field(None, description="also set the password of the page of this box")


def enrol_address(ingest: str, enrol: str) -> str:
    """Return where to enrol."""
    return enrol or f"{ingest.rpartition(':')[0]}:{ENROL_PORT}"


def read_token(text: SecretStr) -> Token:
    """Read a token, from standard input if it is ``-``.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    given = text.get_secret_value()
    return parse_token(sys.stdin.readline() if given == "-" else given)


def credentials(settings: BoxSettings, box_id: BoxId) -> Credentials | None:
    """Return as whom the box shows itself: with files of somebody else's making, its own certificate, or not at all.

    Raises
    ------
    InvalidInput
        If the token is for another box.
    """
    if settings.tls is not None:
        return Credentials(settings.tls, own=False)
    files = identity_files(settings.data_dir / box_id)
    if settings.enrol_token is None:
        return Credentials(files, own=True) if files.certificate.exists() else None
    token = read_token(settings.enrol_token)
    if token.box_id != box_id:
        raise InvalidInput(f"--enrol-token: got one for box {token.box_id}, expected one for {box_id}")
    return Credentials(files, own=True, enrolment=Enrolment(token, enrol_address(settings.ingest, settings.enrol)))


async def enrol_box(settings: EnrolSettings, _: asyncio.Event) -> None:
    """Enrol and say until when."""
    token = read_token(settings.token)
    files = identity_files(settings.data_dir / token.box_id)
    with kept_by_owner(settings.data_dir):
        if settings.page_password is not None:
            set_password(settings.data_dir / token.box_id, settings.page_password.get_secret_value())
        info = await enrol(Enrolment(token, enrol_address(settings.ingest, settings.enrol)), files)
    if info.identity.box_id != token.box_id:
        raise InvalidInput(f"enrolment: got a certificate of {info.identity}, expected one of box {token.box_id}")
    print(f"enrolled box {token.box_id} until {iso(info.not_after_unix_ns)}: {files.certificate}")  # noqa: T201


def main() -> None:
    """Run with settings from flags and environment."""
    settings = parse_settings(EnrolSettings, "opq box enrol", sys.argv[1:])
    run_service("opq box enrol", lambda stop: enrol_box(settings, stop))


if __name__ == "__main__":
    main()
