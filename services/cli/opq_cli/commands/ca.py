"""``opq ca``: the certificate authority of a site, and certificates of its services."""

from pathlib import Path
from typing import Annotated

import typer

from opq import ids
from opq.clock import DAY_NS, SystemClock, iso
from opq.errors import InvalidInput
from opq.store.audit import record
from opq.store.certificates import Certificates
from opq.store.trust import forget_old_roots, init_authority, rotate_authority
from opq.trust.authority import BOX_LIFE_NS, SERVICE_LIFE_NS, fingerprint
from opq.trust.authority_file import BUNDLE_FILE, SECRET_FILE, load_authority
from opq.trust.files import PUBLIC, write_file
from opq.trust.names import Identity, Role, service_role
from opq_cli.issuing import issue_files
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, print_json, print_table
from opq_cli.site_store import actor, open_site

app = typer.Typer(help="The certificate authority of a site: make it, look at it, change it.", no_args_is_help=True)
CA_OPTION = typer.Option("opq-data/ca", "--ca", envvar="OPQ_CA", help="Folder of the certificate authority.")
Days = Annotated[
    float | None, typer.Option(help="Life of the certificate; 365 for a service, 30 for a box.", min=1e-4, max=3650)
]


@app.command()
def init(ca: Path = CA_OPTION, store: str = STORE_OPTION) -> None:
    """Make the certificate authority: a key that never leaves the folder, and a root to give to everybody."""
    opened, now = open_site(store), SystemClock().unix_ns()
    authority = init_authority(ca, now)
    record(opened, now, actor(), "authority.init", authority.fingerprint)
    typer.echo(f"made {ca / SECRET_FILE} (secret: keep a copy where nobody else gets it) and {ca / BUNDLE_FILE}")
    typer.echo(f"root {authority.fingerprint}")


@app.command()
def status(ca: Path = CA_OPTION, store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Show the roots that are trusted, and how many valid certificates each has signed."""
    authority, now = load_authority(ca), SystemClock().unix_ns()
    certificates = Certificates(open_site(store))
    revoked = certificates.revocations().serials
    living = [one for one in certificates.all() if one.not_after_unix_ns > now and one.serial not in revoked]
    roots = [
        {
            "fingerprint": fingerprint(root),
            "signs": root == authority.root,
            "until": root.not_valid_after_utc.isoformat(),
            "valid_certificates": sum(one.root_fingerprint == fingerprint(root) for one in living),
        }
        for root in authority.roots
    ]
    if as_json:
        print_json({"folder": str(ca), "roots": roots})
        return
    columns = (Column("root"), Column("state"), Column("until"), Column("valid certificates"))
    rows = [
        [
            str(root["fingerprint"]),
            "signs" if root["signs"] else "trusted",
            str(root["until"])[:10],
            str(root["valid_certificates"]),
        ]
        for root in roots
    ]
    print_table(columns, rows, "")


@app.command()
def rotate(
    forget: Annotated[
        bool, typer.Option("--forget-old", help="Make no new root; trust only the newest from now on.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Forget old roots though certificates of theirs are valid.")
    ] = False,
    ca: Path = CA_OPTION,
    store: str = STORE_OPTION,
) -> None:
    """Let a new root sign; what the old ones signed stays valid until they are forgotten."""
    opened, now = open_site(store), SystemClock().unix_ns()
    if forget:
        authority = forget_old_roots(opened, ca, now, force)
        record(opened, now, actor(), "authority.forget_old", authority.fingerprint)
        typer.echo(f"only root {authority.fingerprint} is trusted; give {ca / BUNDLE_FILE} to all services")
        return
    authority = rotate_authority(ca, now)
    record(opened, now, actor(), "authority.rotate", authority.fingerprint)
    typer.echo(f"root {authority.fingerprint} signs from now on; {len(authority.old_roots)} older trusted")
    typer.echo(
        f"give {ca / BUNDLE_FILE} to all services and issue their certificates anew (opq ca issue ... --replace); "
        "boxes follow by themselves; when opq ca status shows no certificate of the old root: opq ca rotate --forget-old"
    )


@app.command()
def issue(
    role: Annotated[str, typer.Argument(help="ingest, makai, hub, worker, view, operator, client, or box.")],
    out: Annotated[
        Path, typer.Option(help="Folder for tls.crt, tls.key and ca.crt (of a box: BOX_ID.pem and ca.crt).")
    ],
    box: Annotated[str, typer.Option(help="With box: which, with commas between, or all.")] = "",
    days: Days = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that are there.")] = False,
    ca: Path = CA_OPTION,
    store: str = STORE_OPTION,
) -> None:
    """Issue a certificate with its key, which is written for its owner only and never printed."""
    opened, authority = open_site(store), load_authority(ca)
    if (role == Role.BOX.value) != bool(box):
        raise InvalidInput("issue: expected --box ID for the role box, and only for it")
    if not box:
        life = SERVICE_LIFE_NS if days is None else round(days * DAY_NS)
        identity = Identity(service_role(role))
        until = issue_files(opened, authority, identity, (out / "tls.crt", out / "tls.key"), life, replace)
        write_file(out / BUNDLE_FILE, authority.bundle, PUBLIC, replace=True)
        typer.echo(f"issued {role} until {iso(until)}: {out}")
        return
    known = {one.box_id for one in opened.boxes.list()}
    chosen = sorted(known) if box == "all" else [ids.box_id(name.strip()) for name in box.split(",")]
    strange = [box_id for box_id in chosen if box_id not in known]
    if strange:
        raise InvalidInput(f"--box: {strange[0]} is not known at this site; add it with: opq boxes add {strange[0]}")
    for box_id in chosen:
        path = out / f"{box_id}.pem"
        life = BOX_LIFE_NS if days is None else round(days * DAY_NS)
        issue_files(opened, authority, Identity(Role.BOX, box_id), (path, path), life, replace)
    write_file(out / BUNDLE_FILE, authority.bundle, PUBLIC, replace=True)
    typer.echo(f"issued {len(chosen)} certificates of boxes: {out}")
