"""``opq boxes update``: offer a signed update of the agent to boxes."""

from pathlib import Path
from typing import Annotated

import typer

from opq.clock import SystemClock
from opq.errors import InvalidInput
from opq.store import Store
from opq.store.updates import offer_update, put_update, read_offers
from opq.updates.keys import load_public_key
from opq.updates.package import read_manifest, verify_update
from opq_cli.commands.boxes import known_box
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, print_json, print_table
from opq_cli.site_store import open_site

_COLUMNS = (Column("box"), Column("runs"), Column("offered"), Column("state"), Column("reason", shrink=True))


def update(
    box_id: Annotated[str | None, typer.Argument(help="The box.")] = None,
    file: Annotated[
        Path | None, typer.Argument(help="The signed update; without it, say what became of offers.")
    ] = None,
    all_boxes: Annotated[
        bool, typer.Option("--all", help="Offer it to all boxes: opq boxes update --all FILE")
    ] = False,
    key: Annotated[Path | None, typer.Option(help="Check it with this public key before it is offered.")] = None,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Offer a signed update to a box or to all; each box checks it by itself, tries it, and goes back if it is unhealthy."""
    opened = open_site(store)
    if all_boxes and box_id is not None and file is None:
        # The file is the only word then.
        file, box_id = Path(box_id), None
    if file is None:
        _tell(opened, box_id, as_json)
        return
    if all_boxes == (box_id is not None):
        raise InvalidInput("boxes update: expected either a box or --all, and the file of the update")
    manifest = verify_update(file, load_public_key(key)) if key else read_manifest(file)
    boxes = [known_box(opened, box_id)] if box_id else opened.boxes.list()
    stored = put_update(opened, file.read_bytes(), manifest.version)
    for box in boxes:
        offer_update(opened, box.box_id, stored, SystemClock().unix_ns())
    count = boxes[0].box_id if len(boxes) == 1 else f"{len(boxes)} boxes"
    typer.echo(f"offered version {manifest.version} to {count}; see what becomes of it with: opq boxes update")


def _tell(store: Store, box_id: str | None, as_json: bool) -> None:
    """Say what became of offers."""
    statuses = {status.box_id: status for status in store.boxes.statuses()}
    offers = {box: offer for box, offer in read_offers(store).items() if not box_id or box == box_id}
    if as_json:
        print_json([{"box_id": box, "offer": offer, "status": statuses.get(box)} for box, offer in offers.items()])
        return
    rows = []
    for box, offer in offers.items():
        runs = statuses[box].agent_version if box in statuses else ""
        state = "installed" if runs == offer.version else offer.state.value
        rows.append([box, runs, offer.version, state, offer.problem])
    print_table(_COLUMNS, rows, "No updates were offered. Offer one with: opq boxes update --all FILE")
