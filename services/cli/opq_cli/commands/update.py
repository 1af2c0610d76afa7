"""``opq update``: make and check updates of the agent on boxes, where they are developed."""

from pathlib import Path
from typing import Annotated

import typer

from opq.updates.keys import load_private_key, load_public_key, make_keys
from opq.updates.package import sign_update, verify_update

app = typer.Typer(help="Make, sign and check updates of the agent on boxes.", no_args_is_help=True)


@app.command()
def keygen(
    out: Annotated[Path, typer.Option(help="Folder for update.key (keep it secret) and update.pub (for boxes).")],
) -> None:
    """Make the pair of keys that updates are signed and checked with."""
    private, public = make_keys(out)
    typer.echo(f"wrote {private}: keep it secret; who has it can run anything on every box that trusts it")
    typer.echo(f"wrote {public}: for boxes, opq box launch --update-key {public.name}")


@app.command()
def sign(
    payload: Annotated[Path, typer.Argument(help="Folder made by: pip install --no-deps --target FOLDER opq")],
    key: Annotated[Path, typer.Option(help="The private key, update.key.")],
    version: Annotated[str, typer.Option(help="Version of the agent in it.")],
    out: Annotated[Path, typer.Option(help="File to write.")],
    minimum_from: Annotated[str, typer.Option(help="Oldest version it may be installed over.")] = "0",
) -> None:
    """Pack and sign an update."""
    manifest = sign_update(payload, version, minimum_from, load_private_key(key), out)
    typer.echo(f"wrote {out}: version {manifest.version}, {manifest.size} bytes, over {manifest.minimum_from} or newer")


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="The update.")],
    key: Annotated[Path, typer.Option(help="The public key, update.pub.")],
) -> None:
    """Check that an update is whole and signed with the key."""
    manifest = verify_update(file, load_public_key(key))
    typer.echo(f"{file}: right; version {manifest.version}, over {manifest.minimum_from} or newer")
