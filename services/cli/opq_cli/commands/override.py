"""``opq boxes override``: other limits or another window for a while, after which everything is as before."""

from typing import Annotated

import typer

from opq.clock import SystemClock, seconds_ns
from opq.errors import InvalidInput
from opq.model.overrides import LimitChanges, Override, check_window_cycles
from opq.store.overrides import clear_override, put_override
from opq.times import parse_seconds
from opq_cli.commands.box_options import Cycles, FDeviation, Thd, Transient, UHigh, ULow
from opq_cli.commands.boxes import confirmed, known_box
from opq_cli.output import STORE_OPTION
from opq_cli.site_store import open_site


def override(
    box_id: str,
    length: Annotated[str | None, typer.Option("--for", help="How long: 90s, 10m, 2h.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="End the override now.")] = False,
    window_cycles: Cycles = None,
    u_low_pu: ULow = None,
    u_high_pu: UHigh = None,
    f_deviation_hz: FDeviation = None,
    thd_pct: Thd = None,
    transient_pu: Transient = None,
    reason: Annotated[str, typer.Option(help="Why, for people.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the box has confirmed the window.")] = False,
    store: str = STORE_OPTION,
) -> None:
    """Override limits or window of a box for a while; it ends by itself and takes the place of an earlier one."""
    opened = open_site(store)
    box = known_box(opened, box_id)
    before = opened.boxes.status(box.box_id)
    changes = LimitChanges(u_low_pu, u_high_pu, f_deviation_hz, thd_pct, transient_pu)
    if clear:
        there_was = clear_override(opened, box.box_id)
        typer.echo(f"{box_id} is as enrolled again" if there_was else f"{box_id} has no override")
    else:
        if length is None:
            raise InvalidInput("--for: say how long, e.g. --for 10m, or --clear")
        if window_cycles is None and not changes.given():
            raise InvalidInput("say what is to differ, e.g. --window-cycles 1 or --u-low-pu 0.9")
        if window_cycles is not None:
            check_window_cycles(window_cycles, box.nominal.f_hz)
        until = SystemClock().unix_ns() + seconds_ns(parse_seconds("--for", length))
        made = Override(until, reason[:200], changes, window_cycles)
        put_override(opened, box.box_id, made)
        typer.echo(f"{box_id}: {made.phrase()}")
    if wait:
        typer.echo(confirmed(opened, box, before))
