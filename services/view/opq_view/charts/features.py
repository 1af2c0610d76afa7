"""A feature of the windows of an event's records, such as frequency or distortion, box by box."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from opq.clock import NS
from opq.model.features import FEATURE_INDEX, FEATURES, WindowFlag, Windows
from opq_view.charts.chart import EVENT_FILL, Chart, lay_out, line_style, names
from opq_view.charts.thinning import Array, thin_pieces

_HEIGHT_PX = 300
_DIGITS = {"Hz": 3, "%": 2, "V": 1}


@dataclass(frozen=True, slots=True)
class FeatureRecord:
    """Windows of one box, as it would have sent them, one series per gapless piece."""

    label: str
    pieces: Sequence[Windows]


def feature_chart(records: Sequence[FeatureRecord], name: str, origin_unix_ns: int, event_s: float) -> Chart:
    """Draw one feature of all records; windows without voltage to measure it by break the line."""
    feature = FEATURES[FEATURE_INDEX[name]]
    digits = _DIGITS.get(feature.unit, 3)
    figure = go.Figure()
    reached: dict[str, Array] = {}
    for index, record in enumerate(records):
        time_s, values = thin_pieces([_points(windows, name, origin_unix_ns) for windows in record.pieces])
        if not np.isnan(values).all():
            reached[record.label] = values
        figure.add_trace(
            go.Scatter(
                x=time_s.astype(np.float32),
                y=values.astype(np.float32),
                name=record.label,
                mode="lines",
                line=line_style(index),
                hovertemplate=f"%{{y:.{digits}f}} {feature.unit}",
            )
        )
    lay_out(figure, _HEIGHT_PX, showlegend=True)
    figure.update_xaxes(title="Time after the start of the event [s]", zeroline=False)
    figure.update_yaxes(title=f"{feature.title} [{feature.unit}]", zeroline=False)
    figure.add_vrect(0, event_s, fillcolor=EVENT_FILL, line_width=0, layer="below")
    return Chart(figure, _sentence(reached, feature.title, feature.unit, digits))


def _points(windows: Windows, name: str, origin_unix_ns: int) -> tuple[Array, Array]:
    """Return the middle of each window [s after the origin] and its value, NaN where it was held, not measured."""
    time_s = (windows.start_unix_ns + windows.duration_ns // 2 - origin_unix_ns) / NS
    values = windows.column(name).astype(np.float64)
    values[(windows.flags & WindowFlag.VOLTAGE_LOST) != 0] = np.nan
    return time_s, values


def _sentence(reached: dict[str, Array], title: str, unit: str, digits: int) -> str:
    if not reached:
        return f"{title}: no record is long enough to measure it."
    low, low_at = min((float(np.nanmin(values)), label) for label, values in reached.items())
    high, high_at = max((float(np.nanmax(values)), label) for label, values in reached.items())
    return (
        f"{title} at {names(list(reached))} went from {low:.{digits}f} {unit}, lowest at {low_at}, "
        f"to {high:.{digits}f} {unit}, highest at {high_at}."
    )
