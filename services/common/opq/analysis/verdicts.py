"""What the standards of days and weeks say of an analysed recording, for the document and the report."""

from typing import Any

import numpy as np

from opq.analysis.result import HARMONICS, Analysis
from opq.classifiers import VoltageClassifier
from opq.model.incidents import IncidentClass
from opq.signal.aggregation import Intervals
from opq.standards import en50160, ieee519
from opq.standards.compliance import PERCENTILES, Check, Compliance

_VOLTAGE = {
    IncidentClass.VOLTAGE_SAG,
    IncidentClass.VOLTAGE_SWELL,
    IncidentClass.VOLTAGE_INTERRUPTION,
    IncidentClass.UNDERVOLTAGE,
    IncidentClass.OVERVOLTAGE,
}


def verdicts(analysis: Analysis) -> dict[str, dict[str, Any]]:
    """Return the verdicts for which there is at least one whole 10-minute interval, by standard."""
    long = _judged(analysis.ten_minutes)
    if not len(long):
        return {}
    short = _judged(analysis.short)
    classifier = VoltageClassifier()
    disturbances = [classifier.part(each) for each in analysis.incidents if each.incident_class in _VOLTAGE]
    european = en50160.judge(
        en50160.Week(
            analysis.duration_s,
            analysis.frequency.f_hz[~analysis.frequency_flagged],
            long.values[:, 0],
            long.values[:, HARMONICS],
            analysis.flicker.plt[~analysis.plt_flagged],
            disturbances,
        ),
        analysis.nominal,
    )
    american = ieee519.judge(
        ieee519.Week(analysis.duration_s, short.start_unix_ns, short.values[:, HARMONICS], long.values[:, HARMONICS]),
        analysis.nominal.u_din_v,
    )
    return {"en50160": _entry(european), "ieee519": _entry(american)}


def _judged(intervals: Intervals) -> Intervals:
    return intervals[intervals.complete & ~intervals.flagged]


def _entry(compliance: Compliance) -> dict[str, Any]:
    return {
        "standard": compliance.standard,
        "passed": compliance.passed,
        "whole_week": compliance.whole,
        "text": _text(compliance),
        "checks": [_check(each) for each in compliance.checks],
        **{f"{name}_table": [list(row) for row in rows] for name, rows in compliance.tables.items()},
    }


def _text(compliance: Compliance) -> str:
    said = "passed" if compliance.passed else "not passed: " + ", ".join(each.quantity for each in compliance.failed)
    return said if compliance.whole else f"{said} (indicative: less than a week)"


def _check(each: Check) -> dict[str, Any]:
    return {
        "quantity": each.quantity,
        "unit": each.unit,
        "clause": each.clause,
        "low": each.low if np.isfinite(each.low) else None,
        "high": each.high if np.isfinite(each.high) else None,
        "required_pct": each.required_pct,
        "inside_pct": each.inside_pct,
        "values": each.values,
        "passed": each.passed,
        **{f"cp{percent:02d}": value for percent, value in zip(PERCENTILES, each.percentiles, strict=True)},
    }
