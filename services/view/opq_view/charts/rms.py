"""Half-cycle rms voltage of the boxes of an event in per unit, with the limits of a sag and a swell."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from opq.clock import NS
from opq.signal.segments import HalfCycleSeries
from opq_view.charts.chart import EVENT_FILL, Chart, add_limit, lay_out, line_style, names
from opq_view.charts.thinning import Array, thin_pieces

SAG_PU, SWELL_PU = 0.9, 1.1
"""IEEE 1159-2019, table 2."""
_HEIGHT_PX = 380


@dataclass(frozen=True, slots=True)
class RmsRecord:
    """Urms(1/2) of one box.

    Attributes
    ----------
    label : str
        The box, as people call it.
    u_din_v : float
        Declared voltage, which is 1 pu [V].
    pieces : sequence of HalfCycleSeries
        One per gapless piece, oldest first.
    """

    label: str
    u_din_v: float
    pieces: Sequence[HalfCycleSeries]


def rms_chart(records: Sequence[RmsRecord], origin_unix_ns: int, event_s: float) -> Chart:
    """Draw all records into one chart; zero of its time axis is `origin_unix_ns`, the start of the event."""
    figure = go.Figure()
    for index, record in enumerate(records):
        time_s, level_pu = thin_pieces(_points(record, origin_unix_ns))
        figure.add_trace(
            go.Scatter(
                x=time_s.astype(np.float32),
                y=level_pu.astype(np.float32),
                name=record.label,
                mode="lines",
                line={**line_style(index), "shape": "hv"},
                hovertemplate="%{y:.3f} pu",
            )
        )
    lay_out(figure, _HEIGHT_PX, showlegend=True)
    figure.update_xaxes(title="Time after the start of the event [s]", zeroline=False)
    figure.update_yaxes(title="Urms(1/2) [pu]", range=_range(records))
    add_limit(figure, SWELL_PU, "1.1 pu: swell above")
    add_limit(figure, SAG_PU, "0.9 pu: sag below")
    figure.add_vrect(0, event_s, fillcolor=EVENT_FILL, line_width=0, layer="below")
    return Chart(figure, _sentence(records))


def _points(record: RmsRecord, origin_unix_ns: int) -> list[tuple[Array, Array]]:
    return [
        ((series.start_unix_ns - origin_unix_ns) / NS, series.u_rms_half_v / record.u_din_v) for series in record.pieces
    ]


def _levels(record: RmsRecord) -> Array:
    """Return all values of a record [pu]."""
    levels: Array = np.concatenate([np.empty(0), *(series.u_rms_half_v for series in record.pieces)]) / record.u_din_v
    return levels


def _range(records: Sequence[RmsRecord]) -> tuple[float, float]:
    """Return ends of the axis that always show both limits [pu]."""
    levels = np.concatenate([np.array([0.85, 1.15]), *(_levels(record) for record in records)])
    return float(levels.min()) - 0.04, float(levels.max()) + 0.04


def _sentence(records: Sequence[RmsRecord]) -> str:
    levels = {record.label: found for record in records if len(found := _levels(record))}
    if not levels:
        return "No record is long enough to compute an rms voltage from."
    lowest = min(levels, key=lambda label: levels[label].min())
    highest = max(levels, key=lambda label: levels[label].max())
    text = (
        f"The rms voltage went from {levels[lowest].min():.3f} pu, lowest at {lowest}, "
        f"to {levels[highest].max():.3f} pu, highest at {highest}."
    )
    below = [label for label, found in levels.items() if found.min() < SAG_PU]
    above = [label for label, found in levels.items() if found.max() > SWELL_PU]
    if below:
        text += f" Below 0.9 pu: {names(below)}."
    if above:
        text += f" Above 1.1 pu: {names(above)}."
    return text if below or above else text + " No box left 0.9 to 1.1 pu."
