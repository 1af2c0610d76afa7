"""Waveform, rms and feature charts of an event."""

import itertools
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from opq.clock import NS
from opq.model.boxes import Nominal
from opq.model.features import WindowFlag
from opq.model.waveforms import VoltageSegment
from opq.signal.segments import half_cycle_series, segment_windows
from opq.testing.frames import good_windows
from opq.testing.waves import START_UNIX_NS, Impulse, Step, Wave
from opq_view.charts.features import FeatureRecord, feature_chart
from opq_view.charts.rms import RmsRecord, rms_chart
from opq_view.charts.thinning import MAX_POINTS
from opq_view.charts.waveforms import Recording, TimeFrame, waveform_chart

NOMINALS = [Nominal(120, 60), Nominal(230, 50)]
EVENT_NS = START_UNIX_NS + NS
"""Waves begin one second before the event."""


def sag(nominal: Nominal, pu: float, **changes: object) -> VoltageSegment:
    return Wave(nominal, steps=[Step(1.0, 1.3, pu)], **changes).segment(3.0)  # type: ignore[arg-type]


def rms_record(label: str, nominal: Nominal, *segments: VoltageSegment) -> RmsRecord:
    return RmsRecord(label, nominal.u_din_v, [half_cycle_series(segment, nominal) for segment in segments])


def whole(from_s: float = -1.0, to_s: float = 2.0) -> TimeFrame:
    return TimeFrame(EVENT_NS, 0.3, from_s, to_s)


def axis_titles(figure: go.Figure) -> set[str]:
    axes = [figure.layout[name] for name in figure.to_dict()["layout"] if name.startswith(("xaxis", "yaxis"))]
    return {axis.title.text for axis in axes}


@pytest.mark.parametrize("nominal", NOMINALS)
def test_the_rms_chart_shows_depth_in_per_unit_of_any_supply_and_says_who_was_below(nominal: Nominal) -> None:
    chart = rms_chart([rms_record("a", nominal, sag(nominal, 0.7)), rms_record("b", nominal, sag(nominal, 0.97))],
                      EVENT_NS, 0.3)  # fmt: skip
    assert min(chart.figure.data[0].y) == pytest.approx(0.7, abs=0.002)
    assert chart.sentence == (
        "The rms voltage went from 0.700 pu, lowest at a, to 1.000 pu, highest at a. Below 0.9 pu: a."
    )
    assert axis_titles(chart.figure) == {"Time after the start of the event [s]", "Urms(1/2) [pu]"}


def test_both_limits_are_drawn_and_named_whatever_the_voltage_was() -> None:
    nominal = NOMINALS[0]
    chart = rms_chart([rms_record("a", nominal, sag(nominal, 1.0))], EVENT_NS, 0.3)
    assert {shape.y0 for shape in chart.figure.layout.shapes} >= {0.9, 1.1}
    assert [note.text for note in chart.figure.layout.annotations] == ["1.1 pu: swell above", "0.9 pu: sag below"]
    low, high = chart.figure.layout.yaxis.range
    assert low < 0.9 < 1.1 < high
    assert chart.sentence.endswith("No box left 0.9 to 1.1 pu.")


def test_lines_differ_by_dash_and_not_by_colour_alone() -> None:
    nominal = NOMINALS[0]
    chart = rms_chart([rms_record(str(n), nominal, sag(nominal, 0.9)) for n in range(12)], EVENT_NS, 0.3)
    styles = [(trace.line.color, trace.line.dash) for trace in chart.figure.data]
    assert len({dash for _, dash in styles[:8]}) == 8
    assert len(set(styles)) == 12


@pytest.mark.parametrize("records", [[], [RmsRecord("a", 120.0, [])]])
def test_an_rms_chart_of_nothing_says_so(records: list[RmsRecord]) -> None:
    chart = rms_chart(records, EVENT_NS, 0.3)
    assert chart.sentence == "No record is long enough to compute an rms voltage from."


def test_a_waveform_is_thinned_and_keeps_its_peak() -> None:
    wave = Wave(NOMINALS[0], impulses=[Impulse(1.1, 1 / 12_000, 333.0)]).segment(10.0)
    chart = waveform_chart([Recording("a", [wave])], whole(-1, 9))
    trace = chart.figure.data[0]
    assert len(trace.x) <= MAX_POINTS
    assert max(trace.y) == pytest.approx(np.abs(wave.volts).max(), rel=1e-6)
    assert f"the highest peak is {wave.volts.max():.0f} V at a." in chart.sentence


def test_a_narrower_part_shows_every_sample() -> None:
    wave = sag(NOMINALS[0], 0.7)
    chart = waveform_chart([Recording("a", [wave])], whole(0.0, 0.1))
    assert len(chart.figure.data[0].x) == 1201
    assert (chart.figure.data[0].x[0], chart.figure.data[0].x[-1]) == pytest.approx((0.0, 0.1))


def test_a_gap_in_a_record_breaks_the_line_and_is_told() -> None:
    wave = sag(NOMINALS[0], 0.7)
    parts = [
        VoltageSegment(wave.start_unix_ns, 12_000, wave.volts[:12_000]),
        VoltageSegment(wave.start_unix_ns + 2 * NS, 12_000, wave.volts[24_000:]),
    ]
    chart = waveform_chart([Recording("a", parts)], whole())
    assert np.isnan(chart.figure.data[0].y).sum() == 1
    assert "Samples are missing inside the record of a." in chart.sentence
    assert np.isnan(rms_chart([rms_record("a", NOMINALS[0], *parts)], EVENT_NS, 0.3).figure.data[0].y).sum() == 1


def test_rows_share_one_time_axis_and_carry_the_names_of_their_boxes() -> None:
    recordings = [Recording(f"box-{n}", [sag(NOMINALS[0], 0.7)]) for n in range(4)]
    figure = waveform_chart(recordings, whole()).figure
    assert [trace.yaxis for trace in figure.data] == ["y", "y2", "y3", "y4"]
    assert {trace.xaxis for trace in figure.data} == {None}
    assert [note.text for note in figure.layout.annotations] == [f"<b>box-{n}</b>" for n in range(4)]
    assert axis_titles(figure) == {"Time after the start of the event [s]", "Voltage [V]"}
    domains = [figure.layout[name].domain for name in ("yaxis4", "yaxis3", "yaxis2", "yaxis")]
    assert domains[0][0] == pytest.approx(0)
    assert all(below[1] < above[0] for below, above in itertools.pairwise(domains))


def test_a_box_without_samples_in_the_part_is_named_as_such() -> None:
    late = replace(sag(NOMINALS[0], 0.7), start_unix_ns=EVENT_NS + 60 * NS)
    chart = waveform_chart([Recording("a", [sag(NOMINALS[0], 0.7)]), Recording("b", [late])], whole())
    assert chart.sentence.endswith("Nothing was recorded then at b.")
    alone = waveform_chart([Recording("b", [late])], whole())
    assert alone.sentence == "No samples lie between -1 s and 2 s after the start of the event."


def test_a_figure_takes_no_more_than_30_kib_per_box() -> None:
    recordings = [Recording(f"box-{n}", [sag(NOMINALS[0], 0.7, noise_v=0.3)]) for n in range(4)]
    size = len(waveform_chart(recordings, whole()).figure.to_json())
    assert size < 4 * 30 * 1024


def test_frequency_of_a_record_is_drawn_in_hertz() -> None:
    records = []
    for label, f_hz in (("a", 59.7), ("b", 60.1)):
        segment = Wave(NOMINALS[0], f_hz=f_hz).segment(3.0)
        records.append(FeatureRecord(label, [segment_windows(segment, NOMINALS[0])]))
    chart = feature_chart(records, "f_hz", EVENT_NS, 0.3)
    assert axis_titles(chart.figure) == {"Time after the start of the event [s]", "Frequency [Hz]"}
    assert chart.sentence.startswith(
        "Frequency at a and b went from 59.700 Hz, lowest at a, to 60.100 Hz, highest at b"
    )


def test_windows_without_voltage_break_the_line_of_a_feature() -> None:
    windows = good_windows(EVENT_NS, 5)
    windows.flags[2] = WindowFlag.VOLTAGE_LOST
    chart = feature_chart([FeatureRecord("a", [windows])], "f_hz", EVENT_NS, 1.0)
    assert list(np.isnan(chart.figure.data[0].y)) == [False, False, True, False, False]
    windows.flags[:] = WindowFlag.VOLTAGE_LOST
    lost = feature_chart([FeatureRecord("a", [windows])], "f_hz", EVENT_NS, 1.0)
    assert lost.sentence == "Frequency: no record is long enough to measure it."
