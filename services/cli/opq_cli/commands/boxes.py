"""``opq boxes``: enrol boxes, look at them, change them while they run."""

from dataclasses import replace
from typing import Annotated

import typer

from opq import ids
from opq.clock import SystemClock
from opq.errors import Duplicate, NotFound
from opq.ids import BoxId
from opq.model.boxes import Box, BoxStatus, Limits, Nominal
from opq.store import Store, open_store
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, age, print_json, print_table

app = typer.Typer(help="Enrol boxes, look at them, change them.", no_args_is_help=True)
MAX_WINDOW_CYCLES = 3600

ULow = Annotated[float | None, typer.Option(help="Lower voltage limit [pu].", min=0, max=1)]
UHigh = Annotated[float | None, typer.Option(help="Upper voltage limit [pu].", min=1, max=3)]
FDeviation = Annotated[
    float | None, typer.Option("--f-deviation-hz", help="Frequency limit, +/- [Hz].", min=0.001, max=10)
]
Thd = Annotated[float | None, typer.Option("--thd-pct", help="Distortion limit [%].", min=0.1, max=100)]
Transient = Annotated[
    float | None, typer.Option("--transient-pu", help="Transient limit [pu of Udin].", min=0.001, max=10)
]
Cycles = Annotated[
    int | None,
    typer.Option(help="Cycles per feature window; 0 is the basic window of 10 or 12.", min=0, max=MAX_WINDOW_CYCLES),
]


@app.command(name="list")
def list_boxes(store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """List boxes and what was last seen of them."""
    opened = open_store(store)
    statuses = {status.box_id: status for status in opened.boxes.statuses()}
    boxes = opened.boxes.list()
    if as_json:
        print_json([{"box": box, "status": statuses.get(box.box_id)} for box in boxes])
        return
    now = SystemClock().unix_ns()
    rows = [_row(box, statuses.get(box.box_id), now) for box in boxes]
    print_table(_COLUMNS, rows, "No boxes yet. Enrol one with: opq boxes add BOX_ID --u-din-v 120 --f-hz 60")


@app.command()
def add(
    box_id: str,
    grid: str = typer.Option("main", help="Grid it hangs on: boxes of one grid are electrically connected."),
    u_din_v: float = typer.Option(120.0, help="Declared voltage Udin [V]."),
    f_hz: float = typer.Option(60.0, help="Nominal frequency [Hz]."),
    name: str = typer.Option("", help="Name for people."),
    feeder: str = typer.Option("", help="Branch it hangs on; boxes with the same feeder are neighbours."),
    store: str = STORE_OPTION,
) -> None:
    """Enrol a box."""
    opened = open_store(store)
    new = Box(ids.box_id(box_id), ids.grid_id(grid), Nominal(u_din_v, f_hz), name, feeder)
    if opened.boxes.get(new.box_id) is not None:
        raise Duplicate(f"box {box_id} is already enrolled; change it with: opq boxes set {box_id} ...")
    opened.boxes.put(new)
    typer.echo(f"enrolled {box_id} on grid {grid}, {u_din_v:g} V {f_hz:g} Hz")


@app.command(name="set")
def set_box(
    box_id: str,
    name: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    grid: Annotated[str | None, typer.Option(help="Grid it hangs on.")] = None,
    feeder: Annotated[str | None, typer.Option(help="Branch it hangs on.")] = None,
    window_cycles: Cycles = None,
    u_low_pu: ULow = None,
    u_high_pu: UHigh = None,
    f_deviation_hz: FDeviation = None,
    thd_pct: Thd = None,
    transient_pu: Transient = None,
    store: str = STORE_OPTION,
) -> None:
    """Change a box while it runs; ingest and Makai take it up within seconds."""
    opened = open_store(store)
    box = known_box(opened, box_id)
    given = {
        "u_low_pu": u_low_pu,
        "u_high_pu": u_high_pu,
        "f_deviation_hz": f_deviation_hz,
        "thd_pct": thd_pct,
        "transient_pu": transient_pu,
    }
    limits: Limits = replace(box.limits, **{key: value for key, value in given.items() if value is not None})
    changed = replace(
        box,
        name=box.name if name is None else name,
        grid_id=box.grid_id if grid is None else ids.grid_id(grid),
        feeder=box.feeder if feeder is None else feeder,
        window_cycles=box.window_cycles if window_cycles is None else window_cycles,
        limits=limits,
    )
    opened.boxes.put(changed)
    typer.echo(f"changed {box_id}" if changed != box else f"{box_id} is already so")


@app.command()
def remove(box_id: str, store: str = STORE_OPTION) -> None:
    """Forget a box; what it measured stays."""
    if not open_store(store).boxes.remove(ids.box_id(box_id)):
        raise NotFound(f"box {box_id} is not enrolled")
    typer.echo(f"removed {box_id}")


def known_box(store: Store, box_id: str) -> Box:
    """Return a box, or say which there are."""
    box = store.boxes.get(BoxId(box_id))
    if box is None:
        known = ", ".join(other.box_id for other in store.boxes.list()[:20]) or "none"
        raise NotFound(f"box {box_id} is not enrolled; enrolled: {known}")
    return box


_COLUMNS = (
    Column("box"),
    Column("name", shrink=True),
    Column("grid", drop=2),
    Column("feeder", drop=3),
    Column("nominal", drop=1),
    Column("state"),
    Column("last seen"),
    Column("V"),
    Column("Hz"),
    Column("THD %"),
)


def _row(box: Box, status: BoxStatus | None, now_unix_ns: int) -> list[str]:
    nominal = f"{box.nominal.u_din_v:g} V {box.nominal.f_hz:g} Hz"
    head = [box.box_id, box.name, box.grid_id, box.feeder, nominal]
    if status is None:
        return [*head, "", "never", "", "", ""]
    state = "on line" if status.connected else "off line"
    values = [f"{status.u_rms_v:.2f}", f"{status.f_hz:.3f}", f"{status.thd_pct:.2f}"]
    return [*head, state, age(status.last_frame_unix_ns, now_unix_ns), *values]
