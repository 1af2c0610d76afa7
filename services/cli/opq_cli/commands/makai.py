"""``opq makai watch|state|detectors|reload``: look at a Makai that runs. ``opq makai`` with flags starts one."""

import asyncio
import json
from typing import Annotated

import typer

from opq import ids
from opq.clock import NS, SystemClock, iso
from opq.errors import check_option
from opq.model.events import TriggerKind
from opq.rpc.makai import BoxState, MakaiClient, SeenTrigger
from opq_cli.commands import detectors
from opq_cli.commands.boxes import known_box
from opq_cli.commands.shards import MAKAI_OPTION, TlsCa, TlsCert, TlsKey, client, run
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, plain, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(
    help="Run a Makai process (opq makai --help), or look at one that runs: watch, state, detectors, reload."
)
app.add_typer(detectors.app, name="detectors")
app.command(name="reload")(detectors.reload)


@app.command()
def watch(
    grid: Annotated[str, typer.Option(help="Only on this grid.")] = "",
    box: Annotated[str, typer.Option(help="Only at this box.")] = "",
    kind: Annotated[
        str | None, typer.Option(help="Only hard ones (outside limits) or soft ones (outside habit).")
    ] = None,
    makai: str = MAKAI_OPTION,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    store: str = STORE_OPTION,
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object per line."),
) -> None:
    """Show triggers as they are found, until Ctrl-C."""
    wanted = TriggerKind(check_option("--kind", kind, [item.value for item in TriggerKind])) if kind else None
    makai_client = client(makai, tls_cert, tls_key, tls_ca)
    if box:
        grid = grid or known_box(open_site(store), box).grid_id
    addresses = [makai_client.address(ids.grid_id(grid))] if grid else makai_client.all_addresses
    try:
        run(_watch_all(makai_client, addresses, grid, box, wanted, as_json))
    except KeyboardInterrupt:
        typer.echo("", err=True)


async def _watch_all(
    makai: MakaiClient, addresses: list[str], grid: str, box: str, kind: TriggerKind | None, as_json: bool
) -> None:
    async def one(address: str) -> None:
        async for seen in makai.watch(address, grid, box, kind):
            for line in _lines(seen, as_json):
                typer.echo(line)

    typer.echo("watching; stop with Ctrl-C", err=True)
    await asyncio.gather(*(one(address) for address in addresses))


def _lines(seen: SeenTrigger, as_json: bool) -> list[str]:
    if as_json:
        return [json.dumps(plain(seen), ensure_ascii=False)]
    trigger = seen.trigger
    lost = [f"... {seen.lost} left out: this terminal is too slow"] if seen.lost else []
    seconds = (trigger.end_unix_ns - trigger.start_unix_ns) / NS
    return [
        *lost,
        f"{iso(trigger.start_unix_ns)}  {trigger.box_id}  {seen.grid_id}  {seconds:.2f} s  {trigger.reason()}",
    ]


@app.command()
def state(
    box: str,
    makai: str = MAKAI_OPTION,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    tls_ca: TlsCa = None,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """Show what Makai knows of a box: limits in force, what is usual there, how unusual it is right now."""
    known = known_box(open_site(store), box)
    found = run(client(makai, tls_cert, tls_key, tls_ca).box_state(known.grid_id, known.box_id))
    if as_json:
        print_json(found)
        return
    _print_state(found)


def _print_state(found: BoxState) -> None:
    limits = found.limits
    window = f"{found.window_cycles} cycles" if found.window_cycles else "basic"
    lag = f"{found.clock_lag_ns / NS:.2f} s" if found.clock_lag_ns else "nothing came yet"
    clock = "" if found.clock_believed else "; its clock is not believed, so it is judged alone"
    typer.echo(
        f"box {found.box_id} on grid {found.grid_id}, decided by {found.makai_id} at {iso(SystemClock().unix_ns())}"
    )
    typer.echo(
        f"limits in force: U {limits.u_low_pu:g} to {limits.u_high_pu:g} pu, f +/-{limits.f_deviation_hz:g} Hz, "
        f"THD {limits.thd_pct:g} %, transient {limits.transient_pu:.4g} pu; window: {window}"
    )
    typer.echo(f"newest window lies back: {lag}{clock}")
    typer.echo(
        f"waveform asked for in 24 h: {found.budget_used_pct:.3g} % of the time, {found.budget_pct:g} % allowed; "
        f"neighbours: {', '.join(found.neighbours) or 'none'}\n"
    )
    rows = [
        [item.detector, item.metric, f"{item.score:.2f}", f"{item.mean:.5g}", f"{item.spread:.3g}"]
        for item in found.scores
    ]
    columns = (Column("detector"), Column("metric"), Column("score"), Column("usual"), Column("spread"))
    print_table(columns, rows, "No detector has a model of this box yet.")
