"""``opq evaluate makai``: recall, false events, bytes and latency on simulated grids."""

import json
import sys
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from opq.analysis.heap import keep_freed_memory
from opq.errors import InvalidInput, OpqError
from opq_makai.evaluation.report import run, summary, table

app = typer.Typer(
    name="opq evaluate",
    help="Judge a part of OPQ on a simulated grid with ground truth.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def _root() -> None:
    """See the help of `app`."""


@app.command()
def makai(
    scenario: Annotated[
        list[str], typer.Option(help="campus, neighbourhood, city or a plan file; may be given several times.")
    ] = ["campus"],  # noqa: B006 - typer reads it, nobody changes it
    hours: Annotated[float, typer.Option(help="Simulated time of each run [h].", min=0.25, max=24 * 31)] = 24.0,
    seeds: Annotated[str, typer.Option(help="Seeds of the runs, with commas between.")] = "1",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let Makai watch simulated grids in compressed time and compare what it decided with what happened."""
    keep_freed_memory()
    results = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for name in scenario:
            numbers = _numbers(seeds)
            task = progress.add_task(name, total=round(hours * 60) * len(numbers))
            advance = partial(progress.advance, task)
            results.append(summary([run(name, seed, hours, advance) for seed in numbers]))
    if as_json:
        typer.echo(json.dumps({"evaluations": results}, indent=2))
    else:
        typer.echo(table(results))


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInput(
            f"--seeds: got {text!r}, expected whole numbers with commas between, such as 1,2,3"
        ) from None


def main() -> None:
    """Run the command line; what goes wrong is one line on standard error and exit code 1."""
    try:
        app()
    except (OpqError, OSError) as error:
        print(f"opq evaluate: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
