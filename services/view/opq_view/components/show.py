"""Charts and tables as pages show them: each with its text alternative, in the reader's theme, as wide as the page."""

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from opq_view.charts.chart import Chart

_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"], "responsive": True}


def show_chart(chart: Chart, key: str) -> None:
    """Draw a chart with its sentence as caption and as text alternative."""
    if chart.figure.layout.dragmode and "Mobile" in st.context.headers.get("User-Agent", ""):
        # A finger that means to scroll past the chart would zoom into it.
        chart.figure.update_layout(dragmode=False)
    st.plotly_chart(chart.figure, key=key, config=_CONFIG, alt=chart.sentence)
    st.caption(chart.sentence)


def show_tiles(tiles: Sequence[tuple[str, str | None, str]]) -> None:
    """Draw values side by side, as many as fit: (what it is, value or None if there is none, a note below)."""
    grid = st.grid(len(tiles), min_column_width=150)
    for label, value, note in tiles:
        grid.metric(label, value, note, delta_color="off", delta_arrow="off", border=True, height="stretch")


def show_table(columns: Mapping[str, Sequence[str]], alt: str) -> None:
    """Draw a table whose cells are Markdown; it scrolls sideways where the page is narrow.

    A plain HTML table rather than a grid drawn on a canvas: it can be read aloud, searched and printed.
    """
    st.table(pd.DataFrame(columns), border="horizontal", hide_index=True, width="stretch", alt=alt)
