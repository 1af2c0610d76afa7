"""Trends of the overview and the time line of the list of events."""

from dataclasses import replace

import numpy as np
import pytest

from opq.clock import NS, parse_iso
from opq.model.boxes import Nominal
from opq.model.events import Extent
from opq.model.measurements import fold_frames
from opq.testing import samples
from opq.testing.frames import good_frame
from opq_view.charts.chart import names
from opq_view.charts.timeline import timeline_chart
from opq_view.charts.trend import BoxHistory, frequency_trend, voltage_trend

T0 = parse_iso("2026-11-24T19:30:00Z")


def history(label: str, seconds: list[int], nominal: Nominal = Nominal(120, 60), **features: float) -> BoxHistory:
    frames = [good_frame("b", second + 1, T0 + second * NS, **features) for second in seconds]
    return BoxHistory(label, nominal, fold_frames(frames))


def test_voltage_is_drawn_in_percent_of_each_boxs_own_nominal() -> None:
    here = history("a", list(range(10)), u_rms_v=120.0, u_rms_half_min_v=96.0)
    there = history("b", list(range(10)), Nominal(230, 50), u_rms_v=232.3, u_rms_half_min_v=231.0)
    chart = voltage_trend([here, there])
    lines = {trace.name: trace.y for trace in chart.figure.data if trace.mode == "lines"}
    assert lines["a"] == pytest.approx(100.0)
    assert lines["b"] == pytest.approx(101.0, abs=0.01)
    assert chart.sentence == (
        "At 19:30:09 UTC the voltage was 100.0 to 101.0 % of nominal; "
        "the lowest half cycle of the minutes shown was 80.0 %, at a."
    )
    assert chart.figure.layout.yaxis.title.text == "Voltage [% of nominal]"
    assert chart.figure.layout.xaxis.title.text == "Time of day [UTC]"


def test_the_band_reaches_to_the_lowest_half_cycle() -> None:
    chart = voltage_trend([history("a", [0, 1, 2], u_rms_half_min_v=60.0)])
    band = next(trace for trace in chart.figure.data if trace.mode == "none")
    assert min(band.y) == pytest.approx(50.0)


def test_seconds_that_are_missing_break_line_and_band() -> None:
    chart = frequency_trend(history("a", [0, 1, 2, 30, 31], f_hz=59.98))
    line = next(trace for trace in chart.figure.data if trace.mode == "lines")
    assert np.isnan(line.y).sum() == 1
    assert sum(trace.mode == "none" for trace in chart.figure.data) == 2
    assert "the frequency was 59.980 Hz" in chart.sentence


def test_times_of_trends_are_of_the_measurement() -> None:
    chart = frequency_trend(history("a", [0]))
    line = next(trace for trace in chart.figure.data if trace.mode == "lines")
    assert line.x[0] == pytest.approx(T0 / 1e6 + 500)
    assert chart.figure.layout.xaxis.type == "date"


def test_a_long_history_is_thinned() -> None:
    chart = frequency_trend(history("a", list(range(5000))))
    assert all(len(trace.x) <= 4001 for trace in chart.figure.data)


def test_trends_of_nothing_say_so() -> None:
    assert voltage_trend([history("a", [])]).sentence == "No voltage has been measured."
    assert voltage_trend([]).sentence == "No voltage has been measured."
    assert frequency_trend(history("a", [])).sentence == "No frequency has been measured."


def test_the_time_line_tells_extents_apart_by_shape_and_counts_them() -> None:
    events = [
        samples.event("e-1", extent=Extent.LOCAL),
        samples.event("e-2", extent=Extent.GRID, end_unix_ns=samples.T0 + 5 * NS),
        samples.event("e-3", extent=Extent.GRID, end_unix_ns=samples.T0),
    ]
    chart = timeline_chart(events)
    shapes = {trace.name: trace.marker.symbol for trace in chart.figure.data}
    assert len(set(shapes.values())) == 3
    assert chart.sentence == "3 events: 1 local, 2 grid; the longest lasted 5 s."
    assert min(min(trace.y) for trace in chart.figure.data if len(trace.y)) > 0
    assert chart.figure.layout.yaxis.title.text == "Duration [s]"
    assert timeline_chart([]).sentence == "No event is shown."
    assert timeline_chart([replace(events[0])]).sentence.startswith("1 event: ")


def test_long_lists_of_names_are_cut_in_sentences() -> None:
    assert names(["a"]) == "a"
    assert names(["a", "b"]) == "a and b"
    assert names(["a", "b", "c", "d"]) == "a, b, c and d"
    assert names(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
