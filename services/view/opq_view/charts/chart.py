"""What all charts have in common: a figure with a sentence that says what is to be seen, and one look for both themes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

COLOURS = ("#1f83c4", "#d9730d", "#1a9c6b", "#b0559c", "#8a7d00", "#c43c3c", "#7273d8", "#6b7d8c")
"""Each at least 3:1 against the white and the dark page, and told apart with the common colour blindnesses."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "5px,2px,1px,2px", "10px,3px")
"""A line is known by its dash as well as by its colour."""
LIMIT = "#e5484d"
EVENT_FILL = "rgba(217,115,13,0.13)"


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure and its text alternative."""

    figure: go.Figure
    sentence: str
    """What is to be seen, computed from the data; for those who do not see the figure, and as its caption."""


def line_style(index: int, width: float = 1.5) -> dict[str, Any]:
    """Return colour and dash of the `index`-th line of a chart; 64 differ."""
    dash = (index + index // len(COLOURS)) % len(DASHES)
    return {"color": COLOURS[index % len(COLOURS)], "dash": DASHES[dash], "width": width}


def translucent(colour: str, alpha: float) -> str:
    """Return ``#rrggbb`` as ``rgba(r,g,b,alpha)``."""
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def lay_out(figure: go.Figure, height: int, **layout: Any) -> go.Figure:
    """Give a figure the common look: legend above, narrow margins, one hover box for all lines."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "title": None},
        hovermode="x unified",
        dragmode="zoom",
        uirevision="keep",
    )
    figure.update_layout(**layout)
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def add_limit(figure: go.Figure, level: float, text: str) -> None:
    """Draw a dashed horizontal line that says what it is."""
    figure.add_hline(
        level,
        line={"color": LIMIT, "dash": "dash", "width": 1},
        annotation={"text": text, "font": {"color": LIMIT, "size": 11}},
        annotation_position="top left" if level > 1 else "bottom left",
    )


def names(labels: Sequence[str], most: int = 4) -> str:
    """Join labels for a sentence: ``a, b and 3 more``."""
    if len(labels) > most:
        return f"{', '.join(labels[: most - 1])} and {len(labels) - most + 1} more"
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)
