"""``opq boxes enrol|certificates|revoke``: who of the boxes is let in."""

from pathlib import Path
from typing import Annotated

import typer

from opq import ids
from opq.clock import SystemClock, iso, seconds_ns
from opq.store.certificates import Certificates
from opq.store.trust import grant_enrolment, revoke
from opq.times import parse_seconds
from opq.trust.authority_file import load_authority
from opq.trust.names import Identity, Role
from opq.trust.records import IssuedCertificate, Revocations
from opq_cli.commands.ca import CA_OPTION
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, print_json, print_table
from opq_cli.site_store import open_site


def enrol(
    box_id: str,
    ttl: Annotated[str, typer.Option(help="How long the token is good: 10m, 2h, 7d.")] = "1d",
    ca: Path = CA_OPTION,
    store: str = STORE_OPTION,
) -> None:
    """Print a one-time token with which a box gets its certificate; a revoked box is admitted again."""
    opened, now = open_site(store), SystemClock().unix_ns()
    ttl_ns = seconds_ns(parse_seconds("--ttl", ttl))
    token = grant_enrolment(opened, load_authority(ca), ids.box_id(box_id), now, ttl_ns)
    typer.echo(f"token for box {box_id}, good once until {iso(now + ttl_ns)}:", err=True)
    typer.echo(token.text)


def certificates(
    box_id: Annotated[str | None, typer.Argument(help="Only of this box; without it of boxes and services.")] = None,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List certificates that this site issued, and whether they are still good."""
    known, now = Certificates(open_site(store)), SystemClock().unix_ns()
    found = known.all() if box_id is None else known.of(Identity(Role.BOX, ids.box_id(box_id)))
    revocations = known.revocations()
    if as_json:
        print_json([{"certificate": one, "state": _state(one, revocations, now)} for one in found])
        return
    columns = (Column("of"), Column("serial"), Column("issued"), Column("until"), Column("how"), Column("state"))
    rows = [
        [
            str(one.identity),
            one.serial,
            iso(one.issued_unix_ns),
            iso(one.not_after_unix_ns),
            one.how,
            _state(one, revocations, now),
        ]
        for one in found
    ]
    print_table(columns, rows, "No certificates yet. Enrol a box with: opq boxes enrol BOX")


def _state(certificate: IssuedCertificate, revocations: Revocations, now_unix_ns: int) -> str:
    box_id = certificate.box_id
    if certificate.serial in revocations.serials or (box_id is not None and box_id in revocations.boxes):
        return "revoked"
    return "expired" if certificate.not_after_unix_ns <= now_unix_ns else "valid"


def revoke_certificates(
    name: Annotated[str, typer.Argument(metavar="BOX|SERIAL", help="A box with all it has, or one certificate.")],
    reason: Annotated[str, typer.Option(help="Why; the box is told.")] = "",
    store: str = STORE_OPTION,
) -> None:
    """Accept a box, or one certificate, no longer: its connections end within seconds."""
    revoked = revoke(open_site(store), name, SystemClock().unix_ns(), reason)
    if revoked.box_id is None:
        typer.echo(f"revoked certificate {revoked.serials[0]}")
        return
    typer.echo(f"revoked box {revoked.box_id}: {len(revoked.serials)} certificates, {revoked.tokens} unused tokens")
    typer.echo(f"let it in again with: opq boxes enrol {revoked.box_id}")
