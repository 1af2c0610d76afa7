"""``opq boxes add``: enrol one box, or all of a file at once."""

from pathlib import Path
from typing import Annotated

import typer

from opq import ids
from opq.errors import Duplicate, InvalidInput
from opq.model.box_list import load_boxes
from opq.model.boxes import Box, Nominal
from opq.store import Store
from opq_cli.output import STORE_OPTION
from opq_cli.site_store import open_site


def add(
    box_id: Annotated[str | None, typer.Argument()] = None,
    grid: Annotated[str, typer.Option(help="Grid it hangs on: boxes of one grid are electrically connected.")] = "main",
    u_din_v: Annotated[float, typer.Option(help="Declared voltage Udin [V].")] = 120.0,
    f_hz: Annotated[float, typer.Option(help="Nominal frequency [Hz].")] = 60.0,
    name: Annotated[str, typer.Option(help="Name for people.")] = "",
    feeder: Annotated[str, typer.Option(help="Branch it hangs on; boxes with the same feeder are neighbours.")] = "",
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="Enrol all boxes of a file, as opq simulate --write-boxes writes it."),
    ] = None,
    store: str = STORE_OPTION,
) -> None:
    """Enrol a box, or with --from many; of these, boxes that are already enrolled just so are left alone."""
    if (box_id is None) == (from_file is None):
        raise InvalidInput("boxes add: expected either the id of a box or --from FILE")
    opened = open_site(store)
    if from_file is not None:
        typer.echo(_add_all(opened, from_file))
    elif box_id is not None:
        new = Box(ids.box_id(box_id), ids.grid_id(grid), Nominal(u_din_v, f_hz), name, feeder)
        if opened.boxes.get(new.box_id) is not None:
            raise Duplicate(f"box {box_id} is already enrolled; change it with: opq boxes set {box_id} ...")
        opened.boxes.put(new)
        typer.echo(f"enrolled {box_id} on grid {grid}, {u_din_v:g} V {f_hz:g} Hz")


def _add_all(store: Store, path: Path) -> str:
    """Enrol the boxes of a file; nothing at all if one of them is enrolled as something else."""
    boxes = load_boxes(path)
    known = {box.box_id: box for box in store.boxes.list()}
    for box in boxes:
        before = known.get(box.box_id)
        if before is not None and (before.grid_id, before.nominal) != (box.grid_id, box.nominal):
            raise Duplicate(f"box {box.box_id} is already enrolled on grid {before.grid_id}; no box was enrolled")
    new = [box for box in boxes if box.box_id not in known]
    for box in new:
        store.boxes.put(box)
    grids = ", ".join(sorted({box.grid_id for box in boxes}))
    there = f"; {len(boxes) - len(new)} were already there" if len(new) < len(boxes) else ""
    return f"enrolled {len(new)} boxes on grid {grids}{there}"
