"""Recorded voltage of the boxes of an event, one under the other on one time axis."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from opq.clock import NS
from opq.model.waveforms import VoltageSegment
from opq_view.charts.chart import COLOURS, EVENT_FILL, Chart, lay_out, names
from opq_view.charts.thinning import Array, thin_pieces

_ROW_PX = 118
_FRAME_PX = 70
_SHARE = 0.80
"""Of a row's height that the curve may use; the rest holds the box's name."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What one box recorded.

    Attributes
    ----------
    label : str
        The box, as people call it.
    pieces : sequence of VoltageSegment
        Gapless pieces, oldest first.
    """

    label: str
    pieces: Sequence[VoltageSegment]


@dataclass(frozen=True, slots=True)
class TimeFrame:
    """What of the time axis is drawn.

    Attributes
    ----------
    origin_unix_ns : int
        Zero of the axis: the start of the event [ns since the epoch].
    event_s : float
        Length of the event [s].
    from_s, to_s : float
        Ends of the axis, from its zero [s].
    """

    origin_unix_ns: int
    event_s: float
    from_s: float
    to_s: float


def waveform_chart(recordings: Sequence[Recording], frame: TimeFrame) -> Chart:
    """Draw each recording in a row of its own; all rows share the time axis, so zooming one zooms all."""
    figure = go.Figure()
    rows = max(len(recordings), 1)
    for index, recording in enumerate(recordings):
        time_s, volts = thin_pieces(_inside(recording.pieces, frame))
        top = 1 - index / rows
        axis = "" if index == 0 else str(index + 1)
        figure.add_trace(
            go.Scatter(
                x=time_s.astype(np.float32),
                y=volts.astype(np.float32),
                name=recording.label,
                mode="lines",
                line={"color": COLOURS[index % len(COLOURS)], "width": 1},
                yaxis=f"y{axis}",
                hovertemplate="%{y:.1f} V",
            )
        )
        figure.layout[f"yaxis{axis}"] = {
            "domain": (top - 1 / rows, top - (1 - _SHARE) / rows),
            "title": {"text": "Voltage [V]", "font": {"size": 11}},
            "nticks": 5,
            "zeroline": False,
        }
        _add_label(figure, recording.label, top - (1 - _SHARE) / rows)
    lay_out(figure, _FRAME_PX + _ROW_PX * rows, showlegend=False, hoversubplots="axis")
    figure.update_xaxes(
        title="Time after the start of the event [s]",
        range=(frame.from_s, frame.to_s),
        anchor=f"y{rows}" if rows > 1 else "y",
        zeroline=False,
    )
    _mark_event(figure, frame)
    return Chart(figure, _sentence(recordings, frame))


def _inside(pieces: Sequence[VoltageSegment], frame: TimeFrame) -> list[tuple[Array, Array]]:
    """Cut what is drawn out of the pieces, as (time [s], voltage [V])."""
    cut = []
    for piece in pieces:
        offset_s = (piece.start_unix_ns - frame.origin_unix_ns) / NS
        first = max(0, int(np.ceil((frame.from_s - offset_s) * piece.sample_rate_hz)))
        last = min(len(piece.volts), int(np.floor((frame.to_s - offset_s) * piece.sample_rate_hz)) + 1)
        if first < last:
            cut.append((offset_s + np.arange(first, last) / piece.sample_rate_hz, piece.volts[first:last]))
    return cut


def _add_label(figure: go.Figure, label: str, y: float) -> None:
    figure.add_annotation(
        text=f"<b>{label}</b>",
        xref="paper",
        yref="paper",
        x=0,
        y=y,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 12},
    )


def _mark_event(figure: go.Figure, frame: TimeFrame) -> None:
    """Shade the span of the event."""
    figure.add_shape(
        type="rect",
        xref="x",
        yref="paper",
        x0=0,
        x1=frame.event_s,
        y0=0,
        y1=1,
        fillcolor=EVENT_FILL,
        line_width=0,
        layer="below",
    )


def _sentence(recordings: Sequence[Recording], frame: TimeFrame) -> str:
    shown = {recording.label: _inside(recording.pieces, frame) for recording in recordings}
    drawn = {label: np.concatenate([volts for _, volts in cut]) for label, cut in shown.items() if cut}
    if not drawn:
        return f"No samples lie between {frame.from_s:g} s and {frame.to_s:g} s after the start of the event."
    peaks = {label: float(np.abs(volts).max()) for label, volts in drawn.items()}
    highest = max(peaks, key=lambda label: peaks[label])
    text = (
        f"Voltage at {names(list(drawn))} from {frame.from_s:.3f} s to {frame.to_s:.3f} s after the start of the event; "
        f"the highest peak is {peaks[highest]:.0f} V at {highest}."
    )
    broken = [label for label, cut in shown.items() if len(cut) > 1]
    if broken:
        text += f" Samples are missing inside the record of {names(broken)}."
    absent = [label for label in shown if label not in drawn]
    return text + (f" Nothing was recorded then at {names(absent)}." if absent else "")
