"""``opq store``: whether what is stored fits together, and a copy of all of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from opq.clock import SystemClock
from opq.errors import InvalidInput
from opq.store import archive, open_store
from opq.store.audit import record
from opq.store.check import check_store
from opq_cli.output import STORE_OPTION
from opq_cli.site_store import actor, open_site

app = typer.Typer(help="Check, back up and restore what is stored.", no_args_is_help=True)


@app.command()
def check(store: str = STORE_OPTION) -> None:
    """Read everything and say what does not fit together; exit code 1 if anything does not.

    Waveforms that are not whole, questions that were never answered, answers to none, work that failed for good.
    """
    wrong = 0
    for sentence in check_store(open_site(store)):
        typer.echo(sentence)
        wrong += 1
    if wrong:
        raise typer.Exit(1)
    typer.echo("everything fits together")


@app.command()
def backup(file: Path, store: str = STORE_OPTION) -> None:
    """Copy everything into one file, also while the site runs. Every kind of store can be restored from it."""
    if not file.absolute().parent.is_dir():
        raise InvalidInput(f"backup: there is no folder {file.absolute().parent}")
    opened, now = open_site(store), SystemClock().unix_ns()
    record(opened, now, actor(), "store.backup", str(file))
    with _progress() as told:
        left_out = archive.backup(opened, file, now, told)
    for sentence in left_out:
        typer.echo(f"left out: {sentence}", err=True)
    typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


@app.command()
def restore(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], store: str = STORE_OPTION) -> None:
    """Fill an empty store from a backup, of this kind of store or another."""
    # Not as a person: what is restored was recorded when it was done, and the log is restored with it.
    opened = open_store(store)
    with _progress() as told:
        archive.restore(opened, file, told)
    record(opened, SystemClock().unix_ns(), actor(), "store.restore", str(file))
    typer.echo(f"restored {file} into {store}")


@contextmanager
def _progress() -> Iterator[archive.Progress]:
    """Show bars on a terminal, one per kind of thing."""
    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield told
