"""``opq audit``: who did what to the site."""

from typing import Annotated

import typer

from opq.clock import iso
from opq.store.audit import oldest_first
from opq.trust.audit import problems
from opq_cli.output import JSON_OPTION, LIMIT_OPTION, STORE_OPTION, Column, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(help="Who did what to the site.", no_args_is_help=True)


@app.command(name="list")
def list_entries(
    before: Annotated[int | None, typer.Option(help="Only entries with a lower number.")] = None,
    limit: int = LIMIT_OPTION,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List acts, newest first."""
    entries = open_site(store).audit.list(limit, before)
    if as_json:
        print_json(entries)
        return
    columns = (
        Column("number"),
        Column("when"),
        Column("who"),
        Column("act"),
        Column("of"),
        Column("detail", shrink=True),
    )
    rows = [[str(one.number), iso(one.unix_ns), one.actor, one.action, one.subject, one.detail] for one in entries]
    print_table(columns, rows, "Nothing was changed by anybody yet.")


@app.command()
def check(store: str = STORE_OPTION) -> None:
    """Say whether an entry was changed or taken away since it was written; exit code 1 if so.

    Keep the digest that is printed: as long as a later log contains it, nothing before it was changed.
    """
    entries = list(oldest_first(open_site(store)))
    wrong = problems(entries)
    for sentence in wrong:
        typer.echo(sentence)
    if wrong:
        raise typer.Exit(1)
    newest = f", the newest with digest {entries[-1].digest}" if entries else ""
    typer.echo(f"{len(entries)} entries, none changed{newest}")
