"""What commands print: tables for people, JSON for programs."""

import dataclasses
import json
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from opq.clock import iso

JSON_OPTION = typer.Option(False, "--json", help="Print JSON instead of a table.")
STORE_OPTION = typer.Option(
    "sqlite:opq-data/store", "--store", envvar="OPQ_STORE", help="sqlite:DIRECTORY or mongodb://..."
)
LIMIT_OPTION = typer.Option(50, "--limit", min=1, max=10_000, help="At most so many, newest first.")


def plain(value: Any) -> Any:
    """Turn dataclasses, enums and arrays into what JSON can hold; times gain an ISO twin."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.ndarray):
        return value.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        out: dict[str, Any] = {}
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            out[field.name] = plain(item)
            if field.name.endswith("_unix_ns") and isinstance(item, int) and item:
                out[field.name.removesuffix("_unix_ns")] = iso(item)
        return out
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    typer.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under columns, or the sentence `empty` if there are none."""
    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console()
    # Piped into another program no line may be broken.
    console.print(table, width=console.width if console.is_terminal else 200)
