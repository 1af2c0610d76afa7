"""What commands print: tables for people, JSON for programs."""

import dataclasses
import json
import shutil
import sys
from collections.abc import Sequence
from enum import Enum
from typing import Any

import numpy as np
import typer
from rich.cells import cell_len, set_cell_size

from opq.clock import NS, iso

JSON_OPTION = typer.Option(False, "--json", help="Print JSON instead of a table.")
STORE_OPTION = typer.Option(
    "sqlite:opq-data/store", "--store", envvar="OPQ_STORE", help="sqlite:DIRECTORY or mongodb://..."
)
LIMIT_OPTION = typer.Option(50, "--limit", min=1, max=10_000, help="At most so many, newest first.")

_LEAST_WIDTH = 8
"""A column is not cut narrower than this."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, and what becomes of it where the terminal is too narrow. Ids are never cut."""

    title: str
    drop: int = 0
    """Left out if the table is too wide, those with the highest number first; 0 never."""
    shrink: bool = False
    """Cut at its end, with an ellipsis, rather than that another column is left out."""


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows under columns, or the sentence `empty` if there are none; in a pipe everything, one line per row."""
    if not rows:
        typer.echo(empty)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    header, *lines = table_lines(columns, rows, width)
    typer.echo(typer.style(header, bold=True))
    for line in lines:
        typer.echo(line)


def table_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Lay out a table: the line of titles, then one line per row, no longer than `width` if that can be."""
    clean = [[" ".join(cell.split()) for cell in row] for row in rows]
    widths = [
        max(cell_len(text) for text in (column.title, *(row[index] for row in clean)))
        for index, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    if width is not None:
        _make_fit(columns, widths, kept, width)
    laid = [[column.title for column in columns], *clean]
    return ["  ".join(_cell(row[index], widths[index]) for index in kept).rstrip() for row in laid]


def _make_fit(columns: Sequence[Column], widths: list[int], kept: list[int], width: int) -> None:
    def excess() -> int:
        return sum(widths[index] for index in kept) + 2 * (len(kept) - 1) - width

    def cut() -> None:
        for index in kept:
            if columns[index].shrink and excess() > 0:
                least = min(widths[index], max(_LEAST_WIDTH, cell_len(columns[index].title)))
                widths[index] = max(least, widths[index] - excess())

    whole = list(widths)
    for index in [None, *sorted((at for at in kept if columns[at].drop), key=lambda at: -columns[at].drop)]:
        if index is not None:
            kept.remove(index)
        widths[:] = whole
        cut()
        if excess() <= 0:
            return


def _cell(text: str, width: int) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1).rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    return set_cell_size(text, width)


def age(unix_ns: int, now_unix_ns: int) -> str:
    """Say how long ago a time was, in one number and its unit: ``3 s ago``, ``5 min ago``, ``never`` for 0."""
    if not unix_ns:
        return "never"
    seconds = (now_unix_ns - unix_ns) / NS
    if seconds < 0:
        return "just now" if seconds > -1 else f"in {-seconds:.0f} s"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
