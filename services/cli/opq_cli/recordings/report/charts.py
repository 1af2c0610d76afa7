"""The pictures of a report, as descriptions for Plotly.

Plain dictionaries: Plotly's classes for Python check every attribute of every shape, which takes longer than the analysis.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from tsdownsample import MinMaxDownsampler

from opq.analysis import Analysis, WaveformSlice
from opq.analysis.document import mean_spectrum_pct
from opq.analysis.result import HARMONICS, INTERHARMONICS
from opq.clock import NS
from opq.model.incidents import Finding, IncidentClass
from opq.model.waveforms import VoltArray
from opq.standards.envelopes import ITIC, SEMI_F47, Envelope, Step

Chart = dict[str, Any]

MOST_POINTS = 2000
"""Points of one line: more than a screen has columns; least and greatest values stay."""
MOST_MARKS = 200
"""Incidents marked in the overview."""
BLUE, RED, ORANGE, GREEN, GREY = "#2a78b8", "#c8443a", "#d98a1e", "#3d8f5a", "#808890"
VOLTAGE_CLASSES = {
    IncidentClass.VOLTAGE_SAG,
    IncidentClass.VOLTAGE_SWELL,
    IncidentClass.VOLTAGE_INTERRUPTION,
    IncidentClass.UNDERVOLTAGE,
    IncidentClass.OVERVOLTAGE,
}
_GRID = "rgba(128,136,144,0.25)"
_CURVE_S = (1e-4, 200.0)
"""Durations between which envelopes are drawn [s]."""
_DECIMALS = 5


def overview(analysis: Analysis) -> Chart:
    """Draw voltage, frequency and distortion over the recording, with incidents marked."""
    windows = analysis.windows
    time_s = (windows.start_unix_ns + windows.duration_ns // 2 - analysis.start_unix_ns) / NS
    volts = [
        _line(time_s, windows.column(name) / analysis.nominal.u_din_v, title, colour)
        for name, title, colour in (
            ("u_rms_half_max_v", "highest Urms(1/2)", ORANGE),
            ("u_rms_v", "rms of windows", BLUE),
            ("u_rms_half_min_v", "lowest Urms(1/2)", RED),
        )
    ]
    frequency = _line(time_s, windows.column("f_hz"), "frequency", GREEN) | {"yaxis": "y2"}
    distortion = _line(time_s, windows.column("thd_pct"), "THD", BLUE) | {"yaxis": "y3"}
    levels = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": pu,
            "y1": pu,
            "line": {"color": GREY, "dash": "dot", "width": 1},
        }
        for pu in (0.9, 1.1)
    ]
    return _chart(
        [*volts, frequency, distortion],
        560,
        xaxis=_axis("time from the first sample [s]", anchor="y3"),
        yaxis=_axis("voltage [pu]", domain=[0.54, 1.0]),
        yaxis2=_axis("frequency [Hz]", domain=[0.27, 0.49]),
        yaxis3=_axis("THD [%]", domain=[0.0, 0.22], rangemode="tozero"),
        shapes=[*levels, *_marks(analysis)],
    )


def envelope(incidents: Sequence[Finding]) -> Chart:
    """Draw the disturbances of the voltage in the plane of the ITIC and SEMI F47 curves."""
    points = [each for each in incidents if each.incident_class in VOLTAGE_CLASSES and each.extreme_pu is not None]
    disturbances = {
        "type": "scatter",
        "mode": "markers",
        "name": "disturbances",
        "x": [max(each.duration_ns / NS, _CURVE_S[0]) for each in points],
        "y": [each.extreme_pu for each in points],
        "text": [each.incident_class.value for each in points],
        "marker": {"size": 9, "color": RED, "symbol": "x"},
        "hovertemplate": "%{text}<br>%{x:.3f} s, %{y:.3f} pu<extra></extra>",
    }
    curves = [*_curve(ITIC, BLUE), *_curve(SEMI_F47, ORANGE)]
    return _chart(
        [*curves, disturbances],
        420,
        xaxis=_axis("duration [s]", type="log", range=[-4, 2.3]),
        yaxis=_axis("magnitude [pu]", range=[-0.05, 2.2]),
    )


def spectrum(analysis: Analysis) -> Chart:
    """Draw the mean harmonics and interharmonics."""
    harmonics = mean_spectrum_pct(analysis.short, HARMONICS)
    between = mean_spectrum_pct(analysis.short, INTERHARMONICS)
    bars = [
        _bars(np.arange(2, len(harmonics) + 1), harmonics[1:], "harmonic subgroups", BLUE),
        _bars(np.arange(len(between)) + 0.5, between, "interharmonics", ORANGE),
    ]
    return _chart(
        bars,
        340,
        xaxis=_axis("order"),
        yaxis=_axis("mean, % of the fundamental", rangemode="tozero"),
        bargap=0.15,
        barmode="overlay",
    )


def waveform(analysis: Analysis, piece: WaveformSlice) -> Chart:
    """Draw the waveform at the beginning of an incident, and its rms."""
    segment, series = piece.segment, piece.half_cycles
    begin_s = (segment.start_unix_ns - analysis.start_unix_ns) / NS
    at_s = begin_s + np.arange(len(segment.volts)) / segment.sample_rate_hz
    middle_s = ((series.start_unix_ns + series.end_unix_ns) // 2 - analysis.start_unix_ns) / NS
    rms = _line(middle_s, series.u_rms_half_v / analysis.nominal.u_din_v, "Urms(1/2)", RED)
    return _chart(
        [_line(at_s, segment.volts, "voltage", BLUE), rms | {"xaxis": "x2", "yaxis": "y2"}],
        380,
        xaxis=_axis(""),
        yaxis=_axis("voltage [V]", domain=[0.48, 1.0]),
        xaxis2=_axis("time from the first sample [s]", anchor="y2"),
        yaxis2=_axis("rms [pu]", domain=[0.0, 0.36], rangemode="tozero", anchor="x2"),
        showlegend=False,
    )


def _marks(analysis: Analysis) -> list[dict[str, Any]]:
    marks = []
    for incident in analysis.incidents[:MOST_MARKS]:
        start_s = (incident.start_unix_ns - analysis.start_unix_ns) / NS
        marks.append(
            {
                "type": "rect",
                "yref": "paper",
                "x0": start_s,
                "x1": start_s + incident.duration_ns / NS,
                "y0": 0,
                "y1": 1,
                "fillcolor": RED,
                "opacity": 0.12,
                "line": {"width": 0.5, "color": RED},
            }
        )
    return marks


def _line(x: VoltArray, y: Any, name: str, colour: str) -> dict[str, Any]:
    values = np.ascontiguousarray(y, np.float64)
    kept = np.arange(len(values))
    if len(values) > MOST_POINTS:
        downsampler: Any = MinMaxDownsampler
        kept = downsampler().downsample(values, n_out=MOST_POINTS)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.asarray(x)[kept].round(_DECIMALS).tolist(),
        "y": values[kept].round(_DECIMALS).tolist(),
        "line": {"color": colour, "width": 1.3},
    }


def _bars(x: Any, y: VoltArray, name: str, colour: str) -> dict[str, Any]:
    return {"type": "bar", "name": name, "x": x.tolist(), "y": y.round(_DECIMALS).tolist(), "marker": {"color": colour}}


def _curve(curve: Envelope, colour: str) -> list[dict[str, Any]]:
    sides: list[tuple[Step, ...]] = [side for side in (curve.lower, curve.upper) if side]
    lines = []
    for number, steps in enumerate(sides):
        edges = [_CURVE_S[0], *(min(step.until_s, _CURVE_S[1]) for step in steps)]
        lines.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": curve.name,
                "legendgroup": curve.name,
                "showlegend": number == 0,
                "x": [edge for pair in itertools.pairwise(edges) for edge in pair],
                "y": [step.pu for step in steps for _ in range(2)],
                "line": {"color": colour, "width": 1.6},
                "hoverinfo": "skip",
            }
        )
    return lines


def _axis(title: str, **more: Any) -> dict[str, Any]:
    return {
        "title": {"text": title},
        "automargin": True,
        "gridcolor": _GRID,
        "zerolinecolor": _GRID,
        "linecolor": _GRID,
        **more,
    }


def _chart(traces: list[dict[str, Any]], height: int, **layout: Any) -> Chart:
    return {
        "data": traces,
        "layout": {
            "height": height,
            "margin": {"l": 60, "r": 12, "t": 28, "b": 44},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": GREY, "size": 12},
            "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
            "hovermode": "closest",
            **layout,
        },
    }
