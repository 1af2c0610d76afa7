"""Voltage and frequency of a grid over the last minutes, from stored measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from opq.clock import iso
from opq.model.boxes import Nominal
from opq.model.measurements import MAX, MEAN, MIN, Measurement
from opq_view.charts.chart import COLOURS, Chart, lay_out, line_style, translucent
from opq_view.charts.thinning import Array, break_at_gaps, thin_pieces

_HEIGHT_PX = 250
_LONGEST_STEP_MS = 3000.0
"""Two measurements further apart than this have a gap between them."""
_MS_PER_NS = 1e-6


@dataclass(frozen=True, slots=True)
class BoxHistory:
    """The newest measurements of one box, oldest first."""

    label: str
    nominal: Nominal
    rows: Sequence[Measurement]


def voltage_trend(histories: Sequence[BoxHistory]) -> Chart:
    """Draw the mean voltage of each box [% of nominal]; a pale band reaches from its lowest to its highest half cycle."""
    figure = go.Figure()
    lowest: list[tuple[float, str]] = []
    means: list[float] = []
    for index, history in enumerate(histories):
        scale = 100 / history.nominal.u_din_v
        mean = _series(history.rows, "u_rms_v", MEAN, scale)
        low = _series(history.rows, "u_rms_half_min_v", MIN, scale)
        high = _series(history.rows, "u_rms_half_max_v", MAX, scale)
        _add_band(figure, index, history.label, low, high)
        _add_line(figure, index, history.label, mean, "%{y:.2f} %")
        if history.rows:
            lowest.append((float(np.nanmin(low[1])), history.label))
            means.append(float(mean[1][-1]))
    _finish(figure, "Voltage [% of nominal]")
    if not lowest:
        return Chart(figure, "No voltage has been measured.")
    least, where = min(lowest)
    return Chart(
        figure,
        f"At {_clock(histories)} the voltage was {min(means):.1f} to {max(means):.1f} % of nominal; "
        f"the lowest half cycle of the minutes shown was {least:.1f} %, at {where}.",
    )


def frequency_trend(history: BoxHistory) -> Chart:
    """Draw the mean frequency at one box [Hz], which is that of its grid, with a band from least to greatest."""
    figure = go.Figure()
    mean = _series(history.rows, "f_hz", MEAN, 1.0)
    _add_band(
        figure,
        0,
        history.label,
        _series(history.rows, "f_min_hz", MIN, 1.0),
        _series(history.rows, "f_max_hz", MAX, 1.0),
    )
    _add_line(figure, 0, history.label, mean, "%{y:.3f} Hz")
    _finish(figure, "Frequency [Hz]")
    figure.update_yaxes(tickformat=".3f")
    if not history.rows:
        return Chart(figure, "No frequency has been measured.")
    return Chart(
        figure,
        f"At {_clock([history])} the frequency was {mean[1][-1]:.3f} Hz; in the minutes shown it was "
        f"{np.nanmin(mean[1]):.3f} to {np.nanmax(mean[1]):.3f} Hz, measured at {history.label}.",
    )


def _clock(histories: Sequence[BoxHistory]) -> str:
    """Return the time of day of the newest measurement: what is drawn need not be of now."""
    newest = max(history.rows[-1].start_unix_ns for history in histories if history.rows)
    return f"{iso(newest)[11:19]} UTC"


def _series(rows: Sequence[Measurement], name: str, which: int, scale: float) -> tuple[Array, Array]:
    """Return one feature as a thinned line over time [ms since the epoch, which Plotly takes for a date in UTC]."""
    time_ms = np.array([row.start_unix_ns + row.duration_ns // 2 for row in rows], np.float64) * _MS_PER_NS
    values = np.array([row.feature(name)[which] for row in rows], np.float64) * scale
    return thin_pieces(break_at_gaps(time_ms, values, _LONGEST_STEP_MS))


def _add_line(figure: go.Figure, index: int, label: str, line: tuple[Array, Array], hover: str) -> None:
    figure.add_trace(
        go.Scatter(
            x=line[0],
            y=line[1].astype(np.float32),
            name=label,
            mode="lines",
            line=line_style(index),
            legendgroup=label,
            hovertemplate=hover,
        )
    )


def _add_band(figure: go.Figure, index: int, label: str, low: tuple[Array, Array], high: tuple[Array, Array]) -> None:
    """Fill between two lines of the same times; drawn as one closed outline, for fills between traces bridge gaps."""
    colour = COLOURS[index % len(COLOURS)]
    for (x_low, y_low), (x_high, y_high) in zip(_unbroken(low), _unbroken(high), strict=True):
        figure.add_trace(
            go.Scatter(
                x=np.concatenate([x_low, x_high[::-1]]),
                y=np.concatenate([y_low, y_high[::-1]]).astype(np.float32),
                mode="none",
                fill="toself",
                fillcolor=translucent(colour, 0.22),
                hoverinfo="skip",
                showlegend=False,
                legendgroup=label,
            )
        )


def _unbroken(line: tuple[Array, Array]) -> list[tuple[Array, Array]]:
    """Cut a line at its NaN."""
    x, y = line
    cuts = np.flatnonzero(np.isnan(y))
    pieces = zip(np.split(x, cuts), np.split(y, cuts), strict=True)
    return [(xs[~np.isnan(ys)], ys[~np.isnan(ys)]) for xs, ys in pieces if not np.isnan(ys).all()]


def _finish(figure: go.Figure, title: str) -> None:
    several = len({trace.name for trace in figure.data if trace.name}) > 1
    # No zoom: the chart is drawn anew every few seconds.
    lay_out(figure, _HEIGHT_PX, showlegend=several, dragmode=False)
    figure.update_xaxes(title="Time of day [UTC]", type="date", tickformat="%H:%M:%S", nticks=6)
    figure.update_yaxes(title=title, nticks=6)
