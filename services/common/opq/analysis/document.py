"""The analysis of recordings as a document with a published schema: what ``opq analyze --json`` prints.

The schema in ``docs/analysis.schema.json`` is made of these classes. Fields may be added; none is renamed or removed.
"""

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from opq.analysis.phases import PhaseUnbalance
from opq.analysis.result import BAND_COLUMNS, HARMONICS, INTERHARMONICS, Analysis
from opq.analysis.verdicts import verdicts
from opq.clock import NS, iso
from opq.model.features import WindowFlag
from opq.model.incidents import Finding
from opq.model.waveforms import VoltArray
from opq.signal.aggregation import Intervals
from opq.signal.spectrum import share_pct


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Extent(_Part):
    """Least, mean and greatest value; null where nothing was measured."""

    min: float | None
    mean: float | None
    max: float | None


class Limits(_Part):
    """Least and greatest value."""

    min: float | None
    max: float | None


class Upper(_Part):
    """Mean and greatest value."""

    mean: float | None
    max: float | None


class Summary(_Part):
    """What the voltage was like; windows with disturbed or lost voltage count only for the voltage itself."""

    u_rms_v: Extent = Field(description="rms over 10/12-cycle windows [V]")
    u_rms_half_pu: Limits = Field(description="Urms(1/2) over Udin [1]")
    u_under_pct: float | None = Field(
        description="underdeviation over the recording [% of Udin] (IEC 61000-4-30, 5.12)"
    )
    u_over_pct: float | None = Field(description="overdeviation over the recording [% of Udin]")
    f_hz: Extent = Field(description="frequency of 10/12-cycle windows [Hz]")
    f_10s_hz: Extent = Field(description="frequency of whole 10-second slots [Hz] (IEC 61000-4-30, 5.1)")
    thd_pct: Upper = Field(description="THDS, orders 2 to 50, of 10/12-cycle windows [% of the fundamental]")
    harmonics_pct: dict[str, float] = Field(description="mean subgroups of orders 2 to 50 [% of the fundamental]")
    interharmonics_pct: dict[str, float] = Field(
        description="mean centred subgroups; that of order h lies between h and h + 1 [% of the fundamental]"
    )
    bands_v: dict[str, float] = Field(description="mean rms of 200-Hz bands by their lower edge, 2 to 6 kHz [V]")
    crest: Upper = Field(description="crest factor [1]")
    dc_v: Upper = Field(description="direct component [V]")
    pst: float | None = Field(description="greatest Pst of whole 10-minute intervals [1]; null if there is none")
    plt: float | None = Field(description="greatest Plt of whole 2-hour intervals [1]; null if there is none")
    p_inst_max: float | None = Field(description="greatest instantaneous flicker [1]")
    unbalance: dict[str, Upper] | None = Field(
        default=None, description="u0_pct and u2_pct of three phases [% of the positive sequence]; null for one phase"
    )


class IncidentEntry(_Part):
    """One classified disturbance."""

    incident_class: str = Field(alias="class", description="name of the class, upper case")
    duration_class: str | None = Field(description="instantaneous, momentary, temporary or sustained (IEEE 1159)")
    start_s: float = Field(description="from the first sample [s]")
    end_s: float = Field(description="from the first sample [s]")
    duration_s: float = Field(description="[s]")
    extreme_v: float | None = Field(description="value farthest from normal [V]; null if it is not a voltage")
    extreme_pu: float | None = Field(description="the same over Udin; null where it has no meaning")
    extreme: float = Field(description="value farthest from normal, in `unit`")
    unit: str
    standard: str
    clause: str
    open_start: bool = Field(description="it had begun when the recording began")
    open_end: bool = Field(description="it lasted when the recording ended")
    evidence: dict[str, Any] = Field(description="numbers by which the decision can be checked")


class Quality(_Part):
    """What is to be known about the recording."""

    samples: int
    not_finite_samples: int
    clipped_samples: int = Field(description="samples at the end of the converter's range")
    windows: int
    flagged_windows: int = Field(description="windows with a dip, swell or interruption (IEC 61000-4-30, 4.7)")
    voltage_lost_windows: int
    notes: list[str]


class RecordingEntry(_Part):
    """One channel of one recording."""

    source: str
    channel: str
    start: str | None = Field(description="time of the first sample, ISO 8601 UTC; null if the recording does not say")
    sample_rate_hz: float
    duration_s: float
    u_din_v: float = Field(description="declared voltage, given or found [V]")
    f_nominal_hz: float = Field(description="nominal frequency, given or found [Hz]")
    summary: Summary
    incidents: list[IncidentEntry]
    compliance: dict[str, Any] = Field(default_factory=dict, description="verdicts by standard, where there is enough")
    quality: Quality


class Skipped(_Part):
    """A channel or file that could not be analysed."""

    source: str
    channel: str | None
    reason: str


class Document(_Part):
    """The analysis of one or more recordings."""

    opq_version: str
    recordings: list[RecordingEntry]
    skipped: list[Skipped]


def recording_entry(
    source: str,
    channel: str,
    analysis: Analysis,
    notes: list[str],
    *,
    unbalance: PhaseUnbalance | None = None,
    clipped_samples: int = 0,
) -> RecordingEntry:
    """Make the entry of one channel."""
    return RecordingEntry(
        source=source,
        channel=channel,
        start=iso(analysis.start_unix_ns) if analysis.start_unix_ns else None,
        sample_rate_hz=analysis.sample_rate_hz,
        duration_s=analysis.duration_s,
        u_din_v=analysis.nominal.u_din_v,
        f_nominal_hz=analysis.nominal.f_hz,
        summary=_summary(analysis, unbalance),
        incidents=[incident_entry(finding, analysis.start_unix_ns) for finding in analysis.incidents],
        compliance=verdicts(analysis),
        quality=Quality(**analysis.quality, clipped_samples=clipped_samples, notes=notes),
    )


def incident_entry(finding: Finding, start_unix_ns: int) -> IncidentEntry:
    """Make the entry of one incident of a recording that began at `start_unix_ns`."""
    return IncidentEntry(
        **{"class": finding.incident_class.value},
        duration_class=finding.duration_class.value if finding.duration_class else None,
        start_s=_seconds(finding.start_unix_ns - start_unix_ns),
        end_s=_seconds(finding.end_unix_ns - start_unix_ns),
        duration_s=_seconds(finding.duration_ns),
        extreme_v=finding.extreme if finding.unit == "V" else None,
        extreme_pu=finding.extreme_pu,
        extreme=finding.extreme,
        unit=finding.unit,
        standard=finding.standard,
        clause=finding.clause,
        open_start=finding.open_start,
        open_end=finding.open_end,
        evidence=finding.evidence,
    )


def mean_spectrum_pct(intervals: Intervals, columns: slice) -> VoltArray:
    """Return the root of the mean square of columns over that of the fundamental [%].

    Flagged intervals are left out, unless there are no others.
    """
    good = intervals[~intervals.flagged] if not intervals.flagged.all() else intervals
    if not len(good):
        return np.empty(0)
    rms = np.sqrt(np.square(good.values).mean(axis=0))
    return share_pct(rms[columns], np.broadcast_to(rms[HARMONICS.start], rms[columns].shape))


def _summary(analysis: Analysis, unbalance: PhaseUnbalance | None) -> Summary:
    windows, short = analysis.windows, analysis.short
    bad = np.uint32(WindowFlag.FLAGGED | WindowFlag.VOLTAGE_LOST)
    # A recording of less than N cycles has one short window without a spectrum.
    measured = windows if len(short) else windows[:0]
    steady = (windows.flags & bad) == 0
    if not steady.any():
        steady = (windows.flags & np.uint32(WindowFlag.VOLTAGE_LOST)) == 0
    f_hz, crest = (windows.column(name)[steady].astype(np.float64) for name in ("f_hz", "crest"))
    thd_pct, dc_v = (measured.column(name)[steady[: len(measured)]].astype(np.float64) for name in ("thd_pct", "dc_v"))
    under, over = _deviations(analysis)
    harmonics = mean_spectrum_pct(short, HARMONICS)
    interharmonics = mean_spectrum_pct(short, INTERHARMONICS)
    bands = np.sqrt(np.square(short.values[:, BAND_COLUMNS]).mean(axis=0)) if len(short) else np.empty(0)
    flicker = analysis.flicker
    return Summary(
        u_rms_v=_extent(windows.column("u_rms_v").astype(np.float64)),
        u_rms_half_pu=Limits(min=_number(analysis.u_half_pu[0]), max=_number(analysis.u_half_pu[1])),
        u_under_pct=under,
        u_over_pct=over,
        f_hz=_extent(f_hz),
        f_10s_hz=_extent(analysis.frequency.f_hz),
        thd_pct=_upper(thd_pct),
        harmonics_pct={str(at + 1): round(float(value), 4) for at, value in enumerate(harmonics) if at},
        interharmonics_pct={str(at): round(float(value), 4) for at, value in enumerate(interharmonics)},
        bands_v={str(2000 + 200 * at): round(float(value), 5) for at, value in enumerate(bands)},
        crest=_upper(crest),
        dc_v=_upper(dc_v),
        pst=_number(flicker.pst.max(initial=-np.inf)),
        plt=_number(flicker.plt.max(initial=-np.inf)),
        p_inst_max=_number(flicker.p_inst_max),
        unbalance=None if unbalance is None else _unbalance(unbalance),
    )


def _deviations(analysis: Analysis) -> tuple[float | None, float | None]:
    """Return under- and overdeviation of the whole recording [% of Udin]."""
    if not len(analysis.short):
        return None, None
    low_v, high_v = np.sqrt(np.square(analysis.short.values[:, 1:3]).mean(axis=0))
    u_din_v = analysis.nominal.u_din_v
    return 100 * float(u_din_v - low_v) / u_din_v, 100 * float(high_v - u_din_v) / u_din_v


def _unbalance(unbalance: PhaseUnbalance) -> dict[str, Upper]:
    steady = ~unbalance.flagged if not unbalance.flagged.all() else unbalance.flagged
    return {"u0_pct": _upper(unbalance.u0_pct[steady]), "u2_pct": _upper(unbalance.u2_pct[steady])}


def _extent(values: VoltArray) -> Extent:
    if not len(values):
        return Extent(min=None, mean=None, max=None)
    return Extent(min=float(values.min()), mean=float(values.mean()), max=float(values.max()))


def _upper(values: VoltArray) -> Upper:
    if not len(values):
        return Upper(mean=None, max=None)
    return Upper(mean=float(values.mean()), max=float(values[np.abs(values).argmax()]))


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _seconds(ns: int) -> float:
    return round(ns / NS, 9)
