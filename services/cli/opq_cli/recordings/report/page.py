"""The page of a report: what is said in words and tables, with the pictures in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from plotly.offline import get_plotlyjs

from opq.analysis.document import Document, Extent, IncidentEntry, RecordingEntry
from opq_cli.recordings.report import charts
from opq_cli.recordings.run import AnalysedChannel, Outcome

MOST_PICTURES = 12
"""Incidents of a channel with a picture of their waveform; all are in the table."""
MOST_ROWS = 500
"""Incidents of a channel in the table; the JSON has all."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A chart with its title and what it shows in words."""

    title: str
    name: str
    chart: str
    """JSON for Plotly."""
    alt: str


@dataclass(frozen=True, slots=True)
class _Section:
    """One channel on the page."""

    entry: RecordingEntry
    facts: list[tuple[str, str]]
    pictures: list[_Picture]
    waveforms: list[_Picture]
    rows: list[IncidentEntry]


def write_report(path: Path, outcome: Outcome, document: Document) -> None:
    """Write the report; the file is there only when it is complete.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    sections = [
        _section(channel, entry, number)
        for number, (channel, entry) in enumerate(zip(outcome.channels, document.recordings, strict=True))
    ]
    environment = jinja2.Environment(loader=jinja2.PackageLoader("opq_cli.recordings.report", "."), autoescape=True)
    page = environment.get_template("report.html.j2").render(
        sections=sections, skipped=document.skipped, version=document.opq_version, plotly=get_plotlyjs(), most=MOST_ROWS
    )
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)


def _section(channel: AnalysedChannel, entry: RecordingEntry, number: int) -> _Section:
    analysis = channel.analysis
    pictures = []
    if len(analysis.windows) > 1:
        alt = f"rms voltage over time, {_pu(entry.summary.u_rms_half_pu.min)} to {_pu(entry.summary.u_rms_half_pu.max)} pu"
        pictures.append(_picture("Voltage, frequency and distortion", charts.overview(analysis), alt, f"o{number}"))
    if any(each.incident_class in charts.VOLTAGE_CLASSES for each in analysis.incidents):
        alt = "duration and magnitude of each disturbance against the curves"
        pictures.append(_picture("ITIC and SEMI F47", charts.envelope(analysis.incidents), alt, f"e{number}"))
    if len(analysis.short):
        alt = f"mean spectrum, THD {entry.summary.thd_pct.mean or 0:.2f} %"
        pictures.append(_picture("Spectrum", charts.spectrum(analysis), alt, f"s{number}"))
    return _Section(
        entry, _facts(entry), pictures, _waveforms(channel, entry.incidents, number), entry.incidents[:MOST_ROWS]
    )


def _waveforms(channel: AnalysedChannel, incidents: Sequence[IncidentEntry], number: int) -> list[_Picture]:
    """Draw the slices of the first incidents, those of one moment once."""
    shown: dict[int, _Picture] = {}
    for piece in channel.analysis.slices:
        key = piece.segment.start_unix_ns
        incident = incidents[piece.incident]
        title = f"{incident.incident_class} at {incident.start_s:.3f} s"
        if key not in shown and len(shown) < MOST_PICTURES:
            figure = charts.waveform(channel.analysis, piece)
            shown[key] = _picture(
                title, figure, f"waveform and rms at {incident.start_s:.3f} s", f"w{number}-{len(shown)}"
            )
    return list(shown.values())


def _picture(title: str, chart: charts.Chart, alt: str, name: str) -> _Picture:
    return _Picture(title, name, json.dumps(chart, allow_nan=False).replace("</", "<\\/"), alt)


def _facts(entry: RecordingEntry) -> list[tuple[str, str]]:
    summary, quality = entry.summary, entry.quality
    facts = [
        ("Voltage", _extent(summary.u_rms_v, "V", 2)),
        ("Urms(1/2)", f"{_pu(summary.u_rms_half_pu.min)} to {_pu(summary.u_rms_half_pu.max)} pu"),
        ("Frequency", _extent(summary.f_hz, "Hz", 3)),
        ("THD", f"{_value(summary.thd_pct.mean, 2)} % mean, {_value(summary.thd_pct.max, 2)} % greatest"),
        ("Flicker", _flicker(entry)),
        ("Crest factor", f"{_value(summary.crest.mean, 3)} mean, {_value(summary.crest.max, 3)} greatest"),
        ("Direct component", f"{_value(summary.dc_v.mean, 3)} V"),
    ]
    if summary.unbalance is not None:
        facts.append(("Unbalance u2", f"{_value(summary.unbalance['u2_pct'].max, 2)} % greatest"))
    facts += [(verdict["standard"], verdict["text"]) for verdict in entry.compliance.values()]
    if quality.clipped_samples:
        facts.append(("Clipped", f"{quality.clipped_samples} samples at the end of the converter's range"))
    if quality.not_finite_samples:
        facts.append(("No numbers", f"{quality.not_finite_samples} samples, counted as 0 V"))
    return facts


def _flicker(entry: RecordingEntry) -> str:
    summary = entry.summary
    if summary.pst is None:
        return "no Pst: no whole 10-minute interval"
    return f"Pst {summary.pst:.2f} greatest" + ("" if summary.plt is None else f", Plt {summary.plt:.2f}")


def _extent(extent: Extent, unit: str, decimals: int) -> str:
    if extent.mean is None:
        return "not measured"
    low, high = _value(extent.min, decimals), _value(extent.max, decimals)
    return f"{extent.mean:.{decimals}f} {unit}, {low} to {high}"


def _value(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"


def _pu(value: float | None) -> str:
    return _value(value, 3)
