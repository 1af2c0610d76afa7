"""``opq boxes``: enrol boxes, look at them, change them while they run."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from opq import ids
from opq.clock import DAY_NS, SystemClock
from opq.errors import InvalidInput, NotFound, Unavailable
from opq.ids import BoxId
from opq.model.boxes import Box, BoxStatus, Power
from opq.model.overrides import LimitChanges, check_window_cycles
from opq.store import Store
from opq.store.cut_offs import CutOff, read_cut_offs
from opq.store.overrides import Overrides, read_overrides
from opq_cli.commands.box_options import Cycles, FDeviation, Thd, Transient, UHigh, ULow
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, age, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(help="Add boxes, enrol them, look at them, change them.", no_args_is_help=True)
_WAIT_S = 30.0
"""Ingest tells a box of a change within 5 s; a box that measures in windows of a minute answers all the same."""
_POLL_S = 0.2


@app.command(name="list")
def list_boxes(store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """List boxes and what was last seen of them."""
    opened = open_site(store)
    statuses = {status.box_id: status for status in opened.boxes.statuses()}
    boxes = opened.boxes.list()
    if as_json:
        print_json([{"box": box, "status": statuses.get(box.box_id)} for box in boxes])
        return
    now = SystemClock().unix_ns()
    overrides, cut_offs = read_overrides(opened), read_cut_offs(opened)
    rows = [
        [*_row(box, statuses.get(box.box_id), now), _note(box, overrides, statuses, cut_offs.get(box.box_id), now)]
        for box in boxes
    ]
    print_table(_COLUMNS, rows, "No boxes yet. Enrol one with: opq boxes add BOX_ID --u-din-v 120 --f-hz 60")


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
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the box has confirmed the window.")] = False,
    store: str = STORE_OPTION,
) -> None:
    """Change a box while it runs; ingest and Makai take it up within seconds."""
    opened = open_site(store)
    box = known_box(opened, box_id)
    if window_cycles is not None:
        check_window_cycles(window_cycles, box.nominal.f_hz)
    changes = LimitChanges(u_low_pu, u_high_pu, f_deviation_hz, thd_pct, transient_pu)
    before = opened.boxes.status(box.box_id)
    changed = replace(
        box,
        name=box.name if name is None else name,
        grid_id=box.grid_id if grid is None else ids.grid_id(grid),
        feeder=box.feeder if feeder is None else feeder,
        window_cycles=box.window_cycles if window_cycles is None else window_cycles,
        limits=changes.applied(box.limits),
    )
    opened.boxes.put(changed)
    typer.echo(f"changed {box_id}" if changed != box else f"{box_id} is already so")
    if wait:
        typer.echo(confirmed(opened, changed, before))


@app.command()
def show(box_id: str, store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """Show one box: as enrolled, what is in force now, what it confirmed."""
    opened = open_site(store)
    box = known_box(opened, box_id)
    now = SystemClock().unix_ns()
    overrides = read_overrides(opened, box.box_id)
    status = opened.boxes.status(box.box_id)
    running = overrides.running(box.box_id, now)
    in_force = overrides.in_force(box, now)
    if as_json:
        print_json({"box": box, "in_force": in_force, "override": running, "status": status})
        return
    typer.echo(
        f"box {box.box_id}{f' ({box.name})' if box.name else ''} on grid {box.grid_id}, feeder {box.feeder or '-'}"
    )
    typer.echo(f"nominal {box.nominal.u_din_v:g} V {box.nominal.f_hz:g} Hz")
    override = overrides.problems.get(box.box_id) or (running and running.phrase())
    typer.echo(f"override: {override or 'none'}")
    limits = in_force.limits
    typer.echo(
        f"in force: U {limits.u_low_pu:g} to {limits.u_high_pu:g} pu, f +/-{limits.f_deviation_hz:g} Hz, "
        f"THD {limits.thd_pct:g} %, transient {limits.transient_pu:.4g} pu, {window(in_force.window_cycles)}"
    )
    typer.echo(f"the box says: {told_by_box(status, now)}")
    typer.echo(f"runs on: {runs_on(status)}")
    typer.echo(f"last seen: {age(status.seen_unix_ns, now) if status else 'never'}")
    if cut_off := read_cut_offs(opened).get(box.box_id):
        typer.echo(_cut_off_text(cut_off, now))


@app.command()
def remove(box_id: str, store: str = STORE_OPTION) -> None:
    """Forget a box; what it measured stays."""
    if not open_site(store).boxes.remove(ids.box_id(box_id)):
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
    Column("note", drop=4, shrink=True),
)


def _row(box: Box, status: BoxStatus | None, now_unix_ns: int) -> list[str]:
    nominal = f"{box.nominal.u_din_v:g} V {box.nominal.f_hz:g} Hz"
    head = [box.box_id, box.name, box.grid_id, box.feeder, nominal]
    if status is None:
        return [*head, "", "never", "", "", ""]
    state = "on line" if status.connected else "off line"
    values = [f"{status.u_rms_v:.2f}", f"{status.f_hz:.3f}", f"{status.thd_pct:.2f}"]
    return [*head, state, age(status.seen_unix_ns, now_unix_ns), *values]


def _note(
    box: Box, overrides: Overrides, statuses: Mapping[BoxId, BoxStatus], cut_off: CutOff | None, now_unix_ns: int
) -> str:
    """Say what is not as enrolled."""
    status, override = statuses.get(box.box_id), overrides.running(box.box_id, now_unix_ns)
    notes = [
        f"override does not read: {overrides.problems[box.box_id]}" if box.box_id in overrides.problems else "",
        override.phrase() if override else "",
        f"refused: {status.configuration_problem}" if status and status.configuration_problem else "",
        _cut_off_text(cut_off, now_unix_ns) if cut_off and now_unix_ns - cut_off.unix_ns < DAY_NS else "",
    ]
    return "; ".join(note for note in notes if note)


def _cut_off_text(cut_off: CutOff, now_unix_ns: int) -> str:
    times = "" if cut_off.times == 1 else f", {cut_off.times} times so far"
    return f"cut off {age(cut_off.unix_ns, now_unix_ns)}{times}: {cut_off.reason}"


def window(cycles: int) -> str:
    """Say how long a window is."""
    return f"windows of {cycles} cycle{'' if cycles == 1 else 's'}" if cycles else "basic windows"


def told_by_box(status: BoxStatus | None, now_unix_ns: int) -> str:
    """Say what a box answered to its configuration in this session."""
    if status is None or not status.configured_unix_ns:
        return "nothing yet in this session"
    if status.configuration_problem:
        return f"refused {age(status.configured_unix_ns, now_unix_ns)}: {status.configuration_problem}"
    return f"{window(status.window_cycles)}, confirmed {age(status.configured_unix_ns, now_unix_ns)}"


def runs_on(status: BoxStatus | None) -> str:
    """Say what a box runs on, and whether it had no room for all that it measured."""
    if status is None:
        return Power.UNKNOWN.value
    battery = "" if status.battery_pct is None else f", battery {status.battery_pct:.0f} %"
    dropped = f"; {status.dropped_frames} frames lost for want of space" if status.dropped_frames else ""
    return f"{status.power.value}{battery}{dropped}"


def confirmed(store: Store, box: Box, before: BoxStatus | None) -> str:
    """Wait until a box runs with the window it is to run with now, and say so.

    Raises
    ------
    InvalidInput
        If it refuses, with its reason.
    Unavailable
        If it is not there or does not answer.
    """
    answered = before.configured_unix_ns if before else 0
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        wanted = read_overrides(store, box.box_id).in_force(box, SystemClock().unix_ns()).window_cycles
        status = store.boxes.status(box.box_id)
        if status is None or not status.connected:
            raise Unavailable(f"box {box.box_id} is off line; it is told when it connects")
        if status.configuration_problem and status.configured_unix_ns != answered:
            raise InvalidInput(f"box {box.box_id} refused: {status.configuration_problem}")
        if status.configured_unix_ns and not status.configuration_problem and status.window_cycles == wanted:
            overridden = "" if wanted == box.window_cycles else ", by its override"
            return f"{box.box_id} confirmed {window(wanted)}{overridden}"
        time.sleep(_POLL_S)
    raise Unavailable(f"box {box.box_id} did not answer within {_WAIT_S:g} s; see: opq boxes show {box.box_id}")
