"""Events of a list as marks: when they began and how long they lasted."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from opq.clock import NS
from opq.model.events import Event, Extent
from opq_view.charts.chart import COLOURS, Chart, lay_out

_HEIGHT_PX = 240
_SYMBOLS = {Extent.LOCAL: "circle", Extent.NEIGHBOURHOOD: "diamond", Extent.GRID: "square"}
_TICKS_S = [digit * 10.0**power for power in range(-3, 5) for digit in (1, 3)]
_SHORTEST_S = 0.001
"""An event of an instant is drawn as this long, for a logarithm has no zero."""


def timeline_chart(events: Sequence[Event]) -> Chart:
    """Draw each event where it began, as high as it lasted [s, logarithmic], with the shape and colour of its extent."""
    figure = go.Figure()
    for index, (extent, symbol) in enumerate(_SYMBOLS.items()):
        mine = [event for event in events if event.extent is extent]
        figure.add_trace(
            go.Scatter(
                x=np.array([event.start_unix_ns for event in mine], np.float64) * 1e-6,
                y=np.array([_seconds(event) for event in mine]),
                customdata=np.array([len(event.box_ids) for event in mine]),
                name=extent.value,
                mode="markers",
                marker={"symbol": symbol, "size": 11, "color": COLOURS[index], "opacity": 0.85},
                hovertemplate="%{x|%Y-%m-%d %H:%M:%S} UTC<br>%{y:.3g} s, %{customdata} boxes",
            )
        )
    lay_out(figure, _HEIGHT_PX, showlegend=True, hovermode="closest")
    figure.update_xaxes(title="Start [UTC]", type="date", nticks=6)
    figure.update_yaxes(
        title="Duration [s]", type="log", tickvals=_TICKS_S, ticktext=[f"{tick:g}" for tick in _TICKS_S]
    )
    return Chart(figure, _sentence(events))


def _seconds(event: Event) -> float:
    return max((event.end_unix_ns - event.start_unix_ns) / NS, _SHORTEST_S)


def _sentence(events: Sequence[Event]) -> str:
    if not events:
        return "No event is shown."
    kinds = [f"{count} {extent.value}" for extent in _SYMBOLS if (count := sum(e.extent is extent for e in events))]
    longest = max(_seconds(event) for event in events)
    noun = "event" if len(events) == 1 else "events"
    return f"{len(events)} {noun}: {', '.join(kinds)}; the longest lasted {longest:.3g} s."
