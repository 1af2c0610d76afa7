"""The analysis of recordings for people at a terminal."""

from collections.abc import Sequence

import typer

from opq.analysis.document import Document, Extent, IncidentEntry, RecordingEntry, Upper
from opq_cli.output import Column, print_table

_COLUMNS = [
    Column("start [s]"),
    Column("class"),
    Column("duration [s]"),
    Column("extreme"),
    Column("pu"),
    Column("duration class", drop=2),
    Column("standard", drop=1, shrink=True),
]


def print_document(document: Document) -> None:
    """Print every channel: what the voltage was like, what happened, and what is to be known."""
    for number, entry in enumerate(document.recordings):
        if number:
            typer.echo()
        _print_entry(entry)


def print_skipped(document: Document) -> None:
    """Say on standard error what could not be analysed."""
    for skipped in document.skipped:
        where = f"{skipped.source}, {skipped.channel}" if skipped.channel else skipped.source
        typer.echo(f"not analysed: {where}: {skipped.reason}", err=True)


def _print_entry(entry: RecordingEntry) -> None:
    summary = entry.summary
    typer.echo(typer.style(f"{entry.source}  {entry.channel}", bold=True))
    typer.echo(
        f"{entry.duration_s:.3f} s at {entry.sample_rate_hz:g} samples/s{f', from {entry.start}' if entry.start else ''}; "
        f"declared {entry.u_din_v:.6g} V, {entry.f_nominal_hz:g} Hz"
    )
    half = summary.u_rms_half_pu
    lines = [
        ("voltage", f"{_extent(summary.u_rms_v, 'V')};  Urms(1/2) {_pu(half.min)} to {_pu(half.max)} pu"),
        ("frequency", _extent(summary.f_hz, "Hz", 3)),
        ("distortion", _upper("THD", summary.thd_pct)),
        ("flicker", _flicker(entry)),
    ]
    if summary.unbalance is not None:
        lines.append(("unbalance", _upper("u2", summary.unbalance["u2_pct"])))
    for verdict in entry.compliance.values():
        lines.append((verdict["standard"], verdict["text"]))
    for name, text in lines:
        typer.echo(f"  {name:<14}{text}")
    quality = entry.quality
    said = [*quality.notes]
    if quality.clipped_samples:
        said.append(f"{quality.clipped_samples} samples at the end of the converter's range: peaks were higher")
    if quality.not_finite_samples:
        said.append(f"{quality.not_finite_samples} samples were no numbers and count as 0 V")
    for note in said:
        typer.echo(f"  note: {note}")
    print_table(_COLUMNS, [_row(incident) for incident in entry.incidents], "  no incidents")


def incident_rows(entries: Sequence[RecordingEntry]) -> list[dict[str, object]]:
    """Return the incidents of all channels as rows for CSV, without their evidence."""
    return [
        {"source": entry.source, "channel": entry.channel}
        | {key: value for key, value in incident.model_dump(by_alias=True).items() if key != "evidence"}
        for entry in entries
        for incident in entry.incidents
    ]


def _row(incident: IncidentEntry) -> list[str]:
    return [
        f"{incident.start_s:.3f}",
        incident.incident_class,
        f"{incident.duration_s:.3f}" if incident.duration_s >= 0.01 else f"{incident.duration_s:.2g}",
        f"{incident.extreme:.4g} {incident.unit}",
        "" if incident.extreme_pu is None else f"{incident.extreme_pu:.3f}",
        incident.duration_class or "",
        incident.standard,
    ]


def _flicker(entry: RecordingEntry) -> str:
    summary = entry.summary
    if summary.pst is None:
        return "no Pst: no whole 10-minute interval of the clock in the recording"
    return f"Pst {summary.pst:.2f} greatest" + (f", Plt {summary.plt:.2f}" if summary.plt is not None else "")


def _extent(extent: Extent, unit: str, decimals: int = 2) -> str:
    if extent.mean is None or extent.min is None or extent.max is None:
        return "not measured"
    return f"{extent.mean:.{decimals}f} {unit}  ({extent.min:.{decimals}f} to {extent.max:.{decimals}f})"


def _upper(name: str, upper: Upper) -> str:
    if upper.mean is None or upper.max is None:
        return f"{name} not measured"
    return f"{name} {upper.mean:.2f} % mean, {upper.max:.2f} % greatest"


def _pu(value: float | None) -> str:
    return "?" if value is None else f"{value:.3f}"
